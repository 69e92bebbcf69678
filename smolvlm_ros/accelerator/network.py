"""Open a network on the provider asked for, and have it show that it computes right.

A provider other than the CPU is compared with the CPU on a fixed picture, the CPU with what the
export wrote into the file. A provider that is missing, was silently replaced or computes wrong is
refused, or replaced by the CPU with a warning that stays.
"""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.accelerator.config import AcceleratorConfig
from smolvlm_ros.accelerator.model_file import ModelChoice, find_model
from smolvlm_ros.accelerator.opened import D, OpenNetwork, Session
from smolvlm_ros.models.canary import canary_image
from smolvlm_ros.models.description import ModelDescription
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ProviderError
from smolvlm_ros.models.memory import check_memory
from smolvlm_ros.models.onnx_session import OnnxSession
from smolvlm_ros.models.registry import UNKNOWN_LICENCE
from smolvlm_ros.models.stated_licence import is_agpl

N = TypeVar("N", bound="OpenNetwork[Any]")


class NetworkKind(ABC, Generic[D, N]):
    """What the networks of two tasks do not have in common.

    Attributes:
        config: how to run it.
        choice: which file.
    """

    smaller: ClassVar[str]   # what takes less memory than the file that was chosen
    free: ClassVar[str]      # what is licensed for commercial use

    def __init__(self, config: AcceleratorConfig, choice: ModelChoice) -> None:
        self.config, self.choice = config, choice

    def find(self) -> Path:
        """The model's file, or its folder for a back-end that runs checkpoints."""
        return find_model(self.choice, self._is_such)

    def session(self, path: Path, provider: str) -> Session:
        """Open a file."""
        return OnnxSession(path, self.config.session_options(provider))

    @abstractmethod
    def describe(self, entries: Mapping[str, str]) -> D:
        """Read the description out of a file's metadata; a CheckpointError for another kind."""

    @abstractmethod
    def network(self, session: Session, metadata: D, notes: tuple[str, ...]) -> N:
        """The open network."""

    @abstractmethod
    def shapes(self, metadata: D) -> tuple[Sequence[tuple[int, ...]], Sequence[tuple[int, ...]]]:
        """Shapes of the inputs and outputs that a file of this description must have."""

    @abstractmethod
    def weights_mib(self, path: Path) -> float:
        """Peak memory of a process that opens this file, MiB."""

    def activations_mib(self, metadata: D) -> float:
        """Memory that a run takes beside the weights, MiB; 0 where `weights_mib` has it."""
        return 0.0

    def is_wanted(self, metadata: D) -> bool:
        """Whether a file of a folder is one to take; its size is judged elsewhere."""
        return True

    def check(self, path: Path, metadata: D) -> tuple[str, ...]:
        """Refuse a file that contradicts the settings; give the warnings for one that does not."""
        return ()

    def allowed(self, name: str, licence: str, catch: str, setting: str,
                value: bool | None) -> tuple[str, ...]:
        """The warning for a file whose licence has a catch, where a setting allows that.

        Raises:
            LicenceError: the setting does not allow it, or there is none (None).
        """
        found = f"{name} is licensed {licence}: {catch}"
        if not value:
            instead = "" if value is None else f", or set {setting} to true"
            raise LicenceError(f"{found}. Use {self.free} (Apache-2.0){instead}")
        return (found,)

    def check_agpl(self, name: str, licence: str) -> tuple[str, ...]:
        """The warning for a file under the AGPL; a LicenceError where nothing allows that."""
        if not is_agpl(licence):
            return ()
        return self.allowed(name, licence, "its terms reach the software around it", "allow_agpl",
                            self.choice.allow_agpl)

    @abstractmethod
    def answer(self, network: N, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What a network says to a picture of its input's size; a ProviderError for nonsense."""

    @abstractmethod
    def compare_with_cpu(self, network: N, got: NDArray[np.float32],
                         wanted: NDArray[np.float32]) -> str:
        """How the answer compares with the CPU's, in words; a ProviderError when badly."""

    @abstractmethod
    def compare_with_export(self, network: N, got: NDArray[np.float32]) -> str:
        """How the answer compares with the export's, in words; a ProviderError when badly."""

    def _is_such(self, entries: Mapping[str, str]) -> bool:
        try:
            metadata = self.describe(entries)
        except CheckpointError:
            return False
        return self.choice.has_size(metadata) and self.is_wanted(metadata)


def open_network(kind: NetworkKind[D, N]) -> N:
    """Open the network that the settings ask for.

    Raises:
        CheckpointError: no such file, a damaged one, or one that contradicts the settings.
        LicenceError: its licence does not allow the use.
        MemoryFloorError: it would not fit.
        ProviderError: the provider is missing or computes wrong, and no fall-back is allowed.
    """
    path = kind.find()
    check_memory(kind.weights_mib(path), path.name, kind.smaller)
    provider = kind.config.provider
    try:
        return _opened(kind, path, provider)
    except ProviderError as error:
        if provider == "cpu" or not kind.config.provider_fallback:
            raise
        network = _opened(kind, path, "cpu")
        network.notes += (f"running on the CPU instead of {provider}: {error}",)
        return network


def _opened(kind: NetworkKind[D, N], path: Path, provider: str) -> N:
    session = kind.session(path, provider)
    try:
        metadata = kind.describe(session.metadata)
        _check_shapes(session, *kind.shapes(metadata))
        _check_size(path, metadata, kind.choice)
        notes = kind.check(path, metadata) + _check_licence(path, metadata, kind)
        check_memory(kind.activations_mib(metadata), path.name, "a file with a smaller input size")
        network = kind.network(session, metadata, notes)
        try:
            network.self_check = _self_check(kind, network)
        except ProviderError as error:
            engines = getattr(session, "engines", None)
            if engines is None:
                raise
            raise ProviderError(f"{error}; or delete its TensorRT engines, {engines}, which may be "
                                "damaged") from error
    except Exception:
        session.close()
        raise
    return network


def _check_shapes(session: Session, inputs: Sequence[tuple[int, ...]],
                  outputs: Sequence[tuple[int, ...]]) -> None:
    found = list(session.inputs.values()), list(session.outputs.values())
    if found != (list(inputs), list(outputs)):
        raise CheckpointError(f"{session.path.name} has inputs {found[0]} and outputs {found[1]}, "
                              f"expected {list(inputs)} and {list(outputs)} as its description "
                              "says; export it again")


def _check_size(path: Path, metadata: ModelDescription, choice: ModelChoice) -> None:
    if choice.size is not None and not choice.has_size(metadata):
        raise CheckpointError(f"{path.name} has the fixed input {metadata.height}x{metadata.width}"
                              f", but {' x '.join(choice.size_settings)} is {choice.size[0]}x"
                              f"{choice.size[1]}; export that size or set both to 0")


def _check_licence(path: Path, metadata: ModelDescription,
                   kind: NetworkKind[Any, Any]) -> tuple[str, ...]:
    if metadata.licence == UNKNOWN_LICENCE:
        return (f"nothing tells the licence of {path.name}, made from {metadata.source}",)
    notes = kind.check_agpl(path.name, metadata.licence)
    if metadata.commercial:
        return notes
    return notes + kind.allowed(path.name, metadata.licence, "no commercial use",
                                "allow_noncommercial", kind.choice.allow_noncommercial)


def _self_check(kind: NetworkKind[D, N], network: N) -> str:
    meta = network.metadata
    image = canary_image(meta.height, meta.width)
    got = kind.answer(network, image)
    if network.provider == "cpu":
        return kind.compare_with_export(network, got)
    reference = kind.session(network.path, "cpu")
    try:
        wanted = kind.answer(kind.network(reference, meta, ()), image)
    finally:
        reference.close()
    return kind.compare_with_cpu(network, got, wanted)
