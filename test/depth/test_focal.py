"""Focal correction against the training cameras."""
from __future__ import annotations

import pytest
from depth_checkpoints import description

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth import focal_scale
from smolvlm_ros.models.depth_metadata import DepthMetadata


def camera(focal: float, width: int) -> CameraModel:
    return CameraModel(width, 480, focal, focal, width / 2, 240.0)


def metadata(variant: str, focal: float = 0.0) -> DepthMetadata:
    return description(variant=variant, max_depth_m={"indoor": 20.0, "outdoor": 80.0}[variant],
                       training_focal=focal)


@pytest.mark.parametrize(("focal", "width", "variant", "scale"), [
    (887.0, 1024, "indoor", 1.0),             # the training cameras themselves
    (725.0, 1242, "outdoor", 1.0),
    (443.5, 512, "indoor", 1.0),              # the same view at half the resolution
    (1774.0, 1024, "indoor", 2.0),            # twice the zoom: things are twice as far as they look
    (525.0, 640, "indoor", 525 / 640 * 1024 / 887),
])
def test_scale_of_the_published_variants(focal: float, width: int, variant: str,
                                         scale: float) -> None:
    assert focal_scale(camera(focal, width), metadata(variant).focal) == pytest.approx(scale)


def test_a_checkpoint_of_another_camera_brings_its_own_focal_length() -> None:
    own = metadata("indoor", focal=0.75).focal
    assert focal_scale(camera(480.0, 640), own) == pytest.approx(1.0)
    assert focal_scale(camera(960.0, 640), own) == pytest.approx(2.0)
