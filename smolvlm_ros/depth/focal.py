"""Correct metres for a camera that differs from the network's training camera.

A network tells depth from apparent size, and apparent size goes with the focal length f:

    Z = Z_network * f / f_training,   both at the same image width

(the canonical camera of Metric3D, arXiv 2307.10984). Focal lengths are compared as shares of the
image width, because the whole view is resized to the network's input, whatever its size.
"""
from __future__ import annotations

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.depth.types import Variant

# fx in pixels and image width in pixels of the training cameras.
TRAINING_CAMERAS: dict[Variant, tuple[float, float]] = {
    Variant.INDOOR: (887.0, 1024.0),   # Hypersim
    Variant.OUTDOOR: (725.0, 1242.0),  # Virtual KITTI 2
}


def focal_scale(camera: CameraModel, variant: Variant) -> float:
    """What to multiply the network's metres with; 1 for the training camera.

    Example: a 640 px wide image with fx = 554 px (60 degrees) has 0.866 of its width as focal
    length, as Hypersim has: the scale indoors is 1.0.
    """
    focal, width = TRAINING_CAMERAS[variant]
    return (camera.fx / camera.width) / (focal / width)
