"""Small pictures without faces."""
from __future__ import annotations

import cv2
import numpy as np

from smolvlm_ros.memory.thumbnail import MAX_BYTES, covered, thumbnail
from smolvlm_ros.remote.privacy import PrivacyConfig


def decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def striped(height: int = 480, width: int = 640) -> np.ndarray:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, ::8] = image[:, 1::8] = image[:, 2::8] = image[:, 3::8] = 255
    return image


def test_the_heads_of_persons_are_covered_and_the_rest_is_left() -> None:
    small = thumbnail(striped(), 160)
    # A standing person: 0.2 to 0.4 of the width, the whole height but a little.
    kept = decoded(covered(small, [(0.2, 0.1, 0.4, 0.9)], PrivacyConfig(blur_plates=False)))
    before = decoded(small)
    assert kept.shape == before.shape == (120, 160, 3)
    head, rest = np.s_[14:38, 34:62], np.s_[60:110, 80:150]
    assert np.abs(np.diff(kept[head].astype(int), axis=1)).mean() < 10 < np.abs(
        np.diff(before[head].astype(int), axis=1)).mean()
    assert np.abs(kept[rest].astype(int) - before[rest]).mean() < 12
    off = decoded(covered(small, [(0.2, 0.1, 0.4, 0.9)], PrivacyConfig(
        blur_faces=False, blur_plates=False)))
    assert np.abs(off[head].astype(int) - before[head]).mean() < 12


def test_it_stays_small() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    assert 0 < len(thumbnail(noise, 640)) <= MAX_BYTES
