"""Starts one labelling node: ros2 launch novic_ros novic.launch.py image:=/camera/image_raw

`ros2 launch novic_ros novic.launch.py --show-args` lists the arguments. Parameters come from `params_file`; an
argument that is not empty wins over the file. Nothing is installed, downloaded or evaluated here.
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

PARAMETERS = {  # launch arguments that stand for a parameter of the same name
    "model": "Name of a known model, or path of a model folder. Empty: as in params_file.",
    "device": "Where the model runs: auto, cpu or cuda. Empty: as in params_file.",
    "image_transport": "raw or compressed (subscribes to IMAGE/compressed). Empty: as in params_file.",
    "image_qos": "sensor_data or reliable. Empty: as in params_file.",
}
SWITCHES = {"true": True, "false": False}


def switch(name, text):
    """True or False for a launch argument; raises ValueError for anything else."""
    if text not in SWITCHES:
        raise ValueError(f"launch argument {name}: expected true or false, got {text!r}")
    return SWITCHES[text]


def label_node(context):
    """The node, once the arguments are known."""

    def value(name):
        return LaunchConfiguration(name).perform(context)

    overrides = {name: value(name) for name in PARAMETERS if value(name)}
    overrides["use_sim_time"] = switch("use_sim_time", value("use_sim_time"))
    if value("autostart"):
        overrides["autostart"] = switch("autostart", value("autostart"))
    return [
        Node(
            package="novic_ros",
            executable="novic_node",
            name="novic",
            namespace=value("namespace"),
            parameters=[value("params_file"), overrides],
            remappings=[("image", value("image"))],
            ros_arguments=["--log-level", value("log_level")],
            output="screen",
            emulate_tty=True,
        )
    ]


def generate_launch_description():
    """All arguments, each with a default and a description, and the node."""
    default_file = PathJoinSubstitution([FindPackageShare("novic_ros"), "config", "novic_mini.yaml"])
    arguments = {
        "namespace": ("", "Namespace of the node and its topics."),
        "use_sim_time": ("false", "Take the time from /clock: true or false."),
        "params_file": (default_file, "YAML file with the node's parameters."),
        "autostart": (
            "",
            "true: the node brings itself up; false: a manager does. Empty: as in params_file.",
        ),
        "log_level": ("info", "debug, info, warn, error or fatal."),
        "image": ("image", "Topic of the camera's images, without /compressed, such as /camera/image_raw."),
        **{name: ("", description) for name, description in PARAMETERS.items()},
    }
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=label_node)])
