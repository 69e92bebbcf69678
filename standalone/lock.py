"""Writes the lock files anew: lock.py PYTHON [PYTHON ...], for example lock.py python3.10

Asks pip, in a fresh virtual environment of each interpreter, which files it would install for what
setup.cfg and standalone/requirements.in ask for, and writes their versions and hashes. Needs a
network and nothing of the person's pip configuration that offers files of its own.

What apt brings to a robot has apt's version in the lock of its Python (DISTRIBUTIONS), so that the
tests run on what users have; the rest, and all of Python 3.11's lock, is the newest that fits.
"""
from __future__ import annotations

import argparse
import configparser
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

from environment.recipe import TORCH

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / "standalone" / "locks"
BACK_END = ("setuptools >= 77.0.3, < 80",)
"""What builds the one source package; colcon needs it below 80, torch from 77.0.3 on."""
TORCH_NEEDS = ("filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions")
"""torch's dependencies besides the back-end and CUDA's libraries."""
GLIBC_MINOR = 28
"""No file may need a newer glibc than 2.28 (Debian 10): then every machine chooses the same."""
DISTRIBUTIONS = {
    # Ubuntu 22.04 (Humble). Its numpy is 1.21.5: what onnxruntime and scipy's newer releases accept
    # begins at 1.21.6. Its PyYAML is 5.4.1, of which there is no wheel for this Python.
    "3.10": ("numpy==1.21.6", "scipy==1.8.0", "opencv-python-headless==4.5.4.60", "pyyaml==6.0"),
    # Ubuntu 24.04 (Jazzy).
    "3.12": ("numpy==1.26.4", "scipy==1.11.4", "opencv-python-headless==4.6.0.66",
             "pyyaml==6.0.1"),
}
"""By Python: what package.xml takes from the distribution, in its version or the nearest wheel."""
HEADER = "# Written by standalone/lock.py for {python} on Linux x86_64. Do not edit.\n"

Pins = dict[str, tuple[str, str]]


def extras(*names: str) -> list[str]:
    """Returns the requirements of setup.cfg: the package's own and those of some extras."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [parser["options"]["install_requires"]]
    texts += [parser["options.extras_require"][name] for name in names]
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()]


def without_torch(requirements: list[str]) -> list[str]:
    """Returns requirements without torch, installed by name, and without this package's extras."""
    return [line for line in requirements
            if re.split(r"[ <>=\[]", line)[0] not in ("torch", "smolvlm_ros")]


def resolve(python: Path, requirements: list[str], fixed: Pins) -> Pins:
    """Returns what pip would install for some requirements, with one hash each.

    Args:
        python: the interpreter of a virtual environment.
        requirements: as in a requirements file.
        fixed: versions that are settled already.

    Raises:
        subprocess.CalledProcessError: pip finds no solution.
    """
    with tempfile.TemporaryDirectory() as folder:
        asked, constraints, report = (Path(folder, name) for name in ("in", "fixed", "report"))
        asked.write_text("\n".join(requirements), encoding="utf-8")
        constraints.write_text("\n".join(
            f"{name}=={version}" for name, (version, _) in fixed.items()), encoding="utf-8")
        # Files the person keeps beside the index would be locked with hashes that nobody else has.
        clean = {name: value for name, value in os.environ.items()
                 if name not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")}
        clean["PIP_CONFIG_FILE"] = os.devnull
        subprocess.run([python, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed",
                        "--disable-pip-version-check", "--no-build-isolation", "-r", asked,
                        "-c", constraints, "--report", report], env=clean, check=True)
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    too_new = [item["download_info"]["url"] for item in items if any(
        int(minor) > GLIBC_MINOR for minor in re.findall(r"manylinux_2_(\d+)_x86_64",
                                                         item["download_info"]["url"]))]
    if too_new:
        raise SystemExit(f"newer than glibc 2.{GLIBC_MINOR}, so another machine would choose "
                         f"another file: {', '.join(too_new)}")
    return {canonical(item["metadata"]["name"]):
            (item["metadata"]["version"], item["download_info"]["archive_info"]["hashes"]["sha256"])
            for item in items}


def canonical(name: str) -> str:
    """Returns a package's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def write(name: str, python: str, pins: Pins) -> None:
    """Writes one lock file."""
    lines = [f"{package}=={version} --hash=sha256:{digest}\n"
             for package, (version, digest) in sorted(pins.items())]
    (LOCKS / f"{name}.txt").write_text(HEADER.format(python=python) + "".join(lines),
                                       encoding="utf-8")
    print(f"{name}.txt: {len(pins)} packages")


def lock(interpreter: str) -> None:
    """Writes the locks of one interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        *BACK_END, "pip>=24"], check=True)
        version = subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            check=True, capture_output=True, text=True).stdout.strip()
        tag, text = "cp" + version.replace(".", ""), f"CPython {version}"
        back_end = resolve(python, list(BACK_END), {})
        write("build", "any CPython", back_end)
        ros = (ROOT / "standalone" / "requirements.in").read_text(encoding="utf-8").splitlines()
        apt = DISTRIBUTIONS.get(version, ())
        base = resolve(python, [*ros, *apt, *without_torch(extras("cpu", "bags", "dev", "export"))],
                       back_end)
        base = {name: pin for name, pin in base.items() if name not in back_end}
        write(tag, text, base)
        settled = {**back_end, **base}
        vlm = resolve(python, [*without_torch(extras("vlm")), *TORCH_NEEDS], settled)
        write(f"{tag}-vlm", f"{text}, without {TORCH.split('==')[0]} itself",
              {name: pin for name, pin in vlm.items() if name not in settled})


def main() -> None:
    """Locks for each interpreter named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", nargs="+")
    for interpreter in parser.parse_args().python:
        lock(interpreter)


if __name__ == "__main__":
    main()
