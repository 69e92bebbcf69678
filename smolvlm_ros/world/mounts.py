"""Where the camera is: standing still, on a rolling robot, on a drone."""
from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STATIC, ROBOT, DRONE = "static", "robot", "drone"
MOUNTS = (STATIC, ROBOT, DRONE)
_BELOW_DRONE = (0.1, 0.0, -0.05)  # of its body: ahead of its middle and under it


@dataclass(frozen=True)
class CameraKey:
    """Where the camera is at a time; between two keys it starts and stops softly.

    Attributes:
        time_s: since the beginning.
        x, y: metres in the world.
        height_m: above the floor.
        yaw_deg: positive to the left.
        pitch_deg: positive looks down.
    """

    time_s: float
    x: float
    y: float
    height_m: float
    yaw_deg: float
    pitch_deg: float


@dataclass(frozen=True)
class CameraWay:
    """The camera's way.

    Attributes:
        mount: 'static', 'robot' or 'drone'.
        keys: at least one, times rising; it stands before the first and after the last.
        phases: of the small motions of a robot and a drone, radians.
    """

    mount: str
    keys: tuple[CameraKey, ...]
    phases: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    @property
    def on_base(self) -> NDArray[np.float64] | None:
        """How the camera is mounted: optical frame to base_link, shape (4, 4) float64, metres.

        A robot's base_link is on the floor below the camera, where a bump lifts and tilts it a
        little; a drone's is its body, level when it starts. None for a tripod, which has none.
        """
        start = self.keys[0]
        if self.mount == ROBOT:
            return camera_pose((0.0, 0.0, start.height_m), 0.0, start.pitch_deg)
        if self.mount == DRONE:
            return camera_pose(_BELOW_DRONE, 0.0, start.pitch_deg)
        return None

    def pose(self, time_s: float) -> NDArray[np.float64]:
        """Optical frame to world at a time, shape (4, 4) float64, metres."""
        index = bisect_right([key.time_s for key in self.keys], time_s) - 1
        a = self.keys[max(index, 0)]
        b = self.keys[min(index + 1, len(self.keys) - 1)]
        share = 0.0 if b.time_s <= a.time_s else (time_s - a.time_s) / (b.time_s - a.time_s)
        share = min(1.0, max(0.0, share))
        speed = 4 * share * (1 - share) * math.hypot(b.x - a.x, b.y - a.y)  # 0 to the way's length
        share = share * share * (3 - 2 * share)
        x, y, height, yaw, pitch = (p + share * (q - p) for p, q in (
            (a.x, b.x), (a.y, b.y), (a.height_m, b.height_m), (a.yaw_deg, b.yaw_deg),
            (a.pitch_deg, b.pitch_deg)))
        roll = 0.0
        waves = [math.sin(2 * math.pi * hz * time_s + phase)
                 for hz, phase in zip((1.7, 2.3, 0.23, 0.17), self.phases, strict=True)]
        if self.mount == ROBOT:
            # Wheels on an uneven floor: felt while it rolls.
            rolling = min(1.0, speed)
            height += 0.004 * rolling * waves[0]
            pitch += 0.12 * rolling * waves[1]
        elif self.mount == DRONE:
            x, y, height = x + 0.04 * waves[2], y + 0.05 * waves[3], height + 0.015 * waves[3]
            roll, pitch = 0.7 * waves[2], pitch + 0.35 * waves[3] + 0.03 * waves[0]
        return camera_pose((x, y, height), yaw, pitch, roll)


def camera_pose(place: tuple[float, float, float], yaw_deg: float, pitch_deg: float,
                roll_deg: float = 0.0) -> NDArray[np.float64]:
    """Pose of a camera, optical frame to world, shape (4, 4) float64.

    Args:
        place: x, y, z in metres.
        yaw_deg: 0 looks along x, positive to the left.
        pitch_deg: positive looks down.
        roll_deg: positive turns the camera clockwise, seen from behind it.
    """
    yaw, pitch, roll = (math.radians(v) for v in (yaw_deg, pitch_deg, roll_deg))
    forward = np.array([math.cos(pitch) * math.cos(yaw), math.cos(pitch) * math.sin(yaw),
                        -math.sin(pitch)])
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    turned_right = right * math.cos(roll) + down * math.sin(roll)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([turned_right, np.cross(forward, turned_right), forward])
    pose[:3, 3] = place
    return pose


def random_way(mount: str, outdoor: bool, rng: np.random.Generator, duration_s: float) -> CameraWay:
    """A way for a camera near the world's origin that looks along x.

    Heights and tilts keep to a few steps of what a mount is: a robot's mast at 1 m, a fixed
    camera at 1.4 m, a drone that climbs from there.

    Raises:
        ValueError: for a mount that is not one of MOUNTS.
    """
    if mount not in MOUNTS:
        raise ValueError(f"camera {mount!r} is not known, expected one of {', '.join(MOUNTS)}")
    phases = tuple(float(v) for v in rng.uniform(0, 2 * math.pi, 4))
    x, y = float(rng.uniform(-0.2, 0.2)), float(rng.uniform(-0.25, 0.25))
    if mount == STATIC:
        keys = [CameraKey(0.0, x, y, rng.uniform(1.35, 1.45), rng.uniform(-4, 4),
                          rng.uniform(7, 10))]
    elif mount == ROBOT:
        keys = _robot_keys(x, y, rng, duration_s)
    else:
        keys = _drone_keys(x, y, outdoor, rng, duration_s)
    return CameraWay(mount, tuple(keys), (phases[0], phases[1], phases[2], phases[3]))


def _robot_keys(x: float, y: float, rng: np.random.Generator,
                duration_s: float) -> list[CameraKey]:
    """Rolls ahead, stops, looks a little to a side, rolls on: 2 to 2.6 m a minute."""
    height, pitch = float(rng.uniform(0.97, 1.03)), float(rng.uniform(4, 6))
    time_s, yaw = 0.0, float(rng.uniform(-3, 3))
    keys = [CameraKey(time_s, x, y, height, yaw, pitch)]
    while time_s < duration_s:
        way, roll_s = rng.uniform(0.30, 0.42), rng.uniform(2.5, 3.5)
        x, y = x + way * math.cos(math.radians(yaw)), y + way * math.sin(math.radians(yaw))
        time_s += roll_s
        keys.append(CameraKey(time_s, x, y, height, yaw, pitch))
        time_s += rng.uniform(1.5, 3.0)
        keys.append(CameraKey(time_s, x, y, height, yaw, pitch))
        # Back towards the middle of the way, so that what lies ahead stays in sight.
        wanted = float(np.clip(-8 * y + rng.uniform(-7, 7), -9, 9))
        time_s += max(1.2, abs(wanted - yaw) / 4)
        yaw = wanted
        keys.append(CameraKey(time_s, x, y, height, yaw, pitch))
        time_s += rng.uniform(0.5, 1.5)
        keys.append(CameraKey(time_s, x, y, height, yaw, pitch))
    return keys


def _drone_keys(x: float, y: float, outdoor: bool, rng: np.random.Generator,
                duration_s: float) -> list[CameraKey]:
    """Hovers, yaws and climbs by turns."""
    low, high = (1.5, 3.0) if outdoor else (1.3, 1.8)
    height, yaw = float(rng.uniform(low, low + 0.1)), float(rng.uniform(-4, 4))

    def pitch() -> float:
        # The higher, the more it looks down: what lies ahead stays in the middle.
        return 8.0 + (4.0 if outdoor else 9.0) * (height - low)

    time_s = 0.0
    keys = [CameraKey(time_s, x, y, height, yaw, pitch())]
    while time_s < duration_s:
        wanted = float(rng.uniform(-11, 11))
        climb = float(rng.uniform(-0.1, 0.3)) * (high - low)
        climbed = float(np.clip(height + climb, low, high))
        time_s += max(2.0, abs(wanted - yaw) / 3.5, abs(climbed - height) / 0.15)
        yaw, height = wanted, climbed
        x = float(np.clip(x + rng.uniform(-0.15, 0.2), -0.3, 1.0))
        keys.append(CameraKey(time_s, x, y, height, yaw, pitch()))
        time_s += rng.uniform(1.5, 3.5)
        keys.append(CameraKey(time_s, x, y, height, yaw, pitch()))
    return keys
