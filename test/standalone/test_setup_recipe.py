"""What the environment's steps depend on: what is changed is made again, and nothing else."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from environment.recipe import Environment
from environment.steps import key_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small copy of what the steps read."""
    for folder in ("standalone", "msg", "srv", "action", "cmake"):
        shutil.copytree(ROOT / folder, tmp_path / folder,
                        ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("CMakeLists.txt", "package.xml", "setup.cfg"):
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / "smolvlm_ros" / "gate").mkdir(parents=True)
    (tmp_path / "smolvlm_ros" / "gate" / "motion.py").write_text("THRESHOLD = 1\n")
    (tmp_path / "launch").mkdir()
    return tmp_path


def keys(repository: Path, with_vlm: bool = False) -> dict[str, str]:
    found, key = {}, ""
    for step in Environment(repository, with_vlm).steps():
        found[step.name] = key_of(step, key)
        key = key if step.add_on else found[step.name]
    return found


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [name for name in before if before[name] != after[name]]


def append(file: Path) -> None:
    file.write_text(file.read_text() + "# changed\n")


@pytest.mark.parametrize(("change", "made_again"), [
    # An edited source is live through its link.
    (lambda top: append(top / "smolvlm_ros/gate/motion.py"), []),
    # A new one has to be linked, a removed one unlinked.
    (lambda top: (top / "smolvlm_ros/gate/light.py").touch(), ["package"]),
    (lambda top: (top / "smolvlm_ros/gate/motion.py").unlink(), ["package"]),
    (lambda top: (top / "launch/new.launch.py").touch(), ["package"]),
    # What is compiled or decides what is installed.
    (lambda top: append(top / "msg/GateState.msg"), ["package"]),
    (lambda top: append(top / "setup.cfg"), ["package"]),
    (lambda top: append(top / "CMakeLists.txt"), ["package"]),
    (lambda top: append(top / "standalone/interfaces/vision_msgs/msg/Pose2D.msg"),
     ["interfaces", "package"]),
    # The stand-in modules are used from where they lie.
    (lambda top: append(top / "standalone/modules/tf2_ros/buffer.py"), []),
    # Tests, caches and an editor's files are no part of it.
    (lambda top: (top / "smolvlm_ros/gate/.motion.py.swp").touch(), []),
    (lambda top: (top / "smolvlm_ros/__pycache__").mkdir(), []),
])
def test_a_change_makes_again_what_it_must(repository: Path, change, made_again) -> None:
    before = keys(repository)
    change(repository)
    assert changed(before, keys(repository)) == made_again


def test_another_lock_makes_everything_again(repository: Path) -> None:
    before = keys(repository, with_vlm=True)
    lock = repository / "standalone" / "locks" / f"{Environment(repository).tag}.txt"
    append(lock)
    assert changed(before, keys(repository, with_vlm=True)) == list(before)


def test_the_vlm_extra_changes_nothing_else(repository: Path) -> None:
    without, with_vlm = keys(repository), keys(repository, with_vlm=True)
    assert set(with_vlm) - set(without) == {"vlm"}
    assert changed(without, with_vlm) == []


def test_another_place_is_another_environment(repository: Path, tmp_path: Path) -> None:
    # Scripts and libraries hold the folder's path: a moved repository is made anew.
    moved = repository.with_name("moved")
    repository.rename(moved)
    before = keys(moved)
    moved.rename(repository)
    assert changed(before, keys(repository)) == list(before)
