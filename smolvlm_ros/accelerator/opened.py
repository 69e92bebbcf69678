"""An open network, and the session of a back-end that it runs in."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.models.description import ModelDescription
from smolvlm_ros.models.errors import ProviderError

D = TypeVar("D", bound=ModelDescription)


class Session(Protocol):
    """An open model of any back-end; `models.onnx_session.OnnxSession` is one.

    Attributes:
        path: its file or folder.
        provider: what it runs on.
        backend: the library that runs it.
        metadata: its text entries, one of them its description.
        inputs, outputs: shape by name; None for an extent that is not fixed.
    """

    path: Path
    provider: str
    backend: str
    metadata: Mapping[str, str]
    inputs: dict[str, tuple[int | None, ...]]
    outputs: dict[str, tuple[int | None, ...]]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """All outputs, in order; a ProviderError when it fails or is closed."""

    def close(self) -> None:
        """Free the model's memory; may be called twice."""


class OpenNetwork(Generic[D]):
    """An open network with a fixed input size.

    Attributes:
        path: its file.
        metadata: what the file says of itself.
        provider: what it runs on.
        backend: the library that runs it.
        notes: what a user should be warned of at every start.
        self_check: how the answer to a fixed picture compared, in words; empty before the check.
    """

    def __init__(self, session: Session, metadata: D, notes: tuple[str, ...] = ()) -> None:
        self.path = session.path
        self.metadata = metadata
        self.provider = session.provider
        self.backend = session.backend
        self.notes = notes
        self.self_check = ""
        self._session = session
        self._input = next(iter(session.inputs))

    def outputs(self, tensor: NDArray[np.float32]) -> list[NDArray[Any]]:
        """The network's outputs for one input.

        Args:
            tensor: shape (1, 3, height, width) float32, as the task's preprocessor makes it.

        Raises:
            ProviderError: after `close`, or when the provider fails while computing.
        """
        return self._session.run({self._input: tensor})

    def finite_outputs(self, tensor: NDArray[np.float32]) -> list[NDArray[Any]]:
        """As `outputs`; a ProviderError also for values that are not finite."""
        outputs = self.outputs(tensor)
        if not all(np.isfinite(output).all() for output in outputs):
            raise ProviderError(f"{self.path.name} on {self.provider} gives values that are not "
                                "finite; use another provider")
        return outputs

    def close(self) -> None:
        """Free the model's memory; may be called twice."""
        self._session.close()
