"""Files that come with the package: beside it in a source tree, under share/ once installed."""
from __future__ import annotations

import os
from pathlib import Path


def shared_file(name: str) -> Path:
    """The path of a file such as 'config/demo.yaml'.

    Raises:
        FileNotFoundError: naming where it was looked for.
    """
    tree = Path(__file__).resolve().parents[2]
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    places = [tree / name, *(Path(p) / "share" / "smolvlm_ros" / name for p in prefixes)]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(p.parent) for p in places)
    raise FileNotFoundError(f"{name} is in none of {looked}; build the package and source "
                            "install/setup.bash")
