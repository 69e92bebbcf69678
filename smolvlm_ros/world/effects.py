"""What a camera does to light: vignette, exposure, motion blur, lens blur, noise."""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.world.view import NEAR_M, Plane, View

_BANK_MARGIN = 64         # a bank of noise is larger by this, to be cut out at chance places
_LEAST_BLUR_PX = 0.7      # less motion is not worth blurring
_MOST_BLUR_PX = 24.0


@dataclass(frozen=True)
class Lens:
    """A camera's weaknesses.

    Attributes:
        exposure_s: time over which motion blurs.
        noise: standard deviation in levels, at full brightness.
        blur_px: standard deviation of the lens blur, at 640 pixels of width.
        vignette: light lost in the corners.
    """

    exposure_s: float = 0.016
    noise: float = 2.0
    blur_px: float = 0.55
    vignette: float = 0.22


@lru_cache(maxsize=8)
def vignette(camera: CameraModel, strength: float) -> NDArray[np.float32]:
    """Share of light that reaches each pixel, shape (H, W) float32, read only."""
    x = (np.arange(camera.width) - camera.cx) / camera.width
    y = (np.arange(camera.height) - camera.cy) / camera.width
    radius2 = x ** 2 + y[:, None] ** 2
    factor = (1 - strength * radius2 / radius2.max()).astype(np.float32)
    factor.setflags(write=False)
    return factor


def expose(colour: NDArray[np.float32], lens: Lens, camera: CameraModel, gain: float,
           tint: tuple[float, float, float]) -> NDArray[np.uint8]:
    """From light to levels, shape (H, W, 3) uint8. `colour` is used up."""
    shading = vignette(camera, lens.vignette)
    colour *= cv2.merge([shading * np.float32(gain * t) for t in tint])
    image: NDArray[np.uint8] = cv2.convertScaleAbs(np.maximum(colour, 0, out=colour))
    return image


def motion_flow(view: View, inverse_depth: Plane, ids: NDArray[np.uint8],
                moved: NDArray[np.float64], velocities: dict[int, NDArray[np.float64]],
                exposure_s: float) -> NDArray[np.float32] | None:
    """How far each second pixel of each second row moves in the image during the exposure.

    Args:
        view: the camera in the middle of the exposure.
        inverse_depth: shape (H, W), 1/m.
        ids: shape (H, W) uint8, whose velocity each pixel has.
        moved: shape (4, 4): from the optical frame at the beginning to that at the end.
        velocities: world velocity by id, shape (3,), m/s; none for what stands.
        exposure_s: its time.

    Returns:
        shape (ceil(H / 2), ceil(W / 2), 2) float32, pixels; None when hardly anything moves.
    """
    x, y = view.axes(view.frame)
    x, y = x[::2], y[::2]
    w, small = inverse_depth[::2, ::2], np.ascontiguousarray(ids[::2, ::2])
    shifts = np.tile(moved[:3, 3].astype(np.float32), (256, 1))
    for number, velocity in velocities.items():
        shifts[number] += (velocity * exposure_s) @ view.rotation
    table = np.ascontiguousarray(shifts.T[:, None])
    turned = [x * float(r[0]) + y * float(r[1]) + float(r[2]) for r in moved[:3, :3]]
    ahead = [t + cv2.LUT(small, row) * w for t, row in zip(turned, table, strict=True)]
    depth = np.maximum(ahead[2], np.float32(NEAR_M))
    camera = view.camera
    flow = np.dstack([(ahead[0] / depth - x) * np.float32(camera.fx),
                      (ahead[1] / depth - y) * np.float32(camera.fy)])
    np.clip(flow, -_MOST_BLUR_PX, _MOST_BLUR_PX, out=flow)
    return flow if float(np.abs(flow).max()) > _LEAST_BLUR_PX else None


def motion_blur(image: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Mean of the image along the flow of half its size."""
    rows, columns = image.shape[:2]
    taps = 3 if float(np.abs(flow).max()) < 5 else 5
    full = cv2.resize(flow, (columns, rows), interpolation=cv2.INTER_LINEAR)
    grid_x, grid_y = np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32)
    du, dv = cv2.split(full)
    mean: NDArray[np.uint8] = image
    done = 1
    for tap in range(taps):
        share = np.float32((tap - (taps - 1) / 2) / taps)
        if share == 0:
            continue
        moved = cv2.remap(image, du * share + grid_x, dv * share + grid_y[:, None],
                          cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mean = cv2.addWeighted(mean, done / (done + 1), moved, 1 / (done + 1), 0)
        done += 1
    return mean


def develop(image: NDArray[np.uint8], lens: Lens, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lens blur, then noise; the same for the same generator."""
    sigma = lens.blur_px * image.shape[1] / 640
    if sigma > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if lens.noise <= 0:
        return image
    rows, columns = image.shape[:2]
    bank = _bank(rows, columns, round(lens.noise, 1))
    top, left = (int(v) for v in rng.integers(_BANK_MARGIN, size=2))
    noisy: NDArray[np.uint8] = cv2.add(image, bank[top:top + rows, left:left + columns],
                                       dtype=cv2.CV_8U)
    return noisy


@lru_cache(maxsize=12)
def _bank(rows: int, columns: int, noise: float) -> NDArray[np.int16]:
    """Noise of a sensor: mostly of brightness, slightly coloured."""
    rng = np.random.default_rng([71, rows, columns])
    shape = (rows + _BANK_MARGIN, columns + _BANK_MARGIN)
    grey, colour = rng.normal(size=(*shape, 1)), rng.normal(size=(*shape, 3))
    bank = np.round((0.8 * grey + 0.6 * colour) * noise).astype(np.int16)
    bank.setflags(write=False)
    return bank
