"""A connection on which every step ends at one deadline: name, connect, handshake, each byte."""
from __future__ import annotations

import functools
import http.client
import io
import ipaddress
import os
import queue
import select
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from smolvlm_ros.remote.deadline import Deadline
from smolvlm_ros.remote.errors import TooLarge, Unreachable

T = TypeVar("T")


class BoundedConnection(http.client.HTTPConnection):
    """`http.client` on a socket that never blocks. It knows no proxies and follows no redirects."""

    def __init__(self, host: str, port: int, deadline: Deadline, max_bytes: int,
                 tls: ssl.SSLContext | None) -> None:
        """Nothing is sent yet.

        Args:
            host: name or address.
            port: TCP port.
            deadline: of everything.
            max_bytes: received at most, headers included.
            tls: None for plain HTTP.
        """
        super().__init__(host, port)
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._tls = tls
        self._bounded: _BoundedSocket | None = None

    def connect(self) -> None:
        """Connect to the first address that answers, each getting its share of the time.

        Raises:
            Unreachable: none does.
        """
        found = _addresses(self.host, self.port, self._deadline)
        for index, (family, address) in enumerate(found):
            last = index == len(found) - 1
            try:
                self._bounded = self._connected(family, address, len(found) - index)
                break
            except ssl.SSLError as error:
                raise Unreachable(f"no secure connection to {self.host}:{self.port} ({error}); for "
                                  "a certificate of one's own set ca_file") from error
            except OSError as error:
                if last:
                    raise Unreachable(
                        f"no connection to {self.host}:{self.port} ({error.strerror or error}); is "
                        "the server running, and url right?",
                        retry=isinstance(error, ConnectionRefusedError)) from error
        self.sock = self._bounded  # type: ignore[assignment]

    def shut(self) -> None:
        """Close the socket at once, whatever of the answer is left."""
        self.close()
        if self._bounded is not None:
            self._bounded.shut()

    def _connected(self, family: int, address: Any, shares: int) -> _BoundedSocket:
        raw = socket.socket(family, socket.SOCK_STREAM)
        try:
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            bounded = _BoundedSocket(raw, self._deadline, self._max_bytes)
            bounded.connect(address, self._deadline.left_s() / shares)
            if self._tls is not None:
                bounded.encrypt(self._tls, self.host)
            return bounded
        except BaseException:
            raw.close()
            raise


class _BoundedSocket:
    """The part of a socket that `http.client` uses."""

    def __init__(self, raw: socket.socket, deadline: Deadline, max_bytes: int) -> None:
        self._socket = raw
        self._deadline = deadline
        self._rest = max_bytes
        self._max_bytes = max_bytes

    def connect(self, address: Any, seconds: float) -> None:
        share = Deadline(seconds)
        try:
            self._socket.connect(address)
        except BlockingIOError:
            while not self._ready(select.POLLOUT):
                if share.expired:
                    raise TimeoutError("no answer") from None
        problem = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))  # a subclass by its number

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        secure = context.wrap_socket(self._socket, server_hostname=host,
                                     do_handshake_on_connect=False)
        self._socket = secure
        try:
            self._retried(secure.do_handshake, select.POLLIN)
        except BaseException:
            secure.close()
            raise

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            count = self._retried(functools.partial(self._socket.send, rest), select.POLLOUT)
            rest = rest[count:]

    def makefile(self, mode: str, bufsize: int | None = None) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def receive(self, buffer: memoryview) -> int:
        count = self._retried(lambda: self._socket.recv_into(buffer), select.POLLIN)
        self._rest -= count
        if self._rest < 0:
            raise TooLarge(f"the server sent more than {self._max_bytes // 1000} kB; raise "
                           "max_answer_kb if that is right")
        return count

    def close(self) -> None:
        """Nothing: `http.client` closes a connection before its answer is read."""

    def shut(self) -> None:
        self._socket.close()

    def _retried(self, action: Callable[[], T], waits_for: int) -> T:
        """The action's result as soon as the socket is ready for it."""
        while True:
            self._deadline.left_s()
            try:
                return action()
            except (BlockingIOError, InterruptedError):
                event = waits_for
            except ssl.SSLWantReadError:
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            while not self._ready(event):
                pass

    def _ready(self, event: int) -> bool:
        poll = select.poll()
        poll.register(self._socket, event)
        return bool(poll.poll(1e3 * self._deadline.slice_s()))


class _Reader(io.RawIOBase):
    def __init__(self, bounded: _BoundedSocket) -> None:
        super().__init__()
        self._bounded = bounded

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._bounded.receive(memoryview(buffer).cast("B"))


def _addresses(host: str, port: int, deadline: Deadline) -> list[tuple[int, Any]]:
    """Family and address of a host. The system's resolver knows no deadline, so it gets a thread.

    Raises:
        Unreachable: there is no such host.
    """
    answers: queue.SimpleQueue[list[tuple[int, Any]] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 characters
            answers.put(OSError(str(error)))

    if _is_address(host):
        resolve()
    else:
        threading.Thread(target=resolve, name="resolve", daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=deadline.slice_s())
        except queue.Empty:
            continue
        if isinstance(answer, OSError) or not answer:
            raise Unreachable(f"the name {host!r} was not found ({answer}); is this machine "
                              "online, and url right?")
        return answer


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
        return True
    except ValueError:
        return False

