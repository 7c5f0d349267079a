"""A stand-in for the few `launch` classes that the launch files use, where the real ones cannot be installed.

It evaluates a launch description into the command line that a launch system would run. It proves argument plumbing
(names, defaults, precedence, includes, command line), not the behaviour of the real launch: no events, no processes,
no respawning, no output handling. Tests that need the real one use importorskip("launch_ros").
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
SHARES = {"novic_ros": REPOSITORY}  # package -> what an installed share folder would hold
COMMANDS = {("novic_ros", "novic_node"): [sys.executable, "-m", "novic_ros.node"]}


class Context:
    """The values of the launch arguments."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values


class LaunchDescription:
    def __init__(self, entities) -> None:
        self.entities = entities


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value=None, description="") -> None:
        self.name, self.default_value, self.description = name, default_value, description


class OpaqueFunction:
    def __init__(self, *, function) -> None:
        self.function = function


class PythonLaunchDescriptionSource:
    def __init__(self, location) -> None:
        self.location = location


class IncludeLaunchDescription:
    def __init__(self, source, *, launch_arguments=()) -> None:
        self.source, self.launch_arguments = source, list(launch_arguments)


class LaunchConfiguration:
    def __init__(self, name) -> None:
        self.name = name

    def perform(self, context) -> str:
        return context.values[self.name]


class FindPackageShare:
    def __init__(self, package) -> None:
        self.package = package

    def perform(self, _context) -> str:
        return str(SHARES[self.package])


class PathJoinSubstitution:
    def __init__(self, parts) -> None:
        self.parts = parts

    def perform(self, context) -> str:
        return str(Path(*(perform(part, context) for part in self.parts)))


class Node:
    """Keeps its keyword arguments, and refuses those the real Node action does not have."""

    KNOWN = {
        "package",
        "executable",
        "name",
        "namespace",
        "parameters",
        "remappings",
        "ros_arguments",
        "respawn",
        "respawn_delay",
        "output",
        "emulate_tty",
    }

    def __init__(self, **keywords) -> None:
        unknown = keywords.keys() - self.KNOWN
        if unknown:
            raise TypeError(f"Node does not know {sorted(unknown)}")
        self.keywords = keywords


def perform(value, context) -> str:
    """The text of a string or substitution."""
    return value if isinstance(value, str) else value.perform(context)


def load(path: Path):
    """Import a launch file with the stand-ins in place of launch and launch_ros, and return its description."""
    classes = {
        "launch": [LaunchDescription],
        "launch.actions": [DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction],
        "launch.launch_description_sources": [PythonLaunchDescriptionSource],
        "launch.substitutions": [LaunchConfiguration, PathJoinSubstitution],
        "launch_ros": [],
        "launch_ros.actions": [Node],
        "launch_ros.substitutions": [FindPackageShare],
    }
    before = {name: sys.modules.get(name) for name in classes}
    try:
        for name, members in classes.items():
            sys.modules[name] = types.ModuleType(name)
            for member in members:
                setattr(sys.modules[name], member.__name__, member)
        spec = importlib.util.spec_from_file_location("launch_file_under_test", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description()
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def declared_arguments(path: Path) -> dict[str, DeclareLaunchArgument]:
    """What `ros2 launch FILE --show-args` would list: the file's own arguments, then those of files it includes."""
    found: dict[str, DeclareLaunchArgument] = {}
    for entity in load(path).entities:
        if isinstance(entity, DeclareLaunchArgument):
            found.setdefault(entity.name, entity)
        elif isinstance(entity, IncludeLaunchDescription):
            for name, argument in declared_arguments(included(entity, Context({}))).items():
                found.setdefault(name, argument)
    return found


def included(entity: IncludeLaunchDescription, context: Context) -> Path:
    """The file that an include names."""
    return Path(perform(entity.source.location, context))


def launched_nodes(path: Path, context: Context) -> list[Node]:
    """Visit a launch file's entities in order; an argument that already has a value keeps it."""
    nodes: list[Node] = []
    for entity in load(path).entities:
        if isinstance(entity, DeclareLaunchArgument):
            context.values.setdefault(entity.name, perform(entity.default_value, context))
        elif isinstance(entity, IncludeLaunchDescription):
            for name, value in entity.launch_arguments:
                context.values[name] = perform(value, context)
            nodes += launched_nodes(included(entity, context), context)
        else:
            nodes += entity.function(context)
    return nodes


def launched(path: Path, **arguments: str) -> list[dict]:
    """The keyword arguments of every node of a launch file."""
    unknown = arguments.keys() - declared_arguments(path).keys()
    if unknown:
        raise ValueError(f"the launch file declares no argument {sorted(unknown)}")
    return [node.keywords for node in launched_nodes(path, Context(dict(arguments)))]


def command_lines(path: Path, folder: Path, **arguments: str) -> list[list[str]]:
    """The command line of every node of a launch file. Parameter dictionaries are written to YAML files in `folder`."""
    nodes = launched(path, **arguments)
    return [command_line(node, folder / f"node{number}", Context({})) for number, node in enumerate(nodes)]


def command_line(node: dict, stem: Path, context: Context) -> list[str]:
    """What the real launch would run, in the same order: names, parameters, remappings, then other ROS arguments.

    Like launch_ros since Humble, dictionaries are written under the node's own name, which wins over `/**`.
    """
    words = [*COMMANDS[node["package"], node["executable"]], "--ros-args", "-r", f"__node:={node['name']}"]
    if node.get("namespace"):
        words += ["-r", f"__ns:={'/' + node['namespace'].lstrip('/')}"]
    for number, parameters in enumerate(node.get("parameters", [])):
        if isinstance(parameters, dict):
            name = "/".join(["", *filter(None, [node.get("namespace", "").strip("/"), node["name"]])])
            file = stem.with_suffix(f".{number}.yaml")
            file.write_text(yaml.safe_dump({name: {"ros__parameters": parameters}}), encoding="utf-8")
            parameters = str(file)
        words += ["--params-file", perform(parameters, context)]
    for old, new in node.get("remappings", []):
        words += ["-r", f"{perform(old, context)}:={perform(new, context)}"]
    return words + [perform(word, context) for word in node.get("ros_arguments", [])]
