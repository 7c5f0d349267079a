"""The layers of the house: imports run only downwards, ROS stays in node/, and every file says what it is.

The rules are the tables at the top; `complaints` applies them to any tree of sources, so that the last tests
can show on small made-up trees that it does find what it looks for. It is NOT a style check (ruff) and runs
nothing it reads, save for the two tests that import the package in another process.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "novic_ros"
LIBRARIES = ("embedding", "decoding", "multilabel", "vocabulary", "calibration")
BOTTOM = ("labels", "images", "regions", "steady_labels", "model_store")
WITH_DOORS = (*LIBRARIES, "model_store")

# room -> rooms it may import. A room is a folder or a file directly below novic_ros/.
ALLOWED = {
    "labels": (),
    "images": ("labels",),
    "regions": ("labels",),
    "steady_labels": ("labels",),
    "model_store": (),
    **{library: (*BOTTOM, *(other for other in LIBRARIES if other != library)) for library in LIBRARIES},
    "labeller": (*BOTTOM, *LIBRARIES),
    "training": (*BOTTOM, *LIBRARIES, "labeller"),
    "evaluation": (*BOTTOM, *LIBRARIES, "labeller"),
    "node": (*BOTTOM, *LIBRARIES, "labeller"),
    "cli": (*BOTTOM, *LIBRARIES, "labeller", "training", "evaluation", "node"),
}
# Everyone else enters a library, or the model store, by its door, `novic_ros.<library>`. Those who build, train and
# measure models need the parts themselves; they may import its modules, but no name that starts with an underscore.
MAY_USE_PARTS = {
    ("training", "decoding"),  # builds the network that it trains, and writes its checkpoint
    ("training", "embedding"),  # puts a trained tower together
    ("training", "vocabulary"),  # chooses the nouns to train on
    ("training", "multilabel"),  # builds the head that it trains
    ("training", "calibration"),  # fits the calibrator
    ("evaluation", "decoding"),  # measures search settings one by one
    ("evaluation", "vocabulary"),  # scores by hypernyms
    ("cli", "model_store"),  # `novic models` fetches: model_store.registry, .download and .archive
}
ONLY_INSIDE_FUNCTIONS = {("cli", "node")}  # `novic` works where ROS is not installed
NOT_IN_NODE = ("torch", "torchvision", "open_clip", "timm")  # node/ does no tensor arithmetic
ROS = (
    "builtin_interfaces", "rcl_interfaces", "std_srvs", "cv_bridge", "message_filters", "tf2_ros",
    "launch", "launch_ros",
)  # fmt: skip
LONGEST_FILE = 450


def is_ros(module: str) -> bool:
    """Whether a module's first name belongs to ROS."""
    first = module.split(".")[0]
    return first in ROS or first.startswith(("rclpy", "ament_", "rosidl_")) or first.endswith("_msgs")


def imports(tree: ast.Module, module: str, is_package: bool):
    """Yield (line, imported dotted name, inside a function) for every import of a parsed file.

    Relative imports are resolved, and modules named in `import_module("...")` count.

    `from a import b` yields `a.b`: whether b is a module or a name in a is for the caller to find out.
    """
    in_function = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            in_function.update(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, node in in_function
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                here = module.split(".") if is_package else module.split(".")[:-1]
                here = here[: len(here) - (node.level - 1)]
                base = ".".join([*here, base] if base else here)
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}", node in in_function
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value, node in in_function


def room_of(name: str) -> str:
    """The room of a dotted name below the package; empty for the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def complaints(root: Path) -> list[str]:
    """Every breach of the tables in root/novic_ros, as "file:line: what is wrong"."""
    files = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        files[".".join(parts[:-1] if is_package else parts)] = (path, is_package)
    found = []
    arrows = {}
    for module, (path, is_package) in files.items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        where = path.relative_to(root).as_posix()
        room = room_of(module)
        if not ast.get_docstring(tree):
            found.append(f"{where}:1: no module docstring")
        if len(text.splitlines()) > LONGEST_FILE:
            found.append(f"{where}:1: {len(text.splitlines())} lines, at most {LONGEST_FILE} are allowed")
        if room and room not in ALLOWED:
            found.append(
                f"{where}:1: {room} is not in the table of layers; add it to ALLOWED in test_layers.py"
            )
            continue
        for line, name, inside in imports(tree, module, is_package):
            first = name.split(".")[0]
            if first != PACKAGE:
                if is_ros(name) and room != "node":
                    found.append(f"{where}:{line}: imports {name}, but only node/ may import ROS")
                if room == "node" and first in NOT_IN_NODE:
                    found.append(f"{where}:{line}: imports {name}, but node/ does no tensor arithmetic")
                continue
            target = room_of(name)
            if (
                target == room or f"{PACKAGE}.{target}" not in files
            ):  # own room, or a name such as __version__
                continue
            arrows.setdefault(room, set()).add(target)
            if target not in ALLOWED.get(room, ()):
                found.append(f"{where}:{line}: imports {name}, but {room or PACKAGE} may not import {target}")
            if (room, target) in ONLY_INSIDE_FUNCTIONS and not inside:
                found.append(f"{where}:{line}: imports {name} at the top, allowed only inside a function")
            if target in WITH_DOORS:
                imported = name if name in files else name.rpartition(".")[0]  # the module, not a name in it
                if imported != f"{PACKAGE}.{target}" and (room, target) not in MAY_USE_PARTS:
                    found.append(f"{where}:{line}: imports {name}, but the door is {PACKAGE}.{target}")
                if any(part.startswith("_") for part in name.split(".")[2:]):
                    found.append(f"{where}:{line}: imports {name}, which is private")
    rings = [(a, b) for a in sorted(arrows) for b in sorted(arrows[a]) if a < b and a in arrows.get(b, ())]
    found += [f"{PACKAGE}/: {a} and {b} import each other" for a, b in rings]
    return found


def test_imports_run_downwards_and_files_say_what_they_are(root):
    assert (root / PACKAGE / "__init__.py").is_file()
    assert complaints(root) == []


HIDE_ROS = """
import importlib, pathlib, sys

class NoROS:
    def find_spec(self, name, path=None, target=None):
        first = name.split(".")[0]
        if first in ("rclpy", "ament_index_python", "std_srvs") or first.endswith(("_msgs", "_interfaces")):
            raise ImportError(f"{name} is hidden by this test")

sys.meta_path.insert(0, NoROS())
"""
IMPORT_EVERYTHING = HIDE_ROS + """
import novic_ros

root = pathlib.Path(novic_ros.__file__).parent
names = []
for path in sorted(root.rglob("*.py")):
    parts = path.relative_to(root.parent).with_suffix("").parts
    if parts[1] != "node" and parts[-1] != "__main__":
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
for name in names:
    importlib.import_module(name)
hidden = sorted(name for name in sys.modules if name.split(".")[0] in ("rclpy", "sensor_msgs", "vision_msgs"))
assert not hidden, hidden
print(len(names), "modules")
"""


def run_python(root: Path, code: str) -> str:
    """What `code` prints in a Python process of its own that sees this checkout."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_but_node_imports_without_ros(root):
    assert int(run_python(root, IMPORT_EVERYTHING).split()[0]) > len(BOTTOM)


def test_pictures_are_labelled_without_ros(root):
    code = HIDE_ROS + f"""
from novic_ros.cli.main import main
sys.exit(main(["label", {str(root / "demo_photos" / "castle.jpg")!r}, "--json", "-"]))
"""
    assert '"text": "castle"' in run_python(root, code)


def test_the_package_itself_loads_nothing_heavy(root):
    heavy = "{'torch', 'cv2', 'numpy', 'rclpy', 'PIL', 'yaml'}"
    assert run_python(root, f"import sys, novic_ros; print({heavy} & set(sys.modules))") == "set()\n"


# ---- the checker itself, on made-up trees ----------------------------------------------------------------


def tree(folder: Path, files: dict[str, str]) -> Path:
    """Write `files` (path below novic_ros/ -> code) with docstrings and the __init__ files they need."""
    for name, code in {"__init__.py": "", **files}.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""What it is."""\n{code}\n', encoding="utf-8")
        init = path.parent / "__init__.py"
        if not init.exists():
            init.write_text('"""A door."""\n', encoding="utf-8")
    return folder


def test_a_tree_that_follows_the_rules_has_no_complaints(tmp_path):
    assert complaints(tree(tmp_path, {
        "labels.py": "import numpy",
        "decoding/search.py": "from novic_ros.labels import Label\nfrom .errors import DecodingError",
        "decoding/errors.py": "",
        "vocabulary/nouns.py": "",
        "decoding/decoder.py": "from novic_ros.vocabulary import canonical",
        "labeller.py": "import novic_ros.decoding\nfrom novic_ros.decoding import load",
        "training/trainer.py": "from novic_ros.decoding.search import beam",
        "node/main.py": "import rclpy\nfrom sensor_msgs.msg import Image\nimport novic_ros.labeller",
        "cli/main.py": "def main():\n    from novic_ros.node.main import main",
    })) == []  # fmt: skip


DOWN = "may not import labeller"
DOOR = "but the door is novic_ros."
ROS_ONLY_IN_NODE = "only node/ may import ROS"
BREACHES = [
    # what is wrong, the tree that shows it (imported files are empty unless given), what the complaint says
    ("up", {"labels.py": "from novic_ros.labeller import ImageLabeller"}, DOWN),
    ("up, relative", {"decoding/a.py": "from .. import labeller"}, DOWN),
    ("sideways", {"evaluation/a.py": "import novic_ros.training.a"}, "evaluation may not import training"),
    ("a part, by name", {"labeller.py": "from novic_ros.decoding.a import x"}, DOOR),
    ("a part, as module", {"labeller.py": "from novic_ros.decoding import a"}, DOOR),
    ("a sibling's part", {"decoding/a.py": "import novic_ros.vocabulary.a"}, DOOR),
    ("the store's part", {"labeller.py": "import novic_ros.model_store.a", "model_store/a.py": ""}, DOOR),
    ("private", {"training/a.py": "from novic_ros.decoding.a import _x"}, "which is private"),
    ("ring", {"decoding/a.py": "import novic_ros.vocabulary", "vocabulary/a.py": "import novic_ros.decoding"},
     "decoding and vocabulary import each other"),
    ("ROS, lazily", {"images.py": "def f():\n    from sensor_msgs.msg import Image"}, ROS_ONLY_IN_NODE),
    ("ROS, by string", {"images.py": "import importlib\nimportlib.import_module('rclpy')"}, ROS_ONLY_IN_NODE),
    ("heavy package", {"__init__.py": "import novic_ros.labels"}, "novic_ros may not import labels"),
    ("tensors in node", {"node/a.py": "import torch"}, "no tensor arithmetic"),
    ("node, eagerly", {"cli/a.py": "from novic_ros.node.a import main"}, "only inside a function"),
    ("new room", {"surprise.py": ""}, "not in the table of layers"),
    ("long", {"labels.py": "\n" * 500}, "at most 450"),
]  # fmt: skip
EMPTY = (
    "labels.py",
    "labeller.py",
    *(f"{room}/a.py" for room in ("decoding", "vocabulary", "training", "node")),
)


@pytest.mark.parametrize(
    ("files", "expected"), [row[1:] for row in BREACHES], ids=[row[0] for row in BREACHES]
)
def test_a_breach_is_found(tmp_path, files, expected):
    found = complaints(tree(tmp_path, {**dict.fromkeys(EMPTY, ""), **files}))
    assert len(found) == 1, found
    assert expected in found[0]


def test_a_missing_docstring_is_found(tmp_path):
    tree(tmp_path, {})
    (tmp_path / PACKAGE / "labels.py").write_text("x = 1\n")
    assert complaints(tmp_path) == ["novic_ros/labels.py:1: no module docstring"]
