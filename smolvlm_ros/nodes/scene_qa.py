"""Questions about the scene: verdicts on zone events, and a planner's own questions."""
from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from rclpy.action import CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from vision_msgs.msg import Detection2DArray

from smolvlm_ros.memory.notes import NoteLine
from smolvlm_ros.msg import ZoneEvent
from smolvlm_ros.qa.calibration import NEUTRAL, Calibration, read_calibrations
from smolvlm_ros.qa.crops import OBJECT, ZONE
from smolvlm_ros.qa.engine import Engine, EngineError, NoEngine, make_engine
from smolvlm_ros.qa.policy import SceneQA
from smolvlm_ros.qa.scheduler import Scheduler
from smolvlm_ros.qa.server_engine import ServerEngine
from smolvlm_ros.qa.templates import Asked, read_templates
from smolvlm_ros.qa.verdict import Frame, Verdict
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.ros import images
from smolvlm_ros.ros.asking import Asker
from smolvlm_ros.ros.boxes import boxes_by_id
from smolvlm_ros.ros.describing import describe
from smolvlm_ros.ros.escalating import Escalating, person_boxes
from smolvlm_ros.ros.event_questions import EventQuestions
from smolvlm_ros.ros.frame_supply import FrameSupply
from smolvlm_ros.ros.grounding import CHECK_S, Grounding, with_notes
from smolvlm_ros.ros.health import InputRule, Level, WorkerFacts
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.memory import Memory
from smolvlm_ros.ros.origin import FAULT, note_origin
from smolvlm_ros.ros.process import run
from smolvlm_ros.ros.qa_settings import SceneQaSettings
from smolvlm_ros.ros.shadowing import Shadowing
from smolvlm_ros.ros.stamps import ExactStamps
from smolvlm_ros.ros.verdicts import to_message
from smolvlm_ros.ros.waiters import Waiters
from smolvlm_ros.ros.watching import Watching

IMAGE = Endpoint("gate/image", "sensor_msgs/msg/Image", "The frames questions are asked about.",
                 qos="image_qos")
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
_END_S = 30.0  # a verdict's four forward passes on a slow CPU
_MODEL_FAULT_S = 60.0
_NO_BOXES_S = 60.0


class SceneQaNode(FunnelNode[SceneQaSettings]):
    """One worker answers, one question after the other; callbacks only queue and wait.

    Attributes:
        engine: answers, or says why nothing does.
        scheduler: the queue of what is to be answered.
        frames: what is asked about.
        waiters: the clients whose callbacks wait.
        stamps: exact stamps of the frames.
    """

    settings_class = SceneQaSettings
    default_name = "scene_qa"
    executor_threads = _THREADS
    interface = Interface(
        "Answers questions about the scene with SmolVLM2: YES or NO only when the question and its "
        "negation agree on two frames, UNSURE otherwise. Without a model it says so and abstains.",
        inputs=(IMAGE, OBJECTS, OBJECTS_2D, ZONES_2D, ZONE_EVENTS), outputs=(VERDICTS,),
        services=(ASK, FIND), actions=(DESCRIBE,))

    def setup(self) -> None:
        """Load the model and the templates."""
        self._templates = read_templates(self.settings.templates)
        self._calibrations = read_calibrations(self.settings.calibration)
        self._calibrations.check([t.name for t in self._templates])
        self._policy = SceneQA(self.settings.policy)
        self.stamps = ExactStamps()
        s = self.settings
        self._persons = Persons()
        self._memory = Memory(s.memory, lambda stamp_s: self.frames.shown_at(stamp_s),
                              self.faults, s.privacy, self._persons)
        self.own("memory", self._memory.close)
        self._escalating = Escalating(s.escalation, s.privacy, self._memory.sent, self._persons,
                                      self.stats, self.faults)
        self.own("escalation", self._escalating.close)
        if s.escalation.enabled and not s.memory.path:
            self.get_logger().warning("escalation is on and memory.path is empty: what is sent is "
                                      "on record only until scene_qa ends; set memory.path")
        self._shadow: Shadowing | None = None
        self.grounding = Grounding(s.notes, self.faults)
        self.own("notes", self.grounding.close)
        self.engine: Engine | NoEngine = make_engine(s.engine, s.privacy)
        if isinstance(self.engine, NoEngine):
            self.faults.set("no model", Level.WARN,
                            f"no model, every verdict is UNSURE: {self.engine.reason}")
            self.own("fault", lambda: self.faults.clear("no model"))
        else:
            self.own("engine", self.engine.close)
            self.get_logger().info(f"answers by {self.engine.description}")
            self._shadow = Shadowing(s.shadow, s.engine, s.privacy, self._busy, self.faults)
            self.own("shadow", self._shadow.close)
            self._compare_models(self.engine.name)

    def start(self) -> None:
        """Listen, and answer in a worker thread."""
        s = self.settings
        self.own("fault", lambda: self.faults.clear("model"))
        for of in _BOXES:
            self.own("boxes", partial(self.faults.clear, f"boxes {of}"))
        self.own("origin", lambda: self.faults.clear(FAULT))
        self.scheduler = Scheduler(s.queue)
        worker = threading.Thread(target=self._work, args=(self.scheduler,), name="scene_qa",
                                  daemon=True)
        self.own("worker", lambda: self._end(worker))
        worker.start()
        self.frames = FrameSupply(self, s.frames, REQUEST)
        self.watching = Watching(self, s.video)
        self.waiters = Waiters(_WAITING, s.rate)
        self._questions = EventQuestions(self, self._templates)
        self._verdicts = self.endpoints.publish(VERDICTS)
        self._watch = self.watch(InputRule(IMAGE.name))
        waiting = ReentrantCallbackGroup()
        self.endpoints.serve(ASK, Asker(self).on_ask, waiting)
        # In groups of their own: neither a long search nor the notes hold up the frames.
        self.endpoints.serve(FIND, self._memory.find, MutuallyExclusiveCallbackGroup())
        self.endpoints.act(DESCRIBE, lambda goal: describe(self, goal),
                           lambda _: CancelResponse.ACCEPT, waiting)
        self.endpoints.subscribe(IMAGE, self._on_image)
        self.endpoints.subscribe(OBJECTS, self._memory.objects)
        for of, endpoint in _BOXES.items():
            self.endpoints.subscribe(endpoint, partial(self._on_boxes, of))
        self.endpoints.subscribe(ZONE_EVENTS, self._on_zone_event)
        timer = self.create_timer(_TICK_S, self._questions.tick, clock=self.steady_clock)
        self.own("timer", lambda: self.destroy_timer(timer))
        notes = self.create_timer(CHECK_S, self.grounding.refresh, clock=self.steady_clock,
                                  callback_group=MutuallyExclusiveCallbackGroup())
        self.own("timer of the notes", lambda: self.destroy_timer(notes))
        self._escalating.start()
        self.own("escalation", self._escalating.stop)
        self.own("clients", self._send_away)

    def apply(self, settings: SceneQaSettings) -> None:
        """Give the parts their new parameters."""
        self._escalating.configure(settings.escalation, settings.privacy)
        if isinstance(self.engine, ServerEngine):
            self.engine.use_privacy(settings.privacy)
        self._policy.config = settings.policy
        self._memory.configure(settings.memory, settings.privacy)
        self.grounding.configure(settings.notes)
        if self._shadow is not None:
            self._shadow.configure(settings.shadow)
        if self.state == "active":
            self.frames.configure(settings.frames)
            self.watching.configure(settings.video)
            self.scheduler.config = settings.queue
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
        return (*super().worker_facts(), WorkerFacts(
            self.default_name, self.scheduler.busy_since_s, self.settings.timeout_s + _END_S))

    def extra_diagnostics(self) -> Mapping[str, object]:
        """The model, and what waits."""
        if self.state not in ("inactive", "active"):
            return {}
        model = "none" if isinstance(self.engine, NoEngine) else self.engine.name
        extra: dict[str, object] = {"model": model, "templates": len(self._templates)}
        memory = self._memory.counts
        extra.update(moments=memory.moments, moments_waiting=memory.waiting,
                     moments_lost=memory.lost, moments_forgotten=memory.forgotten,
                     note_lines=len(self.grounding))
        extra.update(self._escalating.diagnostics())
        if self._shadow is not None:
            extra.update(self._shadow.diagnostics())
        if self.state == "active":
            extra["boxes_outside_image"] = self.frames.boxes_outside
            extra.update(waiting=len(self.scheduler), pending_events=len(self._questions))
        return extra

    # For those who ask ---------------------------------------------------------------------

    def ask(self, question: str, frames: Sequence[Frame], deadline_s: float, priority: int,
            asked: Asked | None = None) -> Future[Verdict]:
        """Queue a yes/no question; see Scheduler.submit and SceneQA.decide.

        Args:
            question: to be asked.
            frames: to look at.
            deadline_s: of time.monotonic.
            priority: higher is answered first.
            asked: the template that it was made of, for its negation and calibration.

        Raises:
            Refused: it cannot be answered in time.
        """
        # All that the answer depends on: the same again is answered once.
        negated = asked.negated if asked else ""
        calibration = self._calibrations.of(asked.template if asked else "")
        notes = self.grounding.of(question, self.engine)
        key = (question, negated, calibration, tuple((f.stamp_s, f.region) for f in frames),
               self._policy.config, notes)
        return self.scheduler.submit(key, lambda: self.decide(question, frames, negated,
                                                              calibration, notes),
                                     deadline_s=deadline_s, priority=priority)

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

    def decide(self, question: str, frames: Sequence[Frame], negated: str = "",
               calibration: Calibration = NEUTRAL, notes: Sequence[NoteLine] = ()) -> Verdict:
        """Answer now, in this thread; raises as SceneQA.decide does."""
        begin, policy = time.perf_counter(), self._policy.config
        with self.model_watched():
            verdict = self._policy.decide(question, frames, with_notes(self.engine, notes),
                                          negated=negated, calibration=calibration)
        if self._shadow is not None:
            ms = (time.perf_counter() - begin) * 1e3
            self._shadow.offer(verdict, ms, frames, negated, policy, [n.text for n in notes])
        return dataclasses.replace(verdict, notes=tuple(map(str, notes)))

    @contextmanager
    def model_watched(self) -> Iterator[None]:
        """Inside, the model works; that it fails, or works again, shows in the node's health."""
        try:
            yield
        except EngineError as error:
            self.stats.count("model_failures")
            self.faults.set("model", Level.ERROR, f"the model failed: {error}", _MODEL_FAULT_S)
            raise
        self.faults.clear("model")

    def publish_verdict(self, verdict: Verdict, begin: float, zone: str = "", track_id: str = "",
                        class_name: str = "") -> Any:
        """Publish and remember a verdict; returns its message. `begin` is of time.perf_counter."""
        latency_ms = (time.perf_counter() - begin) * 1e3
        message = to_message(verdict, self.stamps, latency_ms, zone, track_id)
        self._verdicts.publish(message)
        self.stats.count(f"verdicts_{verdict.answer.value.lower()}")
        self.stats.latency("verdict", latency_ms)
        self._memory.verdict(message, class_name)
        return message

    def remember_description(self, header: Header, text: str) -> None:
        """Remember what the model said freely about a frame."""
        self._memory.description(header.stamp, text)

    def _compare_models(self, name: str) -> None:
        """Another model's calibration makes things worse."""
        of = self._calibrations.model
        if of and of != name:
            self.faults.set("calibration", Level.WARN, f"the calibration was made for {of!r}, "
                            f"{name!r} answers: run smolvlm_ros calibrate on its answers")
            self.own("calibration", lambda: self.faults.clear("calibration"))

    # Inside --------------------------------------------------------------------------------

    def _work(self, scheduler: Scheduler) -> None:
        while not scheduler.closed:
            try:
                scheduler.run_next(timeout_s=0.5)
            except Exception as error:  # a defect; without its worker the node would be dead
                self.endpoints.report("the queue", error)

    def _busy(self) -> bool:
        return self.state == "active" and self.scheduler.busy

    def _send_away(self) -> None:
        """Let every client have its answer before the services end."""
        self.scheduler.close()
        self.frames.wake()
        self._questions.close("scene QA is shutting down")
        try:
            self._escalating.stop()
        finally:
            self.waiters.wait_empty(_LEAVE_S)

    def _end(self, worker: threading.Thread) -> None:
        self.scheduler.close()
        worker.join(_END_S)
        if worker.is_alive():
            raise RuntimeError("the model is still busy; its memory is freed when it has ended")

    def _on_image(self, message: Image) -> None:
        stamp = message.header.stamp
        self._watch.arrived(time.monotonic(), self.age_s(stamp))
        frame = Frame(images.to_rgb(message), self.stamps.seconds(stamp), message.header.frame_id)
        if self.frames.add(frame):  # the clock was restarted: the same stamps mean other frames
            self.scheduler.forget()
            self._questions.drop("the clock of the stamps went back")
        self.watching.add(frame)
        note_origin(self, self.engine, frame)
        self._questions.tick()

    def _on_boxes(self, of: str, message: Detection2DArray) -> None:
        stamp_s = self.stamps.seconds(message.header.stamp)
        if of == OBJECT:
            self._persons.tell(stamp_s, person_boxes(message))
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
