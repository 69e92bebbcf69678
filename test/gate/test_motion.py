"""MotionGate on sequences that the test draws."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawn import (
    FPS,
    HEIGHT,
    STILL,
    WIDTH,
    Frame,
    as_image,
    boxed,
    passed,
    play,
    shaken,
    view,
    walker,
)

from smolvlm_ros.gate import GateConfig, GateDecision, MotionGate, Reason


def halting(i: int) -> Frame:
    """A thing that comes in at frame 30 and stands from frame 50 on."""
    return walker(min(i, 50))


@pytest.mark.parametrize("draw", [
    pytest.param(walker, id="standing camera"),
    pytest.param(lambda i: boxed(shaken(i), (i - 30) * 5 - 28) if i >= 30 else shaken(i),
                 id="shaking camera"),
    pytest.param(lambda i: boxed(view(i), (i - 30) * 6 - 28) if i >= 30 else view(i),
                 id="panning camera"),
])
def test_onset_passes_at_once_then_at_the_pass_rate_then_the_end(draw: Any) -> None:
    decisions = play(draw, 110, GateConfig(novelty=False))
    motion = passed(decisions, Reason.MOTION)
    coming = [i for i in motion if i < 45]  # as more and more of it comes into view
    assert 30 <= coming[0] <= 34 and len(coming) <= 4
    later = motion[len(coming):]  # the last one is its end
    assert 1 <= len(later) <= 4 and later[0] - coming[-1] >= 1.5 * FPS
    assert decisions[40].event_id == 1 and decisions[40].motion_fraction > 0.002


def test_regions_are_in_full_resolution_pixels_and_keep_their_number() -> None:
    gate, full = MotionGate(), (4 * WIDTH, 4 * HEIGHT)
    found = [gate.step(as_image(walker(i), i), i / FPS, full_size=full) for i in range(60)]
    numbers = {d.regions[0].track_id for d in found[36:60]}
    (region,) = found[59].regions
    assert len(numbers) == 1 and region.moving and region.age_s > 1.0
    expected = np.array([29 * 5 - 28, 90, 29 * 5, 150]) * 4
    assert np.abs(np.array(region.xyxy) - expected).max() < 40


def test_end_passes_once_all_has_left_and_the_event_is_over() -> None:
    decisions = play(walker, 130)
    gone = 30 + (WIDTH + 28) / 5
    after = [i for i in passed(decisions) if i > gone - 3]
    assert len(after) == 1 and after[0] <= gone + 4
    assert decisions[-1].event_id == 0 and not decisions[-1].regions


def test_who_stands_still_neither_opens_for_ever_nor_is_lost() -> None:
    decisions = play(halting, 140)
    assert [i for i in passed(decisions) if i > 60] == []
    (region,) = decisions[-1].regions
    assert not region.moving

    # moving on after a long rest opens again at once, as the same event
    gate = MotionGate()
    before = play(halting, 140, gate=gate)
    after = play(lambda i: walker(i - 90), 150, gate=gate, start=140)
    assert any(d.reason is Reason.MOTION for d in after[:4])
    assert after[3].event_id == max(d.event_id for d in before)


def test_what_stands_long_enough_becomes_scene() -> None:
    decisions = play(halting, 110, GateConfig(absorb_s=2.0))
    assert decisions[60].regions and not decisions[-1].regions


def test_second_thing_passes_at_once_while_the_first_goes_on() -> None:
    def two(i: int) -> Frame:
        first = boxed(STILL, 20 + 2 * (i - 30), y=20, height=40) if i >= 30 else STILL
        return boxed(first, 300 - 3 * (i - 45), y=170, height=40) if i >= 45 else first

    motion = passed(play(two, 60), Reason.MOTION)
    assert len(motion) == 2 and 45 <= motion[1] <= 48


def test_cut_to_another_view_is_novel() -> None:
    other = np.ascontiguousarray(view(150, 100)[::-1, ::-1])
    decisions = play(lambda i: other if i >= 30 else STILL, 60)
    assert passed(decisions, Reason.MOTION) == []
    (novel,) = passed(decisions, Reason.NOVELTY)
    assert 30 <= novel <= 30 + 0.5 * FPS


def test_view_that_is_found_again_goes_on_without_a_pass() -> None:
    # two frames of something else (a glitch, a hand across the lens) are not a new view
    other = np.ascontiguousarray(view(150, 100)[::-1, ::-1])
    assert passed(play(lambda i: other if i in (30, 31) else STILL, 60)) == [0]


def test_near_and_far_parts_that_slide_past_each_other_do_not_open_for_ever() -> None:
    def parallax(i: int) -> Frame:
        far, near = view(dx=0.5 * i), view(dx=3.0 * i, dy=40)
        return np.vstack([far[:120], near[120:]])

    decisions = play(parallax, 45, GateConfig(novelty=False))
    assert len(passed(decisions, Reason.MOTION)) <= 3


def test_nothing_passed_yet_keeps_the_whole_view_novel() -> None:
    off = GateConfig(novelty=False, heartbeat=False)
    decisions = play(lambda i: view(dx=2.0 * i - 60), 60, off)
    assert passed(decisions) == [] and decisions[-1].novelty == 1.0


def test_bare_view_is_no_new_view() -> None:
    assert passed(play(lambda i: np.full((HEIGHT, WIDTH), 90.0, np.float32), 40)) == [0]


def test_ignore_masks_hide_what_moves_and_change_while_running() -> None:
    band = "0 0.3, 1 0.3, 1 0.7, 0 0.7"
    gate = MotionGate(GateConfig(ignore_masks=(band,)))
    assert passed(play(walker, 60, gate=gate), Reason.MOTION) == []
    gate.configure(GateConfig())
    assert passed(play(walker, 75, gate=gate, start=60), Reason.MOTION) != []


# switches, each alone
@pytest.mark.parametrize(("config", "reasons"), [
    (GateConfig(motion=False), {"heartbeat"}),
    (GateConfig(heartbeat=False), {"novelty", "motion"}),
    (GateConfig(heartbeat=False, novelty=False), {"motion"}),
    (GateConfig(heartbeat=False, novelty=False, motion=False), set()),
])
def test_reasons_are_switches(config: GateConfig, reasons: set[str]) -> None:
    decisions = play(walker, 60, config)
    assert {d.reason.value for d in decisions if d.open} == reasons


def test_heartbeat_comes_when_nothing_else_does() -> None:
    assert passed(play(lambda i: STILL, 70, GateConfig(heartbeat_s=2.0))) == [0, 30, 60]


def test_request_passes_the_next_frame_once() -> None:
    gate = MotionGate()
    play(lambda i: STILL, 10, gate=gate)
    gate.request("planner")
    after = play(lambda i: STILL, 15, gate=gate, start=10)
    assert [d.reason for d in after if d.open] == [Reason.REQUEST] and after[0].open


def test_detector_opens_by_class_and_score_at_its_rate() -> None:
    gate = MotionGate(GateConfig(detector=True, detector_classes=("person",)))
    play(lambda i: STILL, 40, gate=gate)
    assert gate.wants_detections(40 / FPS)
    assert not gate.note_detections([0.9, 0.2], ["dog", "person"], 40 / FPS)
    assert not gate.wants_detections(40.5 / FPS)
    assert gate.note_detections([0.9, 0.6, 0.95], ["person", "person", "dog"], 41 / FPS)
    after = play(lambda i: STILL, 80, gate=gate, start=41)
    assert passed(after, Reason.DETECTOR) == [0, 30]
    assert {(d.detected_class, d.detected_score) for d in after} == {("person", 0.9)}
    # Switched off and on again it knows nothing until it has looked again.
    gate.configure(GateConfig())
    gate.configure(GateConfig(detector=True))
    (off,) = play(lambda i: STILL, 81, gate=gate, start=80)
    assert (off.detected_class, off.detected_score) == ("", 0.0)
    with pytest.raises(ValueError):
        gate.note_detections([0.9], [], 6.0)
    assert not MotionGate().wants_detections(0.0)


def test_repeats_are_dropped_and_a_frozen_camera_is_told() -> None:
    gate, image = MotionGate(GateConfig(frozen_after_s=1.0, heartbeat_s=1.5)), as_image(STILL, 0)
    decisions = [gate.step(image, i / 10) for i in range(30)]
    assert passed(decisions) == [0] and all(d.repeated for d in decisions[1:])
    assert [d.frozen for d in decisions].index(True) == 10
    gate.request()
    assert gate.frozen and not gate.step(image, 3.0).open
    new = gate.step(as_image(STILL, 1), 3.1)
    assert new.reason is Reason.REQUEST and not new.frozen and not gate.frozen
    gate.request()  # the first repeats are no fault yet
    assert gate.step(as_image(STILL, 1), 3.2).reason is Reason.REQUEST


@pytest.mark.parametrize("leaves", [False, True])
def test_before_a_simulator_without_noise_the_last_frame_shows_who_stands_or_has_left(
        leaves: bool) -> None:
    def picture(i: int) -> np.ndarray:
        left = 3 * (i - 30) if i >= 30 else None
        left = left if leaves or left is None else min(left, 120)
        image = np.array(as_image(STILL, 0))
        if left is not None:
            image[60:200, max(left, 0):max(left + 60, 0)] = (230, 30, 30)
        return image

    gate = MotionGate(GateConfig(frozen_after_s=3600.0))
    images = [picture(i) for i in range(400)]
    decisions = [gate.step(image, i / 30) for i, image in enumerate(images)]
    opened = [i for i, d in enumerate(decisions) if d.open]
    assert decisions[-1].event_id == 0 and any(d.event_id for d in decisions)
    assert np.array_equal(images[opened[-1]], images[-1])
    assert len(opened) <= 8


def test_resets_say_why_and_pass_the_first_frame() -> None:
    gate = MotionGate()
    image = as_image(STILL, 0)

    def step(stamp_s: float, picture: Any = image) -> GateDecision:
        return gate.step(picture, stamp_s)

    assert step(10.0).reset == ""
    assert step(9.0).reset == "time went back by 1.000 s"
    assert step(14.0).reset == "no frame for 5.000 s"
    smaller = step(14.1, image[::2, ::2])
    assert smaller.reset == "resolution changed from 320x240 to 160x120" and smaller.open
    gate.configure(GateConfig(work_width_px=80))
    assert step(14.2, image[::2, ::2]).reset == "work_width_px changed"
    assert gate.config.work_width_px == 80
    assert step(14.2, as_image(STILL, 3)[::2, ::2]).reset == ""  # the same stamp again is no reset


@pytest.mark.parametrize(("first_in_colour", "words"), [(True, "colour to grey"),
                                                        (False, "grey to colour")])
def test_a_camera_that_changes_to_its_night_mode_while_it_pans(first_in_colour: bool, words: str
                                                               ) -> None:
    gate = MotionGate()
    decisions = [gate.step(as_image(view(dx=2.0 * i - 60), i, colour=(i < 30) == first_in_colour),
                           i / FPS) for i in range(45)]
    assert {i: d.reset for i, d in enumerate(decisions) if d.reset} == {
        30: f"the image changed from {words}"}
    assert decisions[30].open


def test_numbers_of_things_are_not_used_again_after_a_reset() -> None:
    gate = MotionGate()
    first = play(walker, 60, gate=gate)[-1].regions[0].track_id
    gate.reset("a test")
    assert play(walker, 60, gate=gate)[-1].regions[0].track_id > first


def test_grey_and_strided_images_are_taken_and_nothing_is_changed_or_kept() -> None:
    gate = MotionGate()
    image = as_image(STILL, 0, colour=False)
    image.setflags(write=False)
    assert gate.step(image, 0.0).open
    tiny = MotionGate(GateConfig(work_width_px=64))
    own = as_image(STILL, 0, colour=False)[:48, :64]
    tiny.step(own, 0.0)
    own[:] = 0
    assert not tiny.step(own, 0.1).repeated


# one row per way an input can be wrong; the message names it
@pytest.mark.parametrize(("image", "stamp_s", "size", "text"), [
    ([[1]], 0.0, None, "list"),
    (np.zeros((48, 64), np.float32), 0.0, None, "float32"),
    (np.zeros((48, 64, 4), np.uint8), 0.0, None, "48, 64, 4"),
    (np.zeros((48,), np.uint8), 0.0, None, "48,"),
    (np.zeros((4, 64), np.uint8), 0.0, None, "64x4"),
    (np.zeros((48, 64), np.uint8), float("nan"), None, "nan"),
    (np.zeros((48, 64), np.uint8), 0.0, (0, 5), "full_size"),
])
def test_bad_input_is_named_and_changes_nothing(image: Any, stamp_s: float, size: Any, text: str
                                                ) -> None:
    gate = MotionGate()
    gate.step(np.zeros((48, 64), np.uint8), 1.0)
    with pytest.raises(ValueError, match=text):
        gate.step(image, stamp_s, full_size=size)
    assert gate.step(np.zeros((48, 64), np.uint8), 1.1).repeated
