"""The settings of metric depth."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.accelerator.config import AcceleratorConfig
from smolvlm_ros.depth.stabiliser import StabiliserConfig
from smolvlm_ros.models.depth_metadata import PATCH
from smolvlm_ros.settings import Settings, group, setting

ESTIMATORS = ("depth_anything_v2", "ground_plane")
SCENES = ("indoor", "outdoor")
BACKENDS = ("onnxruntime", "torch")


@dataclass(frozen=True)
class GroundPlaneConfig(Settings):
    """Where the camera is above flat ground, for the estimator `ground_plane`."""

    camera_height_m: float = setting(
        0.5, "Height of the camera's optical centre above the ground.", unit="m", ge=0.01, le=500.0,
        runtime=True)
    camera_pitch_deg: float = setting(
        0.0, "Pitch of the camera, positive when it looks down (REP-103).", unit="deg", ge=-90.0,
        le=90.0, runtime=True)
    camera_roll_deg: float = setting(
        0.0, "Roll of the camera about its viewing direction, positive when its right side is "
        "lower (REP-103).", unit="deg", ge=-180.0, le=180.0, runtime=True)
    max_range_m: float = setting(
        20.0, "Ground farther than this, along the optical axis, is reported as +Inf.", unit="m",
        ge=0.5, le=1000.0, runtime=True)


@dataclass(frozen=True)
class DepthConfig(AcceleratorConfig):
    """Which estimator makes metric depth, from which file, and how."""

    estimator: str = setting(
        "depth_anything_v2", "How depth is made: a network, or flat ground seen from a known "
        "mount, which needs no weights.", choices=ESTIMATORS)
    scene: str = setting(
        "indoor", "Variant of the network: indoor (trained on Hypersim, range 20 m) or outdoor "
        "(Virtual KITTI 2, 80 m).", choices=SCENES)
    model_indoor: str = setting(
        "", "The indoor variant: an ONNX file as 'smolvlm_ros export' wrote it, a folder of such "
        "files, or a checkpoint (its folder, or its name in the registry), which is exported on "
        "first use where torch is installed.")
    model_outdoor: str = setting(
        "", "The outdoor variant; see model_indoor.")
    allow_noncommercial: bool = setting(
        False, "Load weights whose licence forbids commercial use (Base and Large), with a "
        "warning at every start.")
    backend: str = setting(
        "onnxruntime", "What runs the network: ONNX Runtime an exported file, or torch a "
        "checkpoint as it is, which takes more memory and needs torch and transformers.",
        choices=BACKENDS)
    focal_correction: bool = setting(
        True, "Scale the network's metres by the camera's focal length over that of its training "
        "camera. Needs CameraInfo.", runtime=True)
    output_scale: float = setting(
        1.0, "Size of the depth image over that of the camera's image; CameraInfo is scaled to "
        "match.", ge=0.1, le=1.0, runtime=True)
    far_share: float = setting(
        0.98, "Predictions at or above this share of the variant's range are reported as +Inf: "
        "sky, or beyond range.", ge=0.5, le=1.0, runtime=True)
    stabiliser: StabiliserConfig = group(StabiliserConfig)
    ground_plane: GroundPlaneConfig = group(GroundPlaneConfig)

    def conflicts(self) -> list[str]:
        """Rules between settings."""
        size = self.input_size()
        if size is not None and (size[0] % PATCH or size[1] % PATCH):
            near = [max(PATCH, round(s / PATCH) * PATCH) for s in size]
            return [f"input_height x input_width = {size[0]}x{size[1]} is not a multiple of "
                    f"{PATCH}; use {near[0]}x{near[1]}"]
        if self.backend == "torch" and self.provider == "tensorrt":
            return ["provider = 'tensorrt' needs backend = 'onnxruntime', backend is 'torch'; use "
                    "provider 'cuda', or the other backend"]
        return super().conflicts()

    def model(self) -> str:
        """The file or folder for the chosen scene; empty when none is set."""
        return self.model_indoor if self.scene == "indoor" else self.model_outdoor

    def fixed_differences(self, other: DepthConfig) -> list[str]:
        """Names of the settings that differ and cannot change while running."""
        mine, theirs = self.flat(), other.flat()
        return [d.name for d in DepthConfig.declared()
                if not d.setting.runtime and mine[d.name] != theirs[d.name]]
