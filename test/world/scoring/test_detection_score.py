"""Average precision on cases worked out by hand."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from smolvlm_ros.detection import Detections
from smolvlm_ros.world import World
from smolvlm_ros.world.scoring.detection import (
    LEAST_SIDE_RATIO,
    LEAST_VISIBILITY,
    BoxTruth,
    average_precision,
    evaluate_detector,
    score_detections,
    truth_of,
)

A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)


def found(*rows: tuple[Sequence[float], float, str]) -> Detections:
    return Detections(np.float32([r[0] for r in rows]).reshape(-1, 4),
                      np.float32([r[1] for r in rows]), tuple(r[2] for r in rows))


def truth(*rows: tuple[Sequence[float], str], ignored: Sequence[int] = ()) -> BoxTruth:
    return BoxTruth(np.float32([r[0] for r in rows]).reshape(-1, 4), tuple(r[1] for r in rows),
                    np.array([i not in ignored for i in range(len(rows))], bool))


def shifted(box: Sequence[float], x: float) -> tuple[float, ...]:
    return (box[0] + x, box[1], box[2] + x, box[3])


@pytest.mark.parametrize(("right", "wanted", "expected"), [
    ([True, True], 2, 1.0),
    # recall 0.5 (51 of the 101 recalls: 0 to 0.5) at precision 1, the rest is never reached
    ([True], 2, 51 / 101),
    # right, wrong, right: precision 1 up to recall 0.5, then 2/3
    ([True, False, True], 2, (51 + 50 * 2 / 3) / 101),
    # a wrong one first: 1/2 and 2/3, and the better one counts for the smaller recalls too
    ([False, True, True], 2, 2 / 3),
    ([False, False], 3, 0.0), ([], 4, 0.0)])
def test_average_precision(right: list[bool], wanted: int, expected: float) -> None:
    scores = np.linspace(0.9, 0.1, len(right))
    assert average_precision(scores, np.array(right, bool), wanted) == pytest.approx(expected)
    # The order comes from the scores.
    assert average_precision(scores[::-1], np.array(right[::-1], bool),
                             wanted) == pytest.approx(expected)


def test_an_overlap_of_half_is_needed() -> None:
    for shift, expected in ((3.0, 1.0), (4.0, 0.0)):   # IoU 7/13 and 6/14
        score = score_detections([found((shifted(A, shift), 0.9, "box"))], [truth((A, "box"))])
        assert score.map50 == pytest.approx(expected)


def test_an_object_is_found_once() -> None:
    twice = found((A, 0.9, "box"), (shifted(A, 1), 0.8, "box"), (B, 0.7, "box"))
    score = score_detections([twice], [truth((A, "box"), (B, "box"))])
    assert score.by_class == {"box": pytest.approx((51 + 50 * 2 / 3) / 101)}


def test_the_better_box_takes_the_object_and_the_other_its_neighbour() -> None:
    near = shifted(A, 2)
    both = found((shifted(A, 1), 0.9, "box"), (A, 0.8, "box"))
    assert score_detections([both], [truth((A, "box"), (near, "box"))]).map50 == 1.0


def test_classes_count_the_same_and_only_those_that_were_there() -> None:
    score = score_detections(
        [found((A, 0.9, "box"), (C, 0.9, "vehicle")), found((B, 0.5, "moving"))],
        [truth((A, "box"), (A, "box")), truth((B, "person"))])
    assert score.by_class == {"person": 0.0, "box": pytest.approx(51 / 101)}
    assert score.map50 == pytest.approx(51 / 202)
    assert score.truths == {"person": 1, "box": 2} and score.frames == 2


def test_what_is_hidden_or_small_is_neither_right_nor_wrong() -> None:
    seen = truth((A, "box"), (B, "box"), ignored=(1,))
    for extra in ([], [(B, 0.95, "box")], [(B, 0.95, "box"), (shifted(B, 1), 0.92, "box")]):
        score = score_detections([found((A, 0.9, "box"), *extra)], [seen])
        assert score.map50 == 1.0 and score.truths == {"box": 1}
    # but a box of nothing is wrong
    assert score_detections([found((A, 0.9, "box"), (C, 0.95, "box"))],
                            [seen]).map50 == pytest.approx(0.5)


def test_nothing_at_all() -> None:
    assert math.isnan(score_detections([Detections()], [truth()]).map50)
    with pytest.raises(ValueError, match="1 images and truth of 0"):
        score_detections([Detections()], [])


def test_truth_of_a_frame_and_a_detector_that_knows_it() -> None:
    world = World("room", seed=2, camera="static")
    frames = [world.frame(index) for index in (100, 400, 700)]
    truths = [truth_of(frame) for frame in frames]
    assert any(t.counts.any() for t in truths)
    for frame, t in zip(frames, truths, strict=True):
        seen = [o for o in frame.objects if o.visible_xyxy is not None]
        assert len(seen) == len(t.counts) == len(t.class_names)
        for o, counts, box in zip(seen, t.counts, t.xyxy, strict=True):
            side = min(box[2] - box[0], box[3] - box[1])
            assert counts == (o.visibility >= LEAST_VISIBILITY and side >= 480 * LEAST_SIDE_RATIO)
    answers = iter(truths)

    def knows(image_rgb: np.ndarray) -> Detections:
        t = next(answers)
        return Detections(t.xyxy, np.full(len(t.counts), 0.9, np.float32), t.class_names)

    score = evaluate_detector(knows, frames)
    assert score.map50 == 1.0 and score.frames == 3
    assert sum(score.truths.values()) == sum(int(t.counts.sum()) for t in truths)
    assert evaluate_detector(lambda image: Detections(), frames).map50 == 0.0
