"""Starts one labelling node: ros2 launch novic_ros novic.launch.py image:=/camera/image_raw

`ros2 launch novic_ros novic.launch.py --show-args` lists the arguments, docs/launch.md explains them. Parameters come
from `params_file`; an argument that is not empty wins over the file. Nothing is installed, downloaded or evaluated
here. cameras.launch.py and replay.launch.py include this file with other defaults.
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

TEXTS = {  # launch arguments that stand for a parameter of the same name
    "model": "Name of a known model, or path of a model folder. Empty: as in params_file.",
    "device": "Where the model runs: auto, cpu or cuda. Empty: as in params_file.",
    "image_transport": "raw, or compressed, which subscribes to IMAGE/compressed. Empty: as in params_file.",
    "image_qos": "sensor_data or reliable. Empty: as in params_file.",
    "frame_policy": "latest (newest frame wins) or all (every frame, for replay). Empty: as in params_file.",
}
RESPAWN_DELAY = 2.0  # seconds
SWITCHES = {"true": True, "false": False}


def switch(name, text):
    """True or False for a launch argument; raises ValueError for anything else."""
    if text.lower() not in SWITCHES:
        raise ValueError(f"launch argument {name}: expected true or false, got {text!r}")
    return SWITCHES[text.lower()]


def entries(text):
    """The entries of a list that is written with commas."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def remappings(argument, topics, cameras):
    """Remappings of topic `argument` of every camera to what the argument says; none if it says nothing.

    Raises ValueError if it does not give one topic per camera.
    """
    if not topics:
        return []
    given = entries(topics)
    if len(given) == 1 and "CAMERA" in topics and cameras:
        given = [given[0].replace("CAMERA", camera) for camera in cameras]
    elif "CAMERA" in topics:
        raise ValueError(f"launch argument {argument}: CAMERA needs the argument cameras, and one topic")
    if len(given) != max(1, len(cameras)):
        raise ValueError(
            f"launch argument {argument}: expected one topic, or one per camera "
            f"({', '.join(cameras) or 'none named by the argument cameras'}), got {topics}"
        )
    return [
        (f"{camera}/{argument}" if camera else argument, topic)
        for camera, topic in zip(cameras or [""], given)
    ]


def label_node(context):
    """The node, once the arguments are known."""

    def value(name):
        return LaunchConfiguration(name).perform(context)

    cameras = entries(value("cameras"))
    overrides = {name: value(name) for name in TEXTS if value(name)}
    overrides["use_sim_time"] = switch("use_sim_time", value("use_sim_time"))
    if value("autostart"):
        overrides["autostart"] = switch("autostart", value("autostart"))
    if cameras:
        overrides["cameras"] = cameras
    if value("detections"):
        overrides["crop.enabled"] = True
    return [
        Node(
            package="novic_ros",
            executable="novic_node",
            name="novic",
            namespace=value("namespace"),
            parameters=[value("params_file"), overrides],
            remappings=[
                *remappings("image", value("image"), cameras),
                *remappings("detections", value("detections"), cameras),
            ],
            ros_arguments=["--log-level", value("log_level")],
            respawn=switch("use_respawn", value("use_respawn")),
            respawn_delay=RESPAWN_DELAY,
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
        "use_respawn": ("false", "Start the node again, two seconds after it ended: true or false."),
        "log_level": ("info", "debug, info, warn, error or fatal."),
        "cameras": ("", "Names of several cameras, such as front,rear. Empty: as in params_file."),
        "image": (
            "",
            "Topic of the images, without /compressed, such as /camera/image_raw; for several cameras, one each, as "
            "in /a/image_raw,/b/image_raw, or one with the word CAMERA in it. Empty: image, or CAMERA/image.",
        ),
        "detections": (
            "",
            "Topic of a detector's boxes, whose crops are labelled; for several cameras as in image. Empty: as in "
            "params_file.",
        ),
        **{name: ("", description) for name, description in TEXTS.items()},
    }
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=label_node)])
