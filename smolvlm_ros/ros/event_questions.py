"""The questions that zone events raise: they wait for two frames, and are then asked."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakSet

from smolvlm_ros.msg import ZoneEvent
from smolvlm_ros.qa.crops import FRAME, OBJECT, ZONE, Subject
from smolvlm_ros.qa.engine import NoEngine
from smolvlm_ros.qa.frames import first_two
from smolvlm_ros.qa.prompt import QuestionError
from smolvlm_ros.qa.scheduler import Refused
from smolvlm_ros.qa.templates import Asked, Template, questions_for
from smolvlm_ros.qa.verdict import Cause, Frame, Verdict
from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.frame_supply import ASK_AGAIN_S
from smolvlm_ros.ros.stamps import to_seconds
from smolvlm_ros.ros.verdicts import unsure

_PRIORITY = 1     # a planner waits, and comes before
_HIGH_STAKES = 3  # comes before a planner
_UNCLEAR = (Cause.UNCLEAR, Cause.DISAGREED, Cause.LOW_MASS, Cause.NOTHING_SHOWN,
            Cause.REPEATED)  # other frames may be clear
_SAME_S = 1e-3  # a stamp's seconds are not exact


@dataclass(eq=False)
class _Waiting:
    """A question that waits for its frames.

    Attributes:
        subject: what it is asked on crops of; None for whole frames.
        begin_s: stamp of the oldest frame that will do.
        since_s: when it began to wait, by the clock of the stamps.
        end_s: when it waits no longer, by the process's clock, should the other stand still.
        unsure: what came of it so far: it waits to be asked once more.
        looked_at: the frames that this stands on.
        asked_again: how often it was asked once more.
        over: its object has left, or the clock went back: it is not asked again.
        requested_s: when a frame was last asked of the gate, by the process's clock.
        before_s: stamp of the newest frame then.
        first_seen_s: when the first frame was there, by the clock of the stamps.
    """

    asked: Asked
    event: ZoneEvent
    subject: Subject | None
    begin_s: float
    since_s: float
    end_s: float
    unsure: Verdict | None = None
    looked_at: Sequence[Frame] = ()
    asked_again: int = 0
    over: bool = False
    requested_s: float = -math.inf
    before_s: float = -math.inf
    first_seen_s: float | None = None


class EventQuestions:
    """Asks the templates' questions; every event that raises one gets its verdict.

    A question about the event's object (or zone) is asked on crops round it, of two frames that
    show it: a frame that does not would be answered with another object's truth, so the next one is
    waited for. Where nobody tells the boxes it is asked on whole frames.

    Both frames show the scene since the event: its own frame and one some time later. An event that
    came with the time (somebody has stayed) has no frame of its own, and the last one that passed
    may show what was before. A gate that sees nothing new passes none: it is asked for them. After
    `second_frame_timeout_s` the newest two that there are must do; the newer is never of before the
    event. That time goes by the clock of the stamps; where this stands still it ends after that
    much real time, or `timeout_s` if that is longer.

    What stays UNSURE because the model was not clear is asked again on newer frames, `ask_again`
    times, unless the object leaves or is not seen any more. Then its verdict is published.

    Args:
        node: the scene_qa node.
        templates: what to ask.
    """

    def __init__(self, node: Any, templates: Sequence[Template]) -> None:
        self._node = node
        self._templates = tuple(templates)
        self._waiting: list[_Waiting] = []
        self._open: WeakSet[_Waiting] = WeakSet()  # these, and what the model has
        self._closed = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Questions that wait for their frames."""
        return len(self._waiting)

    def add(self, event: ZoneEvent, kind: str) -> None:
        """Take a zone event; `kind` is 'enter', 'dwell' or 'leave'."""
        asked = questions_for(self._templates, event.class_name, event.zone, kind)
        usual = self._node.settings.crop.of
        if kind == "leave" and usual == OBJECT:  # who has left need not be in sight any more
            usual = FRAME
        begin_s = to_seconds(event.header.stamp) - _SAME_S
        with self._lock:
            for item in self._open:
                item.over |= (kind == "leave" and item.event.track_id == event.track_id
                              and item.event.zone == event.zone)
            for a in asked:
                if not a.refusal:
                    self._wait(_Waiting(a, event, _subject(a.crop or usual, event), begin_s,
                                        *self._times()))
        for refused in (a for a in asked if a.refusal):  # a name that cannot be said is bad input
            item = _Waiting(refused, event, None, begin_s, *self._times())
            self._report(item, QuestionError(refused.refusal))
            self._publish(item, self._unsure(item, refused.refusal), time.perf_counter())
        self.tick()

    def drop(self, reason: str) -> None:
        """Give up waiting for frames: what waits gets its verdict, UNSURE for that reason; what is
        being answered gets the one that comes of it."""
        with self._lock:
            dropped, self._waiting = self._waiting, []
            for item in self._open:
                item.over = True
        for item in dropped:
            self._guarded(item, partial(self._publish, item, self._unsure(item, reason),
                                        time.perf_counter()))

    def close(self, reason: str) -> None:
        """`drop`; and what is unclear from now on is not asked again."""
        self._closed = True
        self.drop(reason)

    def tick(self) -> None:
        """Ask those whose frames are there, and those that have waited for them too long."""
        ready: list[tuple[_Waiting, Callable[[], None]]] = []
        with self._lock:
            for item in tuple(self._waiting):
                try:
                    frames = self._frames(item)
                    if frames is None:
                        continue
                    work: Callable[[], None] = partial(self._ask, item, frames)
                except Exception as error:  # a defect: it gets its verdict, and the others theirs
                    self._report(item, error)
                    work = partial(self._publish, item, self._excuse(item, error),
                                   time.perf_counter())
                self._waiting.remove(item)
                ready.append((item, work))
        for item, work in ready:
            self._guarded(item, work)

    def _wait(self, item: _Waiting) -> None:
        """With the lock held."""
        self._waiting.append(item)
        self._open.add(item)

    def _guarded(self, item: _Waiting, work: Callable[[], None]) -> None:
        """Do it; what goes wrong with one question keeps no other from its turn."""
        try:
            work()
        except Exception as error:
            self._report(item, error)

    def _report(self, item: _Waiting, error: Exception) -> None:
        self._node.endpoints.report(f"question {item.asked.question!r}", error)

    def _frames(self, item: _Waiting) -> Sequence[Frame] | None:
        """The frames to ask it on; None while it waits for them."""
        node = self._node
        if item.subject is not None and not node.boxes_told(item.subject.of):
            item.subject = None
        usable = self._usable(item)
        two = first_two(usable, node.settings.policy.min_separation_s)
        over = (self._stamped_now_s() - item.since_s > node.settings.second_frame_timeout_s
                or time.monotonic() > item.end_s)
        if isinstance(node.engine, NoEngine) or len(two) == 2:
            return two
        if item.unsure is not None and (over or item.over):
            return ()
        if over:
            return self._newest(item)
        if usable and item.first_seen_s is None:
            item.first_seen_s = self._stamped_now_s()
        # By the clock of the stamps: a recording may be played slower or faster than it was made.
        wanted_s = (-math.inf if item.first_seen_s is None
                    else item.first_seen_s + node.settings.policy.min_separation_s)
        if self._stamped_now_s() >= wanted_s:
            self._request(item)
        return None

    def _usable(self, item: _Waiting) -> Sequence[Frame]:
        """What shows the scene since the event, or since it was asked, oldest first."""
        node = self._node
        if item.subject is not None:
            crops: list[Frame] = node.frames.crops(item.subject, node.settings.crop, item.begin_s)
            return crops
        frames: tuple[Frame, ...] = node.frames.since(item.begin_s)
        return frames

    def _newest(self, item: _Waiting) -> Sequence[Frame]:
        """Two frames, or fewer, of which the older may be of before the event; none where the
        newest is."""
        node, separation_s = self._node, self._node.settings.policy.min_separation_s
        picked = (node.frames.pick(separation_s) if item.subject is None else
                  node.frames.pick_crops(item.subject, node.settings.crop, separation_s))
        frames: tuple[Frame, ...] = picked.frames
        return frames if frames and frames[-1].stamp_s >= item.begin_s else ()

    def _request(self, item: _Waiting) -> None:
        """Ask the gate for a frame, unless one that was asked for is still on its way."""
        node, now_s = self._node, time.monotonic()
        newest = node.frames.newest()
        came = newest is not None and newest.stamp_s > item.before_s
        on_its_way = not came or (item.subject is not None
                                  and not node.frames.all_told(item.subject.of))
        if on_its_way and now_s - item.requested_s < ASK_AGAIN_S:
            return
        if node.frames.request():
            item.requested_s = now_s
            item.before_s = -math.inf if newest is None else newest.stamp_s

    def _times(self) -> tuple[float, float]:
        """`since_s` and `end_s` of one that begins to wait now."""
        settings = self._node.settings
        longest_s = max(settings.timeout_s, settings.second_frame_timeout_s)
        return self._stamped_now_s(), time.monotonic() + longest_s

    def _stamped_now_s(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def _ask(self, item: _Waiting, frames: Sequence[Frame]) -> None:
        node = self._node
        begin = time.perf_counter()
        if item.unsure is not None and len(frames) < 2:
            self._conclude(item, item.unsure, item.looked_at, begin)
            return
        if not frames and not isinstance(node.engine, NoEngine):
            self._publish(item, self._unseen(item), begin)
            return

        def answered(future: Future[Verdict]) -> None:
            error = future.exception()
            verdict = future.result() if error is None else self._excuse(item, error)
            if not self._ask_again(item, verdict, frames):
                self._guarded(item, partial(self._conclude, item, verdict, frames, begin))
        try:
            deadline_s = time.monotonic() + node.settings.timeout_s
            priority = _HIGH_STAKES if item.asked.high_stakes else _PRIORITY
            node.answering.ask(item.asked.question, frames, deadline_s, priority, item.asked,
                               keep=True).add_done_callback(answered)
        except Exception as error:
            if not isinstance(error, Refused):  # a defect
                self._report(item, error)
            self._publish(item, self._excuse(item, error), begin)

    def _conclude(self, item: _Waiting, verdict: Verdict, frames: Sequence[Frame], begin: float
                  ) -> None:
        """Publish it, with a server's opinion where one is wanted; that is waited for nowhere."""
        node = self._node
        both = node.second_opinion(verdict, frames, time.monotonic() + node.settings.timeout_s,
                                   item.asked.high_stakes)
        if both is None:
            self._publish(item, verdict, begin)
        else:
            both.add_done_callback(lambda future: self._guarded(
                item, partial(self._publish, item, future.result(), begin)))

    def _ask_again(self, item: _Waiting, verdict: Verdict, frames: Sequence[Frame]) -> bool:
        """Let it wait for newer frames; False when its verdict stands."""
        node = self._node
        if verdict.cause not in _UNCLEAR or item.asked_again >= node.settings.ask_again:
            return False
        again = _Waiting(item.asked, item.event, item.subject,
                         verdict.stamp_s + node.settings.policy.min_separation_s,
                         *self._times(), verdict, frames, item.asked_again + 1)
        with self._lock:
            if self._closed or item.over:
                return False
            self._wait(again)
        node.stats.count("asked_again")
        return True

    def _unseen(self, item: _Waiting) -> Verdict:
        if item.subject is None:
            return self._unsure(item, "no frame since the event has come; is the camera alive, and "
                                "is the gate there to be asked for one?")
        self._node.stats.count("objects_unseen")
        event = item.event
        what = (f"{event.class_name} {event.track_id}" if item.subject.of == OBJECT
                else str(item.subject))
        return self._unsure(item, f"{what} was not seen in any frame since the event; set crop: "
                            "frame in the template to have the whole frame looked at")

    def _excuse(self, item: _Waiting, error: BaseException) -> Verdict:
        """An UNSURE that says why nothing was answered: who waits for a verdict gets one."""
        if isinstance(error, Refused):
            self._node.stats.count("refused")
        return self._unsure(item, in_words(error))

    def _unsure(self, item: _Waiting, reason: str) -> Verdict:
        return unsure(item.asked.question, reason,
                      stamp_s=self._node.stamps.seconds(item.event.header.stamp))

    def _publish(self, item: _Waiting, verdict: Verdict, begin: float) -> None:
        self._node.publish_verdict(verdict, begin, item.event.zone, item.event.track_id,
                                   item.event.class_name)


def _subject(crop: str, event: ZoneEvent) -> Subject | None:
    if crop == OBJECT:
        return Subject(OBJECT, event.track_id)
    return Subject(ZONE, event.zone) if crop == ZONE else None
