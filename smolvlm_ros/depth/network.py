"""Choose the depth network's file, open it, and have it show that it computes right."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.depth.config import DepthConfig
from smolvlm_ros.depth.preprocess import Preprocessor
from smolvlm_ros.models.canary import canary_image, fingerprint
from smolvlm_ros.models.depth_metadata import DepthMetadata
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ProviderError
from smolvlm_ros.models.exported import exported, is_checkpoint
from smolvlm_ros.models.memory import check_memory
from smolvlm_ros.models.onnx_session import OnnxSession, SessionOptions, compare_outputs
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, Task

# Differences from the reference allowed in the self-check, as shares of the variant's range.
# Half precision measures about a tenth of these; the faults seen in the field are far above.
_PROVIDER_MEAN, _PROVIDER_P99 = 0.005, 0.03
_EXPORT_MEAN = {"fp32": 0.002, "int8": 0.03}
# Peak memory of the Small variant on a CPU, measured at 252x336 and 518x686, fp32 and int8: the
# process takes 214 to 589 MiB, which these three numbers give within 15 %.
_BASE_MIB, _WEIGHTS_MIB_PER_MIB, _ACTIVATIONS_MIB_PER_PIXEL = 60.0, 1.5, 1.2e-3
_SMALL_PARAMETERS = 24.8e6
_EXPORT_HINT = "write one with 'smolvlm_ros export depth CHECKPOINT FILE.onnx'"


class Network:
    """An open depth network with a fixed input size.

    Attributes:
        path: its file.
        metadata: what the file says of itself.
        provider: what it runs on.
        notes: what a user should be warned of at every start.
        self_check: how the answer to a fixed picture compared, in words; empty before the check.
    """

    def __init__(self, session: OnnxSession, metadata: DepthMetadata,
                 notes: tuple[str, ...] = ()) -> None:
        self.path = session.path
        self.metadata = metadata
        self.provider = session.provider
        self.notes = notes
        self.self_check = ""
        self._session = session
        self._input = next(iter(session.inputs))

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for one input.

        Args:
            tensor: shape (1, 3, height, width) float32, normalised.

        Returns:
            shape (height, width) float32, metres for the training camera.
        """
        return self._session.run({self._input: tensor})[0][0]

    def close(self) -> None:
        """Free the model's memory; may be called twice."""
        self._session.close()


def open_network(config: DepthConfig) -> Network:
    """Open the network that the settings ask for.

    Raises:
        CheckpointError: no such file, a damaged one, or one that contradicts the settings.
        LicenceError: its licence does not allow the use.
        MemoryFloorError: it would not fit.
        ProviderError: the provider is missing or computes wrong, and no fall-back is allowed.
    """
    path = find_file(config)
    check_memory(_BASE_MIB + _WEIGHTS_MIB_PER_MIB * path.stat().st_size / 2**20, path.name,
                 "an int8 file or a Small variant")
    if config.provider == "cpu":
        return _opened(path, config, "cpu")
    try:
        return _opened(path, config, config.provider)
    except ProviderError as error:
        if not config.provider_fallback:
            raise
        network = _opened(path, config, "cpu")
        network.notes += (f"running on the CPU instead of {config.provider}: {error}",)
        return network


def find_file(config: DepthConfig) -> Path:
    """The ONNX file for the chosen scene and input size; of a checkpoint it is made on first use.

    Raises:
        CheckpointError: when none is set, it does not exist, or a folder has none that fits.
        ModelError: a checkpoint cannot be exported here.
    """
    name = f"model_{config.scene}"
    if not config.model():
        raise CheckpointError(f"{name} is not set; give an exported ONNX file ({_EXPORT_HINT}), or "
                              "use the estimator 'ground_plane', which needs none")
    path = Path(config.model()).expanduser()
    if path.is_file():
        return path
    if is_checkpoint(config.model()):
        wanted = (config.input_height, config.input_width)
        return exported(Task.DEPTH, config.model(), wanted if all(wanted) else None,
                        allow_noncommercial=config.allow_noncommercial)
    if not path.is_dir():
        raise CheckpointError(f"{name} = {config.model()} does not exist; give an exported ONNX "
                              f"file, or {_EXPORT_HINT}")
    files = sorted(path.glob("*.onnx"))
    if not files:
        raise CheckpointError(f"{name} = {path} holds no .onnx file; {_EXPORT_HINT}")
    fitting = [f for f in files if _fits(f, config)]
    if not fitting:
        size = f" of {config.input_height}x{config.input_width}" if config.input_height else ""
        raise CheckpointError(f"{name} = {path} holds no {config.scene} model{size} among "
                              f"{', '.join(f.name for f in files)}; {_EXPORT_HINT}")
    if len(fitting) > 1:
        raise CheckpointError(f"{name} = {path} holds several {config.scene} models "
                              f"({', '.join(f.name for f in fitting)}); name one, or set "
                              "input_height and input_width")
    return fitting[0]


def _fits(path: Path, config: DepthConfig) -> bool:
    """True for a depth model of that scene and size; other models in the folder are passed over."""
    session = OnnxSession(path, SessionOptions(num_threads=1, optimise=False))
    try:
        metadata = DepthMetadata.from_entries(session.metadata)
    except CheckpointError:
        return False
    finally:
        session.close()
    return metadata.variant == config.scene and _right_size(metadata, config)


def _right_size(metadata: DepthMetadata, config: DepthConfig) -> bool:
    wanted = (config.input_height, config.input_width)
    return wanted in ((0, 0), (metadata.height, metadata.width))


def _opened(path: Path, config: DepthConfig, provider: str) -> Network:
    session = OnnxSession(path, SessionOptions(provider, config.num_threads, config.fp16,
                                               config.engine_cache))
    try:
        metadata = DepthMetadata.from_entries(session.metadata)
        _check_shapes(session, metadata)
        notes = _check_choice(path, metadata, config)
        check_memory(_activations_mib(metadata), path.name, "a file with a smaller input size")
        network = Network(session, metadata, notes)
        network.self_check = _self_check(network)
    except Exception:
        session.close()
        raise
    return network


def _check_shapes(session: OnnxSession, metadata: DepthMetadata) -> None:
    size = (metadata.height, metadata.width)
    inputs, outputs = list(session.inputs.values()), list(session.outputs.values())
    if inputs != [(1, 3, *size)] or outputs != [(1, *size)]:
        raise CheckpointError(f"{session.path.name} has inputs {inputs} and outputs {outputs}, "
                              f"expected one (1, 3, {size[0]}, {size[1]}) and one "
                              f"(1, {size[0]}, {size[1]}); export it again")


def _check_choice(path: Path, metadata: DepthMetadata, config: DepthConfig) -> tuple[str, ...]:
    """Refuse a file that is not what was asked for; give the warnings for one that is."""
    if metadata.variant != config.scene:
        raise CheckpointError(f"{path.name} is the {metadata.variant} variant with a range of "
                              f"{metadata.max_depth_m:g} m, but scene is {config.scene!r}; "
                              f"set model_{config.scene} to an {config.scene} file")
    if not _right_size(metadata, config):
        raise CheckpointError(f"{path.name} has the fixed input {metadata.height}x{metadata.width}"
                              f", but input_height x input_width is {config.input_height}x"
                              f"{config.input_width}; export that size or set both to 0")
    if metadata.licence == UNKNOWN_LICENCE:
        return (f"nothing tells the licence of {path.name}, made from {metadata.source}",)
    if metadata.commercial:
        return ()
    if not config.allow_noncommercial:
        raise LicenceError(f"{path.name} was made from {metadata.source}, licensed "
                           f"{metadata.licence}: no commercial use. Use a Small variant "
                           "(Apache-2.0), or set allow_noncommercial to true")
    return (f"{path.name} is licensed {metadata.licence}: no commercial use",)


def _self_check(network: Network) -> str:
    """Compare the network's answer to a fixed picture with what it should be.

    A provider other than the CPU is compared with the CPU, pixel by pixel. The CPU is compared with
    the averages that the export wrote into the file.

    Raises:
        ProviderError: when they differ.
    """
    meta = network.metadata
    tensor = Preprocessor(meta.height, meta.width, meta.mean, meta.std)(
        canary_image(meta.height, meta.width))
    got = network.run(tensor)
    if not np.isfinite(got).all() or got.min() < 0 or got.max() > 1.001 * meta.max_depth_m:
        raise ProviderError(f"self-check: {network.path.name} on {network.provider} gives values "
                            f"outside 0 to {meta.max_depth_m:g} m or NaN; use another provider")
    if network.provider != "cpu":
        reference = OnnxSession(network.path)
        wanted = reference.run({next(iter(reference.inputs)): tensor})[0][0]
        reference.close()
        mean, p99 = compare_outputs(got, wanted, meta.max_depth_m)
        if mean > _PROVIDER_MEAN or p99 > _PROVIDER_P99:
            raise ProviderError(
                f"self-check: {network.provider} differs from the CPU by {100 * mean:.2g} % of the "
                f"range on average and {100 * p99:.2g} % at the 99th percentile, allowed are "
                f"{100 * _PROVIDER_MEAN:g} % and {100 * _PROVIDER_P99:g} %; use provider 'cpu'")
        return f"{network.provider} within {100 * mean:.2g} % of the CPU"
    if not meta.canary:
        return "finite and within range"
    expected = np.reshape(meta.canary, (8, 8))
    mean, _ = compare_outputs(fingerprint(got), expected, meta.max_depth_m)
    if mean > _EXPORT_MEAN.get(meta.precision, 0.0):
        raise ProviderError(f"self-check: {network.path.name} differs from its export by "
                            f"{100 * mean:.2g} % of the range; this onnxruntime computes it wrong, "
                            "export it again or use another version")
    return f"within {100 * mean:.2g} % of the exported model"


def _activations_mib(metadata: DepthMetadata) -> float:
    """Memory that a run takes beside the weights: goes with the pixels and the network's width."""
    width = math.sqrt(metadata.parameters / _SMALL_PARAMETERS)
    return _ACTIVATIONS_MIB_PER_PIXEL * metadata.height * metadata.width * width
