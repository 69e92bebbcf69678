"""The gate before cameras that roll and fly, on moments of the embedded world."""
from __future__ import annotations

import pytest

from smolvlm_ros.gate import GateDecision, MotionGate
from smolvlm_ros.world import CAMERA, FPS, World


def played(world: World, begin_s: float, end_s: float) -> list[tuple[float, GateDecision]]:
    gate = MotionGate()
    frames = (world.frame(i) for i in range(round(begin_s * FPS), round(end_s * FPS)))
    return [(frame.time_s, gate.step(frame.image_rgb, frame.time_s)) for frame in frames]


# Place, seed, camera, when somebody or something has just come into view, and how long before that
# the gate began: a vehicle and people at the border and from behind things, somebody before a robot
# that creeps, and where somebody else has just left.
@pytest.mark.parametrize(("scene", "seed", "camera", "onset_s", "lead_s"), [
    ("path", 5, "drone", 21.4, 12.0), ("path", 2, "robot", 47.8, 12.0),
    ("corridor", 3, "drone", 41.6, 12.0), ("room", 4, "robot", 47.33, 20.0),
    ("path", 2, "robot", 25.2, 5.0), ("path", 17, "drone", 24.13, 5.0)])
def test_who_comes_into_a_moving_cameras_view_passes_at_once(scene: str, seed: int, camera: str,
                                                             onset_s: float, lead_s: float) -> None:
    world = World(scene, seed, camera=camera, model=CAMERA.scaled(320, 240))
    decisions = played(world, onset_s - lead_s, onset_s + 0.7)
    # From when the first part of them shows.
    passed = [time_s for time_s, decision in decisions
              if decision.open and onset_s - 0.2 <= time_s]
    assert passed and passed[0] <= onset_s + 0.3


def test_a_camera_that_moves_past_an_empty_place_passes_little() -> None:
    world = World("corridor", 3, camera="robot", model=CAMERA.scaled(320, 240))
    still = [i for i in range(world.frame_count) if not any(
        actor.at(i / FPS) is not None and len(actor.keys) > 1 for actor in world.timeline.actors)]
    first = still[0]
    last = next((i for i in range(first, world.frame_count) if i not in set(still)),
                world.frame_count)
    decisions = played(world, first / FPS, min(last, first + 8 * 15) / FPS)
    assert sum(decision.open for _, decision in decisions) <= 0.08 * len(decisions) + 1


def test_an_image_that_comes_again_shows_what_moved_in_it() -> None:
    world = World("path", 5, camera="drone", model=CAMERA.scaled(320, 240))
    gate = MotionGate()
    for index in range(round(19.0 * FPS), round(21.1 * FPS)):
        frame = world.frame(index)
        decision = gate.step(frame.image_rgb, frame.time_s)
    assert decision.regions
    again = gate.step(frame.image_rgb, frame.time_s + 0.01)
    assert again.repeated
    assert [r.xyxy for r in again.regions] == [r.xyxy for r in decision.regions]
