"""When the images of a camera do not go on from one another."""
from __future__ import annotations

import math

from smolvlm_ros.depth.continuity import Continuity


def test_gaps_sizes_and_jumps() -> None:
    follow = Continuity()
    size, wide = (640, 480), (1280, 480)
    for given, stamp_s, max_gap_s, why in (
            (size, 10.0, 1.0, ""),               # nothing came before the first
            (size, 11.0, 1.0, ""),               # the limit itself is no gap
            (size, 12.5, 1.0, "no image for 1.500 s"),
            (size, 99.0, math.inf, ""),          # nothing is kept, or the images tell
            (wide, 99.1, 1.0, "images are 1280x480 now and were 640x480"),
            (wide, 99.1, 1.0, ""),               # the same stamp twice is no jump
            (wide, 5.0, 1.0, "time went back by 94.100 s"),
            (wide, 5.5, 1.0, "")):
        assert follow.broken_by(given, stamp_s, max_gap_s) == why
