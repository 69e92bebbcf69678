"""MotionGate under all that changes an image though nothing moves: quiet without, awake with."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from drawn import FPS, HEIGHT, STILL, WIDTH, Frame, boxed, passed, play, shaken, view

from smolvlm_ros.gate import Reason

Disturbance = Callable[[Frame, int], Frame]
ONSET, LATEST = 60, 64  # frames; 0.3 s after the onset


def rain(frame: Frame, i: int) -> Frame:
    drawn, random = frame.copy(), np.random.default_rng(i)
    for x, y in zip(random.integers(0, WIDTH, 40), random.integers(0, HEIGHT, 40), strict=True):
        cv2.line(drawn, (int(x), int(y)), (int(x) + 1, int(y) + 8), 230.0, 1)
    return drawn


def soft_shadow(frame: Frame, i: int) -> Frame:
    across = np.exp(-((np.arange(WIDTH) - 2.0 * i) / 50.0) ** 2)
    return np.asarray(frame * (1 - 0.3 * across)[None], np.float32)


def slow_shadow(frame: Frame, i: int) -> Frame:
    """The edge of a house's shadow: half the light behind it, a pixel in five seconds."""
    lit = np.clip(np.arange(WIDTH) - 150.5 - 0.2 * i / FPS, 0.0, 1.0)
    return np.asarray(frame * (0.5 + 0.5 * lit)[None], np.float32)


def rolling_flicker(frame: Frame, i: int) -> Frame:
    rows = 1 + 0.1 * np.sin(1.3 * i + np.arange(HEIGHT) / HEIGHT * 4 * np.pi)
    return np.asarray(frame * rows[:, None], np.float32)


def compressed(frame: Frame, i: int) -> Frame:
    """Blocks and ringing of a JPEG of low quality, which change with a sensor's noise."""
    noisy = np.clip(frame + np.random.default_rng(i).normal(0, 3, frame.shape), 0, 255)
    data = cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 20])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


DISTURBANCES = {
    "noise": lambda frame, i: frame,
    "night": lambda frame, i: frame * 0.2,
    "exposure up, clipping": lambda frame, i: frame * (1.4 if i >= 40 else 1.0),
    "exposure down": lambda frame, i: frame * (0.5 if i >= 40 else 1.0),
    "offset": lambda frame, i: frame + (25.0 if i >= 40 else 0.0),
    "exposure down at the onset": lambda frame, i: frame * (0.6 if i >= ONSET else 1.0),
    "lamp flicker": lambda frame, i: frame * (1 + 0.12 * np.sin(2.1 * i)),
    "flicker under a rolling shutter": rolling_flicker,
    "compression": compressed,
    "rain": rain,
    "soft shadow": soft_shadow,
    "slow shadow": slow_shadow,
}


@pytest.fixture(params=DISTURBANCES, name="disturb")
def _disturb(request: pytest.FixtureRequest) -> Any:
    return DISTURBANCES[request.param]


def test_nothing_passes_that_is_only_light_weather_or_noise(disturb: Disturbance) -> None:
    assert passed(play(lambda i: disturb(STILL, i), 100)) == [0]


def test_who_comes_in_passes_at_once_all_the_same(disturb: Disturbance) -> None:
    decisions = play(lambda i: disturb(boxed(STILL, (i - ONSET) * 5 - 23), i) if i >= ONSET
                     else disturb(STILL, i), LATEST + 1)
    motion = passed(decisions, Reason.MOTION)
    assert motion and ONSET <= motion[0] <= LATEST


def test_strong_noise_never_opens() -> None:
    assert passed(play(lambda i: STILL * 0.3, 100, noise=14.0)) == [0]


def hover(i: int) -> Frame:
    """A drone that holds its place: all six ways at once, slowly."""
    wave = np.sin(2 * np.pi * i / FPS * np.array([0.23, 0.17, 0.31, 0.13]))
    return view(8 * wave[0], 5 * wave[1], 1 + 0.02 * wave[2], 1.5 * wave[3])


# ways of a camera over an empty place, the least number of keyframes, and nothing else passes
@pytest.mark.parametrize(("draw", "least"), [
    pytest.param(shaken, 0, id="shake"),
    pytest.param(hover, 0, id="hover"),
    pytest.param(lambda i: view(dx=min(2.0 * i, 190) - 95), 1, id="pan"),
    pytest.param(lambda i: view(zoom=1 + 0.006 * i), 1, id="roll forward"),
    pytest.param(lambda i: view(dx=i - 50, dy=0.5 * i - 25, zoom=1.2 - 0.002 * i,
                                roll_deg=0.1 * i), 1, id="fly"),
])
def test_a_camera_that_moves_passes_keyframes_alone(draw: Callable[[int], Frame], least: int
                                                    ) -> None:
    decisions = play(draw, 100)
    assert passed(decisions, Reason.MOTION) == []
    assert least <= len(passed(decisions, Reason.NOVELTY)) <= 4
    assert all(0 <= d.novelty <= 1 for d in decisions)
    if not least:
        assert passed(decisions) == [0]
