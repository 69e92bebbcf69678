"""Points in time as people write them in a terminal."""
from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

_NS = 1_000_000_000
_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)(?:\s+ago)?")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")
FORMS = ("10m, 2h or 3d for so long ago; now, today or yesterday; 14:05 for today; 2026-11-21 or "
         "2026-11-21T14:05:09, local unless it ends in Z or +01:00; or seconds, as a stamp has "
         "them")


def parse_time(text: str, now: datetime | None = None) -> int:
    """A point in time as nanoseconds since 1970.

    Args:
        text: in one of FORMS.
        now: with a time zone; the system clock's by default.

    Raises:
        ValueError: showing the forms.
    """
    now = now or datetime.now().astimezone()
    plain = text.strip().lower()
    ago = _AGO.fullmatch(plain)
    try:
        if ago:
            return _to_ns(now - timedelta(seconds=float(ago[1]) * _UNITS_S[ago[2]]))
        if re.fullmatch(r"\d+(\.\d+)?", plain):
            whole, _, part = plain.partition(".")
            return _checked(int(whole) * _NS + int((part + "0" * 9)[:9]))
        if plain == "now":
            return _to_ns(now)
        if plain in ("today", "yesterday"):
            day = now.date() - timedelta(days=plain == "yesterday")
            return _to_ns(datetime(day.year, day.month, day.day).astimezone())
        if _CLOCK.fullmatch(plain):
            plain = f"{now.date().isoformat()}t{plain:0>{5 if plain.count(':') == 1 else 8}}"
        # Python 3.10 reads no Z.
        return _to_ns(datetime.fromisoformat(re.sub("Z$", "+00:00", plain.upper())))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a time; write {FORMS}") from error


def show_time(stamp_ns: int) -> str:
    """A stamp in local time, to the second; stamps of a simulation in seconds."""
    seconds = stamp_ns / _NS
    if of_simulation(stamp_ns):
        return f"{seconds:.2f} s"
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


def of_simulation(stamp_ns: int) -> bool:
    """True for a stamp of 1970: of a simulation, or of a clock that nobody has set."""
    return stamp_ns < 366 * 86400 * _NS


def _to_ns(when: datetime) -> int:
    seconds = when.timestamp()  # naive ones are local
    if not math.isfinite(seconds):
        raise ValueError("not a time")
    return _checked(round(seconds * 1e6) * 1000)


def _checked(stamp_ns: int) -> int:
    if not 0 <= stamp_ns < 2**31 * _NS:
        raise ValueError("before 1970 or after 2038")
    return stamp_ns
