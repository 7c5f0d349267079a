"""Starts one node for several cameras: ros2 launch novic_ros cameras.launch.py cameras:=front,rear

One process, one model, one batch per turn, and no camera waits for another. The node hears front/image and says
front/labels, and so on; `image:=/CAMERA/image_raw` leads it to topics of another name. It has all arguments of
novic.launch.py, which it includes; it does NOT start one node per camera.
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
        "cameras": ("", "Names of the cameras, such as front,rear. Empty: as in params_file."),
        "params_file": (
            PathJoinSubstitution([share, "config", "four_cameras.yaml"]),
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
