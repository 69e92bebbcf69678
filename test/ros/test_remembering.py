"""What scene_qa remembers of its messages, and how it answers a search."""
from __future__ import annotations

import logging
import time
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="no ROS here, or its interfaces are not built")
from builtin_interfaces.msg import Time  # noqa: E402
from smolvlm_ros.msg import SceneVerdict, ZoneEvent  # noqa: E402
from smolvlm_ros.srv import FindMoment  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import Detection3D, Detection3DArray  # noqa: E402

from smolvlm_ros.gate.config import GateConfig  # noqa: E402
from smolvlm_ros.memory import MemoryConfig, MemoryStoreError  # noqa: E402
from smolvlm_ros.memory.forget import forget  # noqa: E402
from smolvlm_ros.qa.frames import FrameRing  # noqa: E402
from smolvlm_ros.qa.verdict import Frame  # noqa: E402
from smolvlm_ros.ros.boxes import hypothesis  # noqa: E402
from smolvlm_ros.ros.faults import Faults  # noqa: E402
from smolvlm_ros.ros.memory import Memory  # noqa: E402
from smolvlm_ros.ros.stamps import to_seconds  # noqa: E402

FIRST = Time(sec=1_700_000_000, nanosec=123_456_789)
SECOND = Time(sec=1_700_000_001, nanosec=987_654_321)


class Bench:
    """A memory with a ring of frames."""

    def __init__(self, **config: object) -> None:
        self.ring = FrameRing()
        self.faults = Faults(logging.getLogger("memory"))
        self.memory = Memory(MemoryConfig(**config), self.ring.shown_at, self.faults)

    def find(self, **query: object) -> FindMoment.Response:
        assert self.memory._store.flush()
        return self.memory.find(FindMoment.Request(**query), FindMoment.Response())


@pytest.fixture
def make() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def build(**config: object) -> Bench:
        made.append(Bench(**config))
        return made[-1]
    yield build
    for bench in made:
        bench.memory.close()


def answered(answer: int, stamp: Time = SECOND) -> SceneVerdict:
    return SceneVerdict(header=Header(stamp=stamp), question="Is the box open?", answer=answer,
                        zone="door")


def at(seconds: float) -> Time:
    return Time(sec=1_700_000_000 + int(seconds), nanosec=round(seconds % 1 * 1e9))


def test_answers_are_remembered_and_doubts_are_not(make) -> None:
    b = make()
    for answer in (SceneVerdict.NO, SceneVerdict.YES, SceneVerdict.UNSURE):
        b.memory.verdict(answered(answer), "box")
    got = b.find(text="when was the box open?")
    assert got.success and got.message == "2 moments"
    # When it was open comes before when it was not.
    assert got.descriptions == ["Is the box open? YES", "Is the box open? NO"]
    assert got.scores[0] == 1.0 > got.scores[1]
    assert got.stamps == [SECOND, SECOND]  # to the nanosecond
    assert b.find(class_name="box", zone="door", text="yes").scores[0] == 1.0
    assert b.find(text="not open").descriptions[0] == "Is the box open? NO"


def test_the_picture_is_of_what_was_seen_then(make) -> None:
    b = make(thumbnail_px=20)
    for grey, stamp in ((10, FIRST), (200, SECOND)):
        b.ring.add(Frame(np.full((30, 40, 3), grey, np.uint8), to_seconds(stamp)))
    for stamp in (FIRST, Time(sec=SECOND.sec, nanosec=0), SECOND, Time(sec=5)):
        b.memory.verdict(answered(SceneVerdict.YES, stamp), "")
    got = b.find()
    pictures = {s.sec * 10**9 + s.nanosec: p for s, p in zip(got.stamps, got.thumbnails,
                                                             strict=True)}
    greys = []
    for stamp, picture in sorted(pictures.items()):
        if not picture.data:
            assert picture.format == "" and stamp == 5 * 10**9  # nothing had been seen by then
            continue
        image = cv2.imdecode(np.frombuffer(picture.data, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (15, 20, 3) and picture.format == "jpeg"
        greys.append(round(float(image.mean()), -1))
    assert greys == [10, 10, 200]  # between two frames it is the one before
    b.memory.configure(MemoryConfig(thumbnails=False))
    b.memory.verdict(answered(SceneVerdict.YES, at(9)), "")
    assert b.find(limit=1).thumbnails[0].data == array("B")


def test_one_visit_is_one_moment_that_tells_how_long_and_where(make) -> None:
    b = make()
    for tenth in range(0, 101):
        thing = Detection3D(id="7", results=[hypothesis("person", 0.9)])
        thing.bbox.center.position.x = tenth / 10
        b.memory.objects(Detection3DArray(header=Header(stamp=at(tenth / 10), frame_id="map"),
                                          detections=[thing]))
        if tenth == 0:
            assert b.memory._store.flush()
    got = b.find(class_name="person")
    assert got.descriptions == ["saw person 7, for 10 s"] and got.stamps == [at(0)]


def test_a_still_object_is_one_moment_and_one_remembered_anew_each_time_is_told_of(make) -> None:
    def seen(b: Bench, second: float) -> bool:
        """An object is seen then; whether health says that it is remembered anew each time."""
        thing = Detection3D(id="3", results=[hypothesis("chair", 0.9)])
        b.memory.objects(Detection3DArray(header=Header(stamp=at(second)), detections=[thing]))
        return any("memory.absent_s" in f.text for f in b.faults.findings(time.monotonic()))

    beat_s = GateConfig().heartbeat_s + 0.1  # the next frame after it passes
    still = make()
    assert not any([seen(still, i * beat_s) for i in range(20)])
    assert len(still.find().stamps) == 1
    short = make(absent_s=10.0)
    assert [seen(short, i * beat_s) for i in range(5)] == [False, False, False, True, True]
    assert len(short.find().stamps) == 5
    assert not seen(short, 4 * beat_s + 1)  # and no more once they come more often
    assert not any([seen(make(absent_s=0.0), i) for i in range(5)])  # as somebody wants it


def test_what_is_still_in_sight_is_remembered_anew_once_its_moment_is_gone(make, tmp_path) -> None:
    def see(second: int) -> None:
        b.memory.objects(Detection3DArray(header=Header(stamp=at(second)), detections=[
            Detection3D(id="3", results=[hypothesis("chair", 0.9)])]))
        assert b.memory._store.flush()

    b = make(path=str(tmp_path / "m.db"))
    for second in range(0, 60, 10):
        see(second)
    assert b.find(class_name="chair").stamps == [at(0)]
    assert forget(tmp_path / "m.db", (1_700_000_000 + 30) * 10**9).moments == 1
    for second in range(60, 120, 10):
        see(second)
    got = b.find(class_name="chair")
    assert got.descriptions == ["saw chair 3, for 40 s"] and got.stamps == [at(70)]


def test_an_object_whose_moment_was_lost_is_remembered_later(make) -> None:
    b = make()
    store, lost = b.memory._store, Future()
    lost.set_exception(MemoryStoreError("no room"))
    b.memory._store = SimpleNamespace(config=store.config, add=lambda *_: lost)
    thing = Detection3D(id="3", results=[hypothesis("chair", 0.9)])
    b.memory.objects(Detection3DArray(header=Header(stamp=at(0)), detections=[thing]))
    b.memory._store = store
    for second in (5, 6, 7):
        b.memory.objects(Detection3DArray(header=Header(stamp=at(second)), detections=[thing]))
        assert store.flush()
    assert b.find(class_name="chair").stamps == [at(6)]


def test_where_and_what_is_found_by_the_words_of_people(make) -> None:
    b = make()
    for second, kind, name in ((1, ZoneEvent.ENTER, "enter"), (4, ZoneEvent.DWELL, "dwell"),
                               (9, ZoneEvent.LEAVE, "leave")):
        b.memory.zone_event(ZoneEvent(header=Header(stamp=at(second)), kind=kind, zone="door",
                                      track_id="7", class_name="person"), name)
    b.memory.description(at(20), "  A red ball lies on the sofa. ")
    b.memory.description(at(21), " ")  # nothing said
    for text, second in (("when did a person last stand at the door?", 4),
                         ("When did somebody come in?", 1), ("who left through the door", 9),
                         ("What was lying on the sofa?", 20), ("Where is the RED ball", 20)):
        assert b.find(text=text).stamps[0] == at(second), text
    assert len(b.find().stamps) == 4


def test_a_memory_that_cannot_be_read_is_refused_and_shows(make, tmp_path) -> None:
    path = tmp_path / "memory.db"
    b = make(path=str(path))
    b.memory.verdict(answered(SceneVerdict.YES), "box")
    assert b.find(text="box").success
    b.memory._store._reader.close()  # as when its disk is gone
    got = b.find(text="box")
    assert not got.success and str(path) in got.message
    assert any(str(path) in f.text for f in b.faults.findings(time.monotonic()))


def test_a_search_that_makes_no_sense_is_refused(make) -> None:
    for query, text in (({"since": at(5), "until": at(1)}, "until lies before since; swap them"),
                        ({"text": "?!, _"}, "no word to look for")):
        got = make().find(**query)
        assert not got.success and text in got.message


def test_after_the_clock_went_back_a_stamp_s_picture_is_made_anew(make) -> None:
    b = make(thumbnail_px=20)
    for grey in (10, 200):  # the second time of another world with the same stamp
        b.ring.clear()
        b.ring.add(Frame(np.full((30, 40, 3), grey, np.uint8), to_seconds(FIRST)))
        b.memory.forget()
        b.memory.verdict(answered(SceneVerdict.YES, FIRST), "")
    greys = {round(float(cv2.imdecode(np.frombuffer(p.data, np.uint8), cv2.IMREAD_COLOR).mean()),
                   -1) for p in b.find().thumbnails}
    assert greys == {10, 200}
