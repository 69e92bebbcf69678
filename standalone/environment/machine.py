"""What the machine must have, checked before anything is made: each lack names its cure."""
from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from pathlib import Path

from .errors import SetupError

GIB = 1 << 30


def check_platform(system: str | None = None, architecture: str | None = None) -> None:
    """Raises SetupError where the wheels do not exist: anything but Linux on x86_64."""
    system = system or platform.system()
    architecture = architecture or platform.machine()
    if system != "Linux":
        raise SetupError(f"this is {system}: the environment needs Linux. Use a Linux machine, a "
                         "container, or source a ROS 2 installation first.")
    if architecture not in ("x86_64", "AMD64"):
        raise SetupError(f"there are no ROS wheels for {architecture}, only for x86_64: use the "
                         "robot's ROS 2 (source /opt/ros/<distro>/setup.bash, then the same "
                         "command; see README, 'Install on a robot').")


def check_python_parts(include: str | None = None) -> None:
    """Raises SetupError where the interpreter came without venv or without its headers."""
    major_minor = ".".join(platform.python_version_tuple()[:2])
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            raise SetupError(f"this Python has no module {module}: sudo apt install "
                             f"python{major_minor}-venv (or another Python: PYTHON=python3.11).")
    include = include or sysconfig.get_paths()["include"]
    if not (Path(include) / "Python.h").is_file():
        raise SetupError(f"this Python has no headers ({include}/Python.h), which message "
                         f"packages are compiled with: sudo apt install python{major_minor}-dev.")


def check_compilers(variables: Mapping[str, str]) -> None:
    """Raises SetupError unless a C and a C++ compiler turn a small program into an executable."""
    for what, variable, names, source, suffix in (
            ("C compiler", "CC", ("cc", "gcc", "clang"), "#include <stdlib.h>\n", ".c"),
            ("C++ compiler", "CXX", ("c++", "g++", "clang++"), "#include <string>\n", ".cpp")):
        chosen = variables.get(variable)
        candidates = (chosen.split()[0],) if chosen else names
        compiler = next((found for name in candidates
                         if (found := shutil.which(name, path=variables.get("PATH")))), None)
        cure = "sudo apt install build-essential (Fedora: sudo dnf install gcc-c++)"
        if compiler is None:
            raise SetupError(f"no {what} (looked for {', '.join(candidates)}): {cure}.")
        complaint = _try_to_compile(compiler, source, suffix, variables)
        if complaint:
            raise SetupError(f"the {what} {compiler} does not work ({complaint}): {cure}.")


def _try_to_compile(compiler: str, source: str, suffix: str, variables: Mapping[str, str]) -> str:
    """Returns what the compiler says of a smallest program; empty when it is content."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "try" + suffix)
        program.write_text(source + "int main() { return 0; }\n", encoding="utf-8")
        try:
            done = subprocess.run([compiler, str(program), "-o", str(program.with_suffix(""))],
                                  env=dict(variables), capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    if done.returncode == 0:
        return ""
    errors = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()]
    return errors[0] if errors else f"exit status {done.returncode}"


def check_space(folder: Path, needed_gib: float) -> None:
    """Raises SetupError when the disk of `folder` has less than `needed_gib` free."""
    free_gib = shutil.disk_usage(folder).free / GIB
    if free_gib < needed_gib:
        raise SetupError(f"the disk of {folder} has {free_gib:.1f} GiB free, the environment "
                         f"needs {needed_gib:.1f}: free some space, then the same command again.")


_FAILURES = (
    # (words in the log, what happened, the cure); the first that occurs is told
    (("No space left on device", "Errno 28"),
     "the disk is full", "free some space"),
    (("DO NOT MATCH THE HASHES",),
     "a downloaded wheel is not the one that was locked",
     "try again; if it stays, look at what your pip index serves (pip config list)"),
    (("Name or service not known", "name resolution", "NewConnectionError", "Connection refused",
      "Network is unreachable", "Connection reset", "ConnectTimeout", "Max retries exceeded",
      "Read timed out", "ProxyError", "Connection broken", "SSLError",
      "CERTIFICATE_VERIFY_FAILED"),
     "no network: pip cannot reach its package index",
     "check the connection, the proxy and your pip configuration (pip config list)"),
    (("No matching distribution found", "Could not find a version"),
     "pip's package index has not got a package that is needed",
     "check the network and your pip configuration (pip config list)"),
)


def explain_failure(what: str, output: str, log: Path) -> SetupError:
    """Returns the reason of a failed command in one line, from what it printed."""
    for words, happened, cure in _FAILURES:
        if any(word in output for word in words):
            return SetupError(f"{happened} (while trying to {what}): {cure}, then the same "
                              f"command again. Details: {log}")
    errors = [line.strip() for line in output.splitlines()
              if "error" in line.lower() and not line.lstrip().startswith("WARNING")]
    last = errors[-1] if errors else (output.strip().splitlines() or ["no output"])[-1].strip()
    return SetupError(f"could not {what} ({last[:200]}). Details: {log}")
