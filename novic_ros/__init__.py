"""Open-vocabulary image labelling for ROS 2: camera frames in, short English nouns with honest confidences out.

Start with `novic_ros.labeller.ImageLabeller` from Python, `novic` from a shell, or `novic_node` on a robot. This file
holds the version and nothing else: importing it loads neither torch, nor OpenCV, nor ROS.
"""

__version__ = "0.1.0"
