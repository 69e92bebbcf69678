"""What is covered, that nothing of it is left, and that the rest stays as it is."""
from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn_private import face, plate, room, with_face

from smolvlm_ros.memory.thumbnail import covered, thumbnail
from smolvlm_ros.remote import privacy
from smolvlm_ros.remote.picture import PictureConfig, jpeg, prepared, shrunk
from smolvlm_ros.remote.privacy import (
    PrivacyConfig,
    PrivacyError,
    check_cascades,
    head_part,
    redact,
)

CONFIG = PrivacyConfig()
FACES = PrivacyConfig(blur_plates=False)


def colours(part: np.ndarray) -> int:
    return len(np.unique(part.reshape(-1, 3), axis=0))


@pytest.mark.parametrize("turns", [0, 1, 3], ids=["upright", "to the left", "to the right"])
@pytest.mark.parametrize("size", [48, 160])
def test_a_face_is_found_and_nothing_of_it_is_left(size, turns) -> None:
    image = np.ascontiguousarray(np.rot90(with_face(size, 60, 40), turns))
    given = redact(image, [], FACES)
    assert given.faces >= 1 and given.heads == 0
    eyes = np.rot90(given.image_rgb, -turns)[40 + size // 4:40 + 3 * size // 4,
                                             60 + size // 4:60 + 3 * size // 4]
    assert colours(eyes) <= CONFIG.cells ** 2 + 5  # cells, and what two overlapping ones add
    assert not privacy.faces(given.image_rgb)


def test_far_from_a_face_nothing_changes_and_the_original_stays() -> None:
    image = with_face(64, 20, 20)
    image[150:, 200:] = np.random.default_rng(0).integers(90, 150, (90, 120, 3))
    before = image.copy()
    given = redact(image, [], FACES).image_rgb
    assert np.array_equal(image, before) and not np.shares_memory(given, image)
    assert np.array_equal(given[150:, 200:], before[150:, 200:])


def test_what_is_covered_does_not_tell_two_faces_apart() -> None:
    # the same cells for other eyes: what is left does not hold them
    image, other = with_face(120, 60, 40), with_face(120, 60, 40)
    other[40:160, 60:180] = face(120, eyes=(40, 26, 20))
    assert not np.array_equal(image, other)
    box = [(50.0, 30.0, 190.0, 230.0)]
    assert np.array_equal(redact(image, box, FACES).image_rgb, redact(other, box, FACES).image_rgb)


def test_a_plate_is_one_colour() -> None:
    given = redact(plate(), [], PrivacyConfig(blur_faces=False))
    assert given.plates >= 1 and given.faces == 0
    assert colours(given.image_rgb[120:172, 120:360]) <= given.plates
    assert not privacy.plates(given.image_rgb)


def test_the_head_of_a_person_box_is_covered_though_no_face_is_found() -> None:
    v, u = np.mgrid[0:240, 0:320]
    image = np.stack([u * 255 / 320, v * 255 / 240, (u + v) * 255 / 560], 2).astype(np.uint8)
    given = redact(image, [(100.0, 40.0, 160.0, 220.0)], FACES)
    assert given.heads == 1
    assert colours(given.image_rgb[40:94, 100:160]) <= 30
    assert np.array_equal(given.image_rgb[110:], image[110:])


# A box in an image of 320x240 px; a point that must be covered, one that must not be.
BOXES = [
    ("standing: above", (100, 40, 160, 220), (130, 60), (130, 180)),
    ("lying: all of it", (60, 150, 240, 200), (70, 190), (130, 100)),
    ("crouching: all of it", (100, 100, 180, 200), (105, 195), (50, 50)),
    ("cut off below: most of it", (100, 120, 160, 240), (130, 180), (130, 235)),
    ("a point", (100, 100, 100, 100), (100, 100), (110, 110)),
    ("outside", (-50, -60, 30, 100), (10, 20), (200, 200)),
]


@pytest.mark.parametrize(("box", "inside", "outside"), [b[1:] for b in BOXES],
                         ids=[b[0] for b in BOXES])
def test_where_a_head_must_be(box, inside, outside) -> None:
    (left, top, right, bottom), head_px = head_part(box, 320, 240)
    assert left <= inside[0] <= right and top <= inside[1] <= bottom
    assert not (left <= outside[0] <= right and top <= outside[1] <= bottom)
    assert head_px > 0
    redact(room(), [box], FACES)


@pytest.mark.parametrize("box", [(0, 0, float("nan"), 10), (0, float("-inf"), 10, 10)])
def test_a_box_that_is_none_keeps_the_image_here(box) -> None:
    with pytest.raises(ValueError, match="person box"):
        redact(room(), [box], FACES)


@pytest.mark.parametrize("box", [(-9.0, -9.0, 0.5, 0.5), (-30.0, 10.0, 0.6, 30.0)])
def test_of_a_head_at_the_edge_a_pixel_or_a_column_may_be_left(box) -> None:
    image = room()
    given = redact(image, [box], FACES).image_rgb
    assert (given != image).any() and (given[60:, 60:] == image[60:, 60:]).all()


def test_switched_off_nothing_changes() -> None:
    image = with_face(100, 60, 40)
    off = PrivacyConfig(blur_faces=False, blur_plates=False)
    given = redact(image, [(60.0, 40.0, 160.0, 230.0)], off)
    assert np.array_equal(given.image_rgb, image) and given.heads == 0


def test_missing_cascades_are_an_error_not_an_image_with_faces(monkeypatch) -> None:
    monkeypatch.setattr(privacy, "_loaded", {})
    monkeypatch.setattr(privacy, "_FOLDERS", ())
    monkeypatch.setattr(cv2.data, "haarcascades", "/nowhere/")
    with pytest.raises(PrivacyError, match="not found in /nowhere.*opencv-data"):
        redact(room(), [], FACES)
    with pytest.raises(PrivacyError):
        check_cascades(CONFIG)
    check_cascades(PrivacyConfig(blur_faces=False, blur_plates=False))


@pytest.mark.parametrize("spelling", ["licence", "license"])
def test_the_plates_cascade_by_the_name_that_this_opencv_gives_it(spelling, tmp_path, monkeypatch
                                                                 ) -> None:
    # 'licence' up to 4.6 (Ubuntu 22.04 and 24.04), 'license' since; apt's has no cv2.data
    for file in Path(cv2.data.haarcascades).glob("*.xml"):
        name = re.sub("licen[cs]e", spelling, file.name)
        (tmp_path / name).symlink_to(file)
    monkeypatch.setattr(privacy, "_loaded", {})
    monkeypatch.setattr(privacy, "_FOLDERS", ("/nowhere", str(tmp_path)))
    monkeypatch.delattr(cv2, "data")
    check_cascades(CONFIG)
    assert redact(plate(), [], PrivacyConfig(blur_faces=False)).plates >= 1


def test_a_jpeg_holds_pixels_only() -> None:
    data = jpeg(with_face(64, 20, 20), 85)
    # its segments up to the scan: JFIF's head, tables, frame; no APP1 (EXIF), comment or profile
    position, markers = 2, set()
    while data[position + 1] != 0xDA:
        markers.add(data[position + 1])
        position += 2 + int.from_bytes(data[position + 2:position + 4], "big")
    assert markers <= {0xE0, 0xDB, 0xC0, 0xC4}


def test_images_are_scaled_down_and_checked() -> None:
    assert shrunk(room(600, 1200), 768).shape == (384, 768, 3)
    assert shrunk(room(), 768).shape == (240, 320, 3)
    assert shrunk(room(1, 4000), 64).shape == (1, 64, 3)
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32),
                  np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="expected"):
            prepared(wrong, PictureConfig())


def test_in_a_small_picture_that_is_kept_a_face_is_covered_too() -> None:
    small = thumbnail(with_face(160, 60, 30), 160)
    kept = covered(small, [], PrivacyConfig(blur_plates=False))
    before, after = (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[40:60, 55:85]
                     for data in (small, kept))
    assert after.astype(float).std() < 0.5 * before.astype(float).std()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 2)])
def test_an_odd_size_is_looked_at_like_any_other(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    assert np.array_equal(redact(image, [], CONFIG).image_rgb, image)
