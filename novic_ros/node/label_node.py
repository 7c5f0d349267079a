"""The lifecycle node: parameters, transitions, services, and who runs when.

What it does not do: receive and publish (`cameras.py`), let frames wait (`intake.py`), handle them (`frame_work.py`) or
count (`measurements.py`). Four kinds of thread meet here. Executor threads run callbacks, which only store or read; one
worker thread labels; one compiles vocabularies; and whoever runs a transition starts and stops these two.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from vision_msgs.msg import VisionInfo

from novic_ros.node import diagnostics, messages, parameters
from novic_ros.node.cameras import Camera, camera_names
from novic_ros.node.frame_work import FrameWork
from novic_ros.node.frames import FrameWorker
from novic_ros.node.intake import Intake
from novic_ros.node.measurements import Measurements
from novic_ros.node.memory import give_back
from novic_ros.node.model_loading import Labeller, MakeLabeller, make_labeller
from novic_ros.node.parameters import Settings
from novic_ros.node.vocabulary_swap import Announcer, Swapped, VocabularySwap
from novic_ros.vocabulary import SiteVocabulary, VocabularyError

LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


def site_vocabulary(settings: Settings) -> SiteVocabulary:
    """The vocabulary that the parameters describe, with their files read now. Raises VocabularyError."""
    return SiteVocabulary.read(
        guide=settings.vocabulary_guide,
        allow=settings.vocabulary_allow,
        deny=settings.vocabulary_deny,
        remap=settings.vocabulary_remap,
    )


def vocabulary_entries(settings: Settings) -> tuple[tuple[str, ...], ...]:
    """What `site_vocabulary` reads, to see whether it changed."""
    return tuple(getattr(settings, field) for field in settings._fields if field.startswith("vocabulary_"))


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
        self._configure_error = self._vocabulary_error = ""
        self._ending = False
        self._starting = threading.RLock()  # held while a model is loaded
        self._measurements = Measurements()
        self._silent: set[str] = set()  # cameras whose silence is logged
        self._version = 0  # of the vocabulary; rises for as long as the node lives
        self._labeller: Labeller | None = None  # this and what follows: from configure to cleanup
        self._cameras: dict[str, Camera] = {}
        self._intake: Intake | None = None
        self._worker: FrameWorker | None = None
        self._swap: VocabularySwap | None = None
        self._announcer: Announcer | None = None
        self._vision_info: Any = None
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self.create_service(
            Trigger,
            "~/reload_vocabulary",
            self._on_reload_vocabulary,
            callback_group=MutuallyExclusiveCallbackGroup(),
        )
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        # Diagnostics go by a clock that a paused simulation does not stop.
        steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(
            self._settings.diagnostics_period,
            self._on_diagnostics_timer,
            callback_group=MutuallyExclusiveCallbackGroup(),
            clock=steady_clock,
        )
        self._autostart_timer = None
        if not self._settings.autostart:
            self.get_logger().info("autostart is off: waiting to be configured and activated")
        else:
            self._autostart_timer = self.create_timer(
                0.0,
                self._on_autostart_timer,
                callback_group=MutuallyExclusiveCallbackGroup(),
                clock=steady_clock,
            )

    # ---- lifecycle -------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm the model. On failure the node says why, stays unconfigured, and can be tried again."""
        with self._starting:
            self._state = "configuring"
            settings = self._settings
            start = time.perf_counter()
            self.get_logger().info(f"loading model {settings.model}")
            try:
                with ThreadPoolExecutor(1, "novic_loading") as thread:  # what libraries keep per thread ends with it
                    thread.submit(self._load, settings).result()
                self._prepare(settings)
            except Exception as error:  # whatever a model, a file or a middleware raises is a failed configure
                self._release()
                self._configure_error = str(error) or type(error).__name__
                self.get_logger().error(f"configure failed ({type(error).__name__}): {self._configure_error}")
                return TransitionCallbackReturn.FAILURE
            self._configure_error = self._vocabulary_error = ""
            self._state = "inactive"
            took = time.perf_counter() - start
            self.get_logger().info(f"model {self._labeller.model_name} is ready after {took:.1f} s")
            return super().on_configure(state)

    def _load(self, settings: Settings) -> None:
        """The slow part of configure: the model, with its vocabulary."""
        site = site_vocabulary(settings)
        labeller = self._make_labeller(settings)
        for warning in labeller.set_vocabulary(site, self._version + 1):
            self.get_logger().warning(warning)
        labeller.warm_up()
        self._version += 1
        self._labeller = labeller

    def _prepare(self, settings: Settings) -> None:
        """The quick part of configure: publishers and threads."""
        self._vision_info = self.create_publisher(VisionInfo, "vision_info", LATCHED)
        self._announcer = Announcer(self._say_version)
        names = camera_names(settings)
        self._intake = Intake(
            names,
            keep_all=settings.frame_policy == "all",
            room=settings.queue_size,
            pair=settings.crop_enabled,
            replaced=self._measurements.replaced,
            useless=lambda cause, boxes: self._measurements.skipped(cause, len(boxes.detections)),
        )
        self._intake.tune(self._settings.crop_wait, self._settings.crop_slop)  # may be newer than `settings`
        self._cameras = {
            name: Camera(self, name, settings, self._intake, self._measurements) for name in names
        }
        work = FrameWork(
            self,
            lambda: self._settings,
            self._labeller,
            self._cameras,
            self._intake,
            self._measurements,
            self._announcer,
        )
        self._worker = FrameWorker(self._intake.take, work.handle, work.failed)
        self._worker.start()
        self._announcer.changed(self._version)
        self._swap = VocabularySwap(self._change_vocabulary)
        if vocabulary_entries(self._settings) != vocabulary_entries(settings):  # changed while the model was loaded
            self._swap.request(site_vocabulary(self._settings))

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe. Nothing is loaded here, so it takes milliseconds."""
        settings = self._settings
        result = super().on_activate(state)
        self._silent.clear()
        self._measurements.listen(True)
        self._intake.begin()
        self._state = "active"
        # With frame_policy all, the callback of an image may wait: for all cameras in one thread, and never boxes.
        images, detections = MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()
        try:
            for camera in self._cameras.values():
                camera.listen(settings, images, detections)
        except Exception as error:  # e.g. a qos_overrides parameter of a wrong type
            self.get_logger().error(f"activate failed ({type(error).__name__}): {error}")
            self._stop_listening()
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        topics = ", ".join(camera.source.topic for camera in self._cameras.values())
        self.get_logger().info(f"labelling {topics} ({settings.image_transport}, {settings.image_qos})")
        if settings.frame_policy == "all" and settings.image_qos != "reliable":
            self.get_logger().warning(
                "frame_policy is all, but frames may be lost on the way to this node: set image_qos to reliable"
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
        self._state = "inactive"
        for camera, frames in (self._intake.end() if self._intake is not None else {}).items():
            self._measurements.dropped("deactivated", camera=camera, frames=frames)
        self._measurements.listen(False)
        for camera in self._cameras.values():
            camera.stop_listening()

    def _release(self) -> None:
        self._stop_listening()
        self._let_go()
        if self._worker is not None:
            self._worker.join()
        if self._swap is not None:
            self._swap.join()
        for camera in self._cameras.values():
            camera.close()
        if self._vision_info is not None:
            self.destroy_publisher(self._vision_info)
        self._cameras = {}
        self._labeller = self._intake = self._worker = self._swap = self._announcer = self._vision_info = None
        give_back()
        self._state = "unconfigured"

    def interrupt(self) -> None:
        """The process is about to end: start nothing more, and let everybody who waits inside a callback come back."""
        self._ending = True
        self._let_go()

    def _let_go(self) -> None:
        intake, swap = self._intake, self._swap
        if intake is not None:
            intake.close()
        if swap is not None:
            swap.close()

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
            if self._state != "unconfigured" or self._ending:
                return  # somebody else was faster
            if self.trigger_configure() == TransitionCallbackReturn.SUCCESS and not self._ending:
                self.trigger_activate()

    # ---- parameters and vocabulary ---------------------------------------------------------------------------------

    def _on_set_parameters(self, changes: Any) -> SetParametersResult:
        """Check, store and return; a new vocabulary is compiled on a thread of its own."""
        values = [(parameter.name, parameter.value) for parameter in changes]
        before, labeller, site = self._settings, self._labeller, None
        try:
            settings = parameters.changed(before, values, self._state == "unconfigured")
            if vocabulary_entries(settings) != vocabulary_entries(before):
                site = site_vocabulary(settings)
        except (parameters.ParameterError, VocabularyError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        if settings.on_unsure != "best" and labeller is not None and not labeller.calibrated:
            reason = f"on_unsure: {settings.on_unsure} needs a calibrated model, which {labeller.model_name} is not"
            return SetParametersResult(successful=False, reason=reason)
        self._settings = settings
        swap, intake = self._swap, self._intake
        if intake is not None:
            intake.tune(settings.crop_wait, settings.crop_slop)
        if site is not None and swap is not None:
            swap.request(site)
        return SetParametersResult(successful=True)

    def _on_reload_vocabulary(self, _request: Any, response: Any) -> Any:
        """Read the files of vocabulary.* again, and answer when that vocabulary is in use."""
        swap = self._swap
        if swap is None:
            response.success, response.message = False, "the node is not configured; configure reads the files"
            return response
        try:
            swapped = swap.request(site_vocabulary(self._settings)).result()
        except VocabularyError as error:
            swapped = Swapped(False, f"{error}; the vocabulary stays as it was")
        response.success, response.message = swapped.done, swapped.text
        return response

    def _change_vocabulary(self, site: SiteVocabulary) -> Swapped:
        """Vocabulary thread: compile and swap."""
        version = self._version + 1
        try:
            warnings = self._labeller.set_vocabulary(site, version)
        except Exception as error:  # whatever a model says of words that it cannot use
            text = f"{error}; the vocabulary stays as it was"
            self.get_logger().error(text)
            self._vocabulary_error = text
            return Swapped(False, text)
        self._version = version
        self._vocabulary_error = ""
        self._announcer.changed(version)
        for warning in warnings:
            self.get_logger().warning(warning)
        text = "; ".join([f"vocabulary version {version} is in use", *warnings])
        self.get_logger().info(f"vocabulary version {version} is in use")
        return Swapped(True, text)

    def _say_version(self, version: int) -> None:
        if self.context.ok():
            header = Header(stamp=self.get_clock().now().to_msg())
            location = f"parameters vocabulary.* of {self.get_fully_qualified_name()}"
            info = messages.vision_info(header, f"novic_ros: {self._labeller.model_name}", location, version)
            self._vision_info.publish(info)

    # ---- diagnostics -----------------------------------------------------------------------------------------------

    def _on_diagnostics_timer(self) -> None:
        settings, cameras, labeller = self._settings, self._cameras, self._labeller
        seen = self._measurements.snapshot()
        names = camera_names(settings)
        facts = diagnostics.NodeFacts(
            name=self.get_fully_qualified_name().lstrip("/"),
            state=self._state,
            model=settings.model if labeller is None else labeller.model_name,
            cameras=[
                diagnostics.camera_facts(
                    self,
                    name,
                    settings.image_transport,
                    cameras[name].source if name in cameras else None,
                    seen,
                    settings.no_image_warn_seconds,
                )
                for name in names
            ],
            vocabulary_version=self._version,
            configure_error=self._configure_error,
            vocabulary_error=self._vocabulary_error,
        )
        for camera in facts.cameras:
            if camera.silence and camera.name not in self._silent:
                self.get_logger().warning(camera.silence)
        self._silent = {camera.name for camera in facts.cameras if camera.silence}
        message = DiagnosticArray(status=[diagnostics.report(facts, seen)])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
