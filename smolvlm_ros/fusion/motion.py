"""The motion model of tracks: a Kalman filter whose velocity is forgotten over time."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class MotionModel:
    """Position and velocity in 3D; velocity is an Ornstein-Uhlenbeck process (integrated OU).

    With constant velocity and white acceleration noise the position's variance grows with the cube
    of time, so after a gap of seconds (the gate passes few frames) anything would match anything.
    Here velocity decays with time constant `memory_s` towards zero, with standard deviation
    `speed_std`: short gaps behave like constant velocity, long ones like diffusion. The
    discretisation is exact: ten steps of 1 s equal one of 10 s, so the frame rate does not matter.

    Source: D. Johnson et al., "The correlated random walk model", Ecology 89(5), 2008, eq. 5 and 6
    (it is Singer's manoeuvre model, IEEE T-AES 6(4), 1970, one derivative lower).

    Attributes:
        speed_std: standard deviation of each velocity component, metres per second.
        memory_s: time constant of velocity, seconds.
    """

    speed_std: float
    memory_s: float

    def start(self, position: NDArray[np.float64], covariance: NDArray[np.float64]
              ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """State (6,) and covariance (6, 6) of something seen for the first time."""
        p = np.zeros((6, 6))
        p[:3, :3] = covariance
        p[3:, 3:] = self.speed_std ** 2 * np.eye(3)
        return np.concatenate([position, np.zeros(3)]), p

    def predict(self, x: NDArray[np.float64], p: NDArray[np.float64], dt: float
                ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """State and covariance `dt` seconds later."""
        if dt <= 0:
            return x, p
        tau, eye = self.memory_s, np.eye(3)
        keep = np.exp(-dt / tau)
        lost = -np.expm1(-dt / tau)
        # 2 dt/tau - 4 lost + (1 - keep^2), written so that it cannot go below zero by rounding
        xx = tau ** 2 * max(0.0, 2 * dt / tau - 4 * lost + lost * (1 + keep))
        xv, vv = tau * lost ** 2, lost * (1 + keep)
        step = np.kron([[1.0, tau * lost], [0.0, keep]], eye)
        noise = self.speed_std ** 2 * np.kron([[xx, xv], [xv, vv]], eye)
        return step @ x, step @ p @ step.T + noise

    @staticmethod
    def correct(x: NDArray[np.float64], p: NDArray[np.float64], position: NDArray[np.float64],
                covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """State and covariance after a measured position (Joseph's form, which stays symmetric)."""
        gain = np.linalg.solve(p[:3, :3] + covariance, p[:3]).T
        left = np.eye(6)
        left[:, :3] -= gain
        return (x + gain @ (position - x[:3]),
                left @ p @ left.T + gain @ covariance @ gain.T)
