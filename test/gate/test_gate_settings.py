"""The gate's settings: polygons and rules between them."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.gate import GateConfig
from smolvlm_ros.gate.config import parse_polygon
from smolvlm_ros.settings import SettingError


def test_polygon_is_read_as_fractions() -> None:
    assert parse_polygon("0 0, 1 0, 0.5 1").tolist() == [[0, 0], [1, 0], [0.5, 1]]


# text, two corners, three numbers, outside, not a number
@pytest.mark.parametrize("text", ["", "a b, c d, e f", "0 0, 1 1", "0 0 0, 1 1 1, 0 1 0",
                                  "0 0, 2 0, 1 1", "nan 0, 1 0, 1 1", "0 0, 1, 1 1"])
def test_wrong_polygon_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(SettingError, match="write it as 'x y, x y, x y'"):
        GateConfig(ignore_masks=(text,))


@given(st.text(alphabet="0123456789. ,-enaif", max_size=40))
def test_any_text_is_a_polygon_in_the_image_or_an_error(text: str) -> None:
    try:
        corners = parse_polygon(text)
    except ValueError:
        return
    assert corners.shape[1] == 2 and len(corners) >= 3
    assert np.all((corners >= 0) & (corners <= 1))


def test_stall_must_be_longer_than_quiet() -> None:
    with pytest.raises(SettingError, match="raise stall_s"):
        GateConfig(stall_s=0.5, quiet_s=0.5)
