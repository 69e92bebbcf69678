"""What every test run shares: a ROS domain of its own, and a log folder that is not the home's."""
from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import threading
import time
from pathlib import Path

_KEPT = contextlib.ExitStack()
_LEFT_THREADS_S = 10.0
_YOUNG_S = 60.0  # a segment younger than this may not be locked yet
_HEX = "[0-9a-f]" * 16  # of a segment; ports have numbers, and stay


def pytest_configure() -> None:
    """Keeps this run's nodes apart from every other run's and from a robot's on the network."""
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    if os.environ.get("ROS_DISTRO") == "humble":  # which does not know that variable yet
        os.environ.setdefault("ROS_LOCALHOST_ONLY", "1")
    # A wrong type in a message raises, as on Humble; newer ones send NaN for an integer.
    os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")
    # Shared memory that holds camera images; the file says why.
    profiles = Path(__file__).resolve().parent.parent / "config/fastdds.xml"
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(profiles))
    log_folder = _KEPT.enter_context(tempfile.TemporaryDirectory(prefix="smolvlm_ros_log_"))
    os.environ.setdefault("ROS_LOG_DIR", log_folder)
    _take_time_for_examples()
    try:
        from domain_coordinator import domain_id
    except ImportError:  # no ROS here: the tests that need it skip themselves
        return
    # Held until the run ends; child processes inherit the variable.
    os.environ["ROS_DOMAIN_ID"] = str(_KEPT.enter_context(domain_id()))


def _take_time_for_examples() -> None:
    """Let no example fail because the machine is busy: tests assert on answers, not on time."""
    try:
        from hypothesis import HealthCheck, settings
    except ImportError:  # the tests that need it say so
        return
    settings.register_profile("busy machine", deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("busy machine")


def _remove_dead_segments() -> None:
    """Give back the shared memory of processes that were killed: Fast DDS leaves it for ever.

    Each has a lock file that its owner holds for as long as it lives.
    """
    for lock in Path("/dev/shm").glob(f"fastrtps_{_HEX}_el"):
        segment = lock.with_name(lock.name[:-len("_el")])
        try:
            if time.time() - lock.stat().st_mtime < _YOUNG_S:
                continue
            with lock.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                segment.unlink(missing_ok=True)
                lock.unlink()
        except OSError:  # alive, somebody else's, or gone
            continue


def pytest_unconfigure() -> None:
    """Gives the domain back, and waits for threads that a busy machine has not let end yet.

    One that is inside C++ when the interpreter ends takes the process down with an abort.
    """
    _KEPT.close()
    _remove_dead_segments()
    end_s = time.monotonic() + _LEFT_THREADS_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, end_s - time.monotonic()))
