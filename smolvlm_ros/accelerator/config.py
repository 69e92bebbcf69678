"""The settings of a network: its input size and what computes it."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.models.onnx_session import PROVIDERS, SessionOptions
from smolvlm_ros.settings import Settings, setting


@dataclass(frozen=True)
class AcceleratorConfig(Settings):
    """How a network is run."""

    input_height: int = setting(
        0, "Input height of the network: chooses among the files of a folder, refuses a file of "
        "another size, and is the size at which a checkpoint is exported or run. 0 takes what the "
        "file has, of a checkpoint its own or the export's default. Depth networks take multiples "
        "of 14, detectors of 32.", unit="px", ge=0, le=2048)
    input_width: int = setting(
        0, "Input width of the network; see input_height.", unit="px", ge=0, le=2048)
    provider: str = setting("cpu", "What the network is computed on.", choices=PROVIDERS)
    provider_fallback: bool = setting(
        False, "When the provider is missing or fails the self-check: run on the CPU, with a "
        "warning. Otherwise the node does not configure.")
    num_threads: int = setting(
        0, "CPU threads of the network; 0 uses all cores.", ge=0, le=256)
    fp16: bool = setting(True, "Let TensorRT, or torch on CUDA, compute in half precision.")
    engine_cache: str = setting(
        "", "Folder that keeps TensorRT's engines between starts, those of each model file in a "
        "folder named by its content; empty for "
        "$XDG_CACHE_HOME/smolvlm_ros/tensorrt, mostly ~/.cache/smolvlm_ros/tensorrt.")

    def conflicts(self) -> list[str]:
        """Rules between settings."""
        if (self.input_height == 0) != (self.input_width == 0):
            return [f"input_height = {self.input_height} and input_width = {self.input_width} go "
                    "together; set both, or both to 0"]
        return []

    def input_size(self) -> tuple[int, int] | None:
        """(height, width) that is asked for; None for any."""
        size = (self.input_height, self.input_width)
        return size if all(size) else None

    def session_options(self, provider: str = "") -> SessionOptions:
        """For a session on that provider; on the one that is set when none is given."""
        return SessionOptions(provider or self.provider, self.num_threads, self.fp16,
                              self.engine_cache)
