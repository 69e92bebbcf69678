"""Which code draws the scenes: a hash of it, by which scenes and states of older code are told."""
from __future__ import annotations

import ast
import hashlib
import sys
from functools import lru_cache
from pathlib import Path

import smolvlm_ros

_ROOT = Path(smolvlm_ros.__file__).parents[1]


@lru_cache
def code_of(module: str) -> str:
    """Hash of a module that is loaded and of all of this package that it imports, 12 hex digits.

    Raises:
        OSError: a source cannot be read.
    """
    digest = hashlib.sha256()
    for path in sources_of(Path(str(sys.modules[module].__file__)), _ROOT):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def sources_of(first: Path, root: Path) -> list[Path]:
    """A source and those under `root` that it imports, directly or through others, sorted.

    Of a package only the modules that are asked for count, and its own file where a name is taken
    from the package itself.
    """
    found: set[Path] = set()
    waiting = [first]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path, root)
    return sorted(found)


def _imported(path: Path, root: Path) -> list[Path]:
    paths = []
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            paths += [_file(alias.name, root) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            paths += [_file(f"{node.module}.{alias.name}", root) or _file(node.module, root)
                      for alias in node.names]
    return [found for found in paths if found]


def _file(name: str, root: Path) -> Path | None:
    stem = root.joinpath(*name.split("."))
    files = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
    return next((path for path in files if path.is_file()), None)
