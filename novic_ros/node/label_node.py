"""The lifecycle node: parameters, transitions, topics, and the thread that labels frames.

What it does not do: convert images (`images.py`), label (`labeller.py`), fill messages (`messages.py`) or count
(`measurements.py`). Three kinds of thread meet here. Executor threads run callbacks, which only store or read; one
worker thread labels; and whoever runs a transition starts and stops that worker.
"""

import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time
from std_msgs.msg import String
from vision_msgs.msg import Classification, Detection2DArray

from novic_ros.node import diagnostics, messages, parameters, qos
from novic_ros.node.frames import Frame, FrameError, FrameWorker, LabelledFrame, label_frame
from novic_ros.node.mailbox import Mailbox
from novic_ros.node.measurements import Measurements
from novic_ros.node.model_loading import MakeLabeller, make_labeller
from novic_ros.node.throttle import Throttle

LOG_PERIOD = 5.0  # seconds between two log lines about the same kind of trouble


class LabelNode(LifecycleNode):
    """Camera frames in, short English nouns out. Topics and parameters: docs/node.md."""

    def __init__(self, make_labeller: MakeLabeller = make_labeller, **node_options: Any) -> None:
        """Declare parameters and services; load nothing. Raises ParameterError if a given value is refused.

        `node_options` go to rclpy.node.Node. The two base constructors are called by name because LifecycleNode's own
        has no way to put the lifecycle services into a callback group of their own: in the default group, parameter
        services would wait for a model to load.
        """
        Node.__init__(self, "novic", **node_options)
        self._make_labeller = make_labeller
        self._settings = parameters.declare(self)
        self._state = "unconfigured"
        self._configure_error = ""
        self._labeller: Any = None
        self._mailbox: Mailbox[Frame] = Mailbox()
        self._worker: FrameWorker | None = None
        self._subscription: Any = None
        self._source: qos.ImageSource | None = None  # what the subscription listens to, while there is one
        self._image_group = MutuallyExclusiveCallbackGroup()
        self._epoch = 0  # rises with every activation and deactivation
        self._starting = threading.RLock()  # held while a model is loaded
        self._gate = (
            threading.Lock()
        )  # a frame is published wholly before, or not at all after, a deactivation
        self._measurements = Measurements()
        self._throttle = Throttle(LOG_PERIOD)
        self._silence_logged = self._zero_stamp_logged = False
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._labels: Any = None
        self._classification: Any = None
        self._label: Any = None
        # Diagnostics go by a clock that a paused simulation does not stop.
        self.create_timer(
            self._settings.diagnostics_period,
            self._on_diagnostics_timer,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )
        self._autostart_timer = None
        if not self._settings.autostart:
            self.get_logger().info("autostart is off: waiting to be configured and activated")
        else:
            self._autostart_timer = self.create_timer(
                0.0,
                self._on_autostart_timer,
                callback_group=MutuallyExclusiveCallbackGroup(),
                clock=Clock(clock_type=ClockType.STEADY_TIME),
            )

    # ---- lifecycle -------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm the model. On failure the node says why, stays unconfigured, and can be tried again."""
        with self._starting:
            return self._configure(state)

    def _configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._state = "configuring"
        settings = self._settings
        start = time.perf_counter()
        self.get_logger().info(f"loading model {settings.model}")
        try:
            labeller = self._make_labeller(settings)
            labeller.warm_up()
            self._labeller = labeller
            options = {"qos_overriding_options": QoSOverridingOptions.with_default_policies()}
            self._labels = self.create_lifecycle_publisher(Detection2DArray, "labels", 10, **options)
            self._classification = self.create_lifecycle_publisher(
                Classification, "classification", 10, **options
            )
            self._label = self.create_lifecycle_publisher(String, "label", 10, **options)
            self._mailbox = Mailbox()
            self._worker = FrameWorker(self._mailbox, self._handle, self._on_frame_failed)
            self._worker.start()
        except Exception as error:  # whatever a model, a file or a middleware raises is a failed configure
            self._release()
            self._configure_error = str(error) or type(error).__name__
            self.get_logger().error(f"configure failed ({type(error).__name__}): {self._configure_error}")
            return TransitionCallbackReturn.FAILURE
        self._configure_error = ""
        self._state = "inactive"
        self.get_logger().info(
            f"model {labeller.model_name} is ready after {time.perf_counter() - start:.1f} s"
        )
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe. Nothing is loaded here, so it takes milliseconds."""
        settings = self._settings
        result = super().on_activate(state)
        with self._gate:
            self._epoch += 1
        self._silence_logged = False
        self._measurements.listen(True)
        self._state = "active"
        try:
            self._subscription = qos.subscribe(
                self, settings.image_transport, settings.image_qos, self._on_image, self._image_group
            )
            self._source = qos.ImageSource.of(self._subscription, settings.image_transport)
        except Exception as error:  # e.g. a qos_overrides parameter of a wrong type
            self.get_logger().error(f"activate failed ({type(error).__name__}): {error}")
            self._stop_listening()
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(
            f"labelling {self._source.topic} ({settings.image_transport}, {settings.image_qos})"
        )
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop at once: no more images are taken, and a frame in work is finished but not published."""
        self._stop_listening()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and everything that configure made."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything; the node answers its services until the process ends."""
        self._release()
        self._state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything and go back to unconfigured, from where configure can be tried again."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def _stop_listening(self) -> None:
        with self._gate:
            self._epoch += 1
        self._state = "inactive"
        self._measurements.listen(False)
        if self._mailbox.clear():
            self._measurements.dropped("deactivated")
        self._source = None
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
            self._subscription = None

    def _release(self) -> None:
        self._stop_listening()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        for publisher in (self._labels, self._classification, self._label):
            if publisher is not None:
                self.destroy_lifecycle_publisher(publisher)
        self._labels = self._classification = self._label = self._labeller = None
        self._state = "unconfigured"

    def close(self) -> None:
        """Go through the shutdown transition, so that others hear of it, and free everything. Can be called again."""
        with self._starting:  # a configure that still runs is waited for
            if self._state != "finalized" and self.context.ok():
                try:
                    self.trigger_shutdown()
                except (
                    RuntimeError
                ) as error:  # in the middle of another transition, which nobody will now end
                    self.get_logger().warning(f"ending without a shutdown transition: {error}")
            self._release()
            self._state = "finalized"

    def _on_autostart_timer(self) -> None:
        self._autostart_timer.cancel()
        with self._starting:
            if self._state != "unconfigured":
                return  # somebody else was faster
            if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
                self.trigger_activate()

    # ---- one frame -------------------------------------------------------------------------------------------------

    def _on_image(self, message: Any) -> None:
        """Subscription callback: store and return."""
        self._measurements.received()
        if self._mailbox.put(Frame(message, time.perf_counter(), self._epoch)):
            self._measurements.replaced()

    def _handle(self, frame: Frame) -> None:
        """Worker thread: label one frame and publish."""
        try:
            result = label_frame(frame, self._labeller)
        except FrameError as error:
            self._report_drop(error.cause, str(error))
            return
        self._publish(frame, result)

    def _publish(self, frame: Frame, result: LabelledFrame) -> None:
        start = time.perf_counter()
        settings = self._settings
        header = frame.message.header
        said = messages.whole_frame(
            header, result.labels, result.width, result.height, settings.top_k, settings.min_score
        )
        with self._gate:
            if frame.epoch != self._epoch or not self.context.ok():
                self._measurements.dropped("deactivated")
                return
            self._labels.publish(said.labels)
            self._classification.publish(said.classification)
            self._label.publish(said.label)
        end = time.perf_counter()
        stages = {**result.stages, "publish": end - start, "total": end - frame.received}
        self._measurements.processed(stages, self._age(header))

    def _age(self, header: Any) -> float | None:
        """Seconds between the stamp and now, by the node's clock; None if the camera left the stamp at zero."""
        if header.stamp.sec or header.stamp.nanosec:
            stamp = Time.from_msg(header.stamp, clock_type=self.get_clock().clock_type)
            return (self.get_clock().now() - stamp).nanoseconds * 1e-9
        if not self._zero_stamp_logged:
            self._zero_stamp_logged = True
            self.get_logger().warning(
                "images carry a zero stamp; labels carry it too, and cannot be matched by time"
            )
        return None

    def _on_frame_failed(self, frame: Frame, error: Exception) -> None:
        if self.context.ok():
            self._report_drop("internal", f"{type(error).__name__}: {error}")

    def _report_drop(self, cause: str, reason: str) -> None:
        self._measurements.dropped(cause, reason)
        held_back = self._throttle.allow(cause)
        if held_back is not None and self.context.ok():
            more = f" (and {held_back} more since the last such line)" if held_back else ""
            self.get_logger().error(f"frame dropped, cause {cause}: {reason}{more}")

    # ---- parameters and diagnostics --------------------------------------------------------------------------------

    def _on_set_parameters(self, changes: Any) -> SetParametersResult:
        values = [(parameter.name, parameter.value) for parameter in changes]
        try:
            self._settings = parameters.changed(self._settings, values, self._state == "unconfigured")
        except parameters.ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _on_diagnostics_timer(self) -> None:
        settings, source, labeller = self._settings, self._source, self._labeller
        seen = self._measurements.snapshot()
        silence = ""
        if source is not None and (seen.since_last_image or 0.0) > settings.no_image_warn_seconds:
            silence = (
                f"no image on {source.topic} for {seen.since_last_image:.1f} s: {source.why_silent(self)}"
            )
            if not self._silence_logged:
                self.get_logger().warning(silence)
        self._silence_logged = bool(silence)
        topic = source.topic if source is not None else qos.image_topic(self, settings.image_transport)
        facts = diagnostics.NodeFacts(
            name=self.get_fully_qualified_name().lstrip("/"),
            state=self._state,
            model=settings.model if labeller is None else labeller.model_name,
            topic=topic,
            publishers=self.count_publishers(topic),
            configure_error=self._configure_error,
            silence=silence,
        )
        message = DiagnosticArray(status=[diagnostics.report(facts, seen)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
