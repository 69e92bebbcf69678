"""What made a depth image, as a message."""
from __future__ import annotations

from std_msgs.msg import Header

from smolvlm_ros.depth import DepthInfo, Variant
from smolvlm_ros.msg import DepthState

VARIANTS = {None: DepthState.NONE, Variant.INDOOR: DepthState.INDOOR,
            Variant.OUTDOOR: DepthState.OUTDOOR}


def depth_state(header: Header, info: DepthInfo, auto_scene: bool, focal_scale: float = 1.0,
                steadied: float = 1.0) -> DepthState:
    """The message for an image, or for none yet.

    Args:
        header: of the depth image.
        info: what made it.
        auto_scene: whether the node chooses the variant.
        focal_scale, steadied: as `DepthMap` has them.
    """
    return DepthState(
        header=header, estimator=info.estimator, variant=VARIANTS[info.variant],
        auto_scene=auto_scene, max_depth_m=float(info.max_depth_m),
        focal_scale=float(focal_scale), range_m=float(info.max_depth_m * focal_scale),
        steadied=float(steadied), backend=info.backend, provider=info.provider,
        precision=info.precision, input_height=info.input_height, input_width=info.input_width,
        checkpoint=info.checkpoint, source=info.source, source_sha256=info.source_sha256,
        licence=info.licence)
