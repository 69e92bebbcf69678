"""A model behind an OpenAI-compatible server (llama.cpp, vLLM) as an engine."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.qa.engine import EngineConfig, EngineError, Withheld
from smolvlm_ros.qa.prompt import MAX_PROMPT, clean_text
from smolvlm_ros.qa.server_config import ServerEngineConfig
from smolvlm_ros.qa.verdict import Answer, Frame, YesNo
from smolvlm_ros.qa.video import TOKENS
from smolvlm_ros.remote.answers import YES_OR_NO, Completion, said_yes_no, yes_no_of
from smolvlm_ros.remote.chat import ChatServer, json_format, system_message, user_message
from smolvlm_ros.remote.errors import Cancelled, Refused, RemoteError
from smolvlm_ros.remote.persons import Persons, PersonsUnknown
from smolvlm_ros.remote.picture import prepared
from smolvlm_ros.remote.privacy import (
    Box,
    PrivacyConfig,
    PrivacyError,
    check_cascades,
    shrunk_and_redacted,
)

_JSON_HINT = 'Answer with JSON: {"answer": "yes"}, {"answer": "no"} or {"answer": "unsure"}.'
_JSON_TOKENS = 32
_UNCLEAR = (0.5, 0.0)  # p_yes and mass of an answer that is neither: the policy abstains
_CANARY_PX = 64
_CANARY_QUESTION = "Is this image red?"
_SAME = 0.01  # p_yes of two answers that do not depend on the image


@dataclass(frozen=True)
class StatedYesNo(YesNo):
    """An answer that the model stated, without a probability: `p_yes` is 0 or 1 (0.5 with mass 0
    for neither) and says nothing of how sure the model was."""


class ServerEngine:
    """An `Engine` that asks a server. Its calls may come from several threads.

    Attributes:
        name: of the model, as the server has it.
        description: name, address, and where probabilities come from.
        embedded: see `Engine`; never.
        measured: True when probabilities are the server's, False when they are stated 0 or 1.
    """

    embedded = False
    tokens_per_image = TOKENS

    def __init__(self, server: ChatServer, config: ServerEngineConfig, limits: EngineConfig,
                 privacy: PrivacyConfig | None = None, persons: Persons | None = None) -> None:
        """Use `connect` to make one with all checks."""
        self._server = server
        self._persons = persons
        self._config = config
        self._limits = limits
        self.use_privacy(privacy or PrivacyConfig())
        self.name = server.model
        self.measured = config.answers == "logprobs"
        self.description = self._described()

    @classmethod
    def connect(cls, config: ServerEngineConfig, limits: EngineConfig,
                privacy: PrivacyConfig | None = None,
                environ: Mapping[str, str] | None = None,
                persons: Persons | None = None) -> ServerEngine:
        """Find the model and see that it looks at its image.

        Args:
            config: the server.
            limits: prompt texts and length of answers.
            privacy: what is covered before images leave this machine; None for the defaults.
            environ: where the key is; None for this process's environment.
            persons: who is where in the frames; None where nobody tells, so that only faces that
                are found are covered.

        Raises:
            EngineError: no server, no model, or one that is blind; the text says what to do.
        """
        try:
            server = ChatServer(config, environ=environ)
            server.find_model(server.deadline())
            engine = cls(server, config, limits, privacy, persons)
            engine.check_sight()
        except (RemoteError, PrivacyError) as error:
            raise EngineError(f"the model of {config.url}: {error}") from error
        return engine

    @property
    def sends(self) -> bool:
        """See `looking.Sender`."""
        return self._privacy is not None

    def yes_no(self, image_rgb: NDArray[np.uint8] | Frame, questions: Sequence[str]
               ) -> list[YesNo]:
        """See `Engine.yes_no`; of a frame, the persons in it are covered.

        Raises:
            EngineError: the model failed.
            Withheld: the persons in the image are not known, or cannot be covered.
        """
        asked = [clean_text(question, "the question", MAX_PROMPT) for question in questions]
        answers = []
        started = time.perf_counter()  # the image's cost is part of the first answer's
        url = self._picture(image_rgb)
        for question in asked:
            p_yes, mass = self._answer(url, question)
            now = time.perf_counter()
            kind = YesNo if self.measured else StatedYesNo
            answers.append(kind(p_yes, mass, 1e3 * (now - started)))
            started = now
        return answers

    def stream(self, image_rgb: NDArray[np.uint8] | Frame, question: str, max_tokens: int = 0,
               should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `Engine.stream` and `yes_no`."""
        limit = self._limits.max_new_tokens
        limit = min(max_tokens, limit) if max_tokens > 0 else limit
        asked = clean_text(question, "the question", MAX_PROMPT)
        return self._stream([image_rgb], asked, limit, should_stop)

    def use_privacy(self, privacy: PrivacyConfig) -> None:
        """Cover this from now on; on this machine nothing leaves it, and nothing is covered.

        Raises:
            PrivacyError: what finds faces or plates is missing; what was covered before still is.
        """
        if not self._config.local:
            check_cascades(privacy)
        self._privacy = None if self._config.local else privacy

    def watch(self, frames: Sequence[Frame], question: str, max_tokens: int = 0,
              should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
        """See `video.VideoEngine.watch`; raises Withheld, with the stamps of all such frames."""
        limit = self._limits.max_new_tokens
        limit = min(max_tokens, limit) if max_tokens > 0 else limit
        asked = clean_text(question, "the question", MAX_PROMPT)
        newest_s = frames[-1].stamp_s
        ages = ", ".join(f"{newest_s - frame.stamp_s:.1f}" for frame in frames)
        text = ("Frames of a video, oldest first, taken so many seconds before the newest: "
                f"{ages}. {asked}")
        return self._stream(frames, text, limit, should_stop)

    def close(self) -> None:
        """See `Engine.close`."""
        self._server.close()

    def check_sight(self) -> None:
        """The canary: a red and a blue image must give different answers to one question.

        Raises:
            RemoteError: no answer.
            EngineError: the model is blind, or has no probabilities although they are asked for.
        """
        red, blue = (prepared(np.full((_CANARY_PX, _CANARY_PX, 3), colour, np.uint8),
                              self._config.picture) for colour in ((220, 20, 20), (20, 20, 220)))
        if self._config.answers != "json":
            self.measured = self._gives_probabilities(red)
            if not self.measured and self._config.answers == "logprobs":
                raise EngineError(f"{self._config.url} gives no logprobs; set answers to 'json' or "
                                  "'auto'")
        self.description = self._described()
        first, second = (self._answer(url, _CANARY_QUESTION) for url in (red, blue))
        if abs(first[0] - second[0]) <= _SAME:
            raise EngineError(f"{self.name} at {self._config.url} gives the same answer on a red "
                              "and on a blue image; does it see images (llama.cpp needs --mmproj), "
                              "and does it answer with yes or no?")

    def _described(self) -> str:
        how = "probabilities of the server" if self.measured else "answers without probabilities"
        return f"{self.name} at {self._config.url}, {how}"

    def _gives_probabilities(self, url: str) -> bool:
        try:
            return self._first_token(url, _CANARY_QUESTION).has_probabilities
        except Refused as error:
            if error.status in (400, 422):  # this server does not know the fields
                return False
            raise

    def _answer(self, url: str, question: str) -> tuple[float, float]:
        """p_yes and mass; what is not clearly one of both is unclear."""
        try:
            if self.measured:
                return yes_no_of(self._first_token(url, question)) or _UNCLEAR
            said = said_yes_no(self._stated(url, question))
        except RemoteError as error:
            raise EngineError(f"the model of {self._config.url}: {error}") from error
        return {Answer.YES: (1.0, 1.0), Answer.NO: (0.0, 1.0)}.get(said, _UNCLEAR)

    def _first_token(self, url: str, question: str) -> Completion:
        hint = self._limits.yes_no_hint
        text = f"{question} {hint}" if hint else question
        return self._server.complete(self._messages([url], text), 1, self._server.deadline(),
                                     temperature=0, logprobs=True,
                                     top_logprobs=self._config.top_logprobs)

    def _stated(self, url: str, question: str) -> Completion:
        return self._server.complete(
            self._messages([url], f"{question} {_JSON_HINT}"), _JSON_TOKENS,
            self._server.deadline(), temperature=0, **json_format("answer", YES_OR_NO))

    def _stream(self, shown: Sequence[NDArray[np.uint8] | Frame], question: str, limit: int,
                should_stop: Callable[[], bool]) -> Iterator[str]:
        if should_stop():
            return
        urls = self._pictures(shown, should_stop)
        if should_stop():
            return
        messages = self._messages(urls, question)
        pieces = self._server.stream(messages, limit, self._server.deadline(should_stop),
                                     temperature=0)
        try:
            for count, piece in enumerate(pieces, 1):
                yield piece
                # A piece holds a token or more: a server that knows no limit is ended here.
                if count >= limit or should_stop():
                    return
        except Cancelled as error:
            if self._server.closed:
                raise EngineError(f"{self.name} is closed") from error
        except RemoteError as error:
            raise EngineError(f"the model of {self._config.url}: {error}") from error
        finally:
            pieces.close()

    def _messages(self, urls: Sequence[str], text: str) -> list[dict[str, Any]]:
        return [*system_message(self._limits.system_prompt), user_message(text, urls)]

    def _pictures(self, shown: Sequence[NDArray[np.uint8] | Frame],
                  should_stop: Callable[[], bool]) -> list[str]:
        urls, withheld = [], []
        for image in shown:
            try:
                urls.append(self._picture(image, should_stop))
            except Withheld as error:
                withheld.append(error)
        if withheld:
            raise Withheld(str(withheld[0]), [s for error in withheld for s in error.stamps])
        return urls

    def _picture(self, shown: NDArray[np.uint8] | Frame,
                 should_stop: Callable[[], bool] = lambda: False) -> str:
        """An image as it leaves; it waits for the boxes of the persons in it."""
        picture, privacy = self._config.picture, self._privacy
        image = shown.image_rgb if isinstance(shown, Frame) else shown
        if privacy is None:
            return prepared(image, picture)
        boxes: Sequence[Box] = ()
        try:
            if self._persons is not None and privacy.blur_faces:
                if not isinstance(shown, Frame):
                    raise PersonsUnknown("of an image that is no frame it is not known which "
                                         "persons it shows")
                boxes = self._persons.shown_in(shown, privacy.boxes_wait_s,
                                               lambda: self._server.closed or should_stop())
            done = shrunk_and_redacted(image, boxes, privacy, picture.max_edge_px)
        except PrivacyError as error:
            stamps = (shown.stamp_s,) if isinstance(shown, Frame) else ()
            raise Withheld(f"no image is sent: {error}", stamps) from error
        return prepared(done.image_rgb, picture)
