"""Starts one node for a recording: every frame is labelled, by the recording's clock.

ros2 launch novic_ros replay.launch.py image:=/camera/image_raw, then in another shell ros2 bag play BAG --clock.
It does NOT play the bag: docs/launch.md says how to play one so that no frame is lost. It has all arguments of
novic.launch.py, which it includes.
"""

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription


def generate_launch_description():
    """The arguments whose defaults differ from novic.launch.py's, and that file."""
    share = FindPackageShare("novic_ros")
    arguments = {
        "use_sim_time": ("true", "Take the time from /clock: true or false."),
        "frame_policy": ("all", "all (every frame) or latest (newest frame wins). Empty: as in params_file."),
        "image_qos": ("reliable", "reliable or sensor_data. Empty: as in params_file."),
        "params_file": (
            PathJoinSubstitution([share, "config", "replay.yaml"]),
            "YAML file with the node's parameters.",
        ),
    }
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in arguments.items()
    ]
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([share, "launch", "novic.launch.py"])),
        launch_arguments=[(name, LaunchConfiguration(name)) for name in arguments],
    )
    return LaunchDescription([*declared, node])
