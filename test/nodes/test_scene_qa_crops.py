"""scene_qa over DDS looks at the object that a question is about, and says which pixels it saw."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import (  # noqa: E402
    FREE,
    FRESH,
    NO_FRAME,
    OK,
    REFUSED,
    TEMPLATES,
    QaBench,
    ago,
    qa_bench,
)
from smolvlm_ros.msg import SceneVerdict, ZoneEvent  # noqa: E402
from smolvlm_ros.srv import AskScene  # noqa: E402
from vision_msgs.msg import Detection2D, Detection2DArray  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.boxes import from_box  # noqa: E402

# Pictures are 64x48; a box of 8 px gives a crop of 16.
SMALL = {"crop__enlargement": 2.0, "crop__min_px": 8, "policy__min_mass": 0.0}
LEFT, RIGHT = (4.0, 20.0, 12.0, 28.0), (52.0, 20.0, 60.0, 28.0)
CROPPED = {LEFT: (0, 16, 16, 32), RIGHT: (48, 16, 64, 32)}


def watched(b: QaBench) -> list[np.ndarray]:
    """The images that the model is shown from now on."""
    seen: list[np.ndarray] = []
    yes_no = b.node.engine.yes_no

    def watch(image: Any, questions: Any) -> Any:
        seen.append(image)
        return yes_no(image, questions)
    b.node.engine.yes_no = watch
    return seen


def one_verdict(b: QaBench) -> SceneVerdict:
    wait_for(lambda: b.verdicts, "the verdict")
    return b.verdicts[0]


def test_an_event_s_question_is_asked_on_crops_of_its_object(tiny_vlm: Path) -> None:
    # With these thresholds anything is clear, so that both frames are asked unless passes differ.
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, second_frame_timeout_s=60.0,
                  **SMALL) as b:
        seen = watched(b)
        first = b.frame(2.0)
        b.boxes(first, t7=LEFT, t8=RIGHT)
        b.event(at=first.header.stamp)
        blind = b.frame(1.2)  # does not show it: not asked
        b.boxes(blind, t8=RIGHT)
        second = b.frame(0.5)
        assert not b.verdicts
        b.boxes(second, t7=RIGHT)
        verdict = one_verdict(b)
        asked = [(s, tuple(round(v) for v in from_box(r)))
                 for s, r in zip(verdict.pass_stamps, verdict.pass_regions, strict=True)]
        expected = [(second.header.stamp, CROPPED[RIGHT])] * 2 + [
            (first.header.stamp, CROPPED[LEFT])] * 2
        assert asked == expected[:len(asked)] and len(asked) >= 2
        for image, message, box in zip(seen, (second, first), (RIGHT, LEFT), strict=False):
            x0, y0, x1, y1 = CROPPED[box]
            assert np.array_equal(image, images.to_rgb(message)[y0:y1, x0:x1])


def test_an_object_that_is_not_seen_is_unsure_never_answered_by_another(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, second_frame_timeout_s=0.3,
                  **SMALL) as b:
        seen = watched(b)
        gate = b.gate(passes=[0.8, 0.4])
        b.boxes(b.frame(1.5), t8=RIGHT)
        b.event(at=ago(1.0))
        verdict = one_verdict(b)
        assert verdict.answer == SceneVerdict.UNSURE and not seen
        assert "person 7 was not seen" in verdict.reason and "crop: frame" in verdict.reason
        wait_for(lambda: gate.requests, "the request")
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values["objects_unseen"] == "1", "the count")


def test_a_frame_that_does_not_show_it_has_another_asked_of_the_gate(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, second_frame_timeout_s=60.0,
                  **SMALL) as b:
        gate = b.gate()
        first = b.frame(3.0)
        b.boxes(first, t7=LEFT)
        b.event(at=first.header.stamp)
        wait_for(lambda: gate.requests, "the first request")
        b.boxes(b.frame(1.0))
        before = gate.requests
        wait_for(lambda: gate.requests > before, "another request")
        b.boxes(b.frame(0.2), t7=LEFT)
        assert one_verdict(b).pass_stamps[0].sec


def test_only_one_sighting_since_the_event_is_helped_by_one_before(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, second_frame_timeout_s=0.3,
                  **SMALL) as b:
        before, since = b.frame(2.0), b.frame(1.0)
        b.boxes(before, t7=LEFT)
        b.boxes(since, t7=LEFT)
        b.event(at=since.header.stamp)
        verdict = one_verdict(b)
        assert verdict.pass_stamps[0] == since.header.stamp
        assert {s.sec for s in verdict.pass_stamps} <= {since.header.stamp.sec,
                                                        before.header.stamp.sec}


@pytest.mark.parametrize(("kind", "crop", "whole"), [
    (ZoneEvent.LEAVE, "", True), (ZoneEvent.LEAVE, "object", False),
    (ZoneEvent.ENTER, "frame", True)])
def test_a_template_may_say_what_is_looked_at(tiny_vlm: Path, kind: int, crop: str, whole: bool
                                              ) -> None:
    templates = TEMPLATES.replace("[enter]", "[enter, leave]")
    templates += f"    crop: {crop}\n" if crop else ""
    with qa_bench(engine__model=str(tiny_vlm), templates=templates, **SMALL) as b:
        first, second = b.two_frames()
        b.boxes(first, t7=LEFT)
        b.boxes(second, t7=LEFT)
        b.event(kind, at=first.header.stamp)
        assert all((r.size_x == 0) is whole for r in one_verdict(b).pass_regions)


def test_without_boxes_whole_frames_are_asked_and_health_says_so(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, **SMALL) as b:
        first, _ = b.two_frames()
        b.event(at=first.header.stamp)
        verdict = one_verdict(b)
        assert len(verdict.pass_regions) == len(verdict.pass_stamps) >= 2
        assert all(r.size_x == 0 for r in verdict.pass_regions)
        b.peer.await_status("scene_qa", lambda level, text, values:
                            level == 1 and "nobody publishes objects_2d" in text, "the warning")


def test_a_planner_may_ask_about_one_object(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), engine__max_new_tokens=3, **SMALL) as b:
        first, second = b.two_frames()
        b.boxes(first, t7=LEFT)
        b.boxes(second, t7=RIGHT, t8=LEFT)
        answer = b.ask(track_id="7")
        assert answer.status == OK and answer.verdict.track_id == "7"
        regions = [tuple(round(v) for v in from_box(r)) for r in answer.verdict.pass_regions]
        assert regions[:2] == [CROPPED[RIGHT]] * 2 and set(regions[2:]) <= {CROPPED[LEFT]}
        # The same question about the whole view, or another object, is another question.
        assert all(r.size_x == 0 for r in b.ask().verdict.pass_regions)
        assert b.ask("What is there?", FREE, track_id="7").status == OK
        both = b.ask(track_id="7", zone="door")
        assert both.status == REFUSED and "look at one of both" in both.message
        gone = b.ask(track_id="9")
        assert gone.status == NO_FRAME and "no frame kept shows object '9'" in gone.message


@pytest.mark.usefixtures("patient_requests")
@pytest.mark.parametrize(("boxes", "status", "text"), [
    ({"t7": RIGHT, "t8": LEFT}, OK, ""),
    ({"t8": RIGHT}, NO_FRAME, "the fresh frame does not show object '7'"),
    (None, NO_FRAME, "fusion has not told in time whether the fresh frame shows object '7'")])
def test_a_fresh_look_at_an_object_is_never_an_old_one(
        tiny_vlm: Path, boxes: dict[str, Any] | None, status: int, text: str) -> None:
    with qa_bench(engine__model=str(tiny_vlm), **SMALL) as b:
        gate = b.gate(passes=[0.0])
        for frame in b.two_frames():
            b.boxes(frame, t7=LEFT)
        answer = b.peer.call_async("scene_qa/ask", AskScene, AskScene.Request(
            question="Is it open?", frame=FRESH, track_id="7",
            timeout_ms=6000 if boxes is None else 0))
        wait_for(lambda: gate.sent, "the fresh frame")
        if boxes is not None:
            b.boxes(gate.sent[0], **boxes)
        given = wait_for(answer.done, "the answer") and answer.result()
        assert given.status == status and text in given.message
        if status == OK:
            assert given.verdict.header.stamp == gate.sent[0].header.stamp
        else:
            assert given.verdict.answer == SceneVerdict.UNSURE


def test_a_template_may_look_at_the_event_s_zone(tiny_vlm: Path) -> None:
    templates = TEMPLATES.replace("[enter]", "[leave]") + "    crop: zone\n"
    with qa_bench(engine__model=str(tiny_vlm), templates=templates, second_frame_timeout_s=60.0,
                  crop__zone_enlargement=1.0, **SMALL) as b:
        seen = watched(b)
        first = b.frame(2.0)
        b.zones(first, door=(0.0, 16.0, 16.0, 32.0), gate=RIGHT)
        b.boxes(first, t7=RIGHT)
        b.event(ZoneEvent.LEAVE, at=first.header.stamp)
        blind = b.frame(1.2)  # the camera does not see the zone: not asked
        b.zones(blind, gate=RIGHT)
        second = b.frame(0.5)
        b.zones(second, door=(8.0, 16.0, 24.0, 32.0))
        verdict = one_verdict(b)
        asked = [(s, tuple(round(v) for v in from_box(r)))
                 for s, r in zip(verdict.pass_stamps, verdict.pass_regions, strict=True)]
        expected = [(second.header.stamp, (8, 16, 24, 32))] * 2 + [
            (first.header.stamp, (0, 16, 16, 32))] * 2
        assert asked == expected[:len(asked)] and len(asked) >= 2
        assert np.array_equal(seen[0], images.to_rgb(second)[16:32, 8:24])


def test_a_planner_may_ask_about_one_zone(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), crop__zone_enlargement=1.0, **SMALL) as b:
        for frame in b.two_frames():
            b.zones(frame, door=(0.0, 16.0, 16.0, 32.0))
        answer = b.ask(zone="door")
        assert answer.status == OK and answer.verdict.zone == "door"
        assert {tuple(round(v) for v in from_box(r)) for r in answer.verdict.pass_regions} == {
            (0, 16, 16, 32)}
        gone = b.ask(zone="roof")
        assert gone.status == NO_FRAME and "no frame kept shows zone 'roof'" in gone.message


def test_boxes_that_are_none_are_bad_input(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), **SMALL) as b:
        message = b.frame(0.5)
        b.boxes(message, t7=(900.0, 900.0, 950.0, 950.0))
        assert b.ask(track_id="7").status == NO_FRAME
        b.peer.await_status("scene_qa", lambda level, text, values:
                            values["boxes_outside_image"] == "1", "the count")
        later = b.frame(0.2)
        b.peer.send("objects_2d", Detection2DArray(header=later.header,
                                                   detections=[Detection2D()]))
        b.peer.await_error("scene_qa", "no id")
