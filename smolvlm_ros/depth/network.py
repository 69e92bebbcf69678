"""The depth network: what its file must be, and how it shows that it computes right."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros import accelerator
from smolvlm_ros.accelerator.model_file import ModelChoice, require_set
from smolvlm_ros.accelerator.network import NetworkKind
from smolvlm_ros.accelerator.opened import OpenNetwork, Session
from smolvlm_ros.depth.config import DepthConfig
from smolvlm_ros.depth.preprocess import Preprocessor
from smolvlm_ros.models.canary import fingerprint
from smolvlm_ros.models.depth_metadata import DepthMetadata
from smolvlm_ros.models.errors import CheckpointError, ProviderError
from smolvlm_ros.models.exported import own_size
from smolvlm_ros.models.fetch import local_folder
from smolvlm_ros.models.onnx_session import compare_outputs
from smolvlm_ros.models.registry import Task, named

# Differences from the reference allowed in the self-check, as shares of the variant's range.
# Half precision measures about a tenth of these; the faults seen in the field are far above.
_PROVIDER_MEAN, _PROVIDER_P99 = 0.005, 0.03
_EXPORT_MEAN = {"fp32": 0.002, "int8": 0.03}
# Peak memory of the Small variant on a CPU, measured at 252x336 and 518x686, fp32 and int8: the
# process takes 206 to 451 MiB, which these three numbers give within 2 %.
_BASE_MIB, _WEIGHTS_MIB_PER_MIB, _ACTIVATIONS_MIB_PER_PIXEL = 115.0, 1.0, 6.8e-4
# In place of the first with torch, which takes 598 and 857 MiB in all at those sizes.
_TORCH_MIB = 450.0
_SMALL_PARAMETERS = 24.8e6


class Network(OpenNetwork[DepthMetadata]):
    """An open depth network with a fixed input size."""

    def run(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for one input.

        Args:
            tensor: shape (1, 3, height, width) float32, normalised.

        Returns:
            shape (height, width) float32, metres for the training camera.

        Raises:
            ProviderError: after `close`, or when the provider fails while computing.
        """
        return self.outputs(tensor)[0][0]


def open_network(config: DepthConfig) -> Network:
    """Open the network that the settings ask for; see `accelerator.open_network`."""
    return accelerator.open_network(_DepthNetworks(config))


def find_file(config: DepthConfig) -> Path:
    """The ONNX file for the chosen scene and input size; see `accelerator.find_model`."""
    return _DepthNetworks(config).find()


class _DepthNetworks(NetworkKind[DepthMetadata, Network]):
    smaller = "an int8 file or a Small variant"
    free = "a Small variant"

    def __init__(self, config: DepthConfig) -> None:
        super().__init__(config, ModelChoice(
            Task.DEPTH, f"model_{config.scene}", config.model(), config.input_size(),
            f"{config.scene} model", DepthMetadata.COMMAND, "the estimator 'ground_plane'", "",
            config.allow_noncommercial, config.provider))
        self._scene, self._torch = config.scene, config.backend == "torch"

    def find(self) -> Path:
        if not self._torch:
            return super().find()
        choice = self.choice
        require_set(choice)
        if named(choice.value) is None and Path(choice.value).expanduser().is_file():
            raise CheckpointError(f"{choice.setting} = {choice.value} is a file, and backend "
                                  "'torch' runs a checkpoint; give its folder or name, or use "
                                  "backend 'onnxruntime'")
        return local_folder(choice.value)

    def session(self, path: Path, provider: str) -> Session:
        if not self._torch:
            return super().session(path, provider)
        from smolvlm_ros.models.export import DEFAULT_SIZE
        from smolvlm_ros.models.torch_session import TorchDepthSession
        size = self.choice.size or own_size(path) or DEFAULT_SIZE
        return TorchDepthSession(path, size, self.config.session_options(provider),
                                 self.choice.value)

    def describe(self, entries: Mapping[str, str]) -> DepthMetadata:
        return DepthMetadata.from_entries(entries)

    def network(self, session: Session, metadata: DepthMetadata,
                notes: tuple[str, ...]) -> Network:
        return Network(session, metadata, notes)

    def shapes(self, metadata: DepthMetadata
               ) -> tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]]:
        size = (metadata.height, metadata.width)
        return [(1, 3, *size)], [(1, *size)]

    def weights_mib(self, path: Path) -> float:
        files = path.glob("*.safetensors") if self._torch else [path]
        weights = sum(file.stat().st_size for file in files) / 2**20
        return (_TORCH_MIB if self._torch else _BASE_MIB) + _WEIGHTS_MIB_PER_MIB * weights

    def activations_mib(self, metadata: DepthMetadata) -> float:
        # Goes with the pixels and the network's width.
        width = math.sqrt(metadata.parameters / _SMALL_PARAMETERS)
        return _ACTIVATIONS_MIB_PER_PIXEL * metadata.height * metadata.width * width

    def is_wanted(self, metadata: DepthMetadata) -> bool:
        return metadata.variant == self._scene

    def check(self, path: Path, metadata: DepthMetadata) -> tuple[str, ...]:
        if metadata.variant != self._scene:
            raise CheckpointError(f"{path.name} is the {metadata.variant} variant with a range of "
                                  f"{metadata.max_depth_m:g} m, but scene is {self._scene!r}; "
                                  f"set model_{self._scene} to an {self._scene} file")
        return ()

    def answer(self, network: Network, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        meta = network.metadata
        got = network.run(Preprocessor(meta.height, meta.width, meta.mean, meta.std)(image_rgb))
        if not np.isfinite(got).all() or got.min() < 0 or got.max() > 1.001 * meta.max_depth_m:
            raise ProviderError(f"self-check: {network.path.name} on {network.provider} gives "
                                f"values outside 0 to {meta.max_depth_m:g} m or NaN; use another "
                                "provider")
        return got

    def compare_with_cpu(self, network: Network, got: NDArray[np.float32],
                         wanted: NDArray[np.float32]) -> str:
        mean, p99 = compare_outputs(got, wanted, network.metadata.max_depth_m)
        if mean > _PROVIDER_MEAN or p99 > _PROVIDER_P99:
            raise ProviderError(
                f"self-check: {network.provider} differs from the CPU by {100 * mean:.2g} % of the "
                f"range on average and {100 * p99:.2g} % at the 99th percentile, allowed are "
                f"{100 * _PROVIDER_MEAN:g} % and {100 * _PROVIDER_P99:g} %; use provider 'cpu'")
        return f"{network.provider} within {100 * mean:.2g} % of the CPU"

    def compare_with_export(self, network: Network, got: NDArray[np.float32]) -> str:
        meta = network.metadata
        if not meta.canary:
            return "finite and within range"
        expected = np.reshape(meta.canary, (8, 8))
        mean, _ = compare_outputs(fingerprint(got), expected, meta.max_depth_m)
        if mean > _EXPORT_MEAN.get(meta.precision, 0.0):
            raise ProviderError(f"self-check: {network.path.name} differs from its export by "
                                f"{100 * mean:.2g} % of the range; this onnxruntime computes it "
                                "wrong, export it again or use another version")
        return f"within {100 * mean:.2g} % of the exported model"
