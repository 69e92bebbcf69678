"""Run an ONNX file on the provider that was asked for, and on no other.

ONNX Runtime lists CUDA and TensorRT as available where there is no such device, and then runs on
the CPU without an error; a robot's latency budget would be missed with nothing in the log. So the
provider that a session really got is compared with the one asked for.
"""
from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.checkpoint import refuse_pickle, sha256
from smolvlm_ros.models.errors import CheckpointError, ProviderError

_CHAINS = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
}
PROVIDERS = tuple(_CHAINS)
_WEIGHTS_BESIDE = (".data", "_data")  # where exporters put those of a file that has none inside


@dataclass(frozen=True)
class SessionOptions:
    """How to run a model.

    Attributes:
        provider: 'cpu', 'cuda' or 'tensorrt'.
        num_threads: CPU threads within one operator; 0 leaves it to ONNX Runtime (all cores).
        fp16: let TensorRT compute in half precision.
        engine_cache: folder that keeps TensorRT's engines between starts, each file's in a folder
            of its own; empty for `$XDG_CACHE_HOME/smolvlm_ros/tensorrt`.
        optimise: rewrite the graph for speed; without, opening is quicker, for a look at a file.
    """

    provider: str = "cpu"
    num_threads: int = 0
    fp16: bool = True
    engine_cache: str = ""
    optimise: bool = True


def onnx_files(folder: Path) -> list[Path]:
    """The ONNX files of a folder by name; an export under way writes to a hidden one."""
    return sorted(path for path in folder.glob("*.onnx") if not path.name.startswith("."))


class OnnxSession:
    """An open ONNX model.

    Attributes:
        path: the file.
        provider: what it runs on: 'cpu', 'cuda' or 'tensorrt'.
        backend: 'onnxruntime'.
        metadata: the text entries that the file carries.
        engines: folder of its TensorRT engines; None on another provider.
        inputs, outputs: shape by name; None for an extent that is not fixed.

    Raises:
        CheckpointError: when the file is missing, a pickle, truncated or not a valid model.
        ProviderError: when onnxruntime or the provider is missing, or another one was taken.
    """

    backend = "onnxruntime"

    def __init__(self, path: str | Path, options: SessionOptions | None = None) -> None:
        options = options or SessionOptions()
        self.path = Path(path).expanduser()
        self.provider = options.provider
        self.engines: Path | None = None
        self._session: Any = self._open(options)
        taken = self._session.get_providers()
        if taken[0] != _CHAINS[self.provider][0]:
            self._session = None
            raise ProviderError(f"provider {self.provider!r} was asked for, but ONNX Runtime took "
                                f"{taken[0]}: is the device there, and do the CUDA and cuDNN "
                                "versions match this onnxruntime? Use provider 'cpu' without one")
        meta = self._session.get_modelmeta()
        self.metadata: Mapping[str, str] = dict(meta.custom_metadata_map)
        self.inputs = {i.name: _shape(i.shape) for i in self._session.get_inputs()}
        self.outputs = {o.name: _shape(o.shape) for o in self._session.get_outputs()}

    def _open(self, options: SessionOptions) -> Any:
        if options.provider not in _CHAINS:
            raise ProviderError(f"provider {options.provider!r} is not known; use one of "
                                f"{', '.join(PROVIDERS)}")
        refuse_pickle(self.path)
        ort = _onnxruntime()
        chain = _CHAINS[options.provider]
        if chain[0] not in ort.get_available_providers():
            raise ProviderError(f"this onnxruntime {ort.__version__} was built without {chain[0]}; "
                                "install onnxruntime-gpu (on a Jetson: NVIDIA's own build) or use "
                                "provider 'cpu'")
        own: dict[str, dict[str, str]] = {}
        if options.provider == "tensorrt":
            self.engines = _engine_folder(self.path, options)
            own[chain[0]] = _tensorrt_options(options, self.engines)
        providers = [(name, own.get(name, {})) for name in chain]
        try:
            return ort.InferenceSession(str(self.path), providers=providers,
                                        sess_options=_session_settings(ort, options))
        except Exception as error:  # its exception classes are private, and one for each cause
            if options.provider != "cpu":
                raise ProviderError(f"{self.path} cannot be opened on {options.provider} "
                                    f"({_first_line(error)}); try provider 'cpu'") from error
            raise CheckpointError(f"{self.path} is not a valid ONNX model ({_first_line(error)}); "
                                  "is it truncated? Export it again") from error

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs, in the file's order.

        Raises:
            ProviderError: after `close`, or when the provider fails while computing.
        """
        if self._session is None:
            raise ProviderError(f"{self.path.name} is closed; open it again")
        try:
            return list(self._session.run(None, dict(feeds)))
        except Exception as error:  # its exception classes are private
            raise ProviderError(f"{self.path.name} failed on {self.provider} "
                                f"({_first_line(error)})") from error

    def close(self) -> None:
        """Free the model's memory; may be called twice."""
        self._session = None


def available_providers() -> tuple[str, ...]:
    """Those of `PROVIDERS` that the installed onnxruntime was built with; the device may lack."""
    built = _onnxruntime().get_available_providers()
    return tuple(name for name, chain in _CHAINS.items() if chain[0] in built)


def compare_outputs(got: NDArray[Any], wanted: NDArray[Any], scale: float) -> tuple[float, float]:
    """Mean and 99th percentile of |got - wanted| / scale; infinite where one is not finite."""
    if got.shape != wanted.shape or not (np.isfinite(got).all() and np.isfinite(wanted).all()):
        return float("inf"), float("inf")
    difference = np.abs(np.asarray(got, np.float64) - wanted) / scale
    return float(np.mean(difference)), float(np.percentile(difference, 99))


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ProviderError("onnxruntime is not installed; install it with "
                            "'pip install onnxruntime' (1.23.2 for Python 3.10)") from error
    return onnxruntime


def _session_settings(ort: Any, options: SessionOptions) -> Any:
    settings = ort.SessionOptions()
    settings.log_severity_level = 3  # errors only: the rest is said by this package
    if options.provider == "cpu":
        # From the second run on it would keep one block for all activations beside those of the
        # first: 157 of 512 MiB for a Small depth network at 518x686, and no time is gained.
        settings.enable_mem_pattern = False
    if not options.optimise:
        settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if options.num_threads:
        settings.intra_op_num_threads = options.num_threads
    return settings


def _tensorrt_options(options: SessionOptions, engines: Path) -> dict[str, str]:
    return {"trt_fp16_enable": str(options.fp16), "trt_engine_cache_enable": "True",
            "trt_engine_cache_path": str(engines), "trt_timing_cache_enable": "True",
            "trt_timing_cache_path": str(engines)}


def _engine_folder(path: Path, options: SessionOptions) -> Path:
    """The folder of a file's engines, made where it is missing.

    ONNX Runtime finds an engine by the names of the file and its nodes, whatever its weights: of a
    file that was exported again it would take the old one. So the folder is named by the content,
    that of a file beside it included which holds its weights.

    Raises:
        ProviderError: it cannot be made.
    """
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    cache = Path(options.engine_cache or Path(base) / "smolvlm_ros" / "tensorrt").expanduser()
    beside = (Path(f"{path}{suffix}") for suffix in _WEIGHTS_BESIDE)
    digests = [sha256(part) for part in (path, *beside) if part.is_file()]
    cache /= (digests[0] if len(digests) == 1 else
              hashlib.sha256("".join(digests).encode()).hexdigest())[:16]
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProviderError(f"{cache} cannot be made ({error.strerror}), and TensorRT keeps its "
                            "engines there; set engine_cache to a folder that can") from error
    return cache


def _shape(extents: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(e if isinstance(e, int) else None for e in extents)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
