"""How to get the optional libraries, in the words that end an error.

The packages are those of setup.cfg's extras, named one by one: a ROS installation is built by
colcon, and an extra is for pip alone.
"""
from __future__ import annotations

from collections.abc import Iterable

TORCH = ("torch", "transformers>=5.0")
VLM = (*TORCH, "pillow")
EXPORT = (*VLM, "onnx")
TRAIN = (*VLM, "tqdm")
FETCH = ("huggingface_hub",)


def install(packages: Iterable[str]) -> str:
    """A sentence with the command, its version limits quoted for a shell."""
    words = " ".join(f'"{name}"' if ">" in name else name for name in packages)
    return f"install what is missing with: pip install {words}"
