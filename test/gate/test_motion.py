"""MotionGate on sequences that the test draws."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.gate import MotionGate


# one row per way an input can be wrong; the message names it
@pytest.mark.parametrize(("image", "stamp_s", "text"), [
    ([[1]], 0.0, "list"),
    (np.zeros((48, 64), np.float32), 0.0, "float32"),
    (np.zeros((48, 64, 4), np.uint8), 0.0, "(48, 64, 4)"),
    (np.zeros((48,), np.uint8), 0.0, "(48,)"),
    (np.zeros((4, 64), np.uint8), 0.0, "64x4"),
    (np.zeros((48, 64), np.uint8), float("nan"), "nan"),
])
def test_bad_input_is_named_and_changes_nothing(image: np.ndarray, stamp_s: float, text: str) -> None:
    gate = MotionGate()
    with pytest.raises(ValueError, match=text.replace("(", r"\(").replace(")", r"\)")):
        gate.step(image, stamp_s)
    assert gate.step(np.zeros((48, 64), np.uint8), 0.0).open
