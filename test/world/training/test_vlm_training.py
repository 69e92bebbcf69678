"""The small SmolVLM's training: equal to what the engine computes, resumable, loadable."""
from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
pytest.importorskip("transformers", reason="the extra vlm is not installed")
pytest.importorskip("tqdm", reason="training shows its progress with it")

from smolvlm_ros.models.checkpoint import open_checkpoint  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402
from smolvlm_ros.qa.engine import EngineConfig, make_engine  # noqa: E402
from smolvlm_ros.qa.negation import negate  # noqa: E402
from smolvlm_ros.qa.prompt import YES_NO_HINT  # noqa: E402
from smolvlm_ros.world import sample  # noqa: E402
from smolvlm_ros.world.training import vlm, vlm_checkpoint  # noqa: E402
from smolvlm_ros.world.training.options import Options  # noqa: E402
from smolvlm_ros.world.training.vlm_batches import draw_blocks  # noqa: E402
from smolvlm_ros.world.training.vlm_network import Learner, make_vlm  # noqa: E402
from smolvlm_ros.world.training.vlm_prompts import Packer, Turn, told_logits  # noqa: E402
from smolvlm_ros.world.training.vlm_sight import groups  # noqa: E402
from smolvlm_ros.world.training.vlm_tokenizer import ids_of, make_tokenizer  # noqa: E402
from smolvlm_ros.world.training.vlm_views import CELLS, tile_of  # noqa: E402

SCENES, STEPS = 8, 4
QUESTIONS = ("Is there a box?", negate("Is there a box?"), negate("Is the person standing?"))


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn scenes, for all tests."""
    folder = tmp_path_factory.mktemp("vlm_work")
    draw_blocks(folder / "vlm-scenes", SCENES, 1)
    return folder


def fresh() -> tuple[Learner, Any]:
    tokenizer = make_tokenizer()
    torch.manual_seed(2)
    return Learner(make_vlm(ids_of(tokenizer))), tokenizer


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_what_training_computes_is_what_the_engine_computes(tmp_path: Path,
                                                            attention: str) -> None:
    learner, tokenizer = fresh()
    vlm_checkpoint.save(tmp_path, learner.vlm, tokenizer)
    learner = Learner(vlm_checkpoint.load(tmp_path, tokenizer)).eval()
    learner.vlm.set_attn_implementation(attention)
    engine = make_engine(EngineConfig(model=str(tmp_path), device="cpu", num_threads=1))
    images = [sample(seed).image_rgb for seed in (0, 1)]
    answered = [engine.yes_no(image, QUESTIONS) for image in images]  # type: ignore[union-attr]
    turns = [Turn(text, YES_NO_HINT, " Yes") for text in QUESTIONS]
    # Different turns before them, and padding after, must not matter.
    packed = Packer(tokenizer).pack([turns, [Turn("What is there?", "", " A box."), *turns]])
    with torch.inference_mode():
        _, tokens = learner.see(torch.from_numpy(np.stack([tile_of(i) for i in images])))
        logits = told_logits(learner, packed, tokens).numpy()
    yes, no = (tokenizer(t, add_special_tokens=False)["input_ids"][0] for t in (" Yes", " No"))
    first = [i for i, target in enumerate(packed.targets.tolist()) if target == yes]
    assert len(first) == 2 * len(QUESTIONS)
    expected = [answer.p_yes for row in answered for answer in row]
    tokens_of = engine.tokens  # type: ignore[union-attr]
    found = [tokens_of.yes_no(logits[place])[0] for place in first]
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert no in tokens_of.no and yes in tokens_of.yes
    assert np.ptp(expected) > 1e-3


def test_a_window_is_seen_as_that_part_of_the_tile() -> None:
    learner, _ = fresh()
    tiles = torch.from_numpy(np.stack([tile_of(sample(seed).image_rgb) for seed in (0, 1)]))
    corners = torch.tensor([[2, 4], [6, 0]])
    windows = torch.stack([tile[r * 16:(r + 6) * 16, c * 16:(c + 6) * 16]
                           for tile, (r, c) in zip(tiles, corners.tolist(), strict=True)])
    vision = learner.vlm.model.vision_model
    seen: list[Any] = []
    hook = vision.encoder.layers[0].register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        learner.see(tiles)
        _, tokens = learner.see(windows, corners)
    hook.remove()
    whole = seen[0].view(2, CELLS, CELLS, -1)
    for number, (row, column) in enumerate(corners.tolist()):
        part = whole[number, row:row + 6, column:column + 6].flatten(0, 1)
        torch.testing.assert_close(seen[1][number], part)
    assert tokens.shape[:2] == (2, 9)


def test_groups_are_classes_then_colours_then_postures() -> None:
    members = groups()
    assert members.shape == (30, 32)
    assert members[:, :5].sum(0).tolist() == [10, 5, 5, 5, 5]
    assert members[:, 5:30].sum(0).tolist() == [2] * 5 + [1] * 20
    assert members[:, 30:].sum(0).tolist() == [5, 5]


def options(work: Path, output: Path, steps: int = STEPS, start: Path | None = None) -> Options:
    return Options(output, work, steps, SCENES, 0, "cpu", 1, 1, start)


def test_a_stopped_run_goes_on_to_the_same_checkpoint(
        work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vlm, "CPU", vlm.Recipe(SCENES, STEPS, 2))
    vlm.run("vlm", options(work, tmp_path / "whole"))
    (work / "vlm-sight.pt").unlink()
    (work / "vlm-answers.pt").unlink()

    for task in (vlm.SightTask, vlm.AnswerTask):
        plain = task.loss

        def stopping(self: Any, step: int, rng: np.random.Generator,
                     plain: Any = plain) -> Any:
            if step == 1:
                os.kill(os.getpid(), signal.SIGINT)
            return plain(self, step, rng)

        with monkeypatch.context() as patched:
            patched.setattr(task, "loss", stopping)
            with pytest.raises(KeyboardInterrupt):
                vlm.run("vlm", options(work, tmp_path / "stopped"))
    vlm.run("vlm", options(work, tmp_path / "stopped"))
    with pytest.raises(ValueError, match="vlm-sight.pt is the state of another run"):
        vlm.run("vlm", replace(options(work, tmp_path / "other"), seed=1))
    whole, stopped = (open_checkpoint(tmp_path / name, "smolvlm") for name in ("whole", "stopped"))
    assert whole.sha256() == stopped.sha256()
    assert whole.parameters <= 3_700_000

    engine = make_engine(EngineConfig(model=str(tmp_path / "whole"), device="cpu", num_threads=1))
    answer = engine.yes_no(sample(5).image_rgb, ["Is there a box?"])[0]  # type: ignore[union-attr]
    assert 0 <= answer.p_yes <= 1
    card = (tmp_path / "whole" / "README.md").read_text()
    assert f"{SCENES} drawn scenes" in card and "license" in card


def test_a_run_goes_on_from_a_checkpoint(work: Path, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vlm, "CPU", vlm.Recipe(SCENES, STEPS, 2))
    learner, tokenizer = fresh()
    start = tmp_path / "start"
    vlm_checkpoint.save(start, learner.vlm, tokenizer)
    other = tmp_path / "other_work"
    other.mkdir()
    (other / "vlm-scenes").symlink_to(work / "vlm-scenes")
    with monkeypatch.context() as patched:   # fitting fresh heads leaves the model alone
        patched.setattr(vlm, "_SIGHT_SHARE", 1.0)
        patched.setattr(vlm, "_FRESH_SHARE", 1.0)
        vlm.run("vlm", options(other, tmp_path / "fitted", 2, start))
    hashes = [open_checkpoint(tmp_path / name).sha256() for name in ("start", "fitted")]
    assert hashes[0] == hashes[1]
    (other / "vlm-sight.pt").unlink()
    (other / "vlm-answers.pt").unlink()
    vlm.run("vlm", options(other, tmp_path / "further", 2, start))
    assert open_checkpoint(tmp_path / "further").sha256() not in hashes
    assert "'start'" in (tmp_path / "further" / "README.md").read_text()


def test_a_checkpoint_of_another_job_is_refused_before_scenes_are_drawn(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(vlm, "draw_blocks")
    with pytest.raises(ValueError, match="'d_fine', expected 'smolvlm'"):
        vlm.run("vlm", options(tmp_path, tmp_path / "out", 2, CHECKPOINTS_FOLDER / "detector"))


def test_places_of_another_tile_are_read_off_between_the_known_ones() -> None:
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(6.0), indexing="ij")
    places = torch.stack([rows, columns], -1).reshape(36, 2)
    finer = vlm_checkpoint.resized(places, 12).view(12, 12, 2)
    middles = (torch.arange(12) + 0.5) / 2 - 0.5
    torch.testing.assert_close(finer[3:9, 5, 0], middles[3:9], atol=0.05, rtol=0)
    torch.testing.assert_close(finer[5, 3:9, 1], middles[3:9], atol=0.05, rtol=0)
    assert torch.equal(vlm_checkpoint.resized(places, 6), places)


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    learner, tokenizer = fresh()
    learner.vlm.model.text_model.layers = learner.vlm.model.text_model.layers[:2]
    learner.vlm.config.text_config.num_hidden_layers = 2
    vlm_checkpoint.save(tmp_path, learner.vlm, tokenizer)
    with pytest.raises(ValueError, match="begin without --start"):
        vlm_checkpoint.load(tmp_path, tokenizer)
