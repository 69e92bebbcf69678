"""The memory of a scene_qa node over real DDS: search, restart, a file that cannot be used."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import ago, qa_bench  # noqa: E402
from smolvlm_ros.msg import ZoneEvent  # noqa: E402
from smolvlm_ros.srv import FindMoment  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import Detection3D, Detection3DArray  # noqa: E402

from smolvlm_ros.ros.boxes import hypothesis  # noqa: E402


def search(bench: Any, **fields: Any) -> Any:
    return bench.peer.call("scene_qa/find_moment", FindMoment, FindMoment.Request(**fields))


def await_moments(bench: Any, count: int) -> None:
    bench.peer.await_status("scene_qa", lambda level, text, values: values.get("moments") == str(
        count) and values.get("moments_waiting") == "0", f"{count} moments")


def test_moments_are_found_by_words_place_and_time_under_their_exact_stamps() -> None:
    with qa_bench() as b:
        frame = b.frame(2.0)
        entered = b.event(at=ago(1.9))
        thing = Detection3D(id="7", results=[hypothesis("person", 0.9)])
        seen = [ago(age) for age in (1.8, 1.7, 1.6)]
        for at in seen:  # one visit is one moment
            b.peer.send("objects", Detection3DArray(header=Header(stamp=at), detections=[thing]))
        left = b.event(ZoneEvent.LEAVE, zone="gate", at=ago(1.0))
        await_moments(b, 3)

        def find(**fields: Any) -> Any:
            found = search(b, **fields)
            assert found.success
            assert len(found.stamps) == len(found.scores) == len(found.thumbnails)
            return found

        found = find(text="when did a person enter?")
        assert found.descriptions[0] == "person 7 enter door"
        assert found.stamps[0] == entered.header.stamp and found.scores[0] == 1.0
        small = cv2.imdecode(np.frombuffer(found.thumbnails[0].data, np.uint8), cv2.IMREAD_COLOR)
        assert small.shape[:2] == (120, 160) and frame.width == 64  # 4 to 3, as the frame
        assert find(zone="gate").descriptions == ["person 7 leave gate"]
        assert find(text="object").stamps == seen[:1]
        assert len(find(class_name="person").stamps) == 3 and find(class_name="dog").stamps == []
        assert find(since=left.header.stamp).descriptions == ["person 7 leave gate"]
        assert find(until=entered.header.stamp).descriptions == ["person 7 enter door"]
        assert len(find(limit=1).stamps) == 1


def test_a_search_that_makes_no_sense_is_refused() -> None:
    with qa_bench() as b:
        for fields, text in (({"since": ago(), "until": ago(5)}, "until lies before since"),
                             ({"text": "?!"}, "no word")):
            found = search(b, **fields)
            assert not found.success and text in found.message


def test_a_file_outlives_the_node_and_a_broken_one_refuses_to_configure(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "memory.db"
    with qa_bench(memory__path=str(path)) as b:
        b.event()
        await_moments(b, 1)
    assert path.stat().st_mode & 0o077 == 0  # pictures of people are for their owner's eyes
    with qa_bench(memory__path=str(path)) as b:
        assert search(b, text="person").descriptions == ["person 7 enter door"]
    path.write_bytes(b"no database at all" * 100)
    with qa_bench(active=False, memory__path=str(path)) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", "configure failed: ")
        text = b.peer.status("scene_qa")[1]
        assert str(path) in text and "move it away" in text
        path.unlink()
        assert b.node.trigger_configure().name == "SUCCESS"


def test_on_a_full_disk_the_node_goes_on_says_so_and_recovers(tmp_path: Path) -> None:
    with qa_bench(memory__path=str(tmp_path / "memory.db")) as b:
        b.event()
        await_moments(b, 1)
        store = b.node._memory._store
        with store._writer.lock:  # from now on SQLite finds the disk full
            store._connection.execute("PRAGMA max_page_count = 1")
        sent = 0
        while not store.counts.problem:  # what lies in pages that are there still fits
            b.event(zone=f"zone {sent}")
            sent += 1
            wait_for(lambda n=sent + 1: store.counts.kept + store.counts.waiting == n, "the event")
        b.peer.await_error("scene_qa", "nothing can be remembered: ")
        assert "free some space" in b.peer.status("scene_qa")[1]
        b.frame()  # the rest of the node goes on: frames, verdicts, search
        assert not b.ask().message.startswith("nothing")
        assert search(b, text="person door").success
        with store._writer.lock:
            store._connection.execute("PRAGMA max_page_count = 100000")
        await_moments(b, sent + 1)  # those that waited are there too
        b.peer.await_status("scene_qa", lambda level, text, values: "remembered" not in text,
                            "the end of the fault")
        assert b.peer.status("scene_qa")[2]["moments_lost"] == "0"
