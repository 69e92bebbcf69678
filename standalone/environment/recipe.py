"""What the environment is made of, and where everything lies."""
from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from . import variables
from .console import Console
from .machine import check_compilers, check_platform, check_python_parts, check_space
from .steps import Step, remove
from .wheels import rewrite_paths

TORCH = "torch==2.13.0"
"""Outside the hash lock: its CPU build and the registry's own build have different hashes."""

BASE_GIB, VLM_GIB = 2.0, 3.0
"""Disk space asked for before a set-up begins."""

PACKAGE = "smolvlm_ros"
BUILD_INPUTS = ("CMakeLists.txt", "package.xml", "setup.cfg", "cmake", "msg", "srv", "action")
"""What a build reads: a change of their content compiles again."""
INSTALLED = ("smolvlm_ros", "launch", "config")
"""What a build links: their content is live, only a change of their file names builds again."""


class Environment:
    """One environment, for one repository and one interpreter (the running one).

    Args:
        root: the repository.
        with_vlm: with torch and transformers.
    """

    def __init__(self, root: Path, with_vlm: bool = False) -> None:
        self.root = root
        self.with_vlm = with_vlm
        self.tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        self.folder = root / ".standalone" / self.tag
        self.venv = self.folder / "venv"
        self.interfaces = self.folder / "interfaces"
        self.install = self.folder / "install"
        self.source = self.folder / "source" / PACKAGE
        self.standalone = root / "standalone"
        self.stamps = self.folder / "stamps"
        self.log = self.folder / "setup.log"

    def variables(self, outside: Mapping[str, str]) -> dict[str, str]:
        """Returns the environment variables of a process that runs in here."""
        return variables.inside(
            outside, prefixes=(self.install, self.interfaces, self.venv),
            modules=self.standalone / "modules",
            python=f"python{sys.version_info[0]}.{sys.version_info[1]}")

    def steps(self) -> list[Step]:
        """Returns the steps in their order."""
        locks = self._lock_texts("build", self.tag)
        interpreter = (str(self.folder), sys.version, sys.base_prefix)
        steps = [
            Step("venv", f"install the locked wheels for Python {sys.version.split()[0]}",
                 (*interpreter, *locks, _text(self.standalone / "environment" / "wheels.py")),
                 (self.venv,), self._make_venv),
            Step("interfaces", "compile the stand-ins of vision_msgs and tf2_msgs",
                 tuple(_contents(self.standalone / "interfaces")),
                 (self.interfaces,), self._make_interfaces,
                 scratch=(self.folder / "build" / "interfaces",)),
            Step("package", f"build {PACKAGE}", tuple(self._package_inputs()),
                 (self.install,), self._make_package,
                 scratch=(self.folder / "build" / "package",), keeps=True),
        ]
        if self.with_vlm:
            vlm = Step("vlm", "install torch and transformers (large; VLM=0 leaves them out)",
                       (TORCH, *self._lock_texts(f"{self.tag}-vlm")), (self.venv,),
                       self._make_vlm, add_on=True)
            steps.insert(1, vlm)
        return steps

    def check_machine(self, outside: Mapping[str, str]) -> None:
        """Raises SetupError where something is missing that making it needs."""
        check_platform()
        check_python_parts()
        check_compilers(outside)
        self.folder.mkdir(parents=True, exist_ok=True)
        has_torch = any(self.venv.glob("lib/python3.*/site-packages/torch"))
        check_space(self.folder, (0.0 if self.venv.exists() else BASE_GIB)
                    + (VLM_GIB if self.with_vlm and not has_torch else 0.0))

    def _make_venv(self, console: Console) -> None:
        outside = variables.outside(os.environ)
        console.run("make a virtual environment",
                    [sys.executable, "-m", "venv", str(self.venv)], self.log, outside)
        # empy comes as source: with the build back-end locked and installed first, nothing is
        # fetched behind the lock's back.
        self._pip(console, "install the build back-end", "--require-hashes", "--no-deps", "-r",
                  str(self._lock("build")))
        self._pip(console, "install the locked wheels", "--require-hashes", "--no-deps",
                  "--no-build-isolation", "-r", str(self._lock(self.tag)))
        rewrite_paths(self.venv)

    def _make_vlm(self, console: Console) -> None:
        base, vlm = self._lock(self.tag), self._lock(f"{self.tag}-vlm")
        self._pip(console, "install transformers", "--require-hashes", "--no-deps", "-r",
                  str(vlm))
        constraints = self.folder / "constraints.txt"
        constraints.write_text("".join(
            f"{line.split()[0]}\n" for lock in (self._lock("build"), base, vlm)
            for line in lock.read_text(encoding="utf-8").splitlines()
            if "==" in line and not line.startswith("#")), encoding="utf-8")
        self._pip(console, "install torch", "-c", str(constraints), TORCH)

    def _make_interfaces(self, console: Console) -> None:
        self._colcon(console, "compile vision_msgs and tf2_msgs",
                     self.standalone / "interfaces", self.folder / "build" / "interfaces",
                     self.interfaces, ())

    def _make_package(self, console: Console) -> None:
        # CMake refuses to export headers that lie below the source folder, as this environment
        # does. So the build sees a folder of links beside it instead of the repository itself.
        remove(self.source)
        self.source.mkdir(parents=True)
        for name in (*BUILD_INPUTS, *INSTALLED):
            if (self.root / name).exists():
                (self.source / name).symlink_to(self.root / name)
        self._colcon(console, f"build {PACKAGE}", self.source, self.folder / "build" / "package",
                     self.install, ("--symlink-install",))
        for place, _, names in os.walk(self.install):
            for name in names:  # links to what is not in the source any more
                link = Path(place, name)
                if link.is_symlink() and not link.exists():
                    link.unlink()

    def _colcon(self, console: Console, what: str, source: Path, build: Path, install: Path,
                options: tuple[str, ...]) -> None:
        console.run(what, [
            str(self.venv / "bin" / "colcon"), "--log-base", str(self.folder / "log"), "build",
            "--base-paths", str(source), "--build-base", str(build), "--install-base",
            str(install), "--merge-install", *options, "--event-handlers", "console_direct+",
            "--cmake-args", "-G", "Ninja", "-DBUILD_TESTING=OFF",
            f"-DPython3_EXECUTABLE={self.venv / 'bin' / 'python'}"],
            self.log, self._build_variables())

    def _build_variables(self) -> dict[str, str]:
        """As inside, and nothing of the person's own colcon or of a calling make."""
        inside = self.variables(os.environ)
        for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "COLCON_DEFAULTS_FILE"):
            inside.pop(name, None)
        inside["COLCON_HOME"] = str(self.folder / "colcon")
        return inside

    def _pip(self, console: Console, what: str, *arguments: str) -> None:
        console.run(what, [str(self.venv / "bin" / "python"), "-m", "pip", "install",
                           "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
                           *arguments], self.log, variables.outside(os.environ))

    def _lock(self, name: str) -> Path:
        return self.standalone / "locks" / f"{name}.txt"

    def _lock_texts(self, *names: str) -> tuple[str, ...]:
        return tuple(_text(self._lock(name)) for name in names)

    def _package_inputs(self) -> list[str]:
        inputs = [text for name in BUILD_INPUTS for text in _contents(self.root / name)]
        for name in INSTALLED:
            inputs += [path for path, _ in _walk(self.root / name)]
        return inputs


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _walk(top: Path) -> list[tuple[str, Path]]:
    """Names and paths of the files of a folder, or of the one file; hidden ones left out."""
    if top.is_file():
        return [(top.name, top)]
    found = []
    for place, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if name[0] not in "._")
        found += [(str(Path(place, name).relative_to(top.parent)), Path(place, name))
                  for name in sorted(names) if name[0] != "." and not name.endswith(".pyc")]
    return found


def _contents(top: Path) -> list[str]:
    """Names and texts of the files of a folder, or of the one file; nothing if it is not there."""
    return [part for name, path in _walk(top) for part in (name, _text(path))]
