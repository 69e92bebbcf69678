"""The command line: make the environment, or run a command in it."""
from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .console import Console
from .errors import SetupError
from .recipe import Environment
from .steps import Stamps, ensure, is_ready, locked


def prepare(environment: Environment, console: Console) -> None:
    """Makes the environment where it is not there, whole and current.

    Raises:
        SetupError: why it could not be made, and what to do.
    """
    steps, stamps = environment.steps(), Stamps(environment.stamps)
    if is_ready(steps, stamps):
        return
    environment.check_machine(os.environ)
    with locked(environment.folder / "lock", console) as descriptor:
        console.lock_descriptor = descriptor
        # Another process may have made it, or changed it, while this one waited.
        ensure(environment.steps(), stamps, console)
    console.lock_descriptor = None


def run(arguments: Sequence[str]) -> int:
    """Does what the command line asks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="standalone/run", description=(
        "Runs a command with ROS 2 from wheels, on a machine that has no ROS. The environment is "
        "made below .standalone/ on first use and repaired when something is missing."))
    parser.add_argument("--with", dest="extras", action="append", choices=["vlm"], default=[],
                        help="with torch and transformers")
    parser.add_argument("action", choices=["run", "setup"])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    root = Path(__file__).resolve().parents[2]
    environment, console = Environment(root, "vlm" in asked.extras), Console()
    try:
        prepare(environment, console)
    except SetupError as error:
        console.say(str(error))
        return 1
    except KeyboardInterrupt:
        console.say("stopped; the same command goes on from here")
        return 130
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        console.say("the disk is full: free some space, then the same command again")
        return 1
    if asked.action == "setup" or not asked.command:
        return 0
    return _become(asked.command, environment.variables(os.environ), console)


def _become(command: Sequence[str], variables: dict[str, str], console: Console) -> int:
    """Replaces this process by a command; returns only when that is not possible."""
    sys.stdout.flush()
    try:
        os.execvpe(command[0], list(command), variables)
    except OSError as error:
        console.say(f"{command[0]}: {error.strerror}")
        return 127 if error.errno == errno.ENOENT else 126
