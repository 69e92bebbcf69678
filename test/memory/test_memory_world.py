"""Questions about minutes of the embedded world find their moments."""
from __future__ import annotations

from smolvlm_ros.world import MOUNTS, SCENES, World
from smolvlm_ros.world.scoring.remembered import Asked, ask


def test_questions_about_a_minute_find_the_moment() -> None:
    asked: list[Asked] = []
    for seed in range(5):
        asked += ask(World(SCENES[seed % 3], seed, camera=MOUNTS[seed % 3]))
    wrong = [a for a in asked if not a.right]
    assert len(asked) > 40 and len(wrong) <= 0.05 * len(asked), wrong
