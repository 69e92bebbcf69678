"""A real HTTP server on loopback: one that behaves, and every way not to."""
from __future__ import annotations

import base64
import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np


@dataclass
class Request:
    """What came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def jpegs(self) -> list[bytes]:
        content = self.value["messages"][-1]["content"]
        urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
        return [base64.b64decode(url.removeprefix("data:image/jpeg;base64,"), validate=True)
                for url in urls]

    @property
    def images(self) -> list[np.ndarray]:
        return [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
                for data in self.jpegs]

    @property
    def text(self) -> str:
        return self.value["messages"][-1]["content"][-1]["text"]


Behaviour = Callable[["Handler", Request], None]


class Handler(BaseHTTPRequestHandler):
    server: Loopback
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, dict(self.headers), body)
        self.server.requests.append(request)
        self.close_connection = True
        behaviour = self.server.behaviour
        if isinstance(behaviour, list):
            behaviour = behaviour.pop(0)
        with contextlib.suppress(OSError):  # the client may have had enough
            behaviour(self, request)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass

    def reply(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def raw(self, data: bytes) -> None:
        self.wfile.write(data)

    def drip(self, data: bytes) -> None:
        """Byte by byte, until the client or the test has enough."""
        for byte in data:
            if self.server.ended.is_set():
                return
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)


@dataclass
class Loopback(ThreadingHTTPServer):
    behaviour: Any
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.daemon_threads = True
        self.block_on_close = False

    __hash__ = object.__hash__  # type: ignore[assignment]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *args: Any) -> None:
        pass


@contextlib.contextmanager
def serving(behaviour: Behaviour | list[Behaviour]) -> Iterator[Loopback]:
    server = Loopback(behaviour)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


_HELD: list[socket.socket] = []


def free_port() -> int:
    """One where nobody listens, nor can until this process ends: a connection is refused."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    return int(held.getsockname()[1])


def completion(text: str, finish: str = "stop", **more: Any) -> dict[str, Any]:
    """As OpenAI, llama.cpp and vLLM write it."""
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "served",
            "choices": [{"index": 0, "finish_reason": finish,
                         "message": {"role": "assistant", "content": text}, **more}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}}


def logprobs(tokens: dict[str, float]) -> dict[str, Any]:
    """Alternatives of the first token by their probabilities."""
    top = [{"token": token, "logprob": math.log(p), "bytes": list(token.encode())}
           for token, p in sorted(tokens.items(), key=lambda item: -item[1])]
    return {"content": [{**top[0], "top_logprobs": top}]}


def says(text: str, finish: str = "stop") -> Behaviour:
    return lambda handler, request: handler.reply(completion(text, finish))


class RedModel:
    """A model that sees how red its image is, and can be asked about nothing else."""

    def __init__(self, probabilities: bool = True, model: str = "red-vlm") -> None:
        self.probabilities = probabilities
        self.model = model

    def __call__(self, handler: Handler, request: Request) -> None:
        if request.method == "GET":
            assert request.path == "/v1/models"
            handler.reply({"object": "list", "data": [{"id": self.model, "object": "model"}]})
            return
        value = request.value
        p_yes = self.p_yes(request)
        word = "Yes" if p_yes > 0.5 else "No"
        if value.get("stream"):
            self._stream(handler, ["It ", "is ", "red." if p_yes > 0.5 else "blue."])
        elif "response_format" in value:
            handler.reply(completion(json.dumps({"answer": word.lower()})))
        elif self.probabilities and value.get("logprobs"):
            tokens = {"Yes": 0.9 * p_yes, "No": 0.9 * (1 - p_yes), " yes": 0.05 * p_yes,
                      " no": 0.05 * (1 - p_yes), "The": 0.01}
            handler.reply(completion(word, "length", logprobs=logprobs(tokens)))
        else:
            handler.reply(completion(word, "length", logprobs=None))

    def p_yes(self, request: Request) -> float:
        red, _, blue = request.images[0].reshape(-1, 3).mean(0)
        p_red = 0.95 if red > blue else 0.04
        return 1 - p_red if 'the answer to the question "' in request.text else p_red

    def _stream(self, handler: Handler, pieces: list[str]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        for piece in pieces:
            event(handler, {"choices": [{"index": 0, "delta": {"content": piece},
                                         "finish_reason": None}]})
        event(handler, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        handler.raw(b"data: [DONE]\n\n")


def event(handler: Handler, value: Any) -> None:
    handler.raw(b"data: " + json.dumps(value).encode() + b"\n\n")
