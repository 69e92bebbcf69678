"""What was sent to a server, why, and what came back, as moments."""
from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import TimeoutError as FutureTimeout

from smolvlm_ros.memory.moment import Kind, MemoryStoreError, Moment, Picture
from smolvlm_ros.memory.store import MemoryStore
from smolvlm_ros.qa.verdict import Answer
from smolvlm_ros.remote.records import Outcome, Sent

_PATIENCE_S = 5.0  # for the disk: nothing leaves before its record lies there
_OPEN = 64         # records that wait for what comes back


class SentRecords:
    """Keeps the records of escalations in the memory: a `remote.records.Recorder`. Safe in threads.

    Two moments for each, from the oldest crop's stamp to the newest's: what is to be sent, with the
    pictures as they leave, and what came back.

    Args:
        store: the memory.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    def sent(self, record: Sent) -> None:
        """See `Recorder.sent`.

        Raises:
            MemoryStoreError: it is not on the disk.
        """
        with self._lock:
            self._sent[record.id] = record
            while len(self._sent) > _OPEN:
                self._sent.popitem(last=False)
        covered = [f"{sum(counts)} {what}" for what, counts in (
            ("heads", [i.heads for i in record.images]),
            ("faces", [i.faces for i in record.images]),
            ("plates", [i.plates for i in record.images])) if sum(counts)]
        text = (f"to be sent to {record.model} at {record.server}: {record.question} "
                f"({len(record.images)} crops, {', '.join(covered) or 'nothing'} covered); why: "
                f"{record.why}" + "".join(f"; with: {note}" for note in record.notes)
                + f"; id {record.id}")
        stamps_ns = [round(image.stamp_s * 1e9) for image in record.images]
        pictures = tuple(Picture(stamp_ns, image.jpeg)
                         for stamp_ns, image in zip(stamps_ns, record.images, strict=True))
        self._keep(Moment(min(stamps_ns), text, Kind.ESCALATION, denied=True,
                          last_ns=max(stamps_ns), sent=pictures))

    def received(self, outcome: Outcome) -> None:
        """See `Recorder.received`.

        Raises:
            MemoryStoreError: it is not on the disk.
        """
        with self._lock:
            record = self._sent.pop(outcome.id, None)
        if record is None:
            raise MemoryStoreError(f"nothing of the id {outcome.id!r} was sent")
        text = (f"{outcome.model or record.model} answered {record.question} "
                f"{outcome.answer.value}, confidence {outcome.confidence:.2f}, "
                f"{outcome.cause.value}: {outcome.reason}; {outcome.attempts} requests, "
                f"{outcome.ms:.0f} ms; id {outcome.id}")
        stamps_ns = [round(image.stamp_s * 1e9) for image in record.images]
        self._keep(Moment(min(stamps_ns), text, Kind.ESCALATION, last_ns=max(stamps_ns),
                          denied=outcome.answer is not Answer.YES))

    def _keep(self, moment: Moment) -> None:
        try:
            self._store.add(moment).result(_PATIENCE_S)
        except FutureTimeout as error:
            raise MemoryStoreError(f"it was not on the disk after {_PATIENCE_S:g} s: "
                                   f"{self._store.counts.problem or 'the disk is slow'}") from error
