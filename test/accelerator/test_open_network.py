"""Opening a network of any task: what is refused, what falls back, and what is closed again."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from smolvlm_ros.accelerator import (
    AcceleratorConfig,
    ImageTensor,
    ModelChoice,
    NetworkKind,
    OpenNetwork,
    model_file,
    open_network,
)
from smolvlm_ros.models.description import ModelDescription
from smolvlm_ros.models.errors import CheckpointError, LicenceError, ModelError, ProviderError
from smolvlm_ros.models.registry import Task
from smolvlm_ros.settings import SettingError


@dataclass(frozen=True, kw_only=True)
class Description(ModelDescription):
    KEY: ClassVar[str] = "test"
    NOUN: ClassVar[str] = "toy"
    COMMAND: ClassVar[str] = "make toy"


GOOD = Description(height=4, width=6, source="somewhere", licence="Apache-2.0")


class Session:
    """Answers every picture with one number, and knows whether it is open."""

    made: ClassVar[list[Session]] = []
    backend = "test"

    def __init__(self, path: Path, provider: str, description: Description, value: float) -> None:
        self.path, self.provider, self.open = path, provider, True
        self.metadata: Mapping[str, str] = dict([description.to_entry()])
        self.inputs: dict[str, tuple[int | None, ...]] = {"pixels": (1, 3, 4, 6)}
        self.outputs: dict[str, tuple[int | None, ...]] = {"answer": (1,)}
        self._value = value
        self.made.append(self)

    def run(self, feeds: Mapping[str, Any]) -> list[Any]:
        return [np.float32([self._value])]

    def close(self) -> None:
        self.open = False


class Toys(NetworkKind[Description, OpenNetwork[Description]]):
    """Networks whose answer is 1, or what a provider makes of it."""

    smaller, free = "a smaller toy", "a free toy"

    def __init__(self, path: Path, description: Description = GOOD,
                 answers: dict[str, float] | None = None, size: tuple[int, int] | None = None,
                 allow_noncommercial: bool = False, allow_agpl: bool | None = None,
                 **settings: Any) -> None:
        super().__init__(AcceleratorConfig(**settings), ModelChoice(
            Task.DETECTION, "model", str(path), size, "toy", "make toy", "nothing", "part.",
            allow_noncommercial, allow_agpl=allow_agpl))
        self.description, self.answers = description, answers or {}

    def session(self, path: Path, provider: str) -> Session:
        value = self.answers.get(provider, 1.0)
        if np.isnan(value):
            raise ProviderError(f"{provider} is not there")
        return Session(path, provider, self.description, value)

    def describe(self, entries: Mapping[str, str]) -> Description:
        return Description.from_entries(entries)

    def network(self, session: Any, metadata: Description,
                notes: tuple[str, ...]) -> OpenNetwork[Description]:
        return OpenNetwork(session, metadata, notes)

    def shapes(self, metadata: Description) -> Any:
        return [(1, 3, metadata.height, metadata.width)], [(1,)]

    def weights_mib(self, path: Path) -> float:
        return 1.0

    def answer(self, network: OpenNetwork[Description], image_rgb: Any) -> Any:
        return network.outputs(ImageTensor(4, 6, lambda image, *_: image)(image_rgb))[0]

    def compare_with_cpu(self, network: Any, got: Any, wanted: Any) -> str:
        if got != wanted:
            raise ProviderError(f"self-check: {network.provider} says {got}, the CPU {wanted}")
        return "as the CPU"

    def compare_with_export(self, network: Any, got: Any) -> str:
        if got != 1:
            raise ProviderError("self-check: another answer than the export's")
        return "as the export"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Session.made.clear()
    (tmp_path / "toy.onnx").write_bytes(b"any")
    return tmp_path / "toy.onnx"


def test_the_cpu_is_compared_with_the_export_and_others_with_the_cpu(path: Path) -> None:
    network = open_network(Toys(path))
    assert (network.provider, network.self_check, network.notes) == ("cpu", "as the export", ())
    network = open_network(Toys(path, provider="cuda"))
    assert (network.provider, network.self_check, network.backend) == ("cuda", "as the CPU",
                                                                       "test")
    # The CPU's session was for the comparison only.
    assert [(s.provider, s.open) for s in Session.made[1:]] == [("cuda", True), ("cpu", False)]


@pytest.mark.parametrize(("answers", "words"), [({"cuda": 2.0}, "self-check: cuda says"),
                                                ({"cuda": np.nan}, "cuda is not there")])
def test_a_wrong_or_missing_provider_is_refused_or_replaced_loudly(
        answers: dict[str, float], words: str, path: Path) -> None:
    with pytest.raises(ProviderError, match=words):
        open_network(Toys(path, answers=answers, provider="cuda"))
    assert not any(session.open for session in Session.made)
    network = open_network(Toys(path, answers=answers, provider="cuda", provider_fallback=True))
    assert network.provider == "cpu" and network.self_check == "as the export"
    assert network.notes[0].startswith("running on the CPU instead of cuda: ")
    assert words in network.notes[0]
    assert [s.provider for s in Session.made if s.open] == ["cpu"]


def test_a_wrong_answer_of_tensorrt_names_its_engines(path: Path, monkeypatch: pytest.MonkeyPatch
                                                      ) -> None:
    monkeypatch.setattr(Session, "engines", Path("cache/0123456789abcdef"), raising=False)
    with pytest.raises(ProviderError, match="tensorrt says.*delete its TensorRT engines, "
                                            "cache/0123456789abcdef"):
        open_network(Toys(path, answers={"tensorrt": 2.0}, provider="tensorrt"))


def test_there_is_nothing_to_fall_back_to_from_the_cpu(path: Path) -> None:
    with pytest.raises(ProviderError, match="another answer than the export's"):
        open_network(Toys(path, answers={"cpu": 3.0}, provider_fallback=True))
    assert [session.open for session in Session.made] == [False]


@pytest.mark.parametrize(("changes", "options", "error", "words"), [
    ({"height": 8}, {}, CheckpointError, r"has inputs \[\(1, 3, 4, 6\)\].*export it again"),
    ({}, {"size": (8, 6)}, CheckpointError,
     "fixed input 4x6, but part.input_height x part.input_width is 8x6"),
    ({"licence": "CC-BY-NC-4.0", "commercial": False}, {}, LicenceError,
     r"no commercial use. Use a free toy \(Apache-2.0\), or set allow_noncommercial"),
    ({"licence": "GNU Affero GPL"}, {"allow_agpl": False}, LicenceError,
     r"reach the software around it. Use a free toy \(Apache-2.0\), or set allow_agpl to true"),
    ({"licence": "agpl-3.0"}, {"allow_noncommercial": True}, LicenceError,
     r"reach the software around it. Use a free toy \(Apache-2.0\)$"),
])
def test_a_file_that_contradicts_the_settings_is_refused_and_closed(
        changes: dict[str, Any], options: dict[str, Any], error: type[ModelError], words: str,
        path: Path) -> None:
    with pytest.raises(error, match=words):
        open_network(Toys(path, dataclasses.replace(GOOD, **changes), **options))
    assert [session.open for session in Session.made] == [False]


def test_licences_are_told_at_every_start(path: Path) -> None:
    closed = dataclasses.replace(GOOD, licence="CC-BY-NC-4.0", commercial=False)
    network = open_network(Toys(path, closed, allow_noncommercial=True))
    assert network.notes == ("toy.onnx is licensed CC-BY-NC-4.0: no commercial use",)
    network = open_network(Toys(path, dataclasses.replace(GOOD, licence="agpl-3.0"),
                                allow_agpl=True))
    assert network.notes == ("toy.onnx is licensed agpl-3.0: its terms reach the software around "
                             "it",)
    network = open_network(Toys(path, dataclasses.replace(GOOD, licence="unknown")))
    assert network.notes == ("nothing tells the licence of toy.onnx, made from somewhere",)


def test_a_name_of_the_registry_is_no_file_of_that_name(tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d-fine-n").write_bytes(b"any")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_file, "exported", lambda task, name, *_, **__: Path(name + ".onnx"))
    assert Toys(Path("d-fine-n")).find() == Path("d-fine-n.onnx")
    assert Toys(tmp_path / "d-fine-n").find() == tmp_path / "d-fine-n"


def test_one_half_of_a_size_is_none() -> None:
    with pytest.raises(SettingError, match="input_height = 4 and input_width = 0 go together"):
        AcceleratorConfig(input_height=4)
    assert AcceleratorConfig(input_height=4, input_width=6).input_size() == (4, 6)
    options = AcceleratorConfig(provider="cuda", num_threads=3, fp16=False).session_options("cpu")
    assert (options.provider, options.num_threads, options.fp16) == ("cpu", 3, False)


def test_the_tensor_is_normalised_by_channel() -> None:
    image = np.full((4, 6, 3), (0, 51, 255), np.uint8)
    tensor = ImageTensor(4, 6, lambda image, *_: image, (0.0, 0.2, 0.5), (1.0, 1.0, 0.5))(image)
    assert tensor.shape == (1, 3, 4, 6)
    assert tensor[0, :, 2, 3] == pytest.approx([0.0, 0.0, 1.0], abs=1e-6)
