"""Run nodes in one process: an executor thread for each, a clean end on ctrl-C or SIGTERM."""
from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions

_JOIN_S = 10.0


class Spinner:
    """Spins one node in a thread of its own, so that no node waits for another's callbacks.

    An exception that escapes a callback is logged and counted, and spinning goes on.

    Args:
        node: the node; with `threads` > 1 its re-entrant callbacks may run side by side.
    """

    def __init__(self, node: Any, threads: int = 1) -> None:
        self.node = node
        self._executor = (SingleThreadedExecutor() if threads == 1
                          else MultiThreadedExecutor(num_threads=threads))
        self._executor.add_node(node)
        self._stopping = False
        self._thread = threading.Thread(target=self._spin, name=f"spin {node.get_name()}", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._stopping and rclpy.ok():
            try:
                self._executor.spin()
            except ExternalShutdownException:
                return
            except Exception:
                if self._stopping:
                    return
                self.node.stats.count("callback_errors")
                self.node.get_logger().error(traceback.format_exc())

    def stop(self) -> None:
        """End spinning, then close and destroy the node."""
        self._stopping = True
        self._executor.shutdown(timeout_sec=_JOIN_S)
        self._thread.join(_JOIN_S)
        getattr(self.node, "close", self.node.destroy_node)()


def run(factories: Sequence[Callable[[], Any]], args: list[str] | None = None) -> int:
    """Make the nodes, spin them until SIGINT or SIGTERM, and take them down in reverse order.

    Args:
        factories: make the nodes, after rclpy has been initialised. Each is spun, and has tried to
            start if it starts by itself, before the next is made.
        args: command line without the programme's name; None for sys.argv.

    Returns:
        The exit code: 0 after a signal.
    """
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    rclpy.init(args=sys.argv[1:] if args is None else args,
               signal_handler_options=SignalHandlerOptions.NO)
    spinners: list[Spinner] = []
    try:
        for factory in factories:
            if done.is_set():
                break
            node = factory()
            spinners.append(Spinner(node, getattr(node, "executor_threads", 1)))
            while not node.start_tried.wait(0.1) and not done.is_set():
                pass  # one after the other, so that consumers are there before producers
        done.wait()
    finally:
        for spinner in reversed(spinners):
            spinner.stop()
        rclpy.try_shutdown()
    return 0
