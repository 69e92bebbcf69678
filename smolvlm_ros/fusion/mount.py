"""Where a camera sits on a robot, as a transform."""
from __future__ import annotations

import numpy as np

from smolvlm_ros.fusion.transform import Transform

# Columns are the optical frame's axes (x right, y down, z forward) in a body frame (x forward,
# y left, z up), both of REP-103.
_BODY_FROM_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def mount_transform(height_m: float, pitch_deg: float, roll_deg: float, parent_frame: str,
                    optical_frame: str) -> Transform:
    """The optical frame of a camera above the origin of a frame on the ground.

    Args:
        height_m: metres above the parent frame's origin.
        pitch_deg: tilt in degrees, positive looks down (a positive rotation about y, REP-103).
        roll_deg: degrees about the viewing direction, positive clockwise as seen from behind.
        parent_frame: x forward, y left, z up.
        optical_frame: x right, y down, z forward.

    Returns:
        The transform that takes points of the optical frame to the parent frame.
    """
    c, s = np.cos(np.radians(pitch_deg)), np.sin(np.radians(pitch_deg))
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    c, s = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    return Transform(about_y @ about_x @ _BODY_FROM_OPTICAL, np.array([0.0, 0.0, height_m]),
                     parent_frame, optical_frame)
