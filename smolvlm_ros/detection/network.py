"""Choose the detector's file, open it, and have it show that it computes right."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.detection.config import DetectorConfig
from smolvlm_ros.detection.preprocess import Preprocessor
from smolvlm_ros.models.canary import canary_image
from smolvlm_ros.models.detector_metadata import DetectorMetadata
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ProviderError
from smolvlm_ros.models.exported import exported, is_checkpoint
from smolvlm_ros.models.memory import check_memory
from smolvlm_ros.models.onnx_session import OnnxSession, SessionOptions
from smolvlm_ros.models.query_boxes import best, unmatched
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, Task

# In the self-check a detection counts as the same within the first number (of its score and of the
# image's size), and the share of missing ones may be the second: ties at the end of the list.
_EXPORT_TOLERANCE, _EXPORT_MISSING = 0.01, 0.1
_PROVIDER_TOLERANCE, _PROVIDER_MISSING = 0.03, 0.3
# Peak memory of the process on a CPU, from the file's size: measured 102 MiB with a file of 5.6 MiB
# (192x256, 30 queries) and 197 MiB with D-FINE-N's 14.9 MiB (640x640, 300 queries).
_BASE_MIB, _MIB_PER_MIB = 70.0, 9.0
_EXPORT_HINT = "write one with 'smolvlm_ros export detector CHECKPOINT FILE.onnx'"


class Network:
    """An open detector with a fixed input size.

    Attributes:
        path: its file.
        metadata: what the file says of itself.
        provider: what it runs on.
        notes: what a user should be warned of at every start.
        self_check: how the answer to a fixed picture compared, in words; empty before the check.
    """

    def __init__(self, session: OnnxSession, metadata: DetectorMetadata,
                 notes: tuple[str, ...] = ()) -> None:
        self.path = session.path
        self.metadata = metadata
        self.provider = session.provider
        self.notes = notes
        self.self_check = ""
        self._session = session
        self._input = next(iter(session.inputs))

    def run(self, tensor: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """The best detections of one input.

        Args:
            tensor: shape (1, 3, height, width) float32, 0 to 1.
            count: how many to give at most.

        Returns:
            Shape (N, 6): class id, score, x and y of the centre, width and height (shares of the
            image), in falling order of score.

        Raises:
            ProviderError: when it fails, or gives values that are not finite.
        """
        logits, boxes = self._session.run({self._input: tensor})
        if not (np.isfinite(logits).all() and np.isfinite(boxes).all()):
            raise ProviderError(f"{self.path.name} on {self.provider} gives values that are not "
                                "finite; use another provider")
        return best(logits[0], boxes[0], count)

    def close(self) -> None:
        """Free the model's memory; may be called twice."""
        self._session.close()


def open_network(config: DetectorConfig) -> Network:
    """Open the network that the settings ask for.

    Raises:
        CheckpointError: no such file, a damaged one, or one that contradicts the settings.
        LicenceError: its licence does not allow the use.
        MemoryFloorError: it would not fit.
        ProviderError: the provider is missing or computes wrong, and no fall-back is allowed.
    """
    path = find_file(config)
    check_memory(_BASE_MIB + _MIB_PER_MIB * path.stat().st_size / 2**20, path.name,
                 "a smaller detector")
    if config.onnx.provider == "cpu":
        return _opened(path, config, "cpu")
    try:
        return _opened(path, config, config.onnx.provider)
    except ProviderError as error:
        if not config.onnx.provider_fallback:
            raise
        network = _opened(path, config, "cpu")
        network.notes += (f"running on the CPU instead of {config.onnx.provider}: {error}",)
        return network


def find_file(config: DetectorConfig) -> Path:
    """The ONNX file that is set; of a checkpoint it is made on first use.

    Raises:
        CheckpointError: when none is set, it does not exist, or a folder has none that fits.
        ModelError: a checkpoint cannot be exported here.
    """
    if not config.model:
        raise CheckpointError(f"model is not set; give an exported ONNX file ({_EXPORT_HINT}), or "
                              "use the kind 'hog_regions', which needs none")
    path = Path(config.model).expanduser()
    if path.is_file():
        return path
    if is_checkpoint(config.model):
        return exported(Task.DETECTION, config.model, config.onnx.input_size(),
                        allow_noncommercial=config.allow_noncommercial)
    if not path.is_dir():
        raise CheckpointError(f"model = {config.model} does not exist; give an exported ONNX "
                              f"file, or {_EXPORT_HINT}")
    files = sorted(path.glob("*.onnx"))
    fitting = [file for file in files if _fits(file, config)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CheckpointError(f"model = {path} holds several detectors "
                              f"({', '.join(f.name for f in fitting)}); name one, or set "
                              "onnx.input_height and onnx.input_width")
    size = config.onnx.input_size()
    wanted = f" of {size[0]}x{size[1]}" if size else ""
    raise CheckpointError(f"model = {path} holds no detector{wanted} among its {len(files)} .onnx "
                          f"files; {_EXPORT_HINT}")


def _fits(path: Path, config: DetectorConfig) -> bool:
    """True for a detector of that size; other models in the folder are passed over."""
    session = OnnxSession(path, SessionOptions(num_threads=1, optimise=False))
    try:
        metadata = DetectorMetadata.from_entries(session.metadata)
    except CheckpointError:
        return False
    finally:
        session.close()
    return config.onnx.input_size() in (None, (metadata.height, metadata.width))


def _opened(path: Path, config: DetectorConfig, provider: str) -> Network:
    settings = config.onnx
    session = OnnxSession(path, SessionOptions(provider, settings.num_threads, settings.fp16,
                                               settings.engine_cache))
    try:
        metadata = DetectorMetadata.from_entries(session.metadata)
        _check_shapes(session, metadata)
        notes = _check_choice(path, metadata, config)
        network = Network(session, metadata, notes)
        network.self_check = _self_check(network)
    except Exception:
        session.close()
        raise
    return network


def _check_shapes(session: OnnxSession, metadata: DetectorMetadata) -> None:
    inputs, outputs = list(session.inputs.values()), list(session.outputs.values())
    expected = [(1, 3, metadata.height, metadata.width)]
    wanted = [(1, metadata.queries, len(metadata.classes)), (1, metadata.queries, 4)]
    if inputs != expected or outputs != wanted:
        raise CheckpointError(f"{session.path.name} has inputs {inputs} and outputs {outputs}, "
                              f"expected {expected} and {wanted} as its description says; "
                              "export it again")


def _check_choice(path: Path, metadata: DetectorMetadata,
                  config: DetectorConfig) -> tuple[str, ...]:
    """Refuse a file that is not what was asked for; give the warnings for one that is."""
    size = config.onnx.input_size()
    if size not in (None, (metadata.height, metadata.width)):
        raise CheckpointError(f"{path.name} has the fixed input {metadata.height}x{metadata.width}"
                              f", but onnx.input_height x onnx.input_width is {size[0]}x"
                              f"{size[1]}; export that size or set both to 0")
    unknown = sorted(set(config.classes) - set(metadata.classes))
    notes = (f"{path.name} does not know the classes {', '.join(unknown)}",) if unknown else ()
    if metadata.licence == UNKNOWN_LICENCE:
        return (*notes, f"nothing tells the licence of {path.name}, made from {metadata.source}")
    if metadata.commercial:
        return notes
    if not config.allow_noncommercial:
        raise LicenceError(f"{path.name} was made from {metadata.source}, licensed "
                           f"{metadata.licence}: no commercial use. Use D-FINE (Apache-2.0), or "
                           "set allow_noncommercial to true")
    return (*notes, f"{path.name} is licensed {metadata.licence}: no commercial use")


def _self_check(network: Network) -> str:
    """Compare the network's detections in a fixed picture with what they should be.

    A provider other than the CPU is compared with the CPU, the CPU with what the export wrote into
    the file.

    Raises:
        ProviderError: when they differ.
    """
    meta = network.metadata
    tensor = Preprocessor(meta.height, meta.width)(canary_image(meta.height, meta.width))
    every = meta.queries * len(meta.classes)
    got = network.run(tensor, every)
    if network.provider != "cpu":
        reference = Network(OnnxSession(network.path), meta)
        wanted = reference.run(tensor, max(1, len(meta.canary)))
        reference.close()
        missing = unmatched(wanted, got, _PROVIDER_TOLERANCE)
        if missing > _PROVIDER_MISSING:
            raise ProviderError(
                f"self-check: {network.provider} does not give {100 * missing:.0f} % of the CPU's "
                f"detections, allowed are {100 * _PROVIDER_MISSING:g} %; use provider 'cpu'")
        return f"{network.provider} gives {100 * (1 - missing):.0f} % of the CPU's detections"
    missing = unmatched(meta.canary, got, _EXPORT_TOLERANCE)
    if missing > _EXPORT_MISSING:
        raise ProviderError(f"self-check: {network.path.name} does not give {100 * missing:.0f} % "
                            "of the detections of its export; this onnxruntime computes it wrong, "
                            "export it again or use another version")
    return f"{100 * (1 - missing):.0f} % of the exported model's detections"
