"""Questions about the scene: verdicts on zone events, and a planner's own questions."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rclpy.action import CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection3DArray

from smolvlm_ros.msg import ZoneEvent
from smolvlm_ros.qa.engine import Engine, EngineConfig, NoEngine, make_engine
from smolvlm_ros.qa.frames import FrameRing, RingConfig
from smolvlm_ros.qa.moments import Moment, Moments, MomentsConfig
from smolvlm_ros.qa.policy import SceneQA
from smolvlm_ros.qa.scheduler import Refused, Scheduler, SchedulerConfig
from smolvlm_ros.qa.templates import Asked, Template, load_templates, parse_templates, questions_for
from smolvlm_ros.qa.verdict import Frame, PolicyConfig, Verdict
from smolvlm_ros.ros import images
from smolvlm_ros.ros.asking import Asker, describe
from smolvlm_ros.ros.health import InputRule, Level
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.ros.stamps import ExactStamps, to_seconds
from smolvlm_ros.ros.verdicts import fill_found, thumbnail, to_message
from smolvlm_ros.settings import group, setting

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames questions are asked about.",
                 qos="image_qos")
OBJECTS = Endpoint("objects", "vision_msgs/msg/Detection3DArray", "What fusion saw, remembered for "
                   "~/find_moment.")
ZONE_EVENTS = Endpoint("zone_events", "smolvlm_ros/msg/ZoneEvent", "Events that raise the questions of the "
                       "templates.")
VERDICTS = Endpoint("verdicts", "smolvlm_ros/msg/SceneVerdict", "Every verdict, UNSURE included.")
ASK = Endpoint("~/ask", "smolvlm_ros/srv/AskScene", "A planner's question, yes/no or free.")
FIND = Endpoint("~/find_moment", "smolvlm_ros/srv/FindMoment", "Search what was seen since the node became "
                "active, in words, place and time.")
DESCRIBE = Endpoint("~/describe", "smolvlm_ros/action/DescribeScene", "A free description, token by token, "
                    "cancelled within one token.")
REQUEST = Endpoint("gate/request_frame", "std_srvs/srv/Trigger", "The gate's service, called for a fresh "
                   "frame.")

_KINDS = {ZoneEvent.ENTER: "enter", ZoneEvent.DWELL: "dwell", ZoneEvent.LEAVE: "leave"}
_TICK_S = 0.1


def read_templates(text: str) -> tuple[Template, ...]:
    """The templates of the parameter `templates`: a file's, or those of a YAML text."""
    if not text.strip():
        return ()
    return parse_templates(yaml.safe_load(text)) if "templates:" in text else load_templates(Path(text))


@dataclass(frozen=True)
class SceneQaSettings(NodeSettings):
    """Parameters of scene_qa."""

    templates: str = setting("", "Questions that zone events raise: a YAML file, or the YAML text itself; empty "
                             "for none.", le=100000)
    timeout_s: float = setting(20.0, "Longest time from a question to its answer.", unit="s", ge=0.1,
                               le=600.0, runtime=True)
    second_frame_timeout_s: float = setting(
        3.0, "How long a zone event's question waits for a second frame.", unit="s", ge=0.1, le=60.0,
        runtime=True)
    describe_prompt: str = setting("Describe the scene in one sentence.", "Asked by ~/describe when the goal "
                                   "has no prompt.", ge=1, le=300, runtime=True)
    engine: EngineConfig = group(EngineConfig)
    policy: PolicyConfig = group(PolicyConfig)
    frames: RingConfig = group(RingConfig)
    queue: SchedulerConfig = group(SchedulerConfig)
    moments: MomentsConfig = group(MomentsConfig)
    image_qos: FunnelQos = group(FunnelQos)


@dataclass
class _Pending:
    """A zone event's question that waits for its second frame."""

    asked: Asked
    event: ZoneEvent
    since_s: float
    requested: bool = False


class SceneQaNode(FunnelNode[SceneQaSettings]):
    """One worker answers, one question after the other; callbacks only queue and wait."""

    settings_class = SceneQaSettings
    default_name = "scene_qa"
    executor_threads = 6  # asking clients wait in their callbacks
    interface = Interface(
        "Answers questions about the scene with SmolVLM2: YES or NO only when the question and its negation "
        "agree on two frames, UNSURE otherwise. Without a model it says so and abstains.",
        inputs=(IMAGE, OBJECTS, ZONE_EVENTS), outputs=(VERDICTS,), services=(ASK, FIND),
        actions=(DESCRIBE,))

    def setup(self) -> None:
        """Load the model and the templates."""
        s = self.settings
        self._templates: tuple[Template, ...] = read_templates(s.templates)
        self.engine: Engine | NoEngine = make_engine(s.engine)
        if isinstance(self.engine, NoEngine):
            self.faults.set("model", Level.WARN, f"no model, every verdict is UNSURE: {self.engine.reason}")
        else:
            self.own("engine", self.engine.close)
        self.stamps = ExactStamps()
        self.policy = SceneQA(s.policy)
        self.ring = FrameRing(s.frames)
        self.ring_lock = threading.Lock()
        self._moments = Moments(s.moments)

    def start(self) -> None:
        """Listen, and answer in a worker thread."""
        self._pending: list[_Pending] = []
        self._pending_lock = threading.Lock()
        self.scheduler = Scheduler(self.settings.queue)
        worker = threading.Thread(target=self._work, args=(self.scheduler,), name="scene_qa", daemon=True)
        self.own("worker", lambda: self._stop(worker))
        worker.start()
        group_ = ReentrantCallbackGroup()
        self._verdicts = self.endpoints.publish(VERDICTS)
        self._request = self.create_client(Trigger, REQUEST.name, callback_group=group_)
        self.own("request client", lambda: self.destroy_client(self._request))
        self._frames = self.watch(InputRule(IMAGE.name))
        asker = Asker(self)
        self.endpoints.serve(ASK, asker.on_ask, group_)
        self.endpoints.serve(FIND, self._on_find)
        self.endpoints.act(DESCRIBE, lambda goal: describe(self, goal),
                           lambda _: CancelResponse.ACCEPT, group_)
        self.endpoints.subscribe(IMAGE, self._on_image)
        self.endpoints.subscribe(OBJECTS, self._on_objects)
        self.endpoints.subscribe(ZONE_EVENTS, self._on_zone_event)
        timer = self.create_timer(_TICK_S, self._tick)
        self.own("timer", lambda: self.destroy_timer(timer))

    def apply(self, settings: SceneQaSettings) -> None:
        """Give the parts their new parameters."""
        self.policy.config = settings.policy
        self.ring.config = settings.frames
        self._moments.config = settings.moments
        if self.state == "active":
            self.scheduler.config = settings.queue

    def extra_diagnostics(self) -> Mapping[str, object]:
        """The model, and what waits."""
        if self.state not in ("inactive", "active"):
            return {}
        model = "none" if isinstance(self.engine, NoEngine) else self.engine.name
        extra: dict[str, object] = {"model": model, "templates": len(self._templates),
                                    "moments": len(self._moments)}
        if self.state == "active":
            extra.update(waiting=len(self.scheduler), pending_events=len(self._pending))
        return extra

    def request_frame(self) -> bool:
        """Ask the gate for a fresh frame; False when no gate is there."""
        if not self._request.service_is_ready():
            return False
        self._request.call_async(Trigger.Request())
        self.stats.count("frames_requested")
        return True

    def publish_verdict(self, verdict: Verdict, begin: float, zone: str = "", track_id: str = "",
                        class_name: str = "") -> Any:
        """Publish and remember a verdict; returns its message. `begin` is of time.perf_counter."""
        latency_ms = (time.perf_counter() - begin) * 1e3
        message = to_message(verdict, self.stamps, latency_ms, zone, track_id)
        self._verdicts.publish(message)
        self.stats.count(f"verdicts_{verdict.answer.value.lower()}")
        self.stats.latency("verdict", latency_ms)
        self._remember(verdict.stamp_s, f"{verdict.question} {verdict.answer.value}", zone, class_name)
        return message

    def _work(self, scheduler: Scheduler) -> None:
        while not scheduler.closed:
            scheduler.run_next(timeout_s=0.5)

    def _stop(self, worker: threading.Thread) -> None:
        self.scheduler.close()
        worker.join(30.0)

    def _remember(self, stamp_s: float, text: str, zone: str = "", class_name: str = "") -> None:
        with self.ring_lock:
            newest = self.ring.newest
            picture = thumbnail(newest.image_rgb, self._moments.config.thumbnail_width_px) if newest else b""
            self._moments.add(Moment(stamp_s, text, zone, class_name, picture))

    def _on_image(self, message: Image) -> None:
        self._frames.arrived(time.monotonic(), self.age_s(message.header.stamp))
        frame = Frame(images.to_rgb(message), self.stamps.seconds(message.header.stamp), message.header.frame_id)
        with self.ring_lock:
            self.ring.add(frame)
        self._tick()

    def _on_objects(self, message: Detection3DArray) -> None:
        names = sorted({d.results[0].hypothesis.class_id for d in message.detections if d.results})
        if names:
            self._remember(to_seconds(message.header.stamp), f"saw {', '.join(names)}", "",
                           names[0] if len(names) == 1 else "")

    def _on_zone_event(self, event: ZoneEvent) -> None:
        kind = _KINDS.get(event.kind)
        if kind is None:
            raise ValueError(f"kind = {event.kind} is not ENTER, DWELL or LEAVE")
        stamp_s = to_seconds(event.header.stamp)
        self._remember(stamp_s, f"{event.class_name} {event.track_id} {kind} {event.zone}", event.zone,
                       event.class_name)
        asked = questions_for(self._templates, event.class_name, event.zone, kind)
        with self._pending_lock:
            self._pending += [_Pending(a, event, time.monotonic()) for a in asked]
        self._tick()

    def _tick(self) -> None:
        """Ask the questions whose second frame is there; give up on those that waited too long."""
        now_s = time.monotonic()
        with self._pending_lock:
            waiting, self._pending = self._pending, []
            for item in waiting:
                if self._ready(item, now_s):
                    self._submit(item)
                else:
                    self._pending.append(item)

    def _ready(self, item: _Pending, now_s: float) -> bool:
        if isinstance(self.engine, NoEngine) or now_s - item.since_s > self.settings.second_frame_timeout_s:
            return True
        separation_s = self.settings.policy.min_separation_s
        with self.ring_lock:
            newest = self.ring.newest
        if newest and newest.stamp_s - to_seconds(item.event.header.stamp) >= separation_s:
            return True
        if not item.requested and now_s - item.since_s >= separation_s:
            item.requested = self.request_frame()
        return False

    def _submit(self, item: _Pending) -> None:
        begin = time.perf_counter()
        now_s = self.get_clock().now().nanoseconds * 1e-9
        with self.ring_lock:
            picked = self.ring.pick(now_s, self.settings.policy.min_separation_s)
        key = (item.asked.question, tuple(f.stamp_s for f in picked.frames))

        def answered(future: Any) -> None:
            error = future.exception()
            if error is None:
                self.publish_verdict(future.result(), begin, item.event.zone, item.event.track_id,
                                     item.event.class_name)
            elif isinstance(error, Refused):
                self.stats.count("refused")
                self.get_logger().warning(f"{item.asked.question}: {error}")
            else:
                self.endpoints.report(ZONE_EVENTS.name, error)
        try:
            self.scheduler.submit(
                key, lambda: self.policy.decide(item.asked.question, picked.frames, self.engine,
                                                negated=item.asked.negated),
                deadline_s=time.monotonic() + self.settings.timeout_s, priority=1
            ).add_done_callback(answered)
        except Refused as error:
            self.stats.count("refused")
            self.get_logger().warning(f"{item.asked.question}: {error}")

    def _on_find(self, request: Any, response: Any) -> Any:
        since_s, until_s = to_seconds(request.since), to_seconds(request.until)
        if until_s and until_s < since_s:
            response.message = "until lies before since; swap them"
            return response
        with self.ring_lock:
            found = self._moments.find(request.text, request.zone, request.class_name, since_s,
                                       until_s or math.inf, request.limit)
        return fill_found(response, found)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros scene_qa`."""
    return run([SceneQaNode], args)
