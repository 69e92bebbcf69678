"""Image conversion against cv_bridge: ours and theirs in turns, by encoding, size and direction.

    python benchmark/conversion.py [--quick] [--json FILE]

Both are given the same message or array and asked for the same result, which is compared before it
is timed. The cv_bridge is the one that Python imports: ROS's where ROS is sourced; the JSON says
which. Without one, only our own times are measured. The stand-in of `standalone/modules` copies
more than ROS's does: compare with that one only for a first impression.
"""
from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# Run as a script, Python finds this folder and not the package beside it.
sys.path.append(str(Path(__file__).resolve().parent.parent))

import common  # noqa: E402
from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402

SIZES = {"640x480": (640, 480), "1080p": (1920, 1080)}
HEADER = Header(frame_id="camera")
_PACKED = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "yuv422": 2, "yuv422_yuy2": 2,
           "bayer_rggb8": 1}


@dataclass(frozen=True)
class Case:
    """One conversion: its name, ours, and cv_bridge's where it has it."""

    name: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None = None


def picture(width: int, height: int) -> Any:
    """A smooth RGB picture with some noise, so that JPEG has work to do."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (height // 40, width // 40, 3)).astype(np.uint8)
    smooth: Any = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.add(smooth, random.integers(0, 12, smooth.shape).astype(np.uint8))


def raw(encoding: str, width: int, height: int, step: int, data: bytes,
        big_endian: bool = False) -> Image:
    """A message as rclpy delivers it."""
    msg = Image(encoding=encoding, width=width, height=height, step=step,
                is_bigendian=int(big_endian))
    msg.data.frombytes(data)
    return msg


def to_array(bridge: Any, width: int, height: int) -> Iterator[Case]:
    """Messages to arrays."""
    random = np.random.default_rng(0)

    def case(name: str, msg: Image, ours: Callable[[Image], Any], wanted: str,
             after: Callable[[Any], Any] = lambda image: image) -> Case:
        theirs = None
        if bridge is not None:
            def theirs() -> Any:
                return after(bridge.imgmsg_to_cv2(msg, wanted))
        return Case(name, lambda: ours(msg), theirs)

    for encoding, channels in _PACKED.items():
        step = width * channels
        msg = raw(encoding, width, height, step, random.bytes(step * height))
        yield case(f"{encoding}_to_rgb", msg, images.to_rgb, "rgb8")
        if encoding != "bayer_rggb8":
            yield case(f"{encoding}_to_gray", msg, images.to_gray, "mono8")
    nv12 = raw("nv12", width, height, width, random.bytes(width * height * 3 // 2))
    yield Case("nv12_to_rgb", lambda: images.to_rgb(nv12))
    # cv_bridge skews the rows where the step is not a multiple of a pixel's size; this one is.
    step = 3 * (width + 16)
    padded = raw("rgb8", width, height, step, random.bytes(step * height))
    yield case("rgb8_padded_to_rgb", padded, images.to_rgb, "rgb8")
    metres = random.uniform(0.3, 9.0, (height, width))
    # A tenth unknown, in patches as a stereo camera leaves them.
    holes = (random.random((height // 8, width // 8)) < 0.1).repeat(8, 0).repeat(8, 1)
    metres[holes] = 0.0
    for order in ("<", ">"):
        msg = raw("32FC1", width, height, 4 * width, metres.astype(order + "f4").tobytes(),
                  order == ">")
        yield case(f"32FC1{'_big_endian' if order == '>' else ''}_to_depth", msg,
                   images.to_depth_m, "passthrough")
    millimetres = raw("16UC1", width, height, 2 * width, (metres * 1000).astype("<u2").tobytes())
    yield case("16UC1_to_depth", millimetres, images.to_depth_m, "passthrough", _in_metres)


def to_message(bridge: Any, width: int, height: int) -> Iterator[Case]:
    """Arrays to messages."""
    rgb = picture(width, height)
    gray = np.ascontiguousarray(rgb[..., 0])
    depth = np.random.default_rng(0).uniform(0.3, 9.0, (height, width)).astype(np.float32)
    made: list[tuple[str, Callable[[], Any], Callable[[], Any]]] = [
        ("rgb_to_rgb8", lambda: images.from_rgb(rgb, HEADER),
         lambda: bridge.cv2_to_imgmsg(rgb, "rgb8", HEADER)),
        ("rgb_to_bgr8", lambda: images.from_rgb(rgb, HEADER, "bgr8"),
         lambda: bridge.cv2_to_imgmsg(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), "bgr8", HEADER)),
        ("gray_to_mono8", lambda: images.from_gray(gray, HEADER),
         lambda: bridge.cv2_to_imgmsg(gray, "mono8", HEADER)),
        ("depth_to_32FC1", lambda: images.from_depth_m(depth, HEADER),
         lambda: bridge.cv2_to_imgmsg(depth, "32FC1", HEADER))]
    for name, ours, theirs in made:
        yield Case(name, ours, theirs if bridge is not None else None)


def compressed(bridge: Any, width: int, height: int) -> Iterator[Case]:
    """JPEG both ways; at a reduced scale cv_bridge decodes all of it and has it resized."""
    rgb = picture(width, height)
    msg = images.compress(rgb, HEADER, quality=95)  # OpenCV's and so cv_bridge's quality

    def decoded(msg: CompressedImage) -> Any:
        return bridge.compressed_imgmsg_to_cv2(msg, "rgb8")

    def encoded() -> CompressedImage:
        return bridge.cv2_to_compressed_imgmsg(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), "jpg")

    def quarter() -> Any:
        return cv2.resize(decoded(msg), (width // 4, height // 4), interpolation=cv2.INTER_AREA)

    have = bridge is not None
    yield Case("jpeg_to_rgb", lambda: images.to_rgb(msg), (lambda: decoded(msg)) if have else None)
    yield Case("jpeg_to_rgb_quarter", lambda: images.to_rgb(msg, width // 4),
               quarter if have else None)
    yield Case("rgb_to_jpeg", lambda: images.compress(rgb, HEADER, quality=95),
               encoded if have else None)


def main() -> None:
    """Measure, print the table, and write the JSON where it is asked for."""
    options = common.arguments(__doc__.splitlines()[0])
    bridge, which = _bridge()
    print(f"cv_bridge: {which}")
    results: dict[str, Any] = {"cv_bridge": which}
    rows: list[tuple[object, ...]] = []
    for size, (width, height) in SIZES.items():
        for cases in (to_array, to_message, compressed):
            for case in cases(bridge, width, height):
                rows.append((f"{case.name} {size}", *_measured(case, size, options.quick, results)))
    print(common.table(("conversion", "ours ms", "cv_bridge ms", "times faster"), rows))
    common.write(results, options.json)


def _measured(case: Case, size: str, quick: bool, results: dict[str, Any]) -> tuple[object, ...]:
    key = f"{case.name}_{size}"
    theirs, note = case.theirs, "-"
    if theirs is not None:
        try:
            _same(case.ours(), theirs())
        except Exception as error:
            # One encoding that this cv_bridge cannot do must not end the measurement of the others.
            theirs, note = None, type(error).__name__
            results[f"{key}_cv_bridge_error"] = str(error).splitlines()[0][:120]
    once_ms = max(common.timed_ms(case.ours), 0.02)
    repeats = int(min(max((150 if quick else 1000) / once_ms, 15), 100 if quick else 500))
    pair = common.paired(case.ours, theirs or case.ours, repeats)
    results[f"{key}_ours_ms"] = round(pair.median_a_ms, 4)
    if theirs is None:
        return pair.median_a_ms, note, "-"
    results[f"{key}_cv_bridge_ms"] = round(pair.median_b_ms, 4)
    results[f"{key}_times_faster"] = round(pair.ratio, 3)
    return pair.median_a_ms, pair.median_b_ms, pair.ratio


def _same(ours: Any, theirs: Any) -> None:
    """Both gave the same pixels or the same message; JPEG scaled by libjpeg differs by little."""
    if isinstance(ours, CompressedImage):
        return
    if isinstance(ours, Image):
        same = (ours.encoding, ours.step, ours.data) == (theirs.encoding, theirs.step, theirs.data)
    else:
        same = ours.shape == theirs.shape and bool(
            np.nanmean(np.abs(ours.astype(np.float32) - theirs)) < 3.0)
    if not same:
        raise ValueError("cv_bridge gave another result")


def _in_metres(millimetres: Any) -> Any:
    metres = millimetres.astype(np.float32) / 1000
    metres[millimetres == 0] = np.nan
    return metres


def _bridge() -> tuple[Any, str]:
    """A CvBridge and what it is, or None and why there is none."""
    try:
        module = importlib.import_module("cv_bridge")
        made = module.CvBridge()
        made.encoding_to_cvtype2("rgb8")
    except ImportError as error:
        return None, f"none ({error}); only our own times are measured"
    first = (module.__doc__ or "").strip().splitlines()
    return made, first[0] if first and "Stands in" in first[0] else "as installed"


if __name__ == "__main__":
    main()
