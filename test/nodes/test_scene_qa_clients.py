"""Ten clients at once for some seconds: the short form of what benchmark/qa.py does."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmark import qa_clients  # noqa: E402


@pytest.mark.slow
def test_ten_clients_at_once_lose_nothing(tiny_vlm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"):
        monkeypatch.setenv(name, "0")  # so that they are put back
    monkeypatch.setattr(qa_clients, "LATE_S", 5.0)  # on a busy machine the way takes long
    rows = qa_clients.rows(str(tiny_vlm), 8.0, threads=1)
    assert rows["clients_asked"] >= qa_clients.CLIENTS
    assert rows["clients_lost"] == rows["clients_late"] == 0
    # Verdicts and texts were answered, and what must not be asked was refused.
    assert rows["clients_ok"] and rows["clients_refused"] + rows["clients_geometry"]
    answered = sum(rows[f"clients_{kind}"] for kind in (
        "ok", "refused", "no_frame", "geometry", "described", "cancelled"))
    assert answered == rows["clients_asked"]
    assert rows["clients_memory_growth_mib"] < 64
