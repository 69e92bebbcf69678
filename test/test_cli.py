"""The command line: wrong input gets one line and exit code 2, before anything starts."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.cli import main


@pytest.mark.parametrize(("arguments", "word"), [
    (["--source", "/no/such/film.mp4"], "does not exist"),  # a wrong path
    (["-p", "gate.heartbeat_s=1"], "NODE:NAME:=VALUE"),  # a parameter in another form
    (["--source", ""], "no source"),  # an empty one
])
def test_demo_refuses(arguments: list[str], word: str, tmp_path: Path,
                      capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--output", str(tmp_path / "out"), *arguments]) == 2
    error = capsys.readouterr().err
    assert word in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_demo_refuses_a_folder_without_images(tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--source", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_audit_lists_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit"]) == 0
    assert "smolvlm2-256m" in capsys.readouterr().out


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("demo", "export", "audit"))
