"""The training loop on a network of one layer: schedule, resuming, averaging."""
from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training is done with torch")
pytest.importorskip("tqdm", reason="training shows its progress with it")

from smolvlm_ros.world.training import loop  # noqa: E402
from smolvlm_ros.world.training.loop import Plan, make_repeatable, train  # noqa: E402
from smolvlm_ros.world.training.saved_run import SavedRun  # noqa: E402


class Line:
    """Learns y = 3 x - 1 from noisy points; gets signals or a broken loss at a step if told to.

    Its batch normalisation has a state that even a forward pass changes.
    """

    def __init__(self, stop_at: int = -1, broken_at: int = -1, signals: int = 1) -> None:
        make_repeatable(4)
        self.model = torch.nn.Linear(1, 1)
        self.model.norm = torch.nn.BatchNorm1d(1)
        self.stop_at, self.broken_at, self.signals = stop_at, broken_at, signals
        self.steps: list[int] = []

    def loss(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, Mapping[str, float]]:
        self.steps.append(step)
        x = torch.from_numpy(rng.normal(size=(32, 1)).astype(np.float32))
        noise = 0.1 * torch.randn(32, 1)  # chance of torch itself: its state is saved as well
        loss = (self.model(x) - 3 * x + 1 + noise).square().mean()
        self.model.norm(x)
        for _ in range(self.signals if step == self.stop_at else 0):
            os.kill(os.getpid(), signal.SIGTERM)
        return (loss * float("nan") if step == self.broken_at else loss), {"bias": 1.0}

    def weights(self) -> list[float]:
        return [p.item() for p in (self.model.weight, self.model.bias)]

    def everything(self) -> list[float]:
        return [value.item() for value in self.model.state_dict().values()]


RUN = {"job": "line", "--seed": 0, "--steps": 200, "--scenes": 4, "--start": "none"}


def state(folder: Path, name: str = "line") -> SavedRun:
    return SavedRun(folder / "work" / f"{name}.state", RUN)


PLAN = Plan(200, learning_rate=0.1, warmup=5, weight_decay=0.0, average=0.9, clip=10.0)


def test_it_learns_and_reports(tmp_path: Path) -> None:
    task = Line()
    report = train(task, PLAN, state(tmp_path), "line")
    assert task.weights() == pytest.approx([3.0, -1.0], abs=0.05)
    assert task.steps == list(range(200)) and report.steps == 200 and report.hours > 0
    assert report.shown["bias"] == pytest.approx(1.0) and report.shown["loss"] < 1.0
    assert not task.model.training


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    """A signal that would end this process where nobody takes it."""
    before = signal.signal(request.param, signal.default_int_handler)
    yield request.param
    signal.signal(request.param, before)


def in_the_middle(count: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something after the weights of a step are changed and before it is counted."""
    blend, calls = loop._blend, []

    def blending(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == count:
            act()
        blend(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_blend", blending)


def test_a_run_stopped_inside_a_step_goes_on_to_the_same_weights(
        number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Line()
    train(whole, PLAN, state(tmp_path, "whole"), "line")
    first = Line()
    with monkeypatch.context() as patched:
        in_the_middle(78, lambda: os.kill(os.getpid(), number), patched)
        with pytest.raises(KeyboardInterrupt):
            train(first, PLAN, state(tmp_path), "line")
    assert first.steps[-1] == 77   # that step is done to its end
    assert signal.getsignal(number) is signal.default_int_handler
    second = Line()
    torch.nn.init.constant_(second.model.weight, 9.0)  # the saved state alone must count
    report = train(second, PLAN, state(tmp_path), "line")
    assert second.steps[0] == 78 and report.steps == 200
    assert second.everything() == whole.everything()


def test_a_stop_in_the_loss_and_in_the_last_step(tmp_path: Path) -> None:
    whole = Line()
    train(whole, PLAN, state(tmp_path, "whole"), "line")
    for step in (30, 199):
        with pytest.raises(KeyboardInterrupt):   # a further part must not begin
            train(Line(stop_at=step), PLAN, state(tmp_path), "line")
    last = Line()
    report = train(last, PLAN, state(tmp_path), "line")
    assert last.steps == [] and last.everything() == whole.everything()
    assert report.shown["bias"] == pytest.approx(1.0)


def test_an_impatient_stop_or_an_error_saves_no_half_step(tmp_path: Path) -> None:
    whole = Line()
    train(whole, PLAN, state(tmp_path, "whole"), "line")
    with pytest.raises(KeyboardInterrupt):
        train(Line(stop_at=50), PLAN, state(tmp_path), "line")
    before = state(tmp_path).path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        train(Line(stop_at=60, signals=2), PLAN, state(tmp_path), "line")
    with pytest.raises(FloatingPointError):
        train(Line(broken_at=60), PLAN, state(tmp_path), "line")
    assert state(tmp_path).path.read_bytes() == before
    second = Line()
    train(second, PLAN, state(tmp_path), "line")
    assert second.steps[0] == 51 and second.everything() == whole.everything()


def test_another_thread_can_train(tmp_path: Path) -> None:
    task = Line()
    thread = threading.Thread(target=train, args=(task, PLAN, state(tmp_path), "line"))
    thread.start()
    thread.join()
    assert task.weights() == pytest.approx([3.0, -1.0], abs=0.05)


@pytest.mark.parametrize("other", [{"--seed": 1}, {"--steps": 40}, {"--start": "sha256 ab"},
                                   {"--scenes": 5, "--seed": 1}])
def test_the_state_of_another_run_is_refused(tmp_path: Path, other: dict[str, object]) -> None:
    train(Line(), PLAN, state(tmp_path), "line")
    before = state(tmp_path).path.read_bytes()
    again = SavedRun(state(tmp_path).path, {**RUN, **other})  # type: ignore[dict-item]
    for use in (again.check, lambda: train(Line(), PLAN, again, "line")):
        with pytest.raises(ValueError, match="another --work, or delete the file") as told:
            use()
        for name, value in other.items():
            assert f"{name} {value}" in str(told.value), told.value
            assert f"{name} {RUN[name]}" in str(told.value), told.value
        assert "job" not in str(told.value) and str(again.path) in str(told.value)
    assert again.path.read_bytes() == before


def test_files_that_are_no_state_are_refused(tmp_path: Path) -> None:
    saved = state(tmp_path)
    saved.check()   # nothing there is fine
    train(Line(), PLAN, saved, "line")
    whole = saved.path.read_bytes()
    saved.path.write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ValueError, match=r"no saved state that can be read \(.*\); give "
                       "another --work"):
        saved.check()
    torch.save({"step": 3}, saved.path)   # without an identity: of an earlier version
    with pytest.raises(ValueError, match="--seed unknown"):
        saved.check()
    torch.save([3], saved.path)
    with pytest.raises(ValueError, match="no saved state that can be read"):
        saved.check()


def test_a_state_of_other_layers_is_refused(tmp_path: Path) -> None:
    train(Line(), PLAN, state(tmp_path), "line")
    other = Line()
    other.model = torch.nn.Linear(2, 1)
    with pytest.raises(ValueError, match="other layers"):
        train(other, PLAN, state(tmp_path), "line")


def test_chance_of_a_gpu_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance, given = torch.tensor([7, 8], dtype=torch.uint8), []
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: [chance])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.extend)
    train(Line(), PLAN, state(tmp_path), "line")
    assert given == []
    train(Line(), PLAN, state(tmp_path), "line")
    assert [value.tolist() for value in given] == [[7, 8]]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first, again = Line(), Line()
    train(first, PLAN, state(tmp_path), "line")
    train(again, PLAN, state(tmp_path), "line")
    assert again.steps == [] and again.weights() == first.weights()


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="loss of step 3 is nan, .*; give another --seed "
                       "and another --work"):
        train(Line(broken_at=3), PLAN, state(tmp_path), "line")


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(1000, learning_rate=1.0, warmup=100, cooldown=0.4)
    assert plan.rate(0) == pytest.approx(0.01) and plan.rate(49) == pytest.approx(0.5)
    assert plan.rate(100) == plan.rate(599) == 1.0
    assert plan.rate(800) == pytest.approx(0.5) and plan.rate(999) < 1e-4


def test_parameters_have_rates_of_their_own(tmp_path: Path) -> None:
    task = Line()
    task.model.weight.rate_scale = 0.0
    before = task.model.weight.item()
    train(task, PLAN, state(tmp_path), "line")
    assert task.model.weight.item() == before and task.model.bias.item() != 0.0
