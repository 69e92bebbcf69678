"""Training of the depth checkpoints: a few steps from scenes to what the run time loads."""
from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is done with torch")
pytest.importorskip("transformers", reason="it has the architecture")
pytest.importorskip("onnx", reason="the checkpoint is exported")
pytest.importorskip("tqdm", reason="training shows its progress with it")

from smolvlm_ros.depth import DepthConfig, make_estimator  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402
from smolvlm_ros.models.errors import CheckpointError  # noqa: E402
from smolvlm_ros.models.export import export_depth  # noqa: E402
from smolvlm_ros.models.registry import WORLD_KEY  # noqa: E402
from smolvlm_ros.world import CAMERA, sample  # noqa: E402
from smolvlm_ros.world.training import depth, depth_eval, depth_network  # noqa: E402
from smolvlm_ros.world.training.card import CARD  # noqa: E402
from smolvlm_ros.world.training.depth_scenes import DepthDrawing, standing_out  # noqa: E402
from smolvlm_ros.world.training.loop import Plan  # noqa: E402
from smolvlm_ros.world.training.options import Options  # noqa: E402

TINY = dataclasses.replace(depth.RECIPES["depth-outdoor"], size=(28, 42), batch=2)


@pytest.fixture(autouse=True)
def one_small_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(depth.RECIPES, "depth-outdoor", TINY)
    monkeypatch.setitem(depth_eval.SEEDS, "outdoor", 1)
    monkeypatch.setattr(depth_eval, "PER_WORLD", 1)
    monkeypatch.setattr("smolvlm_ros.world.training.depth_scenes._BLOCK", 4)


def test_scenes_are_small_and_exact(tmp_path: Path) -> None:
    images, depths = DepthDrawing(("path",)).many(tmp_path, 2, (84, 112))
    assert images.shape == (2, 84, 112, 3) and images.dtype == np.uint8
    truth = sample(1, "path").depth_m
    assert depths.shape == (2, 84, 112) and np.isin(np.inf, depths)
    # The middle of a sample lies within a pixel or two of the full picture's.
    rows, columns = (np.arange(84) * 480 // 84 + 3, np.arange(112) * 640 // 112 + 3)
    with np.errstate(invalid="ignore"):
        relative = np.abs(depths[1] - truth[np.ix_(rows, columns)]) / truth[np.ix_(rows, columns)]
    assert np.nanmedian(relative) < 0.02


def test_a_few_steps_make_a_checkpoint_that_the_run_time_loads(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    depth.run("depth-outdoor", Options(folder, tmp_path / "work", steps=3, scenes=4, device="cpu"))
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "depth_anything" and config["max_depth"] == 80
    assert config[WORLD_KEY] is True and config["depth_estimation_type"] == "metric"
    assert (folder / "model.safetensors").stat().st_size < 4.6e6
    size = json.loads((folder / "preprocessor_config.json").read_text())["size"]
    made = export_depth(folder, tmp_path / "a.onnx", (size["height"], size["width"])).metadata
    assert made.licence == "Apache-2.0" and made.variant == "outdoor"
    assert made.focal == pytest.approx(CAMERA.fx / CAMERA.width)
    estimator = make_estimator(DepthConfig(scene="outdoor", model_outdoor=str(tmp_path / "a.onnx")))
    frame = sample(1, "path")
    found = estimator.estimate(frame.image_rgb, CAMERA, 0.0)
    assert found.focal_scale == pytest.approx(1.0)
    assert found.depth_m.shape == (480, 640) and np.nanmax(found.depth_m) > 0
    estimator.close()
    card = (folder / CARD).read_text()
    assert "3 batches of 2 at 28x42" in card and "| depth_outdoor_absrel | " in card
    assert "random weights" in card and "4 drawn scenes (path; seeds 0 to 3" in card

    # Another run begins with these weights if told to.
    again = depth.begin(TINY, folder)
    saved = depth_network.load(folder).state_dict()
    assert all(torch.equal(value, saved[name]) for name, value in again.state_dict().items())


def test_the_other_variant_can_be_begun_with(tmp_path: Path) -> None:
    depth_network.save(depth_network.fresh(20.0, TINY.size, 3.0, 0.77), tmp_path, TINY.size)
    model = depth.begin(TINY, tmp_path)
    assert model.config.max_depth == model.head.max_depth == 80
    assert model.config.training_focal == CAMERA.fx / CAMERA.width   # of the scenes it is shown


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(depth_network, "_WIDTH", 48)
    monkeypatch.setattr(depth, "finish", lambda recipe, model, *_: made.append(model.state_dict()))
    inner = depth.DepthTask.loss

    def stopped(self: depth.DepthTask, step: int, rng: np.random.Generator) -> object:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return inner(self, step, rng)

    def options(work: str) -> Options:
        return Options(tmp_path / "out", tmp_path / work, steps=4, scenes=4, device="cpu")

    depth.run("depth-outdoor", options("whole"))
    monkeypatch.setattr(depth.DepthTask, "loss", stopped)
    with pytest.raises(KeyboardInterrupt):
        depth.run("depth-outdoor", options("parts"))
    monkeypatch.setattr(depth.DepthTask, "loss", inner)
    depth.run("depth-outdoor", options("parts"))
    whole, parts = made
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_run_with_other_options_takes_no_state_of_this_one(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Mapping[str, torch.Tensor]] = []
    monkeypatch.setattr(depth_network, "_WIDTH", 48)
    monkeypatch.setattr(depth, "finish", lambda recipe, model, *_: made.append(model.state_dict()))
    first = Options(tmp_path / "out", tmp_path / "work", steps=1, scenes=4, device="cpu")
    depth.run("depth-outdoor", first)
    start = tmp_path / "start"
    depth_network.save(depth_network.fresh(80.0, TINY.size, 7.0, 0.77), start, TINY.size)
    monkeypatch.delattr(DepthDrawing, "many")   # it is said before scenes are drawn
    for other, told in (({"seed": 1}, "--seed 0; this one has --seed 1"), ({"steps": 2}, "--steps"),
                        ({"scenes": 8}, "--scenes 4"), ({"start": start}, "--start none")):
        with pytest.raises(ValueError, match=told):
            depth.run("depth-outdoor", dataclasses.replace(first, **other))
    for other, told in (({"learning_rate": 1e-3}, "learning_rate 0.0008; .* learning_rate 0.001"),
                        ({"size": (42, 56)}, "size 28x42; .* size 42x56")):
        with monkeypatch.context() as patched, pytest.raises(ValueError, match=told):
            patched.setitem(depth.RECIPES, "depth-outdoor", dataclasses.replace(TINY, **other))
            depth.run("depth-outdoor", first)
    assert len(made) == 1


def test_a_checkpoint_to_go_on_from_is_of_this_training(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(DepthDrawing, "many")   # it is said before scenes are drawn

    def begun_from(start: Path) -> None:
        depth.run("depth-outdoor", Options(tmp_path / "out", tmp_path / "work", start=start))

    with pytest.raises(CheckpointError, match="architecture 'd_fine', expected 'depth_anything'"):
        begun_from(CHECKPOINTS_FOLDER / "detector")
    model = depth_network.fresh(80.0, TINY.size, 7.0, 0.77)
    delattr(model.config, WORLD_KEY)   # as one from the hub
    depth_network.save(model, tmp_path / "hub", TINY.size)
    with pytest.raises(CheckpointError, match=f"{WORLD_KEY} None, where .* begin without --start"):
        begun_from(tmp_path / "hub")
    identities = []
    for number in (1, 2):
        torch.manual_seed(number)
        start = tmp_path / f"start{number}"
        depth_network.save(depth_network.fresh(80.0, TINY.size, 7.0, 0.77), start, TINY.size)
        saved = Options(tmp_path, tmp_path, start=start).saved_run(
            "x", {}, Plan(1), DepthDrawing.__module__, "depth_anything")
        identities.append(saved.identity)
    assert identities[0] != identities[1]


def test_the_state_of_an_older_version_is_refused(tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(DepthDrawing, "many")
    run = Options(tmp_path / "out", tmp_path, steps=1, scenes=4, device="cpu")
    older = {"job": "depth-outdoor", "--seed": 0, "--steps": 1, "--scenes": 4, "batch": 2,
             "--start": "none"}
    torch.save({"identity": older, "step": 1}, tmp_path / "depth-outdoor.state")
    with pytest.raises(ValueError, match=r"drawing code unknown; this one has .*drawing code "
                       r"[0-9a-f]{12}\); give another --work, or delete the file"):
        depth.run("depth-outdoor", run)


def loss_of(share: float | torch.Tensor, truth: torch.Tensor,
            near: torch.Tensor | None = None) -> tuple[float, dict[str, float]]:
    logits = torch.logit(torch.as_tensor(share).expand(truth.shape))
    near = torch.zeros(truth.shape, dtype=torch.bool) if near is None else near
    loss, shown = depth.depth_loss(logits, truth, near, 80.0)
    return float(loss), shown


TEN_METRES = torch.full((1, 8, 8), 10.0)


def test_the_loss_is_the_error_of_the_logarithm() -> None:
    loss, shown = loss_of(10 / 80, TEN_METRES)
    assert loss == pytest.approx(0.0, abs=1e-6) and shown["absrel"] == pytest.approx(0.0, abs=1e-6)
    loss, shown = loss_of(12 / 80, TEN_METRES)
    assert loss == pytest.approx(math.log(1.2), abs=1e-5)
    assert shown["absrel"] == pytest.approx(0.2, abs=1e-5)


def test_an_edge_where_there_is_none_costs_more_than_its_error() -> None:
    found = torch.full((1, 8, 8), 10 / 80)
    found[:, :, 4:] = 14 / 80
    assert loss_of(found, TEN_METRES)[0] > math.log(1.4) / 2 + 1e-3


def test_what_stands_out_weighs_more() -> None:
    near = torch.zeros((1, 8, 8), dtype=torch.bool)
    near[:, 2:4] = True
    wrong_there, wrong_elsewhere = torch.full((2, 1, 8, 8), 10 / 80)
    wrong_there[:, 2:4] = wrong_elsewhere[:, 4:6] = 15 / 80
    there, shown = loss_of(wrong_there, TEN_METRES, near)
    elsewhere, _ = loss_of(wrong_elsewhere, TEN_METRES, near)
    assert there > 2 * elsewhere
    assert shown["near"] == pytest.approx(0.5, abs=1e-4)
    assert shown["absrel"] == pytest.approx(0.125, abs=1e-4)


def test_sky_must_reach_the_range_and_nothing_else_may() -> None:
    sky, wall = torch.full((1, 8, 8), math.inf), torch.full((1, 8, 8), 79.0)
    assert loss_of(0.995, sky)[0] == 0.0 < loss_of(0.98, sky)[0] < loss_of(0.5, sky)[0]
    assert loss_of(0.99, wall)[0] > loss_of(0.97, wall)[0]


@pytest.mark.parametrize("scene", ["corridor", "room", "path"])
def test_people_and_things_stand_out_and_floors_and_walls_do_not(scene: str) -> None:
    objects, elsewhere = [], []
    for seed in range(800, 812, 3):
        frame = sample(seed, scene, model=CAMERA.scaled(160, 120))
        near = standing_out(frame.depth_m)
        objects.append(near[frame.mask > 0])
        elsewhere.append(near[frame.mask == 0])
    assert np.concatenate(objects).mean() > (0.5 if scene == "path" else 0.7)
    # Trunks, posts and benches stand out as well.
    assert np.concatenate(elsewhere).mean() < (0.2 if scene == "path" else 0.05)


def test_sin_cos_tells_every_place_apart() -> None:
    table = depth_network.sin_cos(6, 8, 192)
    assert table.shape == (48, 192) and np.abs(table).max() <= 1
    apart = np.linalg.norm(table[:, None] - table[None], axis=2) + 9 * np.eye(48)
    assert apart.min() > 0.5
