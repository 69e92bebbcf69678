"""The gate's settings, each declared once."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.settings import Settings, setting


@dataclass(frozen=True)
class GateConfig(Settings):
    """Settings of `MotionGate`; one set of defaults for standing and for moving cameras."""

    motion: bool = setting(True, "Pass frames in which something moves against the scene.",
                           runtime=True)
    novelty: bool = setting(True, "Pass a frame when the view has changed enough since the last "
                            "passed one (a keyframe of a moving camera).", runtime=True)
    detector: bool = setting(False, "Pass frames in which the gate's detector finds one of "
                             "`detector_classes`.", runtime=True)
    heartbeat: bool = setting(True, "Pass a frame when nothing has passed for `heartbeat_s`, and "
                              "early when a thing came to rest and no frame has shown it yet.",
                              runtime=True)
    request: bool = setting(True, "Pass the next frame when somebody asks for one; of a frozen "
                            "camera, the first new one.", runtime=True)

    heartbeat_s: float = setting(10.0, "Longest time without a passed frame.", unit="s",
                                 ge=0.1, le=3600.0, runtime=True)
    max_pass_rate_hz: float = setting(0.5, "Passed frames per second while one event goes on; its "
                                      "onset, the moment when twice as much of it is in sight, and "
                                      "its end pass at once.", unit="Hz", ge=0.01, le=120.0,
                                      runtime=True)
    novelty_threshold: float = setting(0.35, "Share of the view without a counterpart in the last "
                                       "passed frame that makes a frame a new view.",
                                       ge=0.01, le=1.0, runtime=True)
    novelty_max_rate_hz: float = setting(2.0, "Frames per second that pass for novelty at most.",
                                         unit="Hz", ge=0.01, le=120.0, runtime=True)
    detector_rate_hz: float = setting(1.0, "Frames per second given to the gate's detector.",
                                      unit="Hz", ge=0.01, le=120.0, runtime=True)
    detector_score: float = setting(0.5, "Least score of a detection that counts.", ge=0.0, le=1.0,
                                    runtime=True)
    detector_classes: tuple[str, ...] = setting((), "Class names that count; empty for all.",
                                                runtime=True)

    work_width_px: int = setting(160, "Width of the reduced image on which the gate decides.",
                                 unit="px", ge=64, le=640)
    ignore_masks: tuple[str, ...] = setting(
        (), "Polygons in which nothing counts, each as text 'x y, x y, x y' in fractions of the "
        "image's width and height (the robot's own body, a clock in the picture).", runtime=True)
    min_contrast: float = setting(9.0, "Least difference in brightness to the scene that "
                                  "counts, beyond noise.", unit="levels", ge=1.0, le=128.0,
                                  runtime=True)
    noise_factor: float = setting(4.0, "How many times a pixel's own mean deviation it must "
                                  "differ, on top of `min_contrast`.", ge=0.0, le=50.0,
                                  runtime=True)
    min_area: float = setting(0.0015, "Smallest thing that counts, as a share of the view.",
                              ge=0.0001, le=0.5, runtime=True)
    confirm_frames: int = setting(2, "Frames in a row in which a thing must be seen moving before "
                                  "it counts.", unit="frames", ge=1, le=30, runtime=True)
    release_ratio: float = setting(0.4, "Hysteresis: a thing once seen moving goes on moving down "
                                   "to this share of the limits it had to pass.", ge=0.05, le=1.0,
                                   runtime=True)
    quiet_s: float = setting(0.15, "Time without motion after which an event has ended; half of it "
                             "when nothing is left standing.", unit="s", ge=0.0, le=60.0,
                             runtime=True)
    background_s: float = setting(8.0, "Time constant with which the scene is learnt where nothing "
                                  "stands in front of it.", unit="s", ge=0.1, le=3600.0,
                                  runtime=True)
    absorb_s: float = setting(30.0, "Time without motion after which a thing that stands is part "
                              "of the scene.", unit="s", ge=0.5, le=86400.0, runtime=True)
    stall_s: float = setting(3.0, "Gap between two stamps after which the gate begins anew.",
                             unit="s", ge=0.1, le=3600.0, runtime=True)
    frozen_after_s: float = setting(2.0, "Time for which the very same image may come under fresh "
                                    "stamps before the camera counts as frozen, and a request "
                                    "waits for a new one. Raise it for a simulator without noise.",
                                    unit="s", ge=0.1, le=3600.0, runtime=True)

    def conflicts(self) -> list[str]:
        """Polygons that cannot be read, and a stall shorter than the quiet time."""
        problems = []
        for index, text in enumerate(self.ignore_masks):
            try:
                parse_polygon(text)
            except ValueError as error:
                problems.append(f"ignore_masks[{index}] = {text!r} {error}")
        if self.stall_s <= self.quiet_s:
            problems.append(f"stall_s = {self.stall_s:g} s must be longer than quiet_s = "
                            f"{self.quiet_s:g} s; raise stall_s")
        return problems


def parse_polygon(text: str) -> NDArray[np.float64]:
    """Corners of a polygon written as 'x y, x y, x y', fractions of width and height.

    Returns:
        shape (N, 2) float64, N at least 3; `parse_polygon("0 0, 1 0, 1 0.1")[1]` is (1, 0).

    Raises:
        ValueError: on other text, fewer than three corners or a corner outside 0 to 1.
    """
    hint = "write it as 'x y, x y, x y' with at least three corners, each number from 0 to 1"
    parts = [corner.split() for corner in text.split(",")]
    try:
        numbers = [[float(x), float(y)] for x, y in parts]
    except ValueError:
        raise ValueError(f"is not a polygon; {hint}") from None
    if len(numbers) < 3:
        raise ValueError(f"is not a polygon; {hint}")
    corners = np.array(numbers, np.float64)
    if not np.all((corners >= 0) & (corners <= 1)):
        raise ValueError(f"has a corner outside the image; {hint}")
    return corners
