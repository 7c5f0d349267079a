"""parameters.yaml and its loader: one truth, checked against documents, config files and launch arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from novic_ros.node import parameters
from novic_ros.node.parameters import PARAMETERS, Parameter, ParameterError, Settings, changed, parse

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULTS = Settings(*(parameter.default for parameter in PARAMETERS.values()))


def test_every_parameter_says_what_it_is_in_sentences():
    for parameter in PARAMETERS.values():
        assert parameter.description.endswith("."), parameter.name
        assert len(parameter.description) <= 120, parameter.name
        if parameter.type in ("int", "double"):
            assert parameter.bounds, f"{parameter.name} needs a range"


def test_the_document_lists_exactly_these_parameters():
    text = (REPOSITORY / "docs" / "node.md").read_text(encoding="utf-8")
    assert parameters.markdown_table() in text, (
        "put the output of parameters.markdown_table() into docs/node.md"
    )


@pytest.mark.parametrize("file", sorted((REPOSITORY / "config").glob("*.yaml")), ids=lambda file: file.name)
def test_shipped_configurations_are_valid_for_any_node_name(file):
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert list(content) == ["/**"], "a section named after the node could not be overridden with -p"
    values = content["/**"]["ros__parameters"]
    assert isinstance(values.pop("use_sim_time", False), bool)  # ROS's own
    assert values.keys() <= PARAMETERS.keys()
    for name, value in values.items():
        assert PARAMETERS[name].problem(value) == ""


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("top_k", 0, "top_k: expected 1 to 10, got 0"),
        ("top_k", 3.0, "top_k: expected type int, got 3.0"),
        ("top_k", True, "top_k: expected type int, got True"),
        ("min_score", 1, "min_score: expected type double, such as 1.0, got 1"),
        ("min_score", 1.01, "min_score: expected 0.0 to 1.0, got 1.01"),
        ("min_score", float("nan"), "min_score: expected 0.0 to 1.0, got nan"),
        ("image_transport", "theora", "image_transport: expected one of raw, compressed, got 'theora'"),
        ("model", "", "model: expected a text that is not empty"),
        ("on_unsure", "silent", "on_unsure: expected one of best, hypernym, empty, got 'silent'"),
        ("on_unsure", "hypernym", ""),
        ("views", 3, "views: expected 0 to 2, got 3"),
        ("top_k", 10, ""),
        ("min_score", 1.0, ""),
        ("cameras", [""], ""),
        ("cameras", (), ""),
        ("cameras", ["front", "arm/wrist_2"], ""),
        ("cameras", ["front", "front"], "cameras: expected each entry once, got front, front"),
        ("cameras", "front", "cameras: expected type string_array, got 'front'"),
        ("cameras", [1], "cameras: expected type string_array, got [1]"),
        ("vocabulary.deny", ["weapon", "weapon"], ""),
        ("crop.margin", 2.5, "crop.margin: expected 0.0 to 2.0, got 2.5"),
    ],
)
def test_problem_says_what_was_expected_and_what_came(name, value, problem):
    assert PARAMETERS[name].problem(value) == problem


@pytest.mark.parametrize("name", ["/front", "front/", "2nd", "a b", "front//x", "~/x", "caméra", "front\n"])
def test_a_camera_is_named_as_the_first_part_of_a_topic(name):
    problem = PARAMETERS["cameras"].problem(["rear", name])
    assert problem.startswith("cameras: expected relative topic names such as front") and repr(name) in problem
    assert "rear" not in problem


def test_lists_are_kept_as_tuples_and_dots_become_underscores_in_settings():
    settings = changed(DEFAULTS, [("cameras", ["a", "b"]), ("crop.margin", 0.5)], unconfigured=True)
    assert settings.cameras == ("a", "b") and settings.crop_margin == 0.5
    assert changed(settings, [("cameras", ["a", "b"])], unconfigured=False) == settings, "nothing changes"


def test_changes_are_all_or_nothing():
    assert changed(DEFAULTS, [("top_k", 2), ("min_score", 0.5)], unconfigured=False) == DEFAULTS._replace(
        top_k=2, min_score=0.5
    )
    with pytest.raises(ParameterError, match="min_score"):
        changed(DEFAULTS, [("top_k", 2), ("min_score", 5.0)], unconfigured=True)


def test_what_configure_uses_changes_only_while_unconfigured():
    assert changed(DEFAULTS, [("model", "other")], unconfigured=True).model == "other"
    with pytest.raises(
        ParameterError, match="model: used when the node is configured; deactivate and clean it up"
    ):
        changed(DEFAULTS, [("model", "other")], unconfigured=False)
    assert changed(DEFAULTS, [("model", DEFAULTS.model)], unconfigured=False) == DEFAULTS


def test_names_of_ros_itself_are_left_alone():
    assert changed(DEFAULTS, [("use_sim_time", True)], unconfigured=False) == DEFAULTS


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("n: {a: {type: int, default_value: 1, description: A., validation: {gt_eq<>: [0]}}}", "gt_eq<>"),
        ("n: {a: {type: int, default_value: 1, description: A., defualt: 2}}", "defualt"),
        (
            "n: {a: {type: float, default_value: 1.0, description: A.}}",
            "expected a type of string, int, double, bool, string_array",
        ),
        ("n: {a: {type: int, default_value: 1}}", "a: expected a description"),
        ("n: {a: {b: {type: int, default_value: 1, description: A., unit: s}}}", "a.b: these keys .* unit"),
        ("n: {a: {type: string_array, default_value: [b, 1], description: A.}}", "default value"),
        (
            "n: {a: {type: int, default_value: 9, description: A., validation: {bounds<>: [1, 5]}}}",
            "default value",
        ),
    ],
)
def test_a_wrong_specification_is_refused(text, problem):
    with pytest.raises(ParameterError, match=problem):
        parse(text)


def test_parse_reads_all_that_the_format_has():
    (parameter,) = parse(
        "n: {a: {type: string, default_value: x, description: A., read_only: true, validation: "
        "{one_of<>: [[x, y]], not_empty<>: null, 'novic_ros::unconfigured_only': null}}}"
    )
    assert parameter == Parameter(
        "a", "string", "x", "A.", read_only=True, unconfigured_only=True, one_of=("x", "y"), not_empty=True
    )
    assert parameter.constraints == "One of: x, y. Not empty. Can be set while the node is unconfigured."


def test_parse_reads_groups_and_lists():
    one, two = parse(
        "n: {type: {of: {type: bool, default_value: true, description: A.}}, "
        "b: {type: string_array, default_value: [x], description: B., validation: "
        "{unique<>: null, 'novic_ros::topic_names': null}}}"
    )
    assert one == Parameter("type.of", "bool", True, "A.") and one.field == "type_of"
    assert two == Parameter("b", "string_array", ("x",), "B.", unique=True, topic_names=True)
    assert two.constraints == "Each entry once. Relative topic names."
