"""Reads parameters.yaml, declares its parameters on a node, and says why a value is refused.

The YAML file is the only place where a name, default, range or description stands. Reading it needs no ROS; only
`declare` does. This is not generate_parameter_library: it knows the validations that our file uses, and no more.
"""

import re
from collections import namedtuple
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SPECIFICATION = Path(__file__).with_name("parameters.yaml")
UNCONFIGURED_ONLY = "novic_ros::unconfigured_only"
TOPIC_NAMES = "novic_ros::topic_names"
PYTHON_TYPES = {"string": str, "int": int, "double": float, "bool": bool, "string_array": tuple}
TOPIC_NAME = re.compile(r"[A-Za-z]\w*(/[A-Za-z]\w*)*", re.ASCII)  # relative, so that a namespace moves it


class ParameterError(ValueError):
    """A parameter, or the file that describes them, is wrong. The text says which, and what was expected."""


@dataclass(frozen=True)
class Parameter:
    """One parameter as parameters.yaml describes it. A string_array is a tuple here, whatever ROS makes of it."""

    name: str
    type: str  # a key of PYTHON_TYPES
    default: Any
    description: str
    read_only: bool = False  # fixed when the node starts
    unconfigured_only: bool = False  # used by the configure transition
    bounds: tuple[float, float] | None = None  # both inclusive
    one_of: tuple[str, ...] | None = None
    not_empty: bool = False
    unique: bool = False  # of a string_array
    topic_names: bool = False  # of a string_array

    def __post_init__(self) -> None:
        if self.type not in PYTHON_TYPES:
            raise ParameterError(
                f"{self.name}: expected a type of {', '.join(PYTHON_TYPES)}, got {self.type!r}"
            )
        if not self.description:
            raise ParameterError(f"{self.name}: expected a description")
        problem = self.problem(self.default)
        if problem:
            raise ParameterError(f"default value: {problem}")

    @property
    def field(self) -> str:
        """Its name in `Settings`: crop.margin is crop_margin there."""
        return self.name.replace(".", "_")

    def problem(self, value: Any) -> str:
        """Why `value` cannot be taken, as one sentence; an empty string if it can."""
        if self.type == "string_array":
            return self._array_problem(value)
        if type(value) is not PYTHON_TYPES[self.type]:
            hint = f", such as {float(value)}" if self.type == "double" and type(value) is int else ""
            return f"{self.name}: expected type {self.type}{hint}, got {value!r}"
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            return f"{self.name}: expected {self.bounds[0]} to {self.bounds[1]}, got {value!r}"
        if self.one_of and value not in self.one_of:
            return f"{self.name}: expected one of {', '.join(self.one_of)}, got {value!r}"
        if self.not_empty and not value:
            return f"{self.name}: expected a text that is not empty"
        return ""

    def _array_problem(self, value: Any) -> str:
        if not isinstance(value, (list, tuple)) or not all(isinstance(entry, str) for entry in value):
            return f"{self.name}: expected type string_array, got {value!r}"
        entries = [entry for entry in value if entry]
        if self.unique and len(set(entries)) < len(entries):
            return f"{self.name}: expected each entry once, got {', '.join(entries)}"
        wrong = [entry for entry in entries if self.topic_names and not TOPIC_NAME.fullmatch(entry)]
        if wrong:
            return (
                f"{self.name}: expected relative topic names such as front or arm/wrist (letters, digits, _ and "
                f"/), got {', '.join(map(repr, wrong))}"
            )
        return ""

    @property
    def constraints(self) -> str:
        """What a range cannot say, in words."""
        words = []
        if self.one_of:
            words.append(f"One of: {', '.join(self.one_of)}.")
        if self.not_empty:
            words.append("Not empty.")
        if self.unique:
            words.append("Each entry once.")
        if self.topic_names:
            words.append("Relative topic names.")
        if self.unconfigured_only:
            words.append("Can be set while the node is unconfigured.")
        return " ".join(words)


def parse(text: str) -> tuple[Parameter, ...]:
    """The parameters that a specification describes. Raises ParameterError where it says something unknown."""
    (group,) = yaml.safe_load(text).values()
    return tuple(_parameter(name, entry) for name, entry in _entries(group))


def _entries(group: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """(full name, what is said of it) for each parameter; what has no type is a group of parameters."""
    for name, entry in group.items():
        if isinstance(entry.get("type", {}), dict):
            yield from _entries(entry, f"{prefix}{name}.")
        else:
            yield prefix + name, entry


def _parameter(name: str, entry: dict[str, Any]) -> Parameter:
    entry = dict(entry)
    rules = dict(entry.pop("validation", {}))
    bounds, one_of = rules.pop("bounds<>", None), rules.pop("one_of<>", None)
    flags = {
        "unconfigured_only": rules.pop(UNCONFIGURED_ONLY, False) is None,
        "topic_names": rules.pop(TOPIC_NAMES, False) is None,
        "not_empty": rules.pop("not_empty<>", False) is None,
        "unique": rules.pop("unique<>", False) is None,
    }
    fields = {key: entry.pop(key, "") for key in ("type", "description")}
    fields["read_only"] = entry.pop("read_only", False)
    default = entry.pop("default_value", None)
    if entry or rules:
        raise ParameterError(f"{name}: these keys are not understood: {', '.join([*entry, *rules])}")
    return Parameter(
        name=name,
        default=tuple(default) if isinstance(default, list) else default,
        bounds=tuple(bounds) if bounds else None,
        one_of=tuple(one_of[0]) if one_of else None,
        **fields,
        **flags,
    )


PARAMETERS: dict[str, Parameter] = {}
for _each in parse(SPECIFICATION.read_text(encoding="utf-8")):
    PARAMETERS[_each.name] = _each

Settings = namedtuple("Settings", [parameter.field for parameter in PARAMETERS.values()])  # type: ignore[misc]
Settings.__doc__ = "The values of all parameters at one moment; fields as in parameters.yaml, with _ for each dot."


def changed(settings: Settings, values: Iterable[tuple[str, Any]], unconfigured: bool) -> Settings:
    """`settings` with some values replaced; names that parameters.yaml does not know are ROS's own and left alone.

    Raises ParameterError with the reason if one of them must be refused; then none is taken.
    """
    new = {}
    for name, value in values:
        parameter = PARAMETERS.get(name)
        if parameter is None:
            continue
        problem = parameter.problem(value)
        if problem:
            raise ParameterError(problem)
        value = tuple(value) if parameter.type == "string_array" else value
        if parameter.unconfigured_only and not unconfigured and value != getattr(settings, parameter.field):
            raise ParameterError(
                f"{name}: used when the node is configured; deactivate and clean it up, set it, then configure again"
            )
        new[parameter.field] = value
    return settings._replace(**new)


def declare(node: Any) -> Settings:
    """Declare all parameters on `node` with type, range, description and constraints, and return their values.

    Raises ParameterError if a value given at start (parameter file, command line, launch file) is refused.
    """
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
    from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

    values = []
    for parameter in PARAMETERS.values():
        descriptor = ParameterDescriptor(
            description=parameter.description,
            read_only=parameter.read_only,
            additional_constraints=parameter.constraints,
        )
        if parameter.bounds and parameter.type == "int":
            low, high = parameter.bounds
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
        elif parameter.bounds:
            low, high = parameter.bounds
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
        try:
            value = node.declare_parameter(parameter.name, parameter.default, descriptor).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ParameterError(f"{parameter.name}: expected type {parameter.type}; {error}") from error
        problem = parameter.problem(value)
        if problem:
            raise ParameterError(problem)
        values.append(tuple(value) if parameter.type == "string_array" else value)
    return Settings(*values)


def markdown_table() -> str:
    """The parameter table of docs/node.md; a test compares them."""
    rows = ["| parameter | type | default | range | changeable | meaning |", "|---|---|---|---|---|---|"]
    for p in PARAMETERS.values():
        allowed = f"{p.bounds[0]} to {p.bounds[1]}" if p.bounds else ", ".join(p.one_of or ())
        when = "at start" if p.read_only else "while unconfigured" if p.unconfigured_only else "any time"
        default = f"`{str(p.default).lower() if p.type == 'bool' else p.default}`"
        default = "empty" if p.default in ("", ("",)) else default
        rows.append(f"| `{p.name}` | {p.type} | {default} | {allowed} | {when} | {p.description} |")
    return "\n".join(rows)
