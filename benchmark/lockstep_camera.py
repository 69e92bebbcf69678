"""The node of `lockstep`: the funnel's camera and clock, and its listener."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from smolvlm_ros.msg import GateState, SceneVerdict, ZoneEvent
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray, Detection3DArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.demo.processes import Child, ChildError
from smolvlm_ros.models.embedded import WORLD_FRAME_ID
from smolvlm_ros.qa.templates import Template, questions_for
from smolvlm_ros.ros import images, recorded
from smolvlm_ros.ros.boxes import to_detections
from smolvlm_ros.ros.frames import FrameTransforms
from smolvlm_ros.ros.interface import DIAGNOSTICS
from smolvlm_ros.ros.qos import make_profile
from smolvlm_ros.ros.source_settings import VideoSourceSettings
from smolvlm_ros.ros.stamps import from_seconds, to_nanoseconds, to_seconds
from smolvlm_ros.world.scoring.heard import (
    FunnelLog,
    HeardEvent,
    HeardObject,
    HeardVerdict,
    Look,
)

_NODES = {"gate", "depth", "detector", "fusion", "scene_qa"}
_KINDS = {ZoneEvent.ENTER: "enter", ZoneEvent.DWELL: "dwell", ZoneEvent.LEAVE: "leave"}
_ANSWERS = {SceneVerdict.YES: True, SceneVerdict.NO: False}
_ORIGIN_S = 1000.0      # a clock of 0 means 'not known yet'
_PATIENCE_S = 180.0     # of every wait; a busy machine loads a model slowly
_VERDICTS_S = 120.0     # as scene_qa's timeout_s in `lockstep`
_STEP_S = 0.1
_LEAST_VISIBILITY, _LEAST_SIDE_PX = 0.3, 12.0  # of an object that exact boxes show


class LockstepCamera(Node):  # type: ignore[misc]
    """Publishes frames one by one and waits for what the funnel makes of each.

    Args:
        model: the camera.
        templates: of scene_qa: they tell which verdicts are to be waited for.
        truth: publish exact boxes and depth of what passes, for fusion to take.
        on_base: how the camera is mounted on what carries it; see `CameraWay.on_base`.
    """

    def __init__(self, model: CameraModel, templates: Sequence[Template], truth: bool,
                 on_base: NDArray[np.float64] | None = None) -> None:
        super().__init__("lockstep_camera")
        self._model, self._templates, self._truth = model, templates, truth
        self._on_base = on_base
        self._heard = threading.Condition()
        self._states: dict[int, GateState] = {}
        self._objects: dict[int, Detection3DArray] = {}
        self._boxes: dict[int, int] = {}    # how many objects each frame has
        self._events: list[HeardEvent] = []
        self._verdicts: list[HeardVerdict] = []
        self._expected = 0
        self._looks: list[Look] = []
        self._told_s = _ORIGIN_S
        self._counts = (0, 0)
        self._active: set[str] = set()
        self._errors: dict[str, str] = {}
        reliable = make_profile("reliable", 30)
        self._clock_out = self.create_publisher(Clock, "/clock", reliable)
        self._image_out = self.create_publisher(Image, "image_raw", reliable)
        self._info_out = self.create_publisher(CameraInfo, "camera_info", reliable)
        self._frames = FrameTransforms(self, VideoSourceSettings().frame_names, lambda frame: None)
        if truth:
            self._boxes_out = self.create_publisher(Detection2DArray, "truth/detections", reliable)
            self._depth_out = self.create_publisher(Image, "truth/depth/image_rect", reliable)
            self._depth_info_out = self.create_publisher(CameraInfo, "truth/depth/camera_info",
                                                         reliable)
        handlers: tuple[tuple[Any, str, Callable[[Any], None]], ...] = (
            (GateState, "gate/state", self._on_state),
            (Detection3DArray, "objects", self._on_objects),
            (Detection2DArray, "objects_2d", self._on_boxes),
            (ZoneEvent, "zone_events", self._on_event),
            (SceneVerdict, "verdicts", self._on_verdict),
            (DiagnosticArray, DIAGNOSTICS.name, self._on_diagnostics))
        for kind, topic, handler in handlers:
            self.create_subscription(kind, topic, handler, reliable)

    def await_funnel(self, child: Child) -> None:
        """Wait until every node is active and hears the camera.

        Raises:
            ChildError: when that takes too long; with what the nodes say.
        """
        def ready() -> bool:
            self._tell_time(_ORIGIN_S)
            return _NODES <= self._active and self._image_out.get_subscription_count() > 0
        self._await(ready, child, f"the funnel to be active ({', '.join(sorted(_NODES))})")

    def show(self, drawn: Any, child: Child) -> None:
        """Publish a frame, and wait until the funnel is done with it.

        Raises:
            ChildError: when it is not.
        """
        stamp_s = _ORIGIN_S + drawn.time_s
        header = Header(stamp=from_seconds(stamp_s), frame_id=WORLD_FRAME_ID)
        key = to_nanoseconds(header.stamp)
        self._tell_time(stamp_s)
        self._frames.publish(drawn.pose, header, self._on_base)
        height, width = drawn.image_bgr.shape[:2]
        self._info_out.publish(recorded.model_info(self._model, header, width, height))
        self._image_out.publish(images.from_bgr(drawn.image_bgr, header))
        self._await(lambda: key in self._states, child, f"the gate at {drawn.time_s:.2f} s")
        state = self._states.pop(key)
        self._counts = (int(state.frames_in), int(state.frames_passed))
        if not state.passed:
            return
        if self._truth:
            self._tell_truth(drawn, header)
        # No objects are published of a frame in which none has a pose.
        self._await(lambda: key in self._boxes and (not self._boxes[key] or key in self._objects),
                    child, f"the objects at {drawn.time_s:.2f} s")
        objects = self._objects.pop(key).detections if self._boxes.pop(key) else ()
        heard = tuple(_heard(item) for item in objects)
        self._looks.append(Look(drawn.time_s, drawn.pose[:3, 3], heard, drawn.objects))

    def await_verdicts(self, child: Child) -> None:
        """Let time go on until every question that was raised has its verdict, or for so long.

        No frame comes any more, and a question that waits for one gives up by the clock.

        Raises:
            ChildError: when the funnel has ended.
        """
        end = time.monotonic() + _VERDICTS_S
        while len(self._verdicts) < self._expected and time.monotonic() < end:
            child.check()
            self._tell_time(self._told_s + _STEP_S)
            time.sleep(_STEP_S)

    def log(self) -> FunnelLog:
        """All that was heard."""
        with self._heard:
            return FunnelLog(tuple(self._events), tuple(self._verdicts), tuple(self._looks),
                             *self._counts)

    def _await(self, condition: Callable[[], bool], child: Child, what: str) -> None:
        end = time.monotonic() + _PATIENCE_S
        with self._heard:
            while not condition():
                child.check()
                if time.monotonic() > end:
                    errors = "; ".join(f"{k}: {v}" for k, v in self._errors.items())
                    raise ChildError(f"waited {_PATIENCE_S:g} s for {what}; the nodes say: "
                                     f"{errors or 'nothing is wrong'}")
                self._heard.wait(0.05)

    def _tell_time(self, seconds: float) -> None:
        self._told_s = seconds
        self._clock_out.publish(Clock(clock=from_seconds(seconds)))

    def _tell_truth(self, drawn: Any, header: Header) -> None:
        seen = [item for item in drawn.objects if item.visible_xyxy is not None
                and item.visibility >= _LEAST_VISIBILITY
                and (item.visible_xyxy[2:] - item.visible_xyxy[:2]).min() >= _LEAST_SIDE_PX]
        depth = recorded.depth_of(drawn.depth_m, header)
        self._depth_out.publish(depth)
        self._depth_info_out.publish(
            recorded.model_info(self._model, header, depth.width, depth.height))
        self._boxes_out.publish(to_detections(
            header, np.array([item.visible_xyxy for item in seen]).reshape(-1, 4),
            [0.9] * len(seen), [item.class_name for item in seen]))

    # Callbacks -----------------------------------------------------------------------------

    def _on_state(self, message: GateState) -> None:
        with self._heard:
            self._states[to_nanoseconds(message.header.stamp)] = message
            self._heard.notify_all()

    def _on_objects(self, message: Detection3DArray) -> None:
        with self._heard:
            self._objects[to_nanoseconds(message.header.stamp)] = message
            self._heard.notify_all()

    def _on_boxes(self, message: Detection2DArray) -> None:
        with self._heard:
            self._boxes[to_nanoseconds(message.header.stamp)] = len(message.detections)
            self._heard.notify_all()

    def _on_event(self, message: ZoneEvent) -> None:
        kind = _KINDS[message.kind]
        with self._heard:
            self._events.append(HeardEvent(_media_s(message.header), kind, message.zone,
                                           message.track_id, message.class_name,
                                           (message.position.x, message.position.y)))
            self._expected += len(questions_for(self._templates, message.class_name, message.zone,
                                                kind))

    def _on_verdict(self, message: SceneVerdict) -> None:
        with self._heard:
            self._verdicts.append(HeardVerdict(
                _media_s(message.header), message.zone, message.track_id, message.question,
                _ANSWERS.get(message.answer),
                tuple(to_seconds(s) - _ORIGIN_S for s in message.pass_stamps), message.reason))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self._heard:
            for status in message.status:
                name = status.name.rsplit("/", 1)[-1]
                if any(v.key == "state" and v.value == "active" for v in status.values):
                    self._active.add(name)
                level = status.level if isinstance(status.level, int) else status.level[0]
                if level:
                    self._errors[name] = status.message
                else:
                    self._errors.pop(name, None)
            self._heard.notify_all()


def _heard(item: Any) -> HeardObject:
    point = item.results[0].pose.pose.position
    return HeardObject(item.results[0].hypothesis.class_id,
                       np.array((point.x, point.y, point.z)))


def _media_s(header: Header) -> float:
    seconds = to_seconds(header.stamp)
    return seconds - _ORIGIN_S if seconds else math.nan
