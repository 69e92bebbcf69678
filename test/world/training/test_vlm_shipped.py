"""The checkpoint in the package: loads as any other, answers far better than chance, ends."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
pytest.importorskip("transformers", reason="the extra vlm is not installed")

from smolvlm_ros.models.checkpoint import open_checkpoint  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402
from smolvlm_ros.models.registry import WORLD_KEY, find  # noqa: E402
from smolvlm_ros.qa.engine import EngineConfig, make_engine  # noqa: E402
from smolvlm_ros.world.scoring.vlm import score, views_of, worlds_of  # noqa: E402
from smolvlm_ros.world.training.vlm_questions import DESCRIBE  # noqa: E402

FOLDER = CHECKPOINTS_FOLDER / "vlm"
MOST_BYTES = 7_500_000
LONGEST = 60  # tokens of a description


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    torch.set_num_threads(1)
    made = make_engine(EngineConfig(model=str(FOLDER), device="cpu"))
    yield made
    made.close()  # type: ignore[union-attr]


def test_it_is_small_and_says_what_it_is() -> None:
    checkpoint = open_checkpoint(FOLDER, "smolvlm")
    assert checkpoint.parameters <= 3_700_000
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MOST_BYTES
    assert checkpoint.config[WORLD_KEY] is True
    known = find(FOLDER.name, checkpoint.config)
    assert known is not None and known.name == "world-vlm"
    assert "license: \"apache-2.0\"" in (FOLDER / "README.md").read_text()


@pytest.mark.slow
def test_it_answers_about_worlds_it_never_saw(engine: Any) -> None:
    views = views_of(worlds_of(range(700, 706)), np.random.default_rng(3), frames=5)
    found = score(engine, views, np.random.default_rng(4)).accuracy
    for kind, least in (("presence", 0.88), ("state", 0.85), ("colour", 0.88), ("negated", 0.88)):
        assert found[f"vlm_{kind}_accuracy"] >= least, found
    assert found["vlm_blind_accuracy"] <= 0.62, found


def test_its_descriptions_are_short_sentences(engine: Any) -> None:
    views = views_of(worlds_of(range(706, 707)), np.random.default_rng(3), frames=2)
    for view, order in zip(views, DESCRIBE, strict=False):
        text = "".join(engine.stream(view.image_rgb, order, LONGEST))
        assert text.startswith(" ") and text.endswith("."), (order, text)
        assert len(text.split()) >= 2
