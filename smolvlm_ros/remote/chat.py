"""Chat completions: requests made, sent, sent again where that may help, and read."""
from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from smolvlm_ros.remote.address import ServerConfig, read_key
from smolvlm_ros.remote.answers import Completion, completion_of, delta_of, model_names
from smolvlm_ros.remote.breaker import Breaker, State
from smolvlm_ros.remote.deadline import Deadline
from smolvlm_ros.remote.errors import BadAnswer, Cancelled, CircuitOpen, NotSent, RemoteError
from smolvlm_ros.remote.transport import Transport, loads_strict

_PATH = "/chat/completions"
_DONE = "[DONE]"


def never() -> bool:
    """The wish to stop of one who has none."""
    return False


class ChatServer:
    """An OpenAI-compatible server. Safe for several threads.

    Attributes:
        config: address and limits.
        model: the model's name on the server; found on first use where none is configured.
    """

    def __init__(self, config: ServerConfig, *, environ: Mapping[str, str] | None = None,
                 clock: Callable[[], float] = time.monotonic,
                 rng: random.Random | None = None) -> None:
        """Nothing is sent yet.

        Args:
            config: address and limits.
            environ: where the key is looked up; None for this process's environment.
            clock: of the circuit breaker, seconds.
            rng: of the jitter.

        Raises:
            NotSent: the key or `ca_file` cannot be used.
        """
        self.config = config
        self.model = config.model
        key = read_key(config, environ)
        try:
            self._transport = Transport(config, key)
        except OSError as error:  # ssl.SSLError is one
            raise NotSent(f"ca_file = {config.ca_file!r} cannot be used ({error}); give a PEM "
                          "file") from error
        self._breaker = Breaker(config.breaker, clock)
        self._rng = rng or random.Random()
        self._closed = False

    @property
    def state(self) -> State:
        """Of the circuit breaker."""
        return self._breaker.state

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def close(self) -> None:
        """End what is under way."""
        self._closed = True

    def deadline(self, should_stop: Callable[[], bool] = never, seconds: float = 0.0) -> Deadline:
        """A deadline from now: `timeout_s`, or less where less is given.

        Args:
            should_stop: asked some twenty times a second.
            seconds: 0 for `timeout_s`.
        """
        most = self.config.timeout_s
        return Deadline(min(seconds, most) if seconds > 0 else most,
                        lambda: self._closed or should_stop())

    def complete(self, messages: Sequence[Mapping[str, Any]], max_tokens: int, deadline: Deadline,
                 *, before: Callable[[], None] = lambda: None, **options: Any) -> Completion:
        """The answer to a conversation.

        Args:
            messages: as the API has them; see `user_message`.
            max_tokens: longest answer.
            deadline: for all attempts together.
            before: called before each attempt; what it raises ends the request.
            options: further fields of the request.

        Raises:
            RemoteError: there is no answer.
        """
        def send() -> Completion:
            body = self._body(messages, max_tokens, options)
            before()
            return completion_of(self._transport.post(_PATH, body, deadline))

        return self._attempts(send, deadline)

    def stream(self, messages: Sequence[Mapping[str, Any]], max_tokens: int, deadline: Deadline,
               **options: Any) -> Generator[str, None, None]:
        """The answer piece by piece; closing the iterator ends it. Not sent again once it runs.

        Raises:
            RemoteError: there is no answer, or it broke off.
        """
        def send() -> tuple[Generator[str, None, None], str | None]:
            body = self._body(messages, max_tokens, {**options, "stream": True})
            events = self._transport.events(_PATH, body, deadline)
            return events, next(events, None)  # what may be retried happens before the first

        ticket = self._enter()
        outcome: bool | None = None
        events: Generator[str, None, None] | None = None
        try:
            events, event = self._tries(send, deadline)
            ended = False
            while event is not None and event.strip() != _DONE:
                try:
                    delta = delta_of(loads_strict(event))
                except ValueError as error:
                    raise BadAnswer("a piece of the server's answer is not JSON") from error
                ended = ended or delta.ended
                if delta.text:
                    yield delta.text
                event = next(events, None)
            if event is None and not ended:
                raise BadAnswer("the server's answer broke off")
            outcome = True
        except RemoteError as error:
            outcome = False if error.counts else None
            raise
        finally:
            if events is not None:
                events.close()
            self._breaker.leave(ticket, outcome)

    def find_model(self, deadline: Deadline) -> str:
        """The model's name, asked of the server where none is configured.

        Raises:
            RemoteError: the server does not say, or has several.
        """
        if not self.model:
            names = self._attempts(
                lambda: model_names(self._transport.get("/models", deadline)), deadline)
            if len(names) != 1:
                shown = ", ".join(self.shown(name)[:100] for name in names[:10])
                raise NotSent(f"the server has {len(names)} models; set the setting model to one "
                              f"of: {shown}" if names else
                              "the server has no model loaded; load one")
            self.model = names[0]
        return self.model

    def shown(self, text: str) -> str:
        """A server's text as it may be shown and logged: one line, printable, without the key."""
        return self._transport.shown(text)

    def _body(self, messages: Sequence[Mapping[str, Any]], max_tokens: int,
              options: Mapping[str, Any]) -> dict[str, Any]:
        model = self.model
        return {**({"model": model} if model else {}), "messages": list(messages),
                self.config.token_limit_field: max_tokens, **options}

    def _enter(self) -> int:
        if self._closed:
            raise Cancelled("the server's client is closed")
        try:
            return self._breaker.enter()
        except CircuitOpen as error:
            raise CircuitOpen(f"{self.config.url}: {error}") from None

    def _attempts(self, send: Callable[[], Any], deadline: Deadline) -> Any:
        """The result of `send`, tried again within the deadline; the breaker is told."""
        ticket = self._enter()
        outcome: bool | None = None
        try:
            result = self._tries(send, deadline)
            outcome = True
            return result
        except RemoteError as error:
            outcome = False if error.counts else None
            raise
        finally:
            self._breaker.leave(ticket, outcome)

    def _tries(self, send: Callable[[], Any], deadline: Deadline) -> Any:
        attempt = 0
        while True:
            try:
                deadline.left_s()
                return send()
            except RemoteError as error:
                if not error.retry or attempt >= self.config.max_retries:
                    raise
                wait_s = self.config.backoff_s * 2 ** attempt * self._rng.uniform(0.5, 1.0)
                wait_s = max(wait_s, error.after_s or 0.0)
                if wait_s >= deadline.left_s():
                    raise  # it says more than that time ran out
                attempt += 1
            deadline.wait(wait_s)


def user_message(text: str, image_urls: Sequence[str] = ()) -> dict[str, Any]:
    """A message of the user; images first, so that a server's prefix cache serves many questions.

    Args:
        text: the question.
        image_urls: `data:` addresses, see `picture.data_url`.
    """
    images = [{"type": "image_url", "image_url": {"url": url}} for url in image_urls]
    return {"role": "user", "content": [*images, {"type": "text", "text": text}]}


def system_message(text: str) -> list[dict[str, Any]]:
    """The fixed text before everything; none where it is empty."""
    return [{"role": "system", "content": text}] if text else []


def json_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The request's field that constrains an answer to a JSON schema."""
    return {"response_format": {"type": "json_schema", "json_schema": {
        "name": name, "strict": True, "schema": dict(schema)}}}
