"""Steps of the set-up: done once, made again when anything is amiss, one set-up at a time."""
from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from environment.console import Console
from environment.errors import SetupError
from environment.steps import Stamps, Step, ensure, is_ready, key_of, locked, remove

STANDALONE = Path(__file__).resolve().parents[2] / "standalone"


class Kitchen:
    """Two small steps, an add-on, and a list of what was made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[str] = []
        self.flour, self.sugar = "wheat", "cane"
        self.stamps = Stamps(folder / "stamps")
        self.said = io.StringIO()
        self.console = Console(self.said)

    def steps(self) -> list[Step]:
        def make(name: str, files: tuple[str, ...]) -> None:
            self.made.append(name)
            for file in files:
                path = self.folder / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(name)

        dough, cake = self.folder / "dough", self.folder / "cake"
        return [
            Step("dough", "make the dough", (self.flour,), (dough,),
                 lambda _: make("dough", ("dough/a", "dough/deep/b"))),
            Step("sugar", "add sugar", (self.sugar,), (dough,),
                 lambda _: make("sugar", ("dough/sugar",)), add_on=True),
            Step("cake", "bake", (), (cake,), lambda _: make("cake", ("cake/c",)), keeps=True),
        ]

    def ensure(self) -> list[str]:
        """Runs the set-up and returns what it made."""
        self.made.clear()
        ensure(self.steps(), self.stamps, self.console)
        assert is_ready(self.steps(), self.stamps)
        return list(self.made)


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


def test_made_once_in_order_and_told(kitchen: Kitchen) -> None:
    assert not is_ready(kitchen.steps(), kitchen.stamps)
    assert kitchen.ensure() == ["dough", "sugar", "cake"]
    # The person sees which of how many, what, and how long it took.
    assert "[1/3] make the dough\n" in kitchen.said.getvalue()
    assert re.search(r"\[3/3\] bake: done in \d+ s\n", kitchen.said.getvalue())
    assert kitchen.ensure() == []


@pytest.mark.parametrize(("harm", "again"), [
    # A file gone, emptied or a whole folder gone: the step that made it, from nothing, and the
    # add-on that lay in the same folder. What stands on it was made from the same inputs: it stays.
    (lambda top: (top / "dough/deep/b").unlink(), ["dough", "sugar"]),
    (lambda top: (top / "dough/a").write_text(""), ["dough", "sugar"]),
    (lambda top: remove(top / "dough"), ["dough", "sugar"]),
    (lambda top: (top / "cake/c").unlink(), ["cake"]),
    # An add-on's file: nothing stands on an add-on.
    (lambda top: (top / "dough/sugar").unlink(), ["sugar"]),
    # A stamp gone, cut short by a crash, or of an older form.
    (lambda top: (top / "stamps/dough.json").unlink(), ["dough", "sugar"]),
    (lambda top: (top / "stamps/cake.json").write_text('{"key": "12'), ["cake"]),
    (lambda top: (top / "stamps/cake.json").write_text("{}"), ["cake"]),
    # What comes and goes while an environment is used is not missed or counted.
    (lambda top: (top / "dough/__pycache__").mkdir(), []),
    (lambda top: (top / "dough/left_by_a_tool").write_text("x"), []),
])
def test_repairs_what_was_harmed(kitchen: Kitchen, harm, again: list[str]) -> None:
    kitchen.ensure()
    harm(kitchen.folder)
    assert is_ready(kitchen.steps(), kitchen.stamps) is (not again)
    assert kitchen.ensure() == again
    assert (kitchen.folder / "dough/sugar").is_file()
    assert kitchen.ensure() == []


def test_changed_inputs_make_again_what_stands_on_them(kitchen: Kitchen) -> None:
    kitchen.ensure()
    kitchen.sugar = "beet"  # an add-on: only itself
    assert kitchen.ensure() == ["sugar"]
    kitchen.flour = "rye"
    assert kitchen.ensure() == ["dough", "sugar", "cake"]


def test_an_update_keeps_the_folder_and_a_new_base_does_not(kitchen: Kitchen) -> None:
    kitchen.ensure()
    (kitchen.folder / "cake/cache").write_text("kept by an incremental build")
    (kitchen.folder / "cake/c").unlink()
    kitchen.ensure()
    assert (kitchen.folder / "cake/cache").exists()
    kitchen.flour = "rye"  # what it stands on is another: nothing old may stay
    kitchen.ensure()
    assert not (kitchen.folder / "cake/cache").exists()


def test_an_unfinished_update_is_made_from_nothing(kitchen: Kitchen) -> None:
    kitchen.ensure()
    steps = kitchen.steps()

    def crash(console: Console) -> None:
        (kitchen.folder / "cake/half").write_text("half")
        raise SetupError("the oven is out of gas")

    broken = [*steps[:2], Step("cake", "bake", ("new",), steps[2].folders, crash, keeps=True)]
    with pytest.raises(SetupError):
        ensure(broken, kitchen.stamps, kitchen.console)
    assert not is_ready(steps, kitchen.stamps)
    assert kitchen.ensure() == ["cake"]
    assert not (kitchen.folder / "cake/half").exists()


def test_links_count_by_what_they_point_to(tmp_path: Path) -> None:
    # A linked install: the source's content may change, but it must be there.
    source = tmp_path / "source.py"
    source.write_text("1")
    place = tmp_path / "install"

    def make(console: Console) -> None:
        place.mkdir(exist_ok=True)
        (place / "link").unlink(missing_ok=True)
        (place / "link").symlink_to(source)

    step = Step("link", "link", (), (place,), make)
    stamps = Stamps(tmp_path / "stamps")
    ensure([step], stamps, Console(io.StringIO()))
    source.write_text("a longer text than before")
    assert is_ready([step], stamps)
    source.unlink()
    assert not is_ready([step], stamps)


def test_keys_tell_all_inputs_apart() -> None:
    def step(*inputs: str) -> Step:
        return Step("s", "t", inputs, (), lambda _: None)

    # Not only the joined text, not only the own inputs.
    assert key_of(step("ab", "c"), "") != key_of(step("a", "bc"), "")
    assert key_of(step("a"), "x") != key_of(step("a"), "y")


SLOW_SETUP = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, {standalone!r})
    from environment.console import Console
    from environment.steps import Stamps, Step, ensure, locked

    top = Path({top!r})

    def make(console):
        (top / "out").mkdir()
        (top / "out/first").write_text("1")
        told = f"echo $$ > {{top}}/pid; mv {{top}}/pid {{top}}/begun; exec sleep {{sys.argv[1]}}"
        console.run("wait", ["sh", "-c", told], top / "log", {{"PATH": "/usr/bin:/bin"}})
        (top / "out/second").write_text("2")

    console = Console()
    with locked(top / "lock", console) as console.lock_descriptor:
        ensure([Step("out", "make it", (), (top / "out",), make)], Stamps(top / "stamps"), console)
"""


def start(top: Path, seconds: str) -> subprocess.Popen:
    """Starts a set-up in a process of its own whose child sleeps some seconds."""
    program = textwrap.dedent(SLOW_SETUP.format(standalone=str(STANDALONE), top=str(top)))
    return subprocess.Popen([sys.executable, "-c", program, seconds], stderr=subprocess.PIPE,
                            text=True)


def wait_for(condition, seconds: float = 20.0) -> None:
    until_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until_s, "waited in vain"
        time.sleep(0.01)


def test_kill_in_the_middle_then_again(tmp_path: Path) -> None:
    killed = start(tmp_path, "30")
    wait_for((tmp_path / "begun").exists)
    child = int((tmp_path / "begun").read_text())
    killed.kill()
    killed.wait()
    # The child lives on and holds the lock, so that the next set-up does not work beside it.
    after = start(tmp_path, "0")
    assert "waiting for another set-up" in after.stderr.readline()
    assert after.poll() is None
    os.kill(child, signal.SIGKILL)
    _, said = after.communicate(timeout=20)
    assert after.returncode == 0, said
    assert (tmp_path / "out/second").is_file()
    # Whole now: a third finds nothing to do.
    third = start(tmp_path, "0")
    assert "make it" not in third.communicate(timeout=20)[1]


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    first, second = start(tmp_path, "0.5"), start(tmp_path, "0.5")
    said = [process.communicate(timeout=20)[1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0)
    assert sum("done in" in text for text in said) == 1


def test_the_lock_names_its_holder(tmp_path: Path) -> None:
    console = Console(io.StringIO())
    with locked(tmp_path / "lock", console):
        assert (tmp_path / "lock").read_text() == str(os.getpid())


def test_a_failed_command_is_one_line_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "setup.log"
    console = Console(io.StringIO())
    with pytest.raises(SetupError) as caught:
        console.run("bake", ["sh", "-c", "echo dust; echo 'ERROR: no eggs' >&2; exit 3"], log,
                    {"PATH": "/usr/bin:/bin"})
    assert str(caught.value) == f"could not bake (ERROR: no eggs). Details: {log}"
    assert "dust" in log.read_text()
    with pytest.raises(SetupError, match="could not bake"):
        console.run("bake", ["/nowhere/oven"], log, {})


def test_remove_clears_what_an_earlier_removal_left(tmp_path: Path) -> None:
    (tmp_path / ".removed-venv-1-2").mkdir()
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    remove(tmp_path / "venv")
    assert list(tmp_path.iterdir()) == []
