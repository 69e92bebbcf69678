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
_NUMPY = "numpy<2"  # apt's OpenCV and cv_bridge were built against it, and pip would take a newer


def install(packages: Iterable[str]) -> str:
    """A sentence with the command, its version limits quoted for a shell."""
    words = " ".join(f'"{name}"' if set("<>") & set(name) else name for name in (_NUMPY, *packages))
    return (f"install what is missing with: pip install {words} (Jazzy: "
            "PIP_BREAK_SYSTEM_PACKAGES=1 before it; Jetson: torch and onnxruntime from NVIDIA)")
