"""The builder's paths in the wheels' text files are replaced by this machine's."""
from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from environment.wheels import rewrite_paths


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    (tmp_path / "lib/python3.11/site-packages/numpy/_core/include").mkdir(parents=True)
    index = tmp_path / "share/ament_index/resource_index/parent_prefix_path"
    index.mkdir(parents=True)
    (index / "std_msgs").write_text("/opt/python/cp311-cp311")
    cmake = tmp_path / "share/std_msgs/cmake"
    cmake.mkdir(parents=True)
    (cmake / "exportExport.cmake").write_text(
        'INTERFACE_INCLUDE_DIRECTORIES "${_IMPORT_PREFIX}/include;'
        "/opt/python/cp311-cp311/include/python3.11;"
        '/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"\n')
    (cmake / "std_msgsConfig.cmake").write_text("# nothing of the builder's\n")
    return tmp_path


def test_headers_and_prefixes(prefix: Path) -> None:
    assert rewrite_paths(prefix) == 2
    index = prefix / "share/ament_index/resource_index/parent_prefix_path/std_msgs"
    assert index.read_text() == str(prefix)
    text = (prefix / "share/std_msgs/cmake/exportExport.cmake").read_text()
    assert "/opt/python" not in text
    headers = text.split('"')[1].split(";")
    assert headers == ["${_IMPORT_PREFIX}/include", sysconfig.get_paths()["include"],
                       str(prefix / "lib/python3.11/site-packages/numpy/_core/include")]


def test_a_second_time_changes_nothing(prefix: Path) -> None:
    rewrite_paths(prefix)
    assert rewrite_paths(prefix) == 0


def test_an_environment_without_numpy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no numpy headers"):
        rewrite_paths(tmp_path)
