"""Entry point of the command `novic_node`: arguments, signals, executor, exit code.

Exit codes: 0 after SIGINT, SIGTERM or a shutdown from outside; 2 if ROS is missing, or an argument or parameter is
wrong; 1 with a traceback for a fault of this program.

rclpy's own signal handlers would take the ground from under the node (its context) before the node hears of it. So the
handlers are ours: the main thread waits for a signal while another one spins, and the node is shut down in order.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import Any

from novic_ros.node.memory import share_one_heap

USAGE = """\
usage: novic_node [--help] [--ros-args ...]

A lifecycle node that subscribes to camera images (`image`, or `image/compressed` with image_transport:=compressed)
and publishes, per frame, what is on it as English nouns with scores: `labels` (vision_msgs/Detection2DArray),
`classification` (vision_msgs/Classification) and `label` (std_msgs/String). By default it loads its model and starts
by itself; pass -p autostart:=false to leave that to a lifecycle manager. Example:
novic_node --ros-args -r image:=/camera/image_raw -p image_transport:=compressed
Topics and parameters are listed in docs/node.md, and by `ros2 param describe /novic NAME`.
"""
THREADS = 6  # images, detections, transitions, parameters, diagnostics, reload: none waits for another


def complain(text: str) -> int:
    """Write one line to stderr and return the exit code for wrong usage."""
    print(f"novic_node: {text}", file=sys.stderr)
    return 2


def stop_on_signals() -> threading.Event:
    """An event that SIGINT or SIGTERM sets. A second signal of the same kind ends the process at once."""
    stop = threading.Event()

    def heard(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)
    return stop


def main(argv: list[str] | None = None, **node_arguments: Any) -> int:
    """Run the node until a signal or a shutdown. `node_arguments` go to LabelNode; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    before_ros = arguments[: arguments.index("--ros-args")] if "--ros-args" in arguments else arguments
    if "-h" in before_ros or "--help" in before_ros:
        print(USAGE, end="")
        return 0
    stop = stop_on_signals()
    share_one_heap()
    try:
        import rclpy
        from rclpy.signals import SignalHandlerOptions
        from rclpy.utilities import remove_ros_args

        from novic_ros.node.label_node import LabelNode
        from novic_ros.node.parameters import ParameterError
    except ModuleNotFoundError as error:
        return complain(
            f"the Python module '{error.name}' is missing; source your ROS 2 installation (for example "
            f"/opt/ros/jazzy/setup.bash) and run: rosdep install --from-paths . --ignore-src"
        )
    try:
        unknown = remove_ros_args(["novic_node", *arguments])[1:]
        if unknown:
            return complain(f"expected ROS arguments after --ros-args, got {' '.join(unknown)}; see --help")
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # what rcl says of arguments and parameter files that it cannot read
        return complain(" ".join(str(error).split()))
    try:
        node = LabelNode(**node_arguments)
        try:
            spin(node, stop)
        finally:
            node.destroy_node()
    except ParameterError as error:
        return complain(str(error))
    finally:
        rclpy.try_shutdown()
    return 0


def spin(node: Any, stop: threading.Event) -> None:
    """Run the node's callbacks until `stop` is set or ROS is shut down; raise what a callback raised."""
    from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
    from rclpy.impl.implementation_singleton import rclpy_implementation

    executor = MultiThreadedExecutor(num_threads=THREADS)
    executor.add_node(node)
    faults: list[Exception] = []

    def spin_until_shutdown() -> None:
        while not stop.is_set():
            try:
                executor.spin()
                return
            except rclpy_implementation.InvalidHandle:
                # A transition, in another thread, destroyed a subscription or publisher whose QoS events the executor
                # was about to wait for. It is not among those to wait for next time.
                continue

    def run() -> None:
        try:
            spin_until_shutdown()
        except ExternalShutdownException:
            pass  # somebody called rclpy.shutdown()
        except Exception as error:  # handed to the main thread
            faults.append(error)
        finally:
            stop.set()

    spinner = threading.Thread(target=run, name="novic_executor", daemon=True)
    spinner.start()
    stop.wait()
    node.interrupt()
    executor.shutdown()  # waits for running callbacks, a configure among them
    spinner.join()
    node.close()
    if faults:
        raise faults[0]
