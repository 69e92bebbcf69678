"""Site notes of a scene_qa node: read again when they change, told when they are broken."""
from __future__ import annotations

from collections.abc import Sequence

from smolvlm_ros.memory.notes import NoteLine, NotesConfig, NotesError, NotesIndex
from smolvlm_ros.qa.engine import Engine, NoEngine
from smolvlm_ros.qa.grounding import Grounded
from smolvlm_ros.ros.faults import Faults
from smolvlm_ros.ros.health import Level

FAULT, FOREIGN_FAULT = "notes", "notes foreign"
CHECK_S = 2.0  # how often it is seen whether a file has changed


def with_notes(engine: Engine | NoEngine, notes: Sequence[NoteLine]) -> Engine | NoEngine:
    """The engine, with these lines before every question."""
    if isinstance(engine, NoEngine) or not notes:
        return engine
    return Grounded(engine, [note.text for note in notes])


class Grounding:
    """The lines that go with a question. Safe in threads.

    Args:
        config: the files and limits.
        faults: of the node.

    Raises:
        NotesError: a file cannot be used.
    """

    def __init__(self, config: NotesConfig, faults: Faults) -> None:
        self._config, self._faults = config, faults
        self._index = NotesIndex(config.files, config.max_file_kb)
        self._waited = False

    def __len__(self) -> int:
        """Lines that can be found."""
        return len(self._index)

    def configure(self, config: NotesConfig) -> None:
        """Take other limits."""
        self._config = config

    def of(self, question: str, engine: Engine | NoEngine) -> tuple[NoteLine, ...]:
        """The lines that go with this question to this engine, best first."""
        if isinstance(engine, NoEngine) or not len(self._index):
            return ()
        if engine.embedded:
            self._faults.set(FOREIGN_FAULT, Level.WARN, f"{engine.name} was trained without site "
                             "notes and is not given any; set notes.files to [] or use another "
                             "model", 60.0)
            return ()
        return self._index.best(question, self._config)

    def refresh(self) -> None:
        """Read the files again where one has changed; a broken one leaves what was read before.

        They are read at the second call that sees a change: at the first, an editor may have
        emptied the file and not have written it yet.
        """
        try:
            if not self._index.changed:
                self._waited = False
                self._faults.clear(FAULT)
                return
            if not self._waited:
                self._waited = True
                return
            fresh = NotesIndex(self._config.files, self._config.max_file_kb)
        except NotesError as error:
            self._faults.set(FAULT, Level.ERROR, f"the site notes as they were before are used: "
                             f"{error}")
            return
        # Not closed: another thread may be searching it.
        self._index, self._waited = fresh, False
        self._faults.clear(FAULT)

    def close(self) -> None:
        """Forget all lines."""
        self._index.close()
        for fault in (FAULT, FOREIGN_FAULT):
            self._faults.clear(fault)
