"""Remembers without end and says what is safe: python writing_process.py FILE MB SEED.

Each line it prints is the number of a moment whose writing has been acknowledged.
"""
from __future__ import annotations

import os
import random
import sys
import threading
from concurrent.futures import Future

from smolvlm_ros.memory import Kind, MemoryConfig, MemoryStore, Moment, Picture


def main() -> None:
    """Write from three threads; each number is used once in the file's life."""
    path, max_mb, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    store = MemoryStore(MemoryConfig(path=path, max_mb=max_mb))

    largest = 2000 if max_mb > 10 else 5000  # more than it may keep, at once

    def write(thread: int) -> None:
        rng = random.Random(1000 * seed + thread)
        number = (seed * 10 + thread) * 1_000_000
        while True:
            waiting: list[tuple[int, Future[int | None]]] = []
            for _ in range(rng.randint(1, 40)):
                number += 1
                stamp_ns = number * 1_000_000
                picture = Picture(stamp_ns, rng.randbytes(rng.randint(10, largest)))
                waiting.append((number, store.add(Moment(
                    stamp_ns, f"person n{number} enter door", Kind.ENTER, "door", "person",
                    picture=picture))))
            done = [str(n) for n, future in waiting if future.exception(60) is None]
            os.write(1, ("\n".join(done) + "\n").encode())
    for thread in range(3):
        threading.Thread(target=write, args=(thread,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
