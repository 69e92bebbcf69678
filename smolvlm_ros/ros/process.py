"""Run nodes in one process: an executor thread for each, a clean end on ctrl-C or SIGTERM."""
from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

# How long the end waits for a callback (a model that loads) or a worker that is still busy.
_JOIN_S = 3.0
_LOOK_S = 0.1  # how often the main thread looks whether a signal has come
_AFTER_ERROR_S = 0.01
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # of malloc.h


class Spinner:
    """Spins one node in a thread of its own, so that no node waits for another's callbacks.

    An exception that escapes a callback is logged and counted, and spinning goes on.

    Args:
        node: the node; with `threads` > 1 callbacks of different groups run side by side.
    """

    def __init__(self, node: Any, threads: int = 1) -> None:
        self.node = node
        self._executor = (SingleThreadedExecutor() if threads == 1
                          else MultiThreadedExecutor(num_threads=threads))
        self._executor.add_node(node)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._spin, name=f"spin {node.get_name()}",
                                        daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stopping.is_set() and rclpy.ok():
            try:
                self._executor.spin_once()
            except ExternalShutdownException:
                return
            except InvalidHandle:  # an entity was destroyed while its callback ran
                self._stopping.wait(_AFTER_ERROR_S)
            except Exception as error:
                if self._stopping.is_set():
                    return
                self.node.get_logger().error(traceback.format_exc())
                getattr(self.node, "escaped", lambda _: None)(error)
                self._stopping.wait(_AFTER_ERROR_S)  # an error that comes at once, again and again

    def stop(self, timeout_s: float = _JOIN_S) -> bool:
        """End spinning, then close and destroy the node.

        Returns:
            False when a callback did not end in time. The node is then left as it is: nothing may
            be taken away from code that still runs.
        """
        deadline_s = time.monotonic() + timeout_s
        self._stopping.set()
        getattr(self.node, "hurry", lambda: None)()
        self._executor.create_task(lambda: None)  # wakes it
        self._thread.join(timeout_s)
        pool = getattr(self._executor, "_executor", None)
        threads = [self._thread]
        if pool is not None:  # rclpy leaves the threads of its pool waiting for more
            pool.shutdown(wait=False)
            threads += pool._threads
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        ended = not any(thread.is_alive() for thread in threads)
        self._executor.shutdown(timeout_sec=0)
        if ended:
            getattr(self.node, "close", self.node.destroy_node)()
        return ended


def run(factories: Sequence[Callable[[], Any]], args: list[str] | None = None) -> int:
    """Make the nodes, spin them until SIGINT or SIGTERM, and take them down in reverse order.

    Where something is still busy after three seconds (a model that loads, an answer that is being
    made), the process ends without it: a robot that is switched off does not wait.

    Args:
        factories: make the nodes, after rclpy has been initialised. Each is spun, and has tried to
            start if it starts by itself, before the next is made.
        args: command line without the programme's name; None for sys.argv.

    Returns:
        The exit code: 0 after a signal, 2 for ROS arguments that cannot be read.
    """
    _keep_memory_flat()
    # Not an Event: the handler runs in the main thread, which may hold the Event's lock just then.
    # And looked at again and again: a signal that another thread takes wakes no lock up.
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: signals.append(number))
    try:
        rclpy.init(args=sys.argv[1:] if args is None else args,
                   signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rcl's own text names the argument
        print(f"{sys.argv[0]}: {error}", file=sys.stderr)
        return 2
    spinners: list[Spinner] = []
    try:
        for factory in factories:
            if signals:
                break
            node = factory()
            spinners.append(Spinner(node, getattr(node, "executor_threads", 1)))
            while not node.start_tried.wait(_LOOK_S) and not signals:
                pass  # one after the other, so that consumers are there before producers
        while not signals:
            time.sleep(_LOOK_S)
    finally:
        for spinner in reversed(spinners):
            spinner.stop()
        rclpy.try_shutdown()
    if _busy_threads():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # the interpreter's own end would wait for them, or crash under them
    return 0


def _keep_memory_flat() -> None:
    """Have images freed to the system at once, and few heaps (glibc; elsewhere nothing happens).

    By default glibc keeps freed blocks of up to 32 MB in a heap for each thread. With images that
    are made in one thread and freed in another the process then grows for an hour.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 64 * 1024)
        mallopt(_M_ARENA_MAX, 2)


def _busy_threads() -> list[threading.Thread]:
    """Threads of ours that have not ended."""
    return [t for t in threading.enumerate()
            if t is not threading.main_thread() and t is not threading.current_thread()]
