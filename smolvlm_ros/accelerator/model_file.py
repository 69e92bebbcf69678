"""From a model setting to the ONNX file that it names."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smolvlm_ros.models.description import ModelDescription
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.exported import exported, is_checkpoint
from smolvlm_ros.models.onnx_session import OnnxSession, SessionOptions, onnx_files
from smolvlm_ros.models.registry import Task


@dataclass(frozen=True)
class ModelChoice:
    """Which model is wanted, and the words in which to speak of it.

    Attributes:
        task: what the model is for.
        setting: name of the setting that gives it.
        value: that setting: a file, a folder of files, a checkpoint's folder or its name. A name
            of the registry is that, whatever lies in the working directory.
        size: (height, width) of the input that is asked for; None for any.
        prefix: of the names of input_height and input_width.
        noun: what the file is called: 'detector', 'indoor model'.
        command: that makes one.
        without: what to choose instead, which needs no file.
        allow_noncommercial: export a checkpoint whose licence forbids commercial use.
        provider: what will run the file that is made of a checkpoint.
        allow_agpl: the setting of that name; None where there is none.
    """

    task: Task
    setting: str
    value: str
    size: tuple[int, int] | None
    noun: str
    command: str
    without: str
    prefix: str = ""
    allow_noncommercial: bool = False
    provider: str = ""
    allow_agpl: bool | None = None

    @property
    def hint(self) -> str:
        """How to make a file, of the size that is asked for or that a file's name tells."""
        told = re.search(r"\d+x\d+(?=\.onnx$)", self.value)
        size = "{}x{}".format(*self.size) if self.size else told[0] if told else ""
        option = f"--size {size} " if size else ""
        return f"write one with '{self.command} {option}CHECKPOINT FILE.onnx'"

    @property
    def size_settings(self) -> tuple[str, str]:
        """Names of the settings of the input's size."""
        return f"{self.prefix}input_height", f"{self.prefix}input_width"

    def has_size(self, metadata: ModelDescription) -> bool:
        """True for a model of the size that is asked for."""
        return self.size in (None, (metadata.height, metadata.width))


def find_model(choice: ModelChoice, is_such: Callable[[Mapping[str, str]], bool]) -> Path:
    """The ONNX file that is set; of a checkpoint it is made on first use.

    Args:
        choice: what is set.
        is_such: whether a file with these metadata entries is of the right kind and size; asked
            for each file of a folder.

    Raises:
        CheckpointError: when none is set, it does not exist, or a folder has none that fits.
        ModelError: a checkpoint cannot be exported here.
    """
    require_set(choice)
    path = Path(choice.value).expanduser()
    if is_checkpoint(choice.value):
        return exported(choice.task, choice.value, choice.size, provider=choice.provider,
                        allow_noncommercial=choice.allow_noncommercial)
    if path.is_file():
        return path
    if not path.is_dir():
        raise CheckpointError(f"{choice.setting} = {choice.value} does not exist; give an exported "
                              f"ONNX file, or {choice.hint}")
    files = onnx_files(path)
    fitting = [file for file in files if is_such(_entries(file))]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CheckpointError(f"{choice.setting} = {path} holds several {choice.noun}s "
                              f"({', '.join(f.name for f in fitting)}); name one, or set "
                              f"{' and '.join(choice.size_settings)}")
    size = f" of {choice.size[0]}x{choice.size[1]}" if choice.size else ""
    names = f" ({', '.join(f.name for f in files)})" if files else ""
    raise CheckpointError(f"{choice.setting} = {path} holds no {choice.noun}{size} among its "
                          f"{len(files)} .onnx files{names}; {choice.hint}")


def require_set(choice: ModelChoice) -> None:
    """Refuse an empty setting.

    Raises:
        CheckpointError: naming it, and the way without a file.
    """
    if not choice.value:
        raise CheckpointError(f"{choice.setting} is not set; give an exported ONNX file "
                              f"({choice.hint}), or use {choice.without}, which needs none")


def _entries(path: Path) -> Mapping[str, str]:
    session = OnnxSession(path, SessionOptions(num_threads=1, optimise=False))
    try:
        return session.metadata
    finally:
        session.close()
