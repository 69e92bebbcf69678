"""Writes one executable per entry point of setup.cfg: write_launchers.py SETUP_CFG FOLDER."""
from __future__ import annotations

import configparser
import sys
from pathlib import Path

LAUNCHER = """\
#!/usr/bin/env python3
import signal
import sys

try:
    from {module} import {function}

    code = {function}()
except KeyboardInterrupt:  # ctrl-C while Python still imports
    code = 0
signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one while Python ends: still an end
sys.exit(code)
"""

GROUPS = ("console_scripts", "smolvlm_ros.nodes")


def entry_points(setup_cfg: Path) -> dict[str, tuple[str, str]]:
    """Returns name: (module, function) for every entry point of the groups installed.

    Raises:
        ValueError: a line is not `name = module:function`.
    """
    parser = configparser.ConfigParser()
    parser.read_string(setup_cfg.read_text(encoding="utf-8"))
    found = {}
    for group in GROUPS:
        for line in parser["options.entry_points"][group].strip().splitlines():
            name, _, target = (part.strip() for part in line.partition("="))
            module, _, function = target.partition(":")
            if not (name and module and function):
                raise ValueError(f"{setup_cfg}: {line!r} is not 'name = module:function'")
            found[name] = (module, function)
    return found


def main() -> None:
    """Writes what is new or changed, and removes launchers that are no longer named."""
    setup_cfg, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = entry_points(setup_cfg)
    for name, (module, function) in wanted.items():
        launcher, text = folder / name, LAUNCHER.format(module=module, function=function)
        if not launcher.exists() or launcher.read_text(encoding="utf-8") != text:
            launcher.write_text(text, encoding="utf-8")
        launcher.chmod(0o755)
    for stale in folder.iterdir():
        if stale.name not in wanted:
            stale.unlink()


if __name__ == "__main__":
    main()
