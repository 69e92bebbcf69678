"""Scores of descriptions: what training would say, what is excused, what is made up."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.world import World
from smolvlm_ros.world.facts import Sighted
from smolvlm_ros.world.scoring.descriptions import exact, invents, score_descriptions
from smolvlm_ros.world.scoring.vlm import View, views_of
from smolvlm_ros.world.training.vlm_questions import DESCRIBE, caption
from smolvlm_ros.world.training.vlm_views import CATEGORIES, category
from smolvlm_ros.world.truth import WorldObject


def thing(class_name: str, colour: str, state: str = "still") -> WorldObject:
    nowhere = np.zeros(3)
    return WorldObject(1, class_name, colour, state, None, None, 100, 1.0, nowhere, nowhere,
                       nowhere, nowhere, 0.0, nowhere, ())


BOX, BALL = thing("box", "red"), thing("ball", "blue")
STANDING, LYING = thing("person", "green", "walking"), thing("person", "green", "lying")
RISING = thing("person", "green", "changing")


@pytest.mark.parametrize(("text", "clear", "unclear", "right"), [
    ("Nobody and nothing.", (), (), True),
    (" A red box and a blue ball. ", (BOX, BALL), (), True),
    ("A blue ball and a red box.", (BOX, BALL), (), False),           # not training's order
    ("A red box.", (BOX, BALL), (), False),                           # one is left out
    ("A red box.", (BOX,), (BALL,), True),                            # excused: it is unclear
    ("A red box and a blue ball.", (BOX,), (BALL,), True),
    ("A red box and two blue balls.", (BOX,), (BALL,), False),
    ("Two red boxes.", (BOX,), (BOX,), True),
    ("Nobody and nothing.", (BOX,), (), False),
    ("Many red boxes.", (BOX,) * 6, (), True),
    ("Many red boxes.", (BOX,) * 3, (), False),
    ("A person in green, standing.", (STANDING,), (), True),
    ("A person in green, lying.", (STANDING,), (), False),
    ("A person in green, lying.", (RISING,), (), True),               # neither could be said
    ("A person in green, standing.", (RISING,), (), True),
    ("Nobody and nothing.", (RISING,), (), False),
    ("A person in green, standing and a person in green, lying.", (STANDING,), (LYING,), True),
    ("Two people in green, standing.", (STANDING,), (LYING,), True),  # its posture is not clear
    ("Many people in green, standing.", (STANDING,) * 5, (), True),
    ("A A red box.", (BOX,), (), False),
    ("", (), (), False)])
def test_exact(text: str, clear: tuple[WorldObject, ...], unclear: tuple[WorldObject, ...],
               right: bool) -> None:
    assert exact(text, Sighted(clear, unclear)) is right


@pytest.mark.parametrize(("text", "clear", "unclear", "made_up"), [
    ("A red box.", (BOX,), (), False),
    ("Nobody and nothing.", (BOX,), (), False),      # what is left out is not made up
    ("Three red boxes.", (BOX,), (), False),
    ("A blue box.", (BOX,), (), True),
    ("A box.", (BOX,), (), False),
    ("Some boxes and a vehicle.", (BOX,), (), True),
    ("A red box.", (), (BOX,), False),
    ("A green box.", (), (BOX,), True),              # as a question about a green box has a no
    ("A person in green, lying.", (STANDING,), (), False),
    ("Two people in red, standing.", (STANDING,), (), True),
    ("There is a person.", (BOX,), (), True),
    ("A red box and a person in green, standing.", (BOX,), (), True)])
def test_made_up(text: str, clear: tuple[WorldObject, ...], unclear: tuple[WorldObject, ...],
                 made_up: bool) -> None:
    assert invents(text, Sighted(clear, unclear)) is made_up


@pytest.fixture(scope="module")
def views() -> list[View]:
    return views_of([World("room", seed=4, duration_s=30)], np.random.default_rng(1), frames=4)


class Knowing:
    """Says the truth to one prompt, and always the same to others."""

    def __init__(self, views: list[View], prompt: str) -> None:
        self._truth = {view.image_rgb.tobytes(): caption(np.bincount(
            [category(item) for item in view.seen.clear], minlength=CATEGORIES).astype(np.uint8))
            for view in views}
        self._prompt = prompt
        self.asked: list[str] = []

    def stream(self, image_rgb: NDArray[np.uint8], question: str) -> Iterator[str]:
        self.asked.append(question)
        if question != self._prompt:
            return iter(["Many purple", " vehicles."])
        return iter([" ", self._truth[image_rgb.tobytes()]])


def test_prompts_are_told_apart(views: list[View]) -> None:
    knowing = Knowing(views, "Well?")
    score = score_descriptions(knowing, views, "Well?", ("One?", "Two?"))
    assert score.described == 2 * len(views) == 16
    assert knowing.asked[:4] == ["Well?", "One?", "Well?", "Two?"]
    assert score.rows["vlm_describe_exact_default"] == 1.0
    assert score.rows["vlm_describe_invented_default"] == 0.0
    for part in ("", "_frames", "_crops"):
        assert score.rows[f"vlm_describe_exact{part}"] == 0.5
        assert score.rows[f"vlm_describe_invented{part}"] == 0.5
    assert np.isnan(list(score_descriptions(knowing, [], "Well?", ("",)).rows.values())).all()


def test_the_nodes_prompt_is_one_of_training() -> None:
    pytest.importorskip("rclpy", reason="the node's settings need it")
    from smolvlm_ros.ros.qa_settings import SceneQaSettings

    assert SceneQaSettings().describe_prompt in DESCRIBE
