"""The command line of training."""
from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from smolvlm_ros.world.training.__main__ import JOBS, main  # noqa: E402


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A job in the place of depth training, and the signals as they were afterwards."""
    module = ModuleType("smolvlm_ros.world.training.depth")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield module
    for number, handler in before.items():
        signal.signal(number, handler)


def test_what_is_asked_reaches_the_job(job: ModuleType, tmp_path: Path) -> None:
    calls = []
    job.run = lambda name, options: calls.append((name, options))
    assert main(["depth-outdoor", "--output", str(tmp_path / "o"), "--work", str(tmp_path),
                 "--steps", "7", "--scenes", "16", "--seed", "3", "--device", "cpu",
                 "--workers", "2", "--start", str(tmp_path)]) == 0
    name, options = calls[0]
    assert name == "depth-outdoor"
    assert (options.output, options.work) == (tmp_path / "o", tmp_path)
    assert (options.steps, options.scenes, options.seed, options.workers) == (7, 16, 3, 2)
    assert options.device == "cpu" and options.start == tmp_path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_so_that_it_can_save(number: int, job: ModuleType,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    saved = []

    def run(*_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            saved.append(True)

    job.run = run
    assert main(["depth-indoor"]) == 130
    assert saved and "goes on from the saved state" in capsys.readouterr().err


def test_errors_are_one_line(job: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*_: object) -> None:
        raise ValueError("device 'cuda' cannot be used")

    job.run = run
    assert main(["depth-indoor"]) == 2
    assert capsys.readouterr().err == "training: device 'cuda' cannot be used\n"


def test_a_loss_that_is_no_number_is_one_line_too(job: ModuleType,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    def run(*_: object) -> None:
        raise FloatingPointError("the loss is nan; give another --seed")

    job.run = run
    assert main(["depth-indoor"]) == 1
    assert capsys.readouterr().err == "training: the loss is nan; give another --seed\n"


@pytest.mark.parametrize("arguments", [["nothing"], ["vlm", "--steps", "-1"], []])
def test_wrong_arguments(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_every_job_is_a_module() -> None:
    folder = Path(sys.modules[main.__module__].__file__ or "").parent
    assert all((folder / f"{module}.py").is_file() for module in JOBS.values())
