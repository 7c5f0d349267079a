"""A stand-in for the node, without a model: what it does with a frame is the value of its parameter `model`.

good: two labels, best first · empty: a message without labels · every_other: answers half of the frames
unloadable: says what the node says when its model cannot be loaded · crash: ends with exit code 3
"""

import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage
from vision_msgs.msg import Classification, ObjectHypothesis


class FakeNode(Node):
    def __init__(self):
        super().__init__("novic")
        self.behaviour = self.declare_parameter("model", "good").value
        transport = self.declare_parameter("image_transport", "raw").value
        if self.behaviour == "crash":
            print("fake: out of memory", file=sys.stderr)
            sys.exit(3)
        if self.behaviour == "unloadable":
            self.get_logger().error("configure failed (ModelNotFound): no such model")
            return
        self.answers = self.create_publisher(Classification, "classification", 10)
        topic = self.resolve_topic_name("image") + {"raw": "", "compressed": "/compressed"}[transport]
        self.camera = self.create_subscription(CompressedImage, topic, self.on_image, qos_profile_sensor_data)
        self.seen = 0

    def on_image(self, image):
        self.seen += 1
        if self.behaviour == "every_other" and self.seen % 2:
            return
        results = [
            ObjectHypothesis(class_id="thing", score=0.75),
            ObjectHypothesis(class_id="other", score=0.125),
        ]
        results = [] if self.behaviour == "empty" else results
        self.answers.publish(Classification(header=image.header, results=results))


rclpy.init()
node = FakeNode()
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException):
    pass
finally:
    node.destroy_node()
    rclpy.try_shutdown()
