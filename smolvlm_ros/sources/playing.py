"""Playing a source at its own pace, in a thread, past whatever goes wrong on the way."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from smolvlm_ros.sources.base import FrameSource, SourceError, SourceFrame

_AFTER_ERROR_S = 0.1
_LATE_S = 1.0  # a source that cannot be read as fast as it plays is played slower
_LOOK_S = 0.05
_END_S = 10.0


class PlayClock:
    """Play time for one thread that plays and others that stop and start it.

    Args:
        running: False to stand still from the first.
    """

    def __init__(self, running: bool = True) -> None:
        self._changed = threading.Condition()
        self._begun_s = time.monotonic()
        self._stood_s = 0.0
        self._stopped_at_s = None if running else self._begun_s
        self._closed = False

    def start(self) -> None:
        """Go on from where it was stopped."""
        with self._changed:
            if self._stopped_at_s is not None:
                self._stood_s += time.monotonic() - self._stopped_at_s
                self._stopped_at_s = None
                self._changed.notify_all()

    def stop(self) -> None:
        """Stand still."""
        with self._changed:
            if self._stopped_at_s is None:
                self._stopped_at_s = time.monotonic()
                self._changed.notify_all()

    def rewind(self) -> None:
        """Count from now on: nothing has been played and it has not stood still."""
        with self._changed:
            self._begun_s, self._stood_s = time.monotonic(), 0.0
            if self._stopped_at_s is not None:
                self._stopped_at_s = self._begun_s

    def close(self) -> None:
        """End every waiting, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def wait_until(self, play_s: float, slack_s: float = math.inf) -> float | None:
        """Wait until it runs and so much has been played.

        Args:
            play_s: seconds since it was made or rewound, less the time it stood still.
            slack_s: what it is late by more than this counts as having stood still.

        Returns:
            How long it has stood still until now, seconds; None when it was closed.
        """
        with self._changed:
            while not self._closed:
                if self._stopped_at_s is not None:
                    self._changed.wait()
                    continue
                left_s = self._begun_s + self._stood_s + play_s - time.monotonic()
                if left_s <= 0:
                    self._stood_s += max(0.0, -left_s - slack_s)
                    return self._stood_s
                self._changed.wait(left_s)
            return None

    def sleep(self, seconds: float) -> bool:
        """Wait, whether it stands still or not; returns False when it was closed."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._closed, seconds)


@dataclass(frozen=True)
class PlayEvents:
    """What a player tells, always from its own thread.

    Attributes:
        ready: asked before the first frame until it says True.
        begun: the play time counts from now on.
        frame: a frame's time has come: the frame, and the seconds since `begun`, those included for
            which it stood still.
        trouble: the source could not be read: why, and whether that was the end.
        ended: after the last frame, or when playing failed: the error, or None.
    """

    ready: Callable[[], bool]
    begun: Callable[[], None]
    frame: Callable[[SourceFrame, float], None]
    trouble: Callable[[SourceError, bool], None]
    ended: Callable[[Exception | None], None]


class Player:
    """Plays a source in a thread of its own. After an error a folder goes on behind the broken
    image, a film has ended, and a camera is opened again and again.

    Args:
        open_source: opens the source, now and when a camera is lost.
        events: told what happens.
        rate: speed, 1 for real time.
        reconnect_s: time after which a lost camera is opened again, seconds.

    Raises:
        SourceError: when it cannot be opened.
    """

    def __init__(self, open_source: Callable[[], FrameSource], events: PlayEvents, *,
                 rate: float = 1.0, reconnect_s: float = 2.0) -> None:
        self._open = open_source
        self._events = events
        self._rate = rate
        self._reconnect_s = reconnect_s
        self._thread: threading.Thread | None = None
        self._broken: SourceError | None = None
        self.source = open_source()
        self.clock = PlayClock()
        self.finished = False

    def play(self, running: bool = True) -> None:
        """Play from the first frame on, in the thread that is begun here.

        Args:
            running: False to hold still until `clock.start()`.

        Raises:
            RuntimeError: when an earlier `halt` did not end the thread.
            SourceError: when the source cannot be opened again.
        """
        if self._thread is not None:
            if self._thread.is_alive():
                raise RuntimeError(f"{self.source.name} does not answer; restart the process")
            self.source.restart()
        self.clock, self.finished = PlayClock(running), False
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """End the thread.

        Raises:
            RuntimeError: when the source does not answer.
        """
        self.clock.close()
        if self._thread is not None:
            self._thread.join(_END_S)
            if self._thread.is_alive():
                raise RuntimeError(f"{self.source.name} does not answer; it is left open")

    def close(self) -> None:
        """Release the source, unless its thread still reads from it."""
        if self._thread is None or not self._thread.is_alive():
            self.source.close()

    def _run(self) -> None:
        failed: Exception | None = None
        try:
            self._play()
        except Exception as error:  # whatever a decoder raises must be told
            failed = error
        if not self.clock.closed:
            self.finished = True
            self._events.ended(failed)

    def _play(self) -> None:
        while not self._events.ready():
            if not self.clock.sleep(_LOOK_S):
                return
        self.clock.rewind()
        self._events.begun()
        self._broken = None
        while not self.clock.closed:
            if self.source.live and self.clock.wait_until(0.0) is None:
                return
            try:
                frame = self.source.read()
            except SourceError as error:
                self._survive(error)
                continue
            if frame is None:
                if self._broken is not None:  # and that was the end
                    self._events.trouble(self._broken, True)
                return
            self._broken = None
            offset_s = 0.0 if self.source.live else frame.stamp_s / self._rate
            stood_s = self.clock.wait_until(offset_s, math.inf if self.source.live else _LATE_S)
            if stood_s is not None:
                self._events.frame(frame, offset_s + stood_s)

    def _survive(self, error: SourceError) -> None:
        self._broken = error
        self._events.trouble(error, False)
        if not self.source.live:
            self.clock.sleep(_AFTER_ERROR_S)
            return
        self.source.close()
        while self.clock.sleep(self._reconnect_s):
            try:
                self.source = self._open()
                return
            except SourceError as again:
                self._events.trouble(again, False)
