"""The demo's eyes: listens to every topic of the funnel, records it and asks as a planner would."""
from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Bool, Header
from vision_msgs.msg import Detection3DArray

from smolvlm_ros.demo.film import Film
from smolvlm_ros.demo.journal import CallEntry, Journal, Moment, VerdictEntry, ZoneEntry
from smolvlm_ros.demo.wiring import Wiring
from smolvlm_ros.msg import GateState, SceneVerdict, ZoneEvent
from smolvlm_ros.nodes import depth, detector, fusion, gate, scene_qa, video_source
from smolvlm_ros.recording import McapRecorder
from smolvlm_ros.ros import images
from smolvlm_ros.ros.interface import DIAGNOSTICS, Endpoint
from smolvlm_ros.ros.listening import DEPTH, Listening
from smolvlm_ros.ros.process import Spinner
from smolvlm_ros.ros.qos import make_profile
from smolvlm_ros.ros.stamps import to_nanoseconds, to_seconds
from smolvlm_ros.ros.stats import Stats
from smolvlm_ros.ros.transforms import MissingTransform, TransformSource
from smolvlm_ros.srv import AskScene, MeasureDistance

_REASONS = ("dropped", "motion", "novelty", "detector", "heartbeat", "request")
_KINDS = {ZoneEvent.ENTER: "enter", ZoneEvent.DWELL: "dwell", ZoneEvent.LEAVE: "leave"}
_ANSWERS = ("UNSURE", "YES", "NO")
_STATUS = ("OK", "REFUSED", "NO_FRAME", "NO_MODEL", "GEOMETRY")
_TF = Endpoint("/tf", "tf2_msgs/msg/TFMessage", "Moving transforms.")
_TF_STATIC = Endpoint("/tf_static", "tf2_msgs/msg/TFMessage", "Fixed transforms.", latched=True)
_RECORDED = (gate.PASSED, gate.PASSED_INFO, gate.STATE, detector.DETECTIONS, detector.LABELS,
             fusion.OBJECTS, fusion.ZONE_EVENTS, fusion.MARKERS, fusion.ANNOTATED,
             scene_qa.VERDICTS, DIAGNOSTICS, _TF, _TF_STATIC)
_REFUSALS = ("configure failed", "activate failed")  # as FunnelNode words them
_PICTURES_KEPT = 16
_ENDED_MS = 60_000  # the source has ended: no fresh frame comes, its last ones must do
_STAGES = {"gate": "gate", "depth": "depth", "detector": "detector", "fusion": "fusion",
           "age_at_fusion": "camera_to_objects", "verdict": "verdict"}


@contextmanager
def watching(*arguments: Any) -> Iterator[DemoWatch]:
    """A DemoWatch of these arguments, spun until the block ends; signals are the caller's."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        spinner = Spinner(DemoWatch(*arguments))
        try:
            yield spinner.node
        finally:
            spinner.stop()
    finally:
        rclpy.try_shutdown()


class DemoWatch(Node):  # type: ignore[misc]
    """Fills the journal, the recording and the film from what the funnel publishes.

    Args:
        journal: what it fills.
        recorder: takes every message as it came; None for no recording.
        film: takes every camera frame; None for no film.
        wiring: of the source: the form of its frames, and whose depth fusion takes.

    Attributes:
        finished: the source has been played to its end.
        last_message_s: when the last message came, of the monotonic clock.
        active: nodes that have said that they are.
        refused: why, by node, one that tried to start did not.
    """

    def __init__(self, journal: Journal, recorder: McapRecorder | None, film: Film | None,
                 wiring: Wiring) -> None:
        super().__init__("demo_watch")
        self.stats = Stats()
        self._transforms = TransformSource(self)
        self._journal = journal
        self._film = film
        self._passed: OrderedDict[int, Image] = OrderedDict()
        self._depths: OrderedDict[int, Image] = OrderedDict()
        self._drawn: OrderedDict[int, Image] = OrderedDict()
        self.finished = False
        self._outstanding = 0
        self.last_message_s = time.monotonic()
        self.active: set[str] = set()
        self.refused: dict[str, str] = {}
        self._topics = Listening(self, recorder)
        handlers: dict[str, Callable[[Any], None]] = {
            gate.STATE.name: self._on_state, gate.PASSED.name: self._on_passed,
            fusion.OBJECTS.name: self._on_objects, fusion.ZONE_EVENTS.name: self._on_zone_event,
            fusion.ANNOTATED.name: self._on_annotated, scene_qa.VERDICTS.name: self._on_verdict,
            DIAGNOSTICS.name: self._on_diagnostics}
        for endpoint in _RECORDED:
            self._topics.listen(endpoint, handlers.get(endpoint.name))
        metres, info = ((video_source.DEPTH, video_source.DEPTH_INFO) if wiring.depth
                        else (depth.DEPTH, depth.DEPTH_INFO))
        # A source's depth comes with each of its frames.
        self._topics.listen(metres, self._on_depth, of_passed=wiring.depth)
        self._topics.listen(info, of_passed=wiring.depth)
        if film is not None:
            camera = video_source.COMPRESSED if wiring.compressed else video_source.IMAGE
            self.create_subscription(camera.load_type(), camera.name, self._on_image,
                                     make_profile("reliable", DEPTH))
        self.create_subscription(Bool, "video_source/finished", self._on_finished,
                                 make_profile("reliable", 1, latched=True))
        self._ask_client = self.create_client(AskScene, "scene_qa/ask")
        self._measure_client = self.create_client(MeasureDistance, "fusion/measure")

    @property
    def outstanding(self) -> int:
        """Calls that are not answered yet."""
        with self._journal.lock:
            return self._outstanding

    def ask(self, question: str) -> None:
        """Put a yes/no question to the running funnel; the answer goes to the journal."""
        request = AskScene.Request(question=question, mode=AskScene.Request.YES_NO,
                                   max_age_ms=_ENDED_MS if self.finished else 0)
        self._call(self._ask_client, request, "ask", question,
                   lambda r: (f"{_ANSWERS[r.verdict.answer]} ({_STATUS[r.status]})", r.message,
                              r.verdict.header.stamp))

    def measure(self) -> None:
        """Ask how far the nearest object is; the answer goes to the journal."""
        request = MeasureDistance.Request(kind=MeasureDistance.Request.NEAREST)
        self._call(self._measure_client, request, "measure", "how far is the nearest object",
                   lambda r: (f"{r.distance_m:.2f} m" if r.success else "refused", r.message,
                              r.point.header.stamp))

    def _call(self, client: Any, request: Any, service: str, asked: str,
              words: Callable[[Any], tuple[str, str, Any]]) -> None:
        if not client.service_is_ready():
            self.get_logger().warning(f"{service} is not there")
            return
        begin = time.perf_counter()

        def done(future: Any) -> None:
            with self._journal.lock:
                self._outstanding -= 1
                answered, message, stamp = words(future.result())
                self._journal.calls.append(CallEntry(
                    self._media_s(stamp), service, asked, answered, message,
                    (time.perf_counter() - begin) * 1e3))
        with self._journal.lock:
            self._outstanding += 1
        client.call_async(request).add_done_callback(done)

    def _on_image(self, message: Image | CompressedImage) -> None:
        self.last_message_s = time.monotonic()
        if self._film is not None:
            self._film.camera(images.to_rgb(message), to_nanoseconds(message.header.stamp))

    def _on_finished(self, message: Bool) -> None:
        self.finished = message.data

    def _on_state(self, message: GateState) -> None:
        self.last_message_s = time.monotonic()
        stamp_s = to_seconds(message.header.stamp)
        reason = (_REASONS[message.reason] if message.reason < len(_REASONS)
                  else str(message.reason))
        self._journal.gate(stamp_s, message.passed, reason, message.frames_in,
                           message.frames_passed)
        if self._film is not None:
            self._film.gate(to_nanoseconds(message.header.stamp), message.passed, reason)

    def _on_passed(self, message: Image) -> None:
        _keep(self._passed, message)
        self._topics.passed(to_nanoseconds(message.header.stamp))

    def _on_depth(self, message: Image) -> None:
        _keep(self._depths, message)

    def _on_annotated(self, message: Image) -> None:
        _keep(self._drawn, message)
        stamp = to_nanoseconds(message.header.stamp)
        for moment in self._journal.moments:  # it is drawn after its event has been told
            if moment.stamp_ns == stamp and moment.annotated_rgb is None:
                moment.annotated_rgb = images.to_rgb(message)
        if self._film is not None:
            self._film.passed(images.to_rgb(message))

    def _on_objects(self, message: Detection3DArray) -> None:
        self.last_message_s = time.monotonic()
        camera = self._camera_place(message.header)
        found = []
        for item in message.detections:
            p = item.results[0].pose.pose.position
            distance_m = math.dist((p.x, p.y, p.z), camera)
            found.append((item.id, item.results[0].hypothesis.class_id, distance_m))
        self._journal.objects(to_seconds(message.header.stamp), found)

    def _camera_place(self, header: Header) -> tuple[float, float, float]:
        """Where the camera is in the frame of the objects; NaN when that is not known."""
        seen = self._passed.get(to_nanoseconds(header.stamp))
        try:
            if seen is not None:
                x, y, z = self._transforms.lookup(header.frame_id, seen.header.frame_id,
                                                  header.stamp, 0.0).translation
                return float(x), float(y), float(z)
        except MissingTransform as error:
            self.get_logger().debug(str(error))
        return math.nan, math.nan, math.nan

    def _on_zone_event(self, message: ZoneEvent) -> None:
        kind = _KINDS.get(message.kind, str(message.kind))
        with self._journal.lock:
            stamp_s = self._journal.media_s(to_seconds(message.header.stamp))
            self._journal.zone_events.append(ZoneEntry(
                stamp_s, kind, message.zone, message.track_id, message.class_name,
                message.distance_m, message.dwell_s))
        if message.kind in (ZoneEvent.ENTER, ZoneEvent.DWELL):
            self._picture(to_nanoseconds(message.header.stamp), message, kind)

    def _picture(self, stamp: int, event: ZoneEvent, kind: str) -> None:
        """Keep pictures of a visit: its beginning, and better ones once the object has stayed."""
        shown = max((s for s in self._passed if s <= stamp), default=None)
        if shown is None:
            return
        words = "enters" if kind == "enter" else "stays in"
        title = f"{event.class_name} {event.track_id} {words} {event.zone}"
        header = self._passed[shown].header
        moment = Moment(self._journal.media_s(to_seconds(header.stamp)), title,
                        images.to_rgb(self._passed[shown]), stamp_ns=shown, track_id=event.track_id)
        if shown in self._depths:
            moment.depth_m = images.to_depth_m(self._depths[shown])
        if shown in self._drawn:
            moment.annotated_rgb = images.to_rgb(self._drawn[shown])
        self._journal.add_moment(moment, better=kind == "dwell")

    def _on_verdict(self, message: SceneVerdict) -> None:
        answer = _ANSWERS[message.answer] if message.answer < len(_ANSWERS) else str(message.answer)
        with self._journal.lock:
            self._journal.verdicts.append(VerdictEntry(
                self._media_s(message.header.stamp), message.question, answer, message.p_yes,
                message.reason, len(message.pass_questions)))
            for moment in self._journal.moments:
                if not moment.judged and message.zone and moment.track_id == message.track_id:
                    moment.verdict = f"{message.question} {answer}: {message.reason}"
                    moment.judged = True

    def _media_s(self, stamp: Time) -> float:
        """Seconds since the first frame; NaN where an answer stands on no frame."""
        return self._journal.media_s(to_seconds(stamp)) if stamp.sec else math.nan

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.rsplit("/", 1)[-1]
            values = {v.key: v.value for v in status.values}
            if values.get("state") == "active":
                self.active.add(name)
            for key, text in values.items():
                if key.startswith("finding_") and text.startswith(_REFUSALS):
                    self.refused[name] = text
            level = (int.from_bytes(status.level, "big") if isinstance(status.level, bytes)
                     else status.level)
            with self._journal.lock:
                self._journal.health[name] = (level, status.message)
                for stage, label in _STAGES.items():
                    if f"{stage}_p50_ms" in values:
                        self._journal.latency_ms[label] = {
                            p: float(values[f"{stage}_{p}_ms"]) for p in ("p50", "p95", "p99")}


def _keep(kept: OrderedDict[int, Image], message: Image) -> None:
    kept[to_nanoseconds(message.header.stamp)] = message
    while len(kept) > _PICTURES_KEPT:
        kept.popitem(last=False)
