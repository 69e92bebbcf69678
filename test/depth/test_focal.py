"""Focal correction against the training cameras."""
from __future__ import annotations

import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import Variant, focal_scale


def camera(focal: float, width: int) -> CameraModel:
    return CameraModel(width, 480, focal, focal, width / 2, 240.0)


@pytest.mark.parametrize(("focal", "width", "variant", "scale"), [
    (887.0, 1024, Variant.INDOOR, 1.0),       # the training cameras themselves
    (725.0, 1242, Variant.OUTDOOR, 1.0),
    (443.5, 512, Variant.INDOOR, 1.0),        # the same view at half the resolution
    (1774.0, 1024, Variant.INDOOR, 2.0),      # twice the zoom: things are twice as far as they look
    (525.0, 640, Variant.INDOOR, 525 / 640 * 1024 / 887),
])
def test_scale(focal: float, width: int, variant: Variant, scale: float) -> None:
    assert focal_scale(camera(focal, width), variant) == pytest.approx(scale)
