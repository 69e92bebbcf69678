"""The ring of gated frames and the choice of two."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.crops import CropConfig, cropped
from smolvlm_ros.qa.frames import FrameRing, RingConfig, first_two, repeats
from smolvlm_ros.qa.verdict import Frame


def frame(stamp_s: float, pixels: int = 10) -> Frame:
    return Frame(np.zeros((pixels, 10, 3), np.uint8), stamp_s)


def ring(*stamps: float, **settings) -> FrameRing:
    made = FrameRing(RingConfig(**settings))
    for stamp in stamps:
        made.add(frame(stamp))
    return made


def picked(made: FrameRing, now_s: float, separation_s: float = 0.5, **kw) -> tuple[float, ...]:
    return tuple(f.stamp_s for f in made.pick(now_s, separation_s, **kw).frames)


@pytest.mark.parametrize(
    ("stamps", "now_s", "expected"),
    [
        # the newest, and the latest one far enough before it
        ((1.0, 2.0, 2.3, 2.6, 2.9), 3.0, (2.3, 2.9)),
        # exactly the separation counts
        ((1.0, 1.5), 2.0, (1.0, 1.5)),
        # only one, or none far enough
        ((1.0,), 2.0, (1.0,)), ((1.0, 1.2, 1.4), 2.0, (1.4,)),
        # the older one shows another scene by now
        ((1.0, 20.0), 21.0, (20.0,)),
        # too old, and from the future
        ((1.0, 2.0), 30.0, ()), ((1.0, 50.0), 2.0, ()),
        # a little ahead of the clock is jitter
        ((1.0, 2.0), 1.5, (1.0, 2.0)),
    ])
def test_pick(stamps, now_s, expected) -> None:
    assert picked(ring(*stamps), now_s) == expected


def test_reasons_give_numbers() -> None:
    assert "no frame has passed" in ring().pick(0.0, 0.5).reason
    assert "28.00 s old, more than 12 s" in ring(2.0).pick(30.0, 0.5).reason
    assert "48.00 s ahead" in ring(50.0).pick(2.0, 0.5).reason
    assert "0.5 to 12 s before" in ring(1.0).pick(1.0, 0.5).reason
    assert ring(1.0, 2.0).pick(2.0, 0.5).reason == ""


def test_a_client_may_ask_for_fresher_frames() -> None:
    assert picked(ring(1.0, 2.0), 3.0, max_age_s=0.5) == ()
    assert picked(ring(1.0, 2.0), 2.4, max_age_s=0.5) == (1.0, 2.0)


def test_count_is_bounded() -> None:
    made = ring(*range(100), max_frames=3)
    assert len(made) == 3
    assert picked(made, 99.0) == (98.0, 99.0)


def test_bytes_are_bounded_but_one_frame_stays() -> None:
    made = FrameRing(RingConfig(max_megabytes=1.0))
    for stamp in range(10):
        made.add(frame(float(stamp), pixels=10000))  # 0.3 MB each
    assert len(made) == 3
    made.add(frame(10.0, pixels=50000))  # 1.5 MB alone
    assert len(made) == 1
    # and the count of bytes is right afterwards
    made.add(frame(11.0))
    assert len(made) == 1
    made.add(frame(12.0))
    assert len(made) == 2


@pytest.mark.parametrize("limits", [{"max_megabytes": 1.0}, {"max_frames": 2}])
def test_a_small_ring_keeps_two_frames_far_enough_apart(limits) -> None:
    made = FrameRing(RingConfig(**limits, max_span_s=3.0))
    alone = []
    for index in range(50):  # two fit, and come 0.4 s apart
        made.add(frame(0.4 * index, pixels=14000), 0.5)
        assert len(made) <= 2
        picks = made.pick(0.4 * index, 0.5).frames
        assert picks[-1] is made.newest
        alone += [index] if len(picks) < 2 else []
    # A new older one is begun when the last one has become too old.
    assert alone == [0, 1, *range(8, 50, 7)]
    three = FrameRing(RingConfig(max_frames=3))
    for index in range(20):
        three.add(frame(0.4 * index), 0.5)
    assert picked(three, 7.6) == pytest.approx((6.8, 7.6))  # no older than need be


def test_slightly_out_of_order_is_sorted_in() -> None:
    assert picked(ring(1.0, 2.0, 1.6), 2.0, 0.3) == (1.6, 2.0)


def test_the_same_stamp_replaces() -> None:
    made = ring(1.0, 2.0)
    made.add(frame(2.0, pixels=20))
    assert len(made) == 2
    assert made.newest is not None and made.newest.image_rgb.shape[0] == 20


def test_a_restarted_clock_drops_the_old_frames() -> None:
    made = ring(100.0, 101.0)
    assert made.add(frame(0.5))
    assert not made.add(frame(0.75)) and not made.add(frame(0.625))
    assert len(made) == 3
    assert picked(made, 1.0, 0.125) == (0.625, 0.75)


def test_clear() -> None:
    made = ring(1.0, 2.0)
    made.clear()
    assert made.newest is None and len(made) == 0


@given(st.lists(st.floats(0, 50), max_size=30), st.floats(0, 60), st.floats(0, 5))
def test_any_pick_keeps_its_promises(stamps, now_s, separation_s) -> None:
    made = ring(*stamps)
    frames = made.pick(now_s, separation_s).frames
    if frames:
        assert frames[-1] is made.newest
        assert now_s - frames[-1].stamp_s <= 12.0
    if len(frames) == 2:
        assert separation_s <= frames[1].stamp_s - frames[0].stamp_s <= 12.0
        assert frames[0].stamp_s < frames[1].stamp_s


def test_the_first_two_frames_far_enough_apart() -> None:
    frames = [frame(t) for t in (1.0, 1.2, 1.6, 3.0)]
    assert [f.stamp_s for f in first_two(frames, 0.5)] == [1.0, 1.6]
    assert [f.stamp_s for f in first_two(frames, 5.0)] == [1.0]
    assert first_two([], 0.5) == ()


def test_repeats_are_told_from_what_both_crops_show() -> None:
    rng = np.random.default_rng(0)
    shown = Frame(rng.integers(0, 255, (100, 200, 3), dtype=np.uint8), 1.0)
    stuck = Frame(shown.image_rgb.copy(), 2.0)
    noisy = Frame(shown.image_rgb.copy(), 2.0)
    noisy.image_rgb[50, 95] ^= 1
    assert repeats(shown, stuck) and not repeats(shown, noisy)

    def crop(frame: Frame, left: float) -> Frame:
        return cropped(frame, (left, 40.0, left + 40.0, 60.0), CropConfig(min_px=8))
    # A box that wanders by a few pixels hides no stuck camera.
    assert repeats(crop(shown, 80.0), crop(stuck, 84.0))
    assert not repeats(crop(shown, 80.0), crop(noisy, 84.0))
    assert repeats(shown, crop(stuck, 80.0))
    # Another part of the view tells nothing.
    assert not repeats(crop(shown, 20.0), crop(stuck, 120.0))
    smaller = Frame(shown.image_rgb[:, :60], 2.0)
    assert repeats(shown, smaller) and not repeats(shown, Frame(noisy.image_rgb[:, 100:], 2.0))
