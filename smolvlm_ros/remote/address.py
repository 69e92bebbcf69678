"""Which server is asked, under which limits, and the key to it."""
from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from smolvlm_ros.remote.breaker import BreakerConfig
from smolvlm_ros.remote.errors import NotSent
from smolvlm_ros.settings import Settings, group, setting

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class ServerConfig(Settings):
    """An OpenAI-compatible server (llama.cpp, vLLM, a frontier model's) and the limits on it."""

    url: str = setting(
        "http://127.0.0.1:8080/v1", "Base address of the server, up to and with /v1.", ge=1,
        le=500)
    allow_remote: bool = setting(
        False, "The server may be another machine: images leave this one, and unencrypted unless "
        "url begins with https. Without it only localhost is asked.")
    model: str = setting("", "The model's name on the server; empty for the only one it has.",
                         le=200)
    api_key_env: str = setting(
        "SMOLVLM_ROS_API_KEY", "Environment variable that holds the key; where it is not set, none "
        "is sent. The key itself is never a parameter.", le=100)
    ca_file: str = setting("", "Certificates (PEM) to trust instead of the system's, for a server "
                           "with a certificate of one's own.", le=1000)
    timeout_s: float = setting(
        20.0, "Longest time of a request, all retries included; a server that sends slowly does "
        "not get more.", unit="s", ge=0.1, le=600.0)
    max_retries: int = setting(
        2, "Retries within timeout_s after a refused connection, an HTTP status 500, 502, 503 or "
        "504, or 429 with Retry-After.", ge=0, le=10)
    backoff_s: float = setting(
        0.5, "Wait before the first retry; it doubles with each and is shortened at random by up "
        "to a half.", unit="s", ge=0.01, le=60.0)
    max_answer_kb: int = setting(256, "An answer of more than this is refused.", unit="kB", ge=1,
                                 le=10000)
    token_limit_field: str = setting(
        "max_tokens", "What the server calls the limit of an answer's length.",
        choices=("max_tokens", "max_completion_tokens"))
    breaker: BreakerConfig = group(BreakerConfig)

    def conflicts(self) -> list[str]:
        """The address must be one, and this machine's unless another one is allowed."""
        problem = _problem(self.url)
        if problem:
            return [f"url = {self.url!r} {problem}; write it as http://127.0.0.1:8080/v1"]
        problems = []
        if not self.allow_remote and not self.local:
            problems.append(f"url = {self.url!r} is another machine and images would leave this "
                            "one; set allow_remote to true, or use a server on 127.0.0.1")
        if self.api_key_env and not _NAME.fullmatch(self.api_key_env):
            # Not shown: somebody may have put the key itself here.
            problems.append("api_key_env is not the name of an environment variable; give the "
                            "name, for example SMOLVLM_ROS_API_KEY, not the key")
        return problems

    @property
    def parts(self) -> SplitResult:
        """The address in its parts."""
        return urlsplit(self.url)

    @property
    def local(self) -> bool:
        """True when the server is on this machine."""
        host = self.parts.hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


class Secret:
    """A key that shows itself in no text. Not picklable, so that it is not written by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str, name: str = "the key") -> None:
        """Check it.

        Args:
            value: the key; empty for none.
            name: where it comes from, for errors.

        Raises:
            NotSent: it cannot be sent in an HTTP header.
        """
        if any(not "!" <= c <= "~" for c in value):
            raise NotSent(f"the environment variable {name} holds a space, a line end or a "
                          "character that is not ASCII; set it to the key alone")
        self._value = value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)" if self._value else "Secret()"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not written anywhere")

    def headers(self) -> dict[str, str]:
        """The Authorization header, the only place where the key goes."""
        return {"Authorization": f"Bearer {self._value}"} if self._value else {}

    def hide(self, text: str) -> str:
        """The text without the key, should a server have sent it back."""
        return text.replace(self._value, "***") if self._value else text


def read_key(config: ServerConfig, environ: Mapping[str, str] | None = None) -> Secret:
    """The key from the environment.

    Args:
        config: names the variable.
        environ: None for this process's.

    Raises:
        NotSent: it holds no usable key, or would cross the network in the clear.
    """
    variables = os.environ if environ is None else environ
    value = variables.get(config.api_key_env, "").strip() if config.api_key_env else ""
    secret = Secret(value, config.api_key_env)
    if secret and config.parts.scheme != "https" and not config.local:
        raise NotSent(f"the key of {config.api_key_env} would cross the network unencrypted; use "
                      "an https address, or set api_key_env to '' for a server without a key")
    return secret


def _problem(url: str) -> str:
    """What is wrong with an address; empty for nothing."""
    if any(not "!" <= c <= "~" for c in url):
        return "holds a space or a character that is not ASCII"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return f"is not an address ({error})"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is not an http or https address"
    if parts.username is not None or parts.password is not None:
        return "holds a name or a password"
    if parts.query or parts.fragment:
        return "holds a '?' or '#'"
    return ""
