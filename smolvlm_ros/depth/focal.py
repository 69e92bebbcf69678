"""Correct metres for a camera that differs from the network's training camera.

A network tells depth from apparent size, and apparent size goes with the focal length f:

    Z = Z_network * f / f_training,   both at the same image width

(the canonical camera of Metric3D, arXiv 2307.10984). Focal lengths are compared as shares of the
image width, because the whole view is resized to the network's input, whatever its size.
"""
from __future__ import annotations

from smolvlm_ros.camera import CameraModel


def focal_scale(camera: CameraModel, training_focal: float) -> float:
    """What to multiply the network's metres with; 1 for the training camera.

    Example: a 640 px wide image with fx = 554 px (60 degrees) has 0.866 of its width as focal
    length, as Hypersim has: the scale of the published indoor variant is 1.0.

    Args:
        camera: of the image.
        training_focal: focal length over image width of the camera that the network was trained
            on; `DepthMetadata.focal` knows it.
    """
    return (camera.fx / camera.width) / training_focal
