"""Killed while it writes: the database is sound, and nothing that was acknowledged is missing."""
from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from memory_bench import sound

from smolvlm_ros.memory import MemoryConfig, MemoryStore, Query


def killed(path: Path, max_mb: float, seed: int, least: int = 1) -> list[int]:
    """Let a process write, kill it at a moment left to chance; what it had acknowledged.

    Args:
        least: lines that it has said before; a line is a moment.
    """
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("writing_process.py")), str(path),
         str(max_mb), str(seed)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        first = b"".join(process.stdout.readline() for _ in range(least))
        time.sleep(random.Random(seed).uniform(0.0, 0.15))
    finally:
        process.kill()
        process.wait()
    # A line that was cut off by the end is no acknowledgement.
    lines = (first + process.stdout.read()).decode().split("\n")[:-1]
    process.stdout.close()
    assert lines and lines[0], "it ended by itself"
    return [int(line) for line in lines if line]


@pytest.mark.slow
def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    acknowledged: set[int] = set()
    for seed in range(1, 21):
        acknowledged.update(killed(path, 2000.0, seed))
        sound(path)
    connection = sqlite3.connect(path)
    there = {stamp_ns // 1_000_000 for stamp_ns, in connection.execute(
        "SELECT m.stamp_ns FROM moment m JOIN picture p ON p.stamp_ns = m.picture_ns")}
    connection.close()
    assert len(acknowledged) > 200 and acknowledged <= there
    store = MemoryStore(MemoryConfig(path=str(path)))
    newest = max(acknowledged)
    assert store.find(Query(f"n{newest}")).found[0].moment.stamp_ns == newest * 1_000_000
    store.close()


def test_killed_while_it_forgets_too(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    written = 0
    for seed in range(1, 7):
        acknowledged = killed(path, 1.0, seed, least=150)
        written += len(acknowledged)
        newest = {number // 1_000_000: number for number in acknowledged}  # of each thread
        there = sound(path)
        store = MemoryStore(MemoryConfig(path=str(path)))
        assert any(store.find(Query(f"n{number}")).found for number in newest.values())
        store.close()
    assert there < written  # it did forget
