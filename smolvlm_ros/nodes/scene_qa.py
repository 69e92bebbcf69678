"""Questions about the scene: verdicts on zone events, and a planner's own questions."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from rclpy.action import CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from smolvlm_ros.msg import ZoneEvent
from smolvlm_ros.qa.crops import OBJECT, ZONE
from smolvlm_ros.qa.engine import Engine, NoEngine
from smolvlm_ros.qa.scheduler import Scheduler
from smolvlm_ros.qa.templates import read_templates
from smolvlm_ros.qa.verdict import Frame, Verdict
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.ros import images
from smolvlm_ros.ros.answering import Answering
from smolvlm_ros.ros.asking import Asker
from smolvlm_ros.ros.boxes import boxes_by_id
from smolvlm_ros.ros.describing import describe
from smolvlm_ros.ros.escalating import Escalating, person_boxes
from smolvlm_ros.ros.event_questions import EventQuestions
from smolvlm_ros.ros.frame_supply import FrameSupply
from smolvlm_ros.ros.grounding import CHECK_S
from smolvlm_ros.ros.health import InputRule, Level, WorkerFacts
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.memory import Memory
from smolvlm_ros.ros.origin import FAULT, note_origin
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qa_settings import SceneQaSettings
from smolvlm_ros.ros.stamps import ExactStamps
from smolvlm_ros.ros.verdicts import to_message, watch_shelf_life
from smolvlm_ros.ros.waiters import Waiters
from smolvlm_ros.ros.watching import Watching

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames questions are asked about.",
                 qos="image_qos")
DETECTIONS = Endpoint("detections", "vision_msgs/msg/Detection2DArray", "Where persons are in "
                      "these frames, so that their heads are covered in pictures that leave this "
                      "machine or are kept.", qos="detections_qos")
OBJECTS = Endpoint("objects", "vision_msgs/msg/Detection3DArray", "What fusion saw, remembered for "
                   "~/find_moment.")
OBJECTS_2D = Endpoint("objects_2d", "vision_msgs/msg/Detection2DArray", "Where the objects are in "
                      "the image, so that questions about one are asked on a crop round it.")
ZONES_2D = Endpoint("zones_2d", "vision_msgs/msg/Detection2DArray", "Where the zones are in the "
                    "image, for questions about one.")
ZONE_EVENTS = Endpoint("zone_events", "smolvlm_ros/msg/ZoneEvent", "Events that raise the "
                       "questions of the templates.")
VERDICTS = Endpoint("verdicts", "smolvlm_ros/msg/SceneVerdict", "Every verdict, UNSURE included.")
ASK = Endpoint("~/ask", "smolvlm_ros/srv/AskScene", "A planner's question, yes/no or free, about "
               "now or about what was.")
FIND = Endpoint("~/find_moment", "smolvlm_ros/srv/FindMoment", "Search what is remembered, in "
                "words, place and time.")
DESCRIBE = Endpoint("~/describe", "smolvlm_ros/action/DescribeScene", "A free description, token "
                    "by token, cancelled within one token.")
REQUEST = Endpoint("gate/request_frame", "std_srvs/srv/Trigger", "The gate's service, called for a "
                   "fresh frame.")

_BOXES = {OBJECT: OBJECTS_2D, ZONE: ZONES_2D}
_KINDS = {ZoneEvent.ENTER: "enter", ZoneEvent.DWELL: "dwell", ZoneEvent.LEAVE: "leave"}
_TICK_S = 0.1
_THREADS = 32  # idle ones cost nothing
_WAITING = 24  # of these may clients wait in at once
_LEAVE_S = 5.0  # what clients get to leave in when the node is deactivated
_NO_BOXES_S = 60.0


class SceneQaNode(FunnelNode[SceneQaSettings]):
    """Callbacks only queue and wait; what answers works in a thread of its own.

    Attributes:
        answering: the model, and the queue before it.
        frames: what is asked about.
        watching: what was seen lately.
        waiters: the clients whose callbacks wait.
        stamps: exact stamps of the frames.
    """

    settings_class = SceneQaSettings
    default_name = "scene_qa"
    executor_threads = _THREADS
    interface = Interface(
        "Answers questions about the scene with SmolVLM2: YES or NO only when the question and its "
        "negation agree on two frames, UNSURE otherwise. Without a model it says so and abstains.",
        inputs=(IMAGE, DETECTIONS, OBJECTS, OBJECTS_2D, ZONES_2D, ZONE_EVENTS), outputs=(VERDICTS,),
        services=(ASK, FIND), actions=(DESCRIBE,))

    def setup(self) -> None:
        """Load the model and the templates."""
        self._templates = read_templates(self.settings.templates)
        self.stamps = ExactStamps()
        s = self.settings
        self._persons = Persons(teller=self._detector_runs)
        self._memory = Memory(s.memory, lambda stamp_s: self.frames.shown_at(stamp_s),
                              self.faults, s.privacy, self._persons)
        self.own("memory", self._memory.close)
        self._escalating = Escalating(s.escalation, s.privacy, self._memory.sent, self._persons,
                                      self.stats, self.faults)
        self.own("escalation", self._escalating.close)
        if s.escalation.enabled and not s.memory.path:
            self.get_logger().warning("escalation is on and memory.path is empty: what is sent is "
                                      "on record only until scene_qa ends; set memory.path")
        self.answering = Answering(self, [t.name for t in self._templates])

    def start(self) -> None:
        """Listen, and answer in a worker thread."""
        s = self.settings
        for of in _BOXES:
            self.own("boxes", partial(self.faults.clear, f"boxes {of}"))
        self.own("origin", lambda: self.faults.clear(FAULT))
        self._forget_views()  # the clock may have been set back while nobody listened
        self.answering.start()
        self.frames = FrameSupply(self, s.frames, REQUEST)
        self.watching = Watching(self, s.video)
        self.waiters = Waiters(_WAITING, s.rate)
        self._questions = EventQuestions(self, self._templates)
        self._verdicts = self.endpoints.publish(VERDICTS)
        self._watch = self.watch(InputRule(IMAGE.name))
        waiting = ReentrantCallbackGroup()
        self.waiters.until_sent(self.endpoints.serve(ASK, Asker(self).on_ask, waiting))
        # In groups of their own: neither a long search nor the notes hold up the frames.
        self.endpoints.serve(FIND, self._memory.find, MutuallyExclusiveCallbackGroup())
        self.endpoints.act(DESCRIBE, lambda goal: describe(self, goal),
                           lambda _: CancelResponse.ACCEPT, waiting)
        self.endpoints.subscribe(IMAGE, self._on_image)
        self.endpoints.subscribe(DETECTIONS, self._on_detections)
        self.endpoints.subscribe(OBJECTS, self._memory.objects)
        for of, endpoint in _BOXES.items():
            self.endpoints.subscribe(endpoint, partial(self._on_boxes, of))
        self.endpoints.subscribe(ZONE_EVENTS, self._on_zone_event)
        timer = self.create_timer(_TICK_S, self._questions.tick, clock=self.steady_clock)
        self.own("timer", lambda: self.destroy_timer(timer))
        notes = self.create_timer(CHECK_S, self.answering.grounding.refresh,
                                  clock=self.steady_clock,
                                  callback_group=MutuallyExclusiveCallbackGroup())
        self.own("timer of the notes", lambda: self.destroy_timer(notes))
        self._escalating.start()
        self.own("escalation", self._escalating.stop)
        self.own("clients", self._send_away)

    def apply(self, settings: SceneQaSettings) -> None:
        """Give the parts their new parameters."""
        self._escalating.configure(settings.escalation, settings.privacy)
        self.answering.configure(settings)
        self._memory.configure(settings.memory, settings.privacy)
        if self.state == "active":
            self.frames.configure(settings.frames)
            self.watching.configure(settings.video)
            self.waiters.configure(settings.rate)

    def hurry(self) -> None:
        """Refuse what waits."""
        if self.state == "active":
            self.scheduler.close()
            self.frames.wake()
            self._escalating.hurry()

    def worker_facts(self) -> tuple[WorkerFacts, ...]:
        """What is known of the thread that answers."""
        if self.state != "active":
            return super().worker_facts()
        return (*super().worker_facts(), self.answering.worker_facts())

    def extra_diagnostics(self) -> Mapping[str, object]:
        """The model, and what waits."""
        if self.state not in ("inactive", "active"):
            return {}
        memory = self._memory.counts
        extra: dict[str, object] = {
            **self.answering.diagnostics(), "templates": len(self._templates),
            "moments": memory.moments, "moments_waiting": memory.waiting,
            "moments_lost": memory.lost, "moments_forgotten": memory.forgotten,
            "pictures_withheld": self._persons.withheld,
            "pictures_without_own_boxes": self._persons.without_own,
            **self._escalating.diagnostics()}
        if self.state == "active":
            extra.update(boxes_outside_image=self.frames.boxes_outside,
                         waiting=len(self.scheduler), pending_events=len(self._questions))
        return extra

    # For those who ask ---------------------------------------------------------------------

    @property
    def engine(self) -> Engine | NoEngine:
        """What answers, or says why nothing does."""
        return self.answering.engine

    @property
    def persons(self) -> Persons:
        """Who is where in the frames."""
        return self._persons

    @property
    def scheduler(self) -> Scheduler:
        """The queue of what is to be answered."""
        return self.answering.scheduler

    def second_opinion(self, verdict: Verdict, frames: Sequence[Frame], deadline_s: float,
                       high_stakes: bool = False) -> Future[Verdict] | None:
        """What a server says too, where escalation is on and the case wants it; else None."""
        return self._escalating.consider(verdict, frames, high_stakes, deadline_s)

    def boxes_told(self, of: str) -> bool:
        """True when somebody tells where objects (or zones) are in the image; health says so when
        not."""
        name = _BOXES[of].name
        told = self.count_publishers(self.resolve_topic_name(name)) > 0
        if told:
            self.faults.clear(f"boxes {of}")
        else:
            self.faults.set(f"boxes {of}", Level.WARN, f"nobody publishes {name}: questions about "
                            f"{'an' if of == OBJECT else 'a'} {of} are asked on whole frames; run "
                            "the fusion node, or set crop.of to 'frame'", _NO_BOXES_S)
        return told

    def publish_verdict(self, verdict: Verdict, begin: float, zone: str = "", track_id: str = "",
                        class_name: str = "") -> Any:
        """Publish and remember a verdict; returns its message. `begin` is of time.perf_counter."""
        latency_ms = (time.perf_counter() - begin) * 1e3
        verdict = watch_shelf_life(self, verdict)
        message = to_message(verdict, self.stamps, latency_ms, zone, track_id)
        self._verdicts.publish(message)
        self.stats.count(f"verdicts_{verdict.answer.value.lower()}")
        self.stats.latency("verdict", latency_ms)
        self._memory.verdict(message, class_name)
        return message

    def remember_description(self, header: Header, text: str) -> None:
        """Remember what the model said freely about a frame."""
        self._memory.description(header.stamp, text)

    # Inside --------------------------------------------------------------------------------

    def _send_away(self) -> None:
        """Let every client have its answer before the services end."""
        self.scheduler.close()
        self.frames.wake()
        self._questions.close("scene QA is shutting down")
        try:
            self._escalating.stop()
        finally:
            self.waiters.wait_empty(_LEAVE_S)

    def _on_image(self, message: Image) -> None:
        stamp = message.header.stamp
        self._watch.arrived(time.monotonic(), self.age_s(stamp))
        frame = Frame(images.to_rgb(message), self.stamps.seconds(stamp), message.header.frame_id)
        self.watching.add(frame)  # first: who waits for a fresh frame is woken up by the next line
        if self.frames.add(frame):  # the clock was restarted: the same stamps mean other frames
            self.scheduler.forget()
            self._escalating.forget()
            self._forget_views()
            self._questions.drop("the clock of the stamps went back")
        note_origin(self, self.engine, frame)
        self._questions.tick()

    def _forget_views(self) -> None:
        """A stamp may come again with another view: nothing is known of what it shows."""
        self._persons.forget()
        self._memory.forget()

    def _detector_runs(self) -> bool:
        return self.count_publishers(self.resolve_topic_name(DETECTIONS.name)) > 0

    def _on_detections(self, message: Detection2DArray) -> None:
        self._persons.tell(self.stamps.seconds(message.header.stamp), person_boxes(message))

    def _on_boxes(self, of: str, message: Detection2DArray) -> None:
        stamp_s = self.stamps.seconds(message.header.stamp)
        if of == OBJECT:
            self._persons.add(stamp_s, person_boxes(message))
        self.frames.tell(stamp_s, boxes_by_id(message), of)
        self._questions.tick()

    def _on_zone_event(self, event: ZoneEvent) -> None:
        kind = _KINDS.get(event.kind)
        if kind is None:
            raise ValueError(f"kind = {event.kind} is not ENTER (1), DWELL (2) or LEAVE (3)")
        try:
            self._memory.zone_event(event, kind)
        finally:  # what cannot be remembered is asked about all the same
            self._questions.add(event, kind)


def main(args: list[str] | None = None) -> int:
    """Entry point of `ros2 run smolvlm_ros scene_qa`."""
    return run([SceneQaNode], args)
