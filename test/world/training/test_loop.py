"""The training loop on a network of one layer: schedule, resuming, averaging."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is done with torch")
pytest.importorskip("tqdm", reason="training shows its progress with it")

from smolvlm_ros.world.training.loop import Plan, make_repeatable, train  # noqa: E402


class Line:
    """Learns y = 3 x - 1 from noisy points; raises ctrl-C at a step if told to."""

    def __init__(self, stop_at: int = -1, broken_at: int = -1) -> None:
        make_repeatable(4)
        self.model = torch.nn.Linear(1, 1)
        self.stop_at, self.broken_at = stop_at, broken_at
        self.steps: list[int] = []

    def loss(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, Mapping[str, float]]:
        if step == self.stop_at:
            raise KeyboardInterrupt
        self.steps.append(step)
        x = torch.from_numpy(rng.normal(size=(32, 1)).astype(np.float32))
        noise = 0.1 * torch.randn(32, 1)  # chance of torch itself: its state is saved as well
        loss = (self.model(x) - 3 * x + 1 + noise).square().mean()
        return (loss * float("nan") if step == self.broken_at else loss), {"bias": 1.0}

    def weights(self) -> list[float]:
        return [float(p) for p in self.model.parameters()]


PLAN = Plan(200, learning_rate=0.1, warmup=5, weight_decay=0.0, average=0.9, clip=10.0)


def test_it_learns_and_reports(tmp_path: Path) -> None:
    task = Line()
    report = train(task, PLAN, tmp_path / "a" / "line.state", "line")
    assert task.weights() == pytest.approx([3.0, -1.0], abs=0.05)
    assert task.steps == list(range(200)) and report.steps == 200 and report.hours > 0
    assert report.shown["bias"] == pytest.approx(1.0) and report.shown["loss"] < 1.0
    assert not task.model.training


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    whole = Line()
    train(whole, PLAN, tmp_path / "whole.state", "line")
    with pytest.raises(KeyboardInterrupt):
        train(Line(stop_at=77), PLAN, tmp_path / "line.state", "line")
    second = Line()
    torch.nn.init.constant_(second.model.weight, 9.0)  # the saved state alone must count
    report = train(second, PLAN, tmp_path / "line.state", "line")
    assert second.steps[0] == 77 and report.steps == 200
    assert second.weights() == whole.weights()


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first, again = Line(), Line()
    train(first, PLAN, tmp_path / "line.state", "line")
    train(again, PLAN, tmp_path / "line.state", "line")
    assert again.steps == [] and again.weights() == first.weights()


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="loss of step 3 is nan; lower the learning rate"):
        train(Line(broken_at=3), PLAN, tmp_path / "line.state", "line")


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(1000, learning_rate=1.0, warmup=100, cooldown=0.4)
    assert plan.rate(0) == pytest.approx(0.01) and plan.rate(49) == pytest.approx(0.5)
    assert plan.rate(100) == plan.rate(599) == 1.0
    assert plan.rate(800) == pytest.approx(0.5) and plan.rate(999) < 1e-4


def test_parameters_have_rates_of_their_own(tmp_path: Path) -> None:
    task = Line()
    task.model.weight.rate_scale = 0.0
    before = float(task.model.weight)
    train(task, PLAN, tmp_path / "line.state", "line")
    assert float(task.model.weight) == before and float(task.model.bias) != 0.0
