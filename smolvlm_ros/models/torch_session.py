"""Run a depth checkpoint in torch, without an export: the same doors as `OnnxSession` has.

Needs torch and transformers (extra `export`), which are imported when a session is opened.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models import torch_depth
from smolvlm_ros.models.checkpoint import open_checkpoint
from smolvlm_ros.models.errors import ProviderError
from smolvlm_ros.models.export import describe_depth
from smolvlm_ros.models.onnx_session import SessionOptions
from smolvlm_ros.models.torch_model import INPUT

PROVIDERS = ("cpu", "cuda")


class TorchDepthSession:
    """A Depth Anything V2 checkpoint in torch, at one input size.

    The number of threads is one for all of torch in the process. On CUDA it computes in half
    precision when the options say so.

    Args:
        folder: config.json and *.safetensors.
        size: (height, width) of the input, multiples of 14.
        options: provider, threads and precision.
        source: as the settings name the checkpoint; its licence is found by it.

    Attributes:
        path: the folder.
        provider: 'cpu' or 'cuda'.
        backend: 'torch'.
        metadata: its description, as an exported file would carry it.
        inputs, outputs: shape by name.

    Raises:
        CheckpointError: the folder is damaged, of another architecture, or not metric.
        ModelError: torch or transformers is missing.
        ProviderError: torch cannot compute on that provider, or its memory is full.
    """

    backend = "torch"

    def __init__(self, folder: str | Path, size: tuple[int, int], options: SessionOptions,
                 source: str = "") -> None:
        self.path, self.provider = Path(folder), options.provider
        checkpoint = open_checkpoint(self.path, "depth_anything")
        described = describe_depth(checkpoint, source or str(self.path), size)
        self.metadata: Mapping[str, str] = dict([described.to_entry()])
        self.inputs: dict[str, tuple[int | None, ...]] = {INPUT: (1, 3, *size)}
        self.outputs: dict[str, tuple[int | None, ...]] = {torch_depth.OUTPUTS[0]: (1, *size)}
        self._model: Any = torch_depth.load(checkpoint, "the back-end torch")
        self._half = options.fp16 and self.provider == "cuda"
        _require(self.provider)
        if options.num_threads:
            import torch
            torch.set_num_threads(options.num_threads)
        try:
            self._model.to(self.provider)
            if self._half:
                self._model.half()
        except RuntimeError as error:  # out of memory is one of these
            raise self._failed(error) from error

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The depth in metres for the training camera, shape (1, height, width) float32.

        Raises:
            ProviderError: after `close`, or when torch fails while computing.
        """
        if self._model is None:
            raise ProviderError(f"{self.path.name} is closed; open it again")
        import torch
        try:
            pixels = torch.from_numpy(feeds[INPUT]).to(self.provider)
            with torch.inference_mode():
                depth = self._model(pixels.half() if self._half else pixels).predicted_depth
            return [depth.float().cpu().numpy().astype(np.float32, copy=False)]
        except RuntimeError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Free the model's memory; may be called twice."""
        self._model = None

    def _failed(self, error: RuntimeError) -> ProviderError:
        return ProviderError(f"{self.path.name} failed on torch, {self.provider} "
                             f"({str(error).partition(chr(10))[0][:200]})")


def _require(provider: str) -> None:
    import torch
    if provider not in PROVIDERS:
        raise ProviderError(f"torch does not compute on {provider!r}; use one of "
                            f"{', '.join(PROVIDERS)}, or backend 'onnxruntime'")
    if provider == "cuda" and not torch.cuda.is_available():
        raise ProviderError(f"provider 'cuda' was asked for, but this torch {torch.__version__} "
                            "sees no such device; install a torch built for it or use provider "
                            "'cpu'")
