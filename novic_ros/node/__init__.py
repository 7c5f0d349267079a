"""The ROS 2 node: camera messages in, label messages out.

This is the only folder of the package that imports ROS. It holds no arithmetic on pixels, vectors or
probabilities: `novic_ros.images` turns a message into an array and `novic_ros.labeller` turns arrays into labels.
"""
