"""What answers questions about an image: the protocol, its configuration, and the way to one."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.prompt import SYSTEM_PROMPT, YES_NO_HINT
from smolvlm_ros.qa.server_config import ServerEngineConfig
from smolvlm_ros.qa.verdict import YesNo
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.remote.privacy import PrivacyConfig
from smolvlm_ros.settings import Settings, group, setting

NONE = "none"
AUTO = "auto"
SERVER = "server"


class EngineError(RuntimeError):
    """An engine cannot be made or has failed; the text names the cause and the cure."""


class Withheld(EngineError):  # noqa: N818 - nothing has failed
    """No model was asked, since a picture may not leave this machine as it is.

    Attributes:
        stamps: of the frames that may not, seconds; empty where it is of no frame.
    """

    def __init__(self, reason: str, stamps: Sequence[float] = ()) -> None:
        super().__init__(reason)
        self.stamps = tuple(stamps)


class Engine(Protocol):
    """A vision-language model. Its calls may come from several threads.

    Attributes:
        name: the model, for verdicts.
        description: the model, where and how it runs, for logs.
        embedded: it was trained on the embedded world and may be asked about nothing else.
    """

    name: str
    description: str
    embedded: bool

    def yes_no(self, image_rgb: NDArray[np.uint8], questions: Sequence[str]) -> list[YesNo]:
        """The probability of yes for each question; the image is worked on once for all of them.

        Args:
            image_rgb: (H, W, 3) uint8.
            questions: yes/no questions.

        Raises:
            QuestionError: a question that must not reach the model.
            EngineError: the model failed.
        """

    def stream(self, image_rgb: NDArray[np.uint8], question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """A free answer, piece by piece, each given before the next is computed.

        Args:
            image_rgb: (H, W, 3) uint8.
            question: any question.
            max_tokens: at most so many; 0: the configured limit.
            should_stop: asked before every token; True ends the answer.

        Raises:
            QuestionError: a question that must not reach the model.
            EngineError: the model failed.
        """

    def close(self) -> None:
        """Give the memory back. Calls after it raise EngineError."""


@dataclass(frozen=True)
class NoEngine:
    """The lack of a model, said in words; the policy abstains with this reason."""

    reason: str


@dataclass(frozen=True)
class EngineConfig(Settings):
    """Which model answers, where it runs and how it is asked."""

    model: str = setting(
        AUTO, "'none'; 'auto' (the largest SmolVLM2 at hand that fits the memory); a name of the "
        "registry (smolvlm2-256m, smolvlm2-500m, smolvlm2-2.2b; world-vlm for the embedded world); "
        "a folder; a hub id; or 'server' for the one of `server`.", ge=1)
    adapters: tuple[str, ...] = setting(
        (), "LoRA adapters of that model: folders that peft wrote (adapter_config.json and "
        "adapter_model.safetensors). They are added to the weights, one after the other.", le=16)
    revision: str = setting("", "Commit of a hub id; empty for the registry's, or the newest.")
    allow_download: bool = setting(False, "Fetch a model that is not on this machine.")
    allow_noncommercial: bool = setting(
        False, "Load also weights whose README.md forbids commercial use.")
    device: str = setting("auto", "'auto' is CUDA where it works, else the CPU.",
                          choices=("auto", "cpu", "cuda"))
    dtype: str = setting(
        "auto", "Number format of the weights. 'auto': bfloat16 on CUDA (float16 where that is "
        "slow), float32 on the CPU. int8 (CPU) is fastest to decode and needs most memory.",
        choices=("auto", "float32", "bfloat16", "float16", "int8"))
    reserve_mib: int = setting(
        1024, "Memory that a SmolVLM2 must leave free for the nodes that start after it and the "
        "robot's other software; less, and it is refused (with 'auto', a smaller one is taken). "
        "Depth Anything V2 Small at 518x686 takes 451 MiB and D-FINE-N 205, the rest is for the "
        "other nodes; give more for larger networks. A GPU's own memory is not counted.",
        unit="MiB", ge=0, le=65536)
    num_threads: int = setting(0, "CPU threads of the model; 0 leaves the library's choice.",
                               ge=0, le=256)
    max_new_tokens: int = setting(128, "Longest free answer.", unit="tokens", ge=1, le=2048)
    prefix_frames: int = setting(2, "Frames whose image and system prompt stay computed, so that "
                                 "further questions on them are cheap.", unit="frames", ge=1, le=16)
    system_prompt: str = setting(SYSTEM_PROMPT, "Fixed text before the image; empty for none.",
                                 le=1000)
    yes_no_hint: str = setting(YES_NO_HINT, "Text added to every yes/no question; empty for none.",
                               le=200)
    server: ServerEngineConfig = group(ServerEngineConfig)

    def conflicts(self) -> list[str]:
        """INT8 is a CPU format; adapters are for a model that is loaded here."""
        problems = []
        if self.dtype == "int8" and self.device == "cuda":
            problems.append("dtype = 'int8' runs on the CPU only; use device = 'cpu' or another "
                            "dtype")
        if self.adapters and self.model in (NONE, SERVER):
            problems.append(f"adapters are for a model on this machine, and model is "
                            f"{self.model!r}; leave them out, or give the server's own to it")
        return problems


def make_engine(config: EngineConfig, privacy: PrivacyConfig | None = None,
                persons: Persons | None = None) -> Engine | NoEngine:
    """The configured engine, loaded and checked, or the reason why there is none to load.

    `NoEngine` is an honest state (no model was asked for, or 'auto' found none). A model that was
    asked for by name and cannot be had is an error.

    Args:
        config: which model, and how it is asked.
        privacy: what is covered before images go to a server on another machine; None for the
            defaults.
        persons: who is where in the frames, likewise; see `ServerEngine.connect`.

    Raises:
        EngineError: the model is missing, unsafe, of another architecture, too large, incomplete,
            or blind to its image; torch or transformers are missing.
    """
    if config.model == NONE:
        return NoEngine("the setting model is 'none'; set it to a SmolVLM2 checkpoint")
    if config.model == SERVER:
        from smolvlm_ros.qa.server_engine import ServerEngine

        return ServerEngine.connect(config.server, config, privacy, persons=persons)
    from smolvlm_ros.qa import checkpoint  # late: they import each other's errors

    found = checkpoint.locate(config)
    if isinstance(found, NoEngine):
        return found
    from smolvlm_ros.qa.smolvlm import SmolVlmEngine

    return SmolVlmEngine.load(found, config)
