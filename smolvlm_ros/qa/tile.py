"""One image as one tile: the pixels and the tokens SmolVLM2 sees, without torchvision.

The checkpoint's own files say the size, the normalisation and the number of tokens; nothing is
assumed here. The whole image is scaled to the tile at once and the aspect is not kept, as the
reference processor does for its global tile; the reference scales twice, which costs 14 times as
much and differs by 0.001 on average.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.checkpoint import read_json
from smolvlm_ros.models.errors import CheckpointError


@dataclass(frozen=True)
class Tile:
    """How a checkpoint wants one tile.

    Attributes:
        size: edge of the square tile, px.
        tokens: `<image>` tokens of a tile.
        mean: of each channel, after scaling to 0 to 1.
        std: of each channel.
        scale: what a byte is multiplied with.
    """

    size: int
    tokens: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    scale: float = 1 / 255

    @classmethod
    def of_checkpoint(cls, folder: Path, config: Mapping[str, Any]) -> Tile:
        """Read it from preprocessor_config.json (or processor_config.json) and config.json.

        Raises:
            CheckpointError: a file or an entry is missing, or they contradict each other.
        """
        processor = _image_processor(folder)
        try:
            size = int(processor["max_image_size"]["longest_edge"])
            mean, std = _channels(processor["image_mean"]), _channels(processor["image_std"])
            scale = float(processor.get("rescale_factor", 1 / 255))
            patch = int(config["vision_config"]["patch_size"])
            factor = int(config["scale_factor"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{folder} does not say how images are prepared "
                                  f"({type(error).__name__}: {error}); get it again") from error
        if size <= 0 or patch <= 0 or factor <= 0 or size % (patch * factor) or 0 in std:
            raise CheckpointError(f"{folder}: tiles of {size} px do not divide into patches of "
                                  f"{patch} px, {factor} x {factor} to a token")
        tokens = (size // patch // factor) ** 2
        said = _optional(folder / "processor_config.json").get("image_seq_len", tokens)
        if said != tokens:
            raise CheckpointError(f"{folder}: processor_config.json says {said} tokens a tile, its "
                                  f"sizes give {tokens}; the files do not belong together")
        return cls(size, tokens, mean, std, scale)

    def pixels(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The tile of an image.

        Args:
            image_rgb: (H, W, 3) uint8, any size.

        Returns:
            (3, size, size) float32, normalised.
        """
        from PIL import Image

        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
            raise ValueError(f"image has shape {image_rgb.shape} and type {image_rgb.dtype}, "
                             "expected (H, W, 3) uint8 in RGB")
        # OpenCV's Lanczos does not widen its kernel when it shrinks, so it aliases; PIL's does.
        lanczos = getattr(Image, "Resampling", Image).LANCZOS  # Pillow 9.0 has it in Image
        scaled = Image.fromarray(np.ascontiguousarray(image_rgb)).resize(
            (self.size, self.size), lanczos)
        values = np.asarray(scaled, np.float32) * np.float32(self.scale)
        values = (values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1))


def _image_processor(folder: Path) -> Mapping[str, Any]:
    """The image processor's entries; newer transformers save them inside processor_config.json."""
    if (folder / "preprocessor_config.json").is_file():
        return read_json(folder / "preprocessor_config.json")
    nested = _optional(folder / "processor_config.json").get("image_processor")
    if not isinstance(nested, Mapping):
        raise CheckpointError(f"{folder} has no preprocessor_config.json; is it complete?")
    return nested


def _optional(path: Path) -> Mapping[str, Any]:
    return read_json(path) if path.is_file() else {}


def _channels(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
