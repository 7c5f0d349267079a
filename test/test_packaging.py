"""What colcon and pip install is complete: data files, programs, versions and declared dependencies.

It is NOT a test of the set-up script, which `make test` has run before any test starts.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

import novic_ros

DATA_FOLDERS = ("launch", "config", "models", "demo_photos")
PROGRAMS = {"novic": "novic_ros.cli.main:main", "novic_node": "novic_ros.node.main:main"}


@pytest.fixture(scope="module")
def arguments(root):
    """What setup.py gives to setuptools, without installing anything."""
    setuptools = pytest.importorskip("setuptools")
    code = compile((root / "setup.py").read_text(encoding="utf-8"), str(root / "setup.py"), "exec")
    before = Path.cwd()
    os.chdir(root)  # find_packages looks in the current folder
    try:
        with mock.patch.object(setuptools, "setup") as setup:
            exec(code, {"__name__": "__main__", "__file__": str(root / "setup.py")})
    finally:
        os.chdir(before)
    return setup.call_args.kwargs


@pytest.fixture(scope="module")
def manifest(root):
    """package.xml as the ROS build tools read it; they reject what is not valid."""
    parser = pytest.importorskip("catkin_pkg.package")
    return parser.parse_package(str(root / "package.xml"))


def colcon(*words, **options):
    """Run colcon with this Python, as the README tells robots to."""
    pytest.importorskip("colcon_core")
    pytest.importorskip("colcon_ros")
    command = [sys.executable, "-m", "colcon", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_manifest_is_valid_and_of_the_right_kind(manifest):
    assert manifest.package_format == 3
    assert manifest.name == "novic_ros"
    assert manifest.get_build_type() == "ament_python"
    assert manifest.licenses[0] == "Apache-2.0"
    manifest.validate()


def test_the_version_is_the_same_everywhere(arguments, manifest):
    assert arguments["version"] == manifest.version == novic_ros.__version__


def test_colcon_sees_an_ament_python_package_and_leaves_the_bundled_messages_alone(root, tmp_path):
    listed = colcon("--log-base", str(tmp_path), "list", "--base-paths", str(root), cwd=tmp_path)
    packages = {line.split()[0]: line.split()[-1] for line in listed.splitlines()}
    assert packages == {"novic_ros": "(ros.ament_python)"}


@pytest.mark.parametrize("folder", DATA_FOLDERS)
def test_every_file_of_a_data_folder_is_installed(arguments, root, folder):
    installed = {file for _, files in arguments["data_files"] for file in files}
    present = {path.relative_to(root).as_posix() for path in (root / folder).rglob("*")
               if path.is_file() and "__pycache__" not in path.parts}  # fmt: skip
    assert present, f"{folder}/ is empty"
    assert present <= installed


def test_data_files_keep_their_folders(arguments, root):
    for folder, files in arguments["data_files"]:
        assert not Path(folder).is_absolute()
        for file in files:
            assert (root / file).is_file(), f"{file} is listed but does not exist"
            if Path(file).parts[0] in DATA_FOLDERS:
                assert folder == f"share/novic_ros/{Path(file).parent.as_posix()}"
    assert ("share/ament_index/resource_index/packages", ["resource/novic_ros"]) in arguments["data_files"]


def test_requirements_come_from_the_one_file(arguments, root):
    text = (root / "requirements.txt").read_text(encoding="utf-8")
    assert arguments["install_requires"] == re.findall(r"^(?!#)\S.*$", text, flags=re.MULTILINE)
    assert any(line.startswith("torch") for line in arguments["install_requires"])
    assert "pytest" in arguments["extras_require"]["test"]


def test_every_folder_with_code_is_a_package(arguments, root):
    folders = {path.parent.relative_to(root).as_posix() for path in (root / "novic_ros").rglob("*.py")}
    assert {folder.replace("/", ".") for folder in folders} == set(arguments["packages"])


def test_every_data_file_between_the_code_is_installed(arguments, root):
    suffixes = {pattern.lstrip("*") for pattern in arguments["package_data"][""]}
    others = [path for path in (root / "novic_ros").rglob("*")
              if path.is_file() and path.suffix not in (".py", ".pyc")]  # fmt: skip
    assert [path for path in others if path.suffix not in suffixes] == []


def test_programs_exist(arguments, root):
    listed = dict(entry.split(" = ") for entry in arguments["entry_points"]["console_scripts"])
    assert listed == PROGRAMS
    for target in listed.values():
        module, function = target.split(":")
        tree = ast.parse((root / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_ros_package_that_is_imported_is_declared(manifest, root):
    declared = {dependency.name for dependency in manifest.exec_depends}
    ros = r"\w+_msgs|\w+_interfaces|std_srvs|rclpy|ament_index_python|cv_bridge|launch|launch_ros"
    ours = re.compile(rf"^\s*(?:from|import) ({ros})\b", re.MULTILINE)
    imported = set()
    for folder in ("novic_ros", "launch"):
        for path in (root / folder).rglob("*.py"):
            imported.update(ours.findall(path.read_text(encoding="utf-8")))
    assert "rclpy" in imported
    assert imported <= declared


def test_colcon_builds_a_place_that_ros_finds(root, tmp_path):
    if not shutil.which("sh"):
        pytest.skip("no POSIX shell to source the result with")
    colcon("--log-base", str(tmp_path / "log"), "build", "--base-paths", str(root), "--build-base",
           str(tmp_path / "build"), "--install-base", str(tmp_path / "install"), cwd=tmp_path)  # fmt: skip
    prefix = tmp_path / "install/novic_ros"
    for program in PROGRAMS:
        assert os.access(prefix / "lib/novic_ros" / program, os.X_OK)
    for folder in DATA_FOLDERS:
        assert any((prefix / "share/novic_ros" / folder).iterdir())
    script = f". {prefix}/share/novic_ros/package.sh && echo $AMENT_PREFIX_PATH"
    clean = {"PATH": os.environ["PATH"], "COLCON_CURRENT_PREFIX": str(prefix)}
    sourced = subprocess.run(["sh", "-c", script], env=clean, capture_output=True, text=True, timeout=60)
    assert str(prefix) in sourced.stdout.strip().split(":"), sourced.stderr


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_programs_in_the_virtual_environment_need_no_activation(root, program):
    script = root / ".venv/bin" / program
    if not script.exists():
        pytest.skip("novic_ros was not installed here by `make setup`")
    bare = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run([script, "--help"], env=bare, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert program in done.stdout


@pytest.mark.parametrize("entry", [*DATA_FOLDERS, "package.xml", "requirements.txt"])
def test_the_virtual_environment_holds_links_not_copies(root, entry):
    share = root / ".venv/share/novic_ros"
    if not share.exists():
        pytest.skip("novic_ros was not installed here by `make setup`")
    assert (share / entry).resolve() == root / entry


def test_the_environment_file_finds_packages_and_leaves_a_chosen_profile_alone(root):
    script = f"NOVIC_ROOT={root}; . {root}/tools/env.sh; env"
    names = ("AMENT_PREFIX_PATH", "FASTDDS_DEFAULT_PROFILES_FILE")

    def result(**environment):
        environment = {"PATH": "/usr/bin:/bin", **environment}
        command = ["sh", "-eu", "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return [found[name] for name in names]

    ours = [f"{root}/.venv", f"{root}/config/fastdds_large_images.xml"]
    assert result() == ours
    assert result(AMENT_PREFIX_PATH=f"{root}/.venv") == ours
    assert result(AMENT_PREFIX_PATH="/opt/ros/kilted")[0] == f"{root}/.venv:/opt/ros/kilted"
    assert result(FASTDDS_DEFAULT_PROFILES_FILE="/mine.xml")[1] == "/mine.xml"
