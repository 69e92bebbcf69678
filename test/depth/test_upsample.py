"""Upsampling keeps surfaces apart."""
from __future__ import annotations

import cv2
import numpy as np
import pytest

from smolvlm_ros.depth.upsample import upsample_depth


def test_a_slope_is_interpolated() -> None:
    slope = np.tile(np.linspace(2.0, 3.0, 50, dtype=np.float32), (40, 1))
    got = upsample_depth(slope, 200, 160)
    np.testing.assert_allclose(got, cv2.resize(slope, (200, 160)), rtol=1e-6)


def test_no_value_between_two_surfaces() -> None:
    depth = np.full((20, 30), 6.0, np.float32)
    depth[5:15, 10:20] = 2.0
    got = upsample_depth(depth, 93, 71)
    assert set(np.unique(got)) == {2.0, 6.0}
    assert upsample_depth(depth, 30, 20) is not depth
    # Half of the smaller map's pixels are dropped, none invented.
    assert set(np.unique(upsample_depth(depth, 13, 11))) == {2.0, 6.0}


@pytest.mark.parametrize(("value", "check"), [(np.inf, np.isinf), (np.nan, np.isnan)])
def test_sky_and_unknown_stay_where_they_are(value: float, check: np.ufunc) -> None:
    depth = np.full((20, 20), 5.0, np.float32)
    depth[:10] = value
    got = upsample_depth(depth, 80, 80)
    assert check(got[:40]).all() and (got[40:] == 5.0).all()


def test_sky_beside_unknown_beside_ground() -> None:
    depth = np.full((12, 12), 5.0, np.float32)
    depth[:4], depth[4:8] = np.inf, np.nan
    got = upsample_depth(depth, 36, 36)
    assert np.isinf(got[:12]).all() and np.isnan(got[12:24]).all() and (got[24:] == 5.0).all()


def test_the_image_decides_which_side_of_a_step_a_pixel_is_on() -> None:
    # A disc, its depth known on a grid four times coarser than the image.
    v, u = np.mgrid[0:200, 0:200]
    disc = (u - 97.0) ** 2 + (v - 103.0) ** 2 < 60.0 ** 2
    true = np.where(disc, 2.0, 6.0).astype(np.float32)
    image = np.where(disc[..., None], (200, 60, 40), (70, 90, 110)).astype(np.uint8)
    coarse = true[2::4, 2::4]
    wrong = {name: np.mean(upsample_depth(coarse, 200, 200, guide) != true)
             for name, guide in (("guided", image), ("nearest", None))}
    assert wrong["guided"] < 0.5 * wrong["nearest"]


def test_guide_of_another_size() -> None:
    depth = np.full((10, 10), 6.0, np.float32)
    depth[:, 5:] = 2.0
    image = np.zeros((80, 80, 3), np.uint8)
    image[:, 40:] = 255
    got = upsample_depth(depth, 40, 40, image)
    assert (got[:, :20] == 6.0).all() and (got[:, 20:] == 2.0).all()


def test_one_row_or_column() -> None:
    depth = np.array([[1.0, 4.0]], np.float32)
    assert set(np.unique(upsample_depth(depth, 6, 3))) == {1.0, 4.0}
