"""Settings of the engine that asks a server."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.remote.address import ServerConfig
from smolvlm_ros.remote.picture import PictureConfig
from smolvlm_ros.settings import group, setting


@dataclass(frozen=True)
class ServerEngineConfig(ServerConfig):
    """A server whose model answers in place of a local one."""

    answers: str = setting(
        "auto", "'logprobs': p(yes) from the probabilities of one token, as for a local model; "
        "'json': the model says yes or no itself, and p(yes) is 0 or 1; 'auto': logprobs where the "
        "server gives them.", choices=("auto", "logprobs", "json"))
    top_logprobs: int = setting(20, "Alternatives of the token asked for; some servers allow "
                                "fewer.", ge=2, le=20)
    picture: PictureConfig = group(PictureConfig)
