"""Playing a source: its pace, standing still, what breaks, and cameras that come back."""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from smolvlm_ros.sources import (
    FrameSource,
    PlayClock,
    Player,
    PlayEvents,
    SourceError,
    SourceFrame,
)

PATIENCE_S = 60.0
IMAGE = np.zeros((2, 2, 3), np.uint8)


class Scripted(FrameSource):
    """Gives what its script holds: a stamp for a frame, a text for an error, a function to call."""

    def __init__(self, script: list[Any], *, live: bool = False, loop: bool = False,
                 goes_on: bool = False) -> None:
        super().__init__("script", fps=10.0, frame_count=len(script), loop=loop)
        self.live = live
        self._continues_after_error = goes_on
        self._script = script
        self._index = 0
        self.closed = threading.Event()

    def _read(self) -> SourceFrame | None:
        if self._index >= len(self._script):
            return None
        entry = self._script[self._index]
        self._index += 1
        if isinstance(entry, str):
            raise SourceError(entry)
        if callable(entry):
            entry = entry()
        return SourceFrame(entry, image=IMAGE)

    def _restart(self) -> None:
        self._index = 0

    def _close(self) -> None:
        self.closed.set()


class Log:
    """Notes what a player tells."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, float]] = []  # stamp and play time
        self.troubles: list[tuple[str, bool]] = []
        self.ends: list[Exception | None] = []
        self.begun = 0
        self.ready = True

    def events(self) -> PlayEvents:
        return PlayEvents(lambda: self.ready, self._begin,
                          lambda frame, at_s: self.frames.append((frame.stamp_s, at_s)),
                          lambda error, ended: self.troubles.append((str(error), ended)),
                          self.ends.append)

    def _begin(self) -> None:
        self.begun += 1


def wait_for(condition: Callable[[], Any]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def play(script: list[Any], log: Log, **options: Any) -> tuple[Player, Scripted]:
    source = Scripted(script, **options)
    player = Player(lambda: source, log.events(), rate=10.0, reconnect_s=0.01)
    player.play()
    return player, source


def test_frames_come_in_their_time_and_the_end_is_told_once(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.sources.playing._LATE_S", math.inf)  # a busy machine's pauses
    log = Log()
    begin_s = time.monotonic()
    player, source = play([0.0, 0.5, 1.0], log)
    wait_for(lambda: log.ends)
    assert time.monotonic() - begin_s >= 0.1  # one second of media at ten times its speed
    assert [stamp for stamp, _ in log.frames] == [0.0, 0.5, 1.0]
    assert [at for _, at in log.frames] == pytest.approx([0.0, 0.05, 0.1])
    assert log.ends == [None] and log.begun == 1 and player.finished and not log.troubles
    player.halt()
    player.close()
    assert source.closed.is_set()


def test_played_again_from_the_first_frame() -> None:
    log = Log()
    player, _ = play([0.0, 0.1], log)
    wait_for(lambda: log.ends)
    player.halt()
    player.play()
    assert not player.finished
    wait_for(lambda: len(log.ends) == 2)
    assert [stamp for stamp, _ in log.frames] == [0.0, 0.1, 0.0, 0.1]
    player.halt()


def test_a_source_that_is_too_slow_is_played_slower() -> None:
    log = Log()

    def slow(stamp_s: float) -> Callable[[], float]:
        def give() -> float:
            time.sleep(0.3)
            return stamp_s
        return give
    begin_s = time.monotonic()
    player, _ = play([0.0, *(slow(i * 0.1) for i in range(1, 7))], log)
    wait_for(lambda: log.ends)
    took_s = time.monotonic() - begin_s
    assert took_s >= 1.8
    # The times that are told stay within a second of the time it takes.
    assert [stamp for stamp, _ in log.frames] == pytest.approx([i * 0.1 for i in range(7)])
    assert log.frames[-1][1] >= 1.8 - 1.0 - 0.1 and log.frames[-1][1] <= took_s
    player.halt()


def test_standing_still_skips_no_frame_and_counts_in_the_play_time() -> None:
    log = Log()
    stopped = threading.Event()

    def stops() -> float:
        player.clock.stop()
        stopped.set()
        return 0.6
    source = Scripted([0.0, 0.2, 0.4, stops, *(i * 0.2 for i in range(4, 20))])
    player = Player(lambda: source, log.events(), rate=10.0, reconnect_s=0.01)
    player.play()
    assert stopped.wait(PATIENCE_S)
    time.sleep(0.2)
    assert len(log.frames) == 3
    player.clock.start()
    wait_for(lambda: log.ends)
    assert [stamp for stamp, _ in log.frames] == pytest.approx([i * 0.2 for i in range(20)])
    shifts = [at - stamp / 10.0 for stamp, at in log.frames]
    assert shifts[0] == 0.0 and shifts[-1] - shifts[2] >= 0.19  # it stood for 0.2 s
    player.halt()


def test_a_player_that_begins_still_can_be_ended_and_begun() -> None:
    log = Log()
    player = Player(lambda: Scripted([0.0]), log.events())
    player.play(running=False)
    time.sleep(0.05)
    assert not log.frames
    player.halt()
    assert not log.ends  # that was no end of the film
    player.play(running=False)
    player.clock.start()
    wait_for(lambda: log.ends)
    assert len(log.frames) == 1
    player.halt()


def test_it_waits_until_somebody_listens() -> None:
    log = Log()
    log.ready = False
    player, _ = play([0.0], log)
    time.sleep(0.1)
    assert not log.begun and not log.frames
    log.ready = True
    wait_for(lambda: log.ends)
    assert log.frames[0][1] == 0.0  # the waiting does not count
    player.halt()


def test_a_folder_goes_on_behind_a_broken_image() -> None:
    log = Log()
    player, _ = play([0.0, "image 2 is damaged", 0.2], log, goes_on=True)
    wait_for(lambda: log.ends)
    assert log.troubles == [("image 2 is damaged", False)]
    assert [stamp for stamp, _ in log.frames] == [0.0, 0.2] and log.ends == [None]
    player.halt()


def test_a_film_that_breaks_has_ended_and_says_why() -> None:
    log = Log()
    player, _ = play([0.0, "cut short"], log)
    wait_for(lambda: log.ends)
    assert log.troubles == [("cut short", False), ("cut short", True)]
    assert player.finished
    player.halt()


def test_a_loop_goes_on_behind_a_broken_end() -> None:
    log = Log()
    player, _ = play([0.0, "cut short"], log, loop=True)
    wait_for(lambda: len(log.frames) >= 3)
    player.halt()
    stamps = [stamp for stamp, _ in log.frames]
    assert stamps == sorted(stamps) and not log.ends
    assert all(not ended for _, ended in log.troubles)


def test_a_lost_camera_is_opened_again_until_it_is_back() -> None:
    log = Log()
    cameras: list[Any] = [Scripted([0.0, "unplugged"], live=True), SourceError("not there"),
                          SourceError("not there"), Scripted([0.0, 0.1], live=True)]
    opened = iter(cameras)

    def open_camera() -> FrameSource:
        camera = next(opened)
        if isinstance(camera, SourceError):
            raise camera
        return camera  # type: ignore[no-any-return]

    player = Player(open_camera, log.events(), reconnect_s=0.01)
    player.play()
    wait_for(lambda: len(log.frames) == 3)
    player.halt()
    assert [text for text, _ in log.troubles] == ["unplugged", "not there", "not there"]
    assert cameras[0].closed.is_set() and not cameras[3].closed.is_set()
    player.close()
    assert cameras[3].closed.is_set()


def test_whatever_a_decoder_raises_is_told_and_ends_it() -> None:
    def burst() -> float:
        raise MemoryError("no memory for a frame")

    log = Log()
    player, _ = play([0.0, burst], log)
    wait_for(lambda: log.ends)
    assert isinstance(log.ends[0], MemoryError) and player.finished
    player.halt()


def test_a_source_that_does_not_answer_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smolvlm_ros.sources.playing._END_S", 0.05)
    release, reading = threading.Event(), threading.Event()

    def hang() -> float:
        reading.set()
        release.wait(PATIENCE_S)
        return 0.0

    log = Log()
    player, source = play([hang], log)
    assert reading.wait(PATIENCE_S)
    with pytest.raises(RuntimeError, match="does not answer; it is left open"):
        player.halt()
    player.close()
    assert not source.closed.is_set()  # nothing is taken away from a decoder at work
    with pytest.raises(RuntimeError, match="restart the process"):
        player.play()
    release.set()
    wait_for(lambda: not any(t.name == "player" for t in threading.enumerate()))
    player.close()
    assert source.closed.is_set() and not log.frames


def test_a_source_that_cannot_be_opened_is_refused() -> None:
    def missing() -> FrameSource:
        raise SourceError("walk.mp4 does not exist")

    with pytest.raises(SourceError, match="walk.mp4"):
        Player(missing, Log().events())


class TestPlayClock:
    def test_closing_ends_every_waiting(self) -> None:
        clock = PlayClock()
        results: list[Any] = []
        waits = [lambda: clock.wait_until(1e6), lambda: clock.sleep(1e6)]
        threads = [threading.Thread(target=lambda w=w: results.append(w())) for w in waits]
        for thread in threads:
            thread.start()
        clock.close()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert set(results) == {None, False} and clock.closed
        assert clock.wait_until(0.0) is None and clock.sleep(0.0) is False

    def test_stopping_twice_and_starting_twice_is_once(self) -> None:
        clock = PlayClock()
        clock.stop()
        time.sleep(0.02)
        clock.stop()
        time.sleep(0.02)
        clock.start()
        clock.start()
        stood_s = clock.wait_until(0.0)
        assert stood_s is not None and stood_s >= 0.04
        clock.rewind()
        assert clock.wait_until(0.0) == 0.0
