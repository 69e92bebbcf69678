"""MotionModel: exact in time, and right about its own uncertainty."""
from __future__ import annotations

import numpy as np
import pytest

from smolvlm_ros.fusion.motion import MotionModel

MODEL = MotionModel(speed_std=0.8, memory_s=2.0)


def start() -> tuple[np.ndarray, np.ndarray]:
    x, p = MODEL.start(np.array([1.0, 2, 3]), 0.01 * np.eye(3))
    x[3:] = (0.5, -0.2, 0.0)
    return x, p


@pytest.mark.parametrize("steps", [2, 10, 300])   # 10 s in one step, or in many
def test_frame_rate_does_not_matter(steps: int) -> None:
    whole = MODEL.predict(*start(), 10.0)
    x, p = start()
    for _ in range(steps):
        x, p = MODEL.predict(x, p, 10.0 / steps)
    assert x == pytest.approx(whole[0])
    assert p == pytest.approx(whole[1])


def test_short_time_is_constant_velocity() -> None:
    x, _ = MODEL.predict(*start(), 0.01)
    assert x[:3] == pytest.approx([1.005, 1.998, 3.0], abs=1e-4)


def test_long_time_is_diffusion() -> None:
    # Far beyond its memory, variance grows by 2 speed_std^2 memory_s per second, not by its cube.
    p100, p101 = (MODEL.predict(*start(), t)[1][0, 0] for t in (100.0, 101.0))
    assert p101 - p100 == pytest.approx(2 * 0.64 * 2.0, rel=1e-3)
    x, p = MODEL.predict(*start(), 1000.0)
    assert x[3:] == pytest.approx(0, abs=1e-9)
    assert p[3, 3] == pytest.approx(0.64)


@pytest.mark.parametrize("dt", [1e-9, 1e-4, 0.2, 1e4])
def test_covariance_stays_positive(dt: float) -> None:
    x, p = MODEL.predict(*start(), dt)
    x, p = MODEL.correct(x, p, np.array([1.0, 2, 3]), 1e-6 * np.eye(3))
    assert np.linalg.eigvalsh((p + p.T) / 2).min() > -1e-12
    assert p == pytest.approx(p.T)


def test_no_time_changes_nothing() -> None:
    x, p = start()
    assert MODEL.predict(x, p, 0.0)[0] is x
    assert MODEL.predict(x, p, -1.0)[1] is p


def test_correct_weighs_by_covariance() -> None:
    x, p = MODEL.start(np.zeros(3), np.eye(3))
    x, p = MODEL.correct(x, p, np.array([1.0, 0, 0]), np.eye(3))
    assert x[:3] == pytest.approx([0.5, 0, 0])
    assert p[:3, :3] == pytest.approx(0.5 * np.eye(3))


def test_consistent_on_its_own_process() -> None:
    # Simulated by its own model, the error is chi-square with three degrees of freedom.
    rng = np.random.default_rng(4)
    squares = []
    for _ in range(60):
        truth = np.concatenate([np.zeros(3), rng.normal(0, MODEL.speed_std, 3)])
        x, p = MODEL.start(truth[:3] + rng.normal(0, 0.1, 3), 0.01 * np.eye(3))
        for dt in (0.2, 0.2, 1.5, 0.1, 4.0, 0.3):
            mean, noise = MODEL.predict(truth, np.zeros((6, 6)), dt)
            truth = rng.multivariate_normal(mean, noise)
            x, p = MODEL.predict(x, p, dt)
            x, p = MODEL.correct(x, p, truth[:3] + rng.normal(0, 0.1, 3), 0.01 * np.eye(3))
        off = x[:3] - truth[:3]
        squares.append(off @ np.linalg.solve(p[:3, :3], off))
    assert 2.2 < np.mean(squares) < 3.9
