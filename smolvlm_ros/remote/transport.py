"""One HTTP exchange, bounded in time and bytes.

On the standard library, since its socket can be given one overall deadline: the `openai` client's
timeout is one for each read (openai 3.54.0 with a timeout of 1 s took 11.9 s for an answer that
came byte by byte), and it and its dependencies are 46 MB on disk and 38 MiB in memory.
"""
from __future__ import annotations

import email.utils
import http.client
import json
import math
import ssl
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from smolvlm_ros.remote.address import Secret, ServerConfig
from smolvlm_ros.remote.connection import BoundedConnection
from smolvlm_ros.remote.deadline import Deadline
from smolvlm_ros.remote.errors import BadAnswer, Refused, TooLarge

_HEADERS_KB = 64
_ERROR_TEXT = 300  # characters of a server's own words
_RETRIED = (500, 502, 503, 504)
_CURES = {
    400: "the request does not suit this server or model",
    401: "set the key in the environment variable {key}",
    403: "the key of {key} has no right to this model",
    404: "is url right, up to and with /v1, and the model's name?",
    413: "send smaller images",
    429: "too many requests, or no quota left",
}


class Transport:
    """Sends requests to one server. Safe for several threads: each has a connection of its own."""

    def __init__(self, config: ServerConfig, key: Secret) -> None:
        """Nothing is sent yet.

        Raises:
            ssl.SSLError, OSError: `ca_file` cannot be read.
        """
        self._config = config
        self._key = key
        parts = config.parts
        self._host = parts.hostname or ""
        self._tls = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context(cafile=config.ca_file or None)
        self._port = parts.port or (443 if self._tls else 80)
        self._path = parts.path.rstrip("/")

    def get(self, path: str, deadline: Deadline) -> Any:
        """The JSON value at a path; raises as `post` does."""
        with self._answered("GET", path, None, "application/json", deadline) as response:
            return self._value(response)

    def post(self, path: str, value: Mapping[str, Any], deadline: Deadline) -> Any:
        """Send a JSON object and return the JSON value that comes back.

        Raises:
            RemoteError: there is none.
        """
        with self._answered("POST", path, value, "application/json", deadline) as response:
            return self._value(response)

    def events(self, path: str, value: Mapping[str, Any], deadline: Deadline
               ) -> Generator[str, None, None]:
        """Send a JSON object; the data of each server-sent event that comes back, when it comes.

        Closing the iterator closes the connection.

        Raises:
            RemoteError: no such answer, or it broke off.
        """
        with self._answered("POST", path, value, "text/event-stream", deadline) as response:
            data: list[str] = []
            while line := self._line(response):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                if text.startswith("data:"):
                    data.append(text[5:].removeprefix(" "))
                elif not text and data:
                    yield "\n".join(data)
                    data = []
            if data:  # some servers leave the last empty line out
                yield "\n".join(data)

    @contextmanager
    def _answered(self, method: str, path: str, value: Mapping[str, Any] | None, accepts: str,
                  deadline: Deadline) -> Iterator[http.client.HTTPResponse]:
        """The response to a request, its head checked and its body not read yet."""
        most = 1000 * (self._config.max_answer_kb + _HEADERS_KB)
        connection = BoundedConnection(self._host, self._port, deadline, most, self._tls)
        headers = {"Accept": accepts, "Accept-Encoding": "identity", "Connection": "close",
                   "User-Agent": "smolvlm_ros", **self._key.headers()}
        body = None
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(value, allow_nan=False).encode("ascii")
        try:
            try:
                connection.request(method, self._path + path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it may have answered before it had read all: too large, no right
            response = connection.getresponse()
            self._check(response)
            yield response
        except (http.client.HTTPException, OSError, ValueError) as error:
            # Its own text may hold what the server sent.
            raise BadAnswer(f"the server's answer broke off or is not HTTP "
                            f"({type(error).__name__}); is {self._host}:{self._port} such a "
                            "server?") from None
        finally:
            connection.shut()

    def _check(self, response: http.client.HTTPResponse) -> None:
        """Raise unless the answer may be read."""
        coding = response.getheader("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise BadAnswer(f"the server sent its answer in {coding[:20]!r}, which was not asked "
                            "for")
        if response.status == 200:
            if (response.length or 0) > 1000 * self._config.max_answer_kb:
                raise TooLarge(f"the server announces {response.length} bytes, more than "
                               f"max_answer_kb = {self._config.max_answer_kb}")
            return
        if 300 <= response.status < 400:
            raise Refused(response.status, f"the server redirects (HTTP {response.status}), which "
                          "is not followed; set url to where it leads if you trust that")
        after_s = _after_s(response.getheader("Retry-After"))
        again = response.status in _RETRIED or (response.status == 429 and after_s is not None)
        cure = _CURES.get(response.status, "see the server's log").format(
            key=self._config.api_key_env or "(api_key_env is empty)")
        said = self._said(response)
        raise Refused(response.status, f"the server answered HTTP {response.status}"
                      + (f" ({said})" if said else "") + f": {cure}", retry=again, after_s=after_s)

    def _said(self, response: http.client.HTTPResponse) -> str:
        """The server's own words about an error, short and without the key; empty for none."""
        try:
            value = json.loads(response.read(20_000))
            said = value["error"]
            said = said["message"] if isinstance(said, dict) else said
        except (http.client.HTTPException, OSError, ValueError, KeyError, TypeError,
                RecursionError, BadAnswer):
            return ""
        if not isinstance(said, str):
            return ""
        return self.shown(said)[:_ERROR_TEXT]

    def shown(self, text: str) -> str:
        """A server's text as it may be shown and logged: one line, printable, without the key."""
        plain = "".join(c if c.isprintable() else " " for c in text)
        return self._key.hide(" ".join(plain.split()))

    def _value(self, response: http.client.HTTPResponse) -> Any:
        body = bytearray()
        while part := response.read(65536):
            body += part
            self._limit(len(body))
        if response.length:
            raise BadAnswer(f"the answer broke off {response.length} bytes before its end")
        try:
            return loads_strict(bytes(body))
        except ValueError:
            raise BadAnswer("the server's answer is not JSON; is url right, up to and with "
                            "/v1?") from None

    def _line(self, response: http.client.HTTPResponse) -> bytes:
        line = response.readline(1000 * self._config.max_answer_kb + 1)
        self._limit(len(line))
        return line

    def _limit(self, count: int) -> None:
        if count > 1000 * self._config.max_answer_kb:
            raise TooLarge("the server sent more than max_answer_kb = "
                           f"{self._config.max_answer_kb}")


def loads_strict(text: str | bytes) -> Any:
    """A JSON value in which no key is given twice and no number is NaN or infinite.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key is given twice")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _after_s(header: str | None) -> float | None:
    """Retry-After in seconds (RFC 9110: a number or a date); None for none that makes sense."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
        return max(seconds, 0.0)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
