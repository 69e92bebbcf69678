"""The hash of the code that draws: what counts in it."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("tqdm", reason="drawing shows its progress with it")

from smolvlm_ros.world.training import depth_scenes, detector_scenes, vlm_views  # noqa: E402
from smolvlm_ros.world.training.drawing_code import code_of, sources_of  # noqa: E402

PACKAGE = {
    "job.py": "import numpy\nfrom pack.world import render\nfrom pack.size import WIDTH\n",
    "pack/__init__.py": "", "pack/world/__init__.py": "from pack.world.other import x\n",
    "pack/world/render.py": "def draw():\n    from pack import world, shade\n",
    "pack/world/other.py": "", "pack/shade.py": "import pack.world.render\n",
    "pack/size.py": "WIDTH = 3\n", "pack/unused.py": ""}


def test_everything_imported_counts_and_nothing_else(tmp_path: Path) -> None:
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = [path.relative_to(tmp_path).as_posix()
             for path in sources_of(tmp_path / "job.py", tmp_path)]
    assert found == ["job.py", "pack/shade.py", "pack/size.py", "pack/world/__init__.py",
                     "pack/world/other.py", "pack/world/render.py"]


@pytest.mark.parametrize(("module", "names"), [
    (depth_scenes, {"depth/preprocess.py"}), (detector_scenes, {"world/scoring/detection.py"}),
    (vlm_views, {"world/scoring/vlm_crops.py", "qa/tile.py"})])
def test_the_world_counts_and_the_networks_do_not(module: object, names: set[str]) -> None:
    package = Path(sys.modules["smolvlm_ros"].__file__ or "").parent
    path = Path(module.__file__)   # type: ignore[attr-defined]
    found = {path.relative_to(package).as_posix() for path in sources_of(path, package.parent)}
    assert found >= {"camera.py", path.relative_to(package).as_posix(), *names, *(
        f"world/{name}.py" for name in ("sampling", "render", "figure", "palette", "view"))}
    assert not [name for name in found if "network" in name or "nodes" in name]


def test_another_source_is_another_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = []
    monkeypatch.syspath_prepend(tmp_path)
    for text in ("A = 1\n", "A = 2\n", "A = 1\n"):
        (tmp_path / "drawing_job.py").write_text(text)
        __import__("drawing_job")
        code_of.cache_clear()
        codes.append(code_of("drawing_job"))
    assert codes[0] == codes[2] != codes[1] and len(codes[0]) == 12
