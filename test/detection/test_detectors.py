"""The detectors that need no weights."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from smolvlm_ros.detection import DetectorConfig, HogConfig, make_detector
from smolvlm_ros.detection.hog import HogDetector
from smolvlm_ros.models.registry import Task, find
from smolvlm_ros.settings import SettingError
from smolvlm_ros.sources.demo_scene import DemoScene

DATA = Path(__file__).parents[3] / "shared" / "data" / "videos"
STANDING = 90
BLANK = np.full((480, 640, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def scene() -> DemoScene:
    return DemoScene(seed=0)


@pytest.fixture(scope="module")
def standing(scene: DemoScene) -> np.ndarray:
    """RGB image of a standing person."""
    return np.ascontiguousarray(scene.image(STANDING)[..., ::-1])


@pytest.fixture(scope="module")
def person(scene: DemoScene) -> np.ndarray:
    """That person's true box, shape (4,)."""
    return scene.truth(STANDING).xyxy


@pytest.mark.parametrize("kind", ["hog", "regions", "hog_regions"])
def test_every_kind_keeps_the_protocol(kind: str, standing: np.ndarray) -> None:
    detector = make_detector(DetectorConfig(kind=kind))
    result = detector.detect(standing, [[10, 10, 60, 90]])
    assert detector.name and set(result.class_names) <= set(detector.labels)
    assert len(detector.detect(BLANK)) == 0
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), None):
        with pytest.raises(ValueError, match="uint8"):
            detector.detect(wrong)
    detector.close()


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingError, match="hog_regions"):
        DetectorConfig(kind="yolo")


def test_the_network_that_is_asked_for_by_kind_alone_is_d_fine_nano() -> None:
    known = find(DetectorConfig(kind="onnx").model)
    assert known is not None and known.task is Task.DETECTION and known.hub_id.endswith(
        "dfine-nano-coco")
    assert known.commercial


def test_the_box_fits_the_person(standing: np.ndarray, person: np.ndarray) -> None:
    result = make_detector(DetectorConfig(kind="hog")).detect(standing)
    assert result.class_names == ("person",)
    # within an eighth of the person's height: the search window's margin is cut off
    assert result.xyxy[0] == pytest.approx(person, abs=0.125 * (person[3] - person[1]))


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_boxes_are_in_pixels_of_the_image_at_any_size(scale: float, standing: np.ndarray,
                                                      person: np.ndarray) -> None:
    image = cv2.resize(standing, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    result = make_detector(DetectorConfig(kind="hog")).detect(image)
    assert len(result) == 1
    assert result.xyxy[0] / scale == pytest.approx(person, abs=40)


def test_the_working_height_is_never_above_the_images(monkeypatch: pytest.MonkeyPatch,
                                                      standing: np.ndarray) -> None:
    prepared = HogDetector._prepared
    for asked, native, expected in ((0, 480, 240), (0, 240, 216), (0, 1080, 320), (0, 120, 120),
                                    (1000, 480, 480), (300, 480, 300)):
        image = np.zeros((native, native * 4 // 3, 3), np.uint8)
        padded, scale, border = prepared(image, HogConfig(work_height_px=asked))
        assert padded.shape[0] - 2 * border == expected and scale <= 1.0


def test_an_image_too_small_for_a_person_has_none() -> None:
    assert len(make_detector(DetectorConfig(kind="hog")).detect(BLANK[:40, :30].copy())) == 0


def test_regions_become_moving_with_a_score_that_grows_with_area() -> None:
    detector = make_detector(DetectorConfig(kind="regions", min_score=0.0))
    one_percent = [0, 0, 64, 48]
    result = detector.detect(BLANK, [[0, 0, 3, 3], one_percent, [100, 100, 700, 400]])
    # the speck is left out, the largest comes first and is cut at the image's edge
    assert result.class_names == ("moving", "moving")
    assert result.xyxy.tolist() == [[100, 100, 640, 400], [0, 0, 64, 48]]
    assert result.scores[1] == pytest.approx(0.5) and 0.9 < result.scores[0] < 1


def test_a_region_outside_the_image_is_none() -> None:
    detector = make_detector(DetectorConfig(kind="regions", min_score=0.0))
    assert len(detector.detect(BLANK, [[700, 0, 800, 100]])) == 0


@pytest.mark.parametrize("regions", [[[1, 2, 3]], [[0, 0, np.nan, 1]]])
def test_regions_that_are_no_boxes_are_refused(regions) -> None:
    for kind in ("regions", "hog_regions"):
        with pytest.raises(ValueError, match="regions"):
            make_detector(DetectorConfig(kind=kind)).detect(BLANK, regions)


def moved(person: np.ndarray, *offset: float) -> list[float]:
    return [float(p + o) for p, o in zip(person, offset, strict=True)]


def test_a_person_takes_the_bounds_of_what_moved(standing: np.ndarray, person: np.ndarray) -> None:
    result = make_detector(DetectorConfig()).detect(standing, [person])
    assert result.class_names == ("person",)
    assert result.xyxy[0] == pytest.approx(person, abs=1e-3)


def test_a_person_moving_in_pieces_is_one(standing: np.ndarray, person: np.ndarray) -> None:
    left, top, right, bottom = person
    middle = (top + bottom) / 2
    result = make_detector(DetectorConfig()).detect(
        standing, [[left, top, right, middle - 10], [left, middle + 10, right, bottom]])
    assert result.class_names == ("person",)
    assert result.xyxy[0] == pytest.approx(person, abs=1e-3)


def test_a_region_much_larger_or_smaller_does_not_change_the_box(standing: np.ndarray,
                                                                 person: np.ndarray) -> None:
    detector = make_detector(DetectorConfig())
    alone = detector.detect(standing).xyxy[0]
    # with a long shadow or a second person: larger; only an arm moves: smaller
    wide = detector.detect(standing, [moved(person, -150, 0, 150, 0)])
    arm = detector.detect(standing, [[person[0], person[1] + 80, person[0] + 20, person[1] + 140]])
    assert wide.xyxy[0] == pytest.approx(alone) and arm.xyxy[0] == pytest.approx(alone)
    assert wide.class_names == ("person", "moving")  # most of the wide region is not the person
    assert arm.class_names == ("person",)


def test_what_moves_elsewhere_stays_moving(standing: np.ndarray, person: np.ndarray) -> None:
    elsewhere = [20, 300, 120, 460]
    result = make_detector(DetectorConfig()).detect(standing, [person, elsewhere])
    assert result.class_names == ("person", "moving")
    assert result.xyxy[1].tolist() == elsewhere


def test_a_region_shaped_like_a_person_is_not_one(person: np.ndarray) -> None:
    result = make_detector(DetectorConfig()).detect(BLANK, [person])
    assert result.class_names == ("moving",)


def test_class_filter_and_score_are_applied_last(standing: np.ndarray, person: np.ndarray) -> None:
    # without persons their regions are still theirs and not 'moving'
    only_moving = make_detector(DetectorConfig(classes=("moving",)))
    assert only_moving.detect(standing, [person, [20, 300, 120, 460]]).xyxy.tolist() == [
        [20, 300, 120, 460]]
    assert len(make_detector(DetectorConfig(min_score=1.0)).detect(standing, [person])) == 0


def test_settings_change_while_it_runs(standing: np.ndarray) -> None:
    detector = make_detector(DetectorConfig())
    assert len(detector.detect(standing)) == 1
    detector.config = detector.config.changed(hog__min_margin=3.0)
    assert len(detector.detect(standing)) == 0


def test_people_of_a_real_recording() -> None:
    video = DATA / "one-by-one-person-detection.mp4"
    if not video.exists():
        pytest.skip(f"{video} is not on this machine")
    events = json.loads((DATA / "events.json").read_text())[video.name]["events"]
    detector = make_detector(DetectorConfig(kind="hog"))
    capture = cv2.VideoCapture(str(video))
    for first, last in events:
        found = []
        for index in np.linspace(first + 25, last - 25, 4).astype(int):  # standing at the table
            capture.set(cv2.CAP_PROP_POS_FRAMES, int(index))
            result = detector.detect(np.ascontiguousarray(capture.read()[1][..., ::-1]))
            found.append(len(result))
        assert max(found) == 1 and sum(found) >= 2, (first, last, found)
        capture.set(cv2.CAP_PROP_POS_FRAMES, last + 10)  # an empty room
        assert len(detector.detect(np.ascontiguousarray(capture.read()[1][..., ::-1]))) == 0
