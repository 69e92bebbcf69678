"""Questions about what was: the frames of that time, and the answer from them."""
from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from std_msgs.msg import Header

from smolvlm_ros.qa import order
from smolvlm_ros.qa.engine import Withheld
from smolvlm_ros.qa.frames import RESET_S, ahead
from smolvlm_ros.qa.grounding import grounded
from smolvlm_ros.qa.looking import looking_at
from smolvlm_ros.qa.past_question import Order, Presence, ever, parse
from smolvlm_ros.qa.period import is_whole, period_of
from smolvlm_ros.qa.policy import refusal_of
from smolvlm_ros.qa.scheduler import Scheduler, TooLate
from smolvlm_ros.qa.time_words import other_time
from smolvlm_ros.qa.verdict import Frame, Verdict
from smolvlm_ros.qa.video import VideoConfig, VideoRing, frames_for, together, told
from smolvlm_ros.qa.wanted import OVER, WhileWanted
from smolvlm_ros.ros.unanswered import Unanswered
from smolvlm_ros.srv import AskScene

_Response = AskScene.Response
PAST = "past"  # the kind of verdict, see Scheduler.submit
_PRIORITY = 2  # a planner waits, as for a question about now
_HAPPENED = re.compile(r"^what(?:'s| has| is| was| did)? (?:been )?"
                       r"(?:happen|going on|you see|change)", re.IGNORECASE)


@dataclass(frozen=True)
class _Seen:
    """The frames that show a last time, oldest first.

    Attributes:
        now_s: the end of that time.
        unseen: what of it no frame shows; '' for none.
        left_out: stamps of frames that show something else and are not among these.
    """

    frames: tuple[Frame, ...]
    now_s: float
    unseen: str
    left_out: tuple[float, ...]


class Watching:
    """The recent past of a scene_qa node. Safe in threads.

    Args:
        node: the scene_qa node.
        config: what is kept.
    """

    def __init__(self, node: Any, config: VideoConfig) -> None:
        self._node = node
        self._ring = VideoRing(config)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Frames kept."""
        return len(self._ring)

    def configure(self, config: VideoConfig) -> None:
        """Take other limits."""
        with self._lock:
            self._ring.config = config

    def add(self, frame: Frame) -> None:
        """Take a frame that came."""
        with self._lock:
            self._ring.add(frame)

    def period(self, request: Any, question: str) -> tuple[float, str]:
        """How many last seconds a request is about, 0 for now; and its question without that.

        Raises:
            Unanswered: the question says a time that is not understood or not kept, or is about
                what was and says none.
        """
        seconds, bare = period_of(question)
        if request.history_ms:
            seconds = request.history_ms * 1e-3
        else:
            other = other_time(bare)
            if other:
                raise Unanswered(_Response.REFUSED, f"the time {other!r} is not understood; say "
                                 "how long ago as 'in the last N seconds', or give history_ms")
            other = "" if seconds else ever(bare)
            if other:
                raise Unanswered(_Response.REFUSED, f"{other!r} asks about what was, and the "
                                 "question does not say when; say 'in the last N seconds', or give "
                                 "history_ms")
        history_s = self._ring.config.history_s
        if seconds > history_s:
            raise Unanswered(_Response.REFUSED, f"the last {seconds:g} s are asked about, "
                             f"video.history_s = {history_s:g} are kept; ask about less, or "
                             "raise it")
        return seconds, bare

    @staticmethod
    def understood(asked: str, question: str) -> Order | Presence:
        """What a yes/no question about what was asks.

        Args:
            asked: as it was asked.
            question: without its period, as `period` gave it.

        Raises:
            Unanswered: it asks for something else than presence or order.
        """
        if is_whole(asked):
            raise Unanswered(_Response.REFUSED, "of all of a time, yes or no is not said: nobody "
                             "looked at every moment of it; say 'in the last N seconds', or ask in "
                             "mode FREE")
        found = parse(question)
        if found is None:
            raise Unanswered(_Response.REFUSED, "of the past, yes or no is said only to what was "
                             "there ('was there a person?') or came, and to what came before or "
                             "after what ('did the ball come before the person?'); ask in mode "
                             "FREE")
        return found

    def _seen(self, seconds: float) -> _Seen:
        """What was seen in the last time: as many frames as the model's token budget allows.

        Raises:
            Unanswered: there are none of that time, or the model may not see them.
        """
        node, config, policy = self._node, self._ring.config, self._node.settings.policy
        now_s = float(node.get_clock().now().nanoseconds) * 1e-9
        with self._lock:
            begin_s = now_s - seconds
            chosen = self._ring.choose(begin_s, frames_for(config, node.engine))
            unseen = self._ring.unseen(begin_s, now_s, policy.min_contrast,
                                       policy.accept_repeated_images)
            left_out = self._ring.left_out(begin_s, chosen)
        if not chosen:
            raise Unanswered(_Response.NO_FRAME, "no frame has passed the gate yet")
        # Shortly after a frame it still shows what is there: a gate passes none while all is still.
        age_s = now_s - chosen[-1].stamp_s
        if age_s > max(seconds, config.max_gap_s):
            raise Unanswered(_Response.NO_FRAME, f"no frame came in the last {seconds:g} s, the "
                             f"newest is {age_s:.0f} s old; is the camera alive?")
        if age_s < -RESET_S:
            raise Unanswered(_Response.NO_FRAME, ahead(age_s))
        foreign = refusal_of(node.engine, chosen)
        if foreign:
            raise Unanswered(_Response.NO_MODEL, foreign)
        return _Seen(chosen, now_s, unseen, left_out)

    def judge(self, question: str, asked: Order | Presence, seconds: float, deadline_s: float
              ) -> Any:
        """Queue a yes/no question about what was; a future of its verdict.

        Args:
            question, asked: as `understood` took and gave them.
            seconds: how many last ones it is about.
            deadline_s: of time.monotonic.

        Raises:
            Unanswered: see `_seen`.
            Refused: it cannot be answered in time.
        """
        node = self._node
        seen, policy, scheduler = self._seen(seconds), node.settings.policy, node.scheduler
        engine = WhileWanted(looking_at(node.engine, seen.frames), scheduler.wanted)

        def work() -> Verdict:
            with node.answering.failures_told():
                return order.decide(question, asked, seen.frames, engine, policy, seen.unseen,
                                    seen.left_out)
        key = (PAST, question, _stamps(seen.frames), policy, seen.unseen, seen.left_out)
        return scheduler.submit(key, work, deadline_s=deadline_s, priority=_PRIORITY, kind=PAST)

    def tell(self, question: str, seconds: float, deadline_s: float, response: Any) -> Any:
        """Queue a free question about what was; a future of its text and of the frames that it
        stands on. Fills notes, and a message on what no frame shows.

        Raises:
            Unanswered: see `_seen`.
            Refused: it cannot be answered in time.
        """
        node = self._node
        seen = self._seen(seconds)
        notes = node.answering.grounding.of(question, node.engine)
        prompt = grounded(question, [note.text for note in notes])
        response.notes = [str(note) for note in notes]
        response.message = seen.unseen or order.not_looked_at(seen.left_out, len(seen.frames))
        # The text says how long ago.
        key = ("past free", question, _stamps(seen.frames), notes, round(seen.now_s))
        scheduler = node.scheduler
        return scheduler.submit(key, lambda: self._told(scheduler, prompt, question, seen),
                                deadline_s=deadline_s, priority=_PRIORITY, kind="past free")

    def remember(self, question: str, text: str, response: Any) -> None:
        """Keep what was said."""
        self._node.remember_description(Header(stamp=response.frames[-1]), f"{question} {text}")

    def _told(self, scheduler: Scheduler, prompt: str, question: str, seen: _Seen
              ) -> tuple[str, tuple[Frame, ...]]:
        """The text, and the frames that it stands on: all that may be sent, where two may."""
        node, frames = self._node, seen.frames

        def stop() -> bool:
            return not scheduler.wanted()
        each = node.settings.describe_prompt if _HAPPENED.match(question) else prompt
        with node.answering.failures_told():
            video = together(self._ring.config, node.engine)
            if video is None:
                text, frames = self._one_by_one(seen, each, stop)
            else:
                try:
                    text = "".join(video.watch(frames, prompt, should_stop=stop))
                except Withheld as error:
                    frames = tuple(f for f in frames if f.stamp_s not in error.stamps)
                    if len(frames) < 2:
                        raise
                    text = "".join(video.watch(frames, prompt, should_stop=stop))
        if stop():
            raise TooLate(f"{OVER}; lower video.max_tokens, or raise timeout_s")
        return text.strip(), frames

    def _one_by_one(self, seen: _Seen, prompt: str, stop: Callable[[], bool]
                    ) -> tuple[str, tuple[Frame, ...]]:
        said: list[tuple[Frame, str]] = []
        withheld: Withheld | None = None
        for frame in seen.frames:
            try:
                said.append((frame, self._one(frame, prompt, stop)))
            except Withheld as error:
                withheld = error
        if withheld is not None and len(said) < 2:
            raise withheld
        return told([(f.stamp_s, text) for f, text in said], seen.now_s), tuple(f for f, _ in said)

    def _one(self, frame: Frame, prompt: str, stop: Callable[[], bool]) -> str:
        return "".join(looking_at(self._node.engine, [frame]).stream(
            frame.image_rgb, prompt, should_stop=stop)).strip()


def _stamps(frames: Sequence[Frame]) -> tuple[float, ...]:
    return tuple(frame.stamp_s for frame in frames)
