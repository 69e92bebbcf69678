"""Whatever a server does: one error of a known kind, within the time, and the text says why."""
from __future__ import annotations

import json
import socket
import threading
import time

import pytest
from loopback import Handler, Request, completion, free_port, says, serving

from smolvlm_ros.remote import connection
from smolvlm_ros.remote.address import ServerConfig
from smolvlm_ros.remote.chat import ChatServer, user_message
from smolvlm_ros.remote.errors import (
    BadAnswer,
    Cancelled,
    OutOfTime,
    Refused,
    RemoteError,
    TooLarge,
    Unreachable,
)

TIMEOUT_S = 0.4  # where it is what ends the request
LONG_S = 60.0  # where it must not be
MARGIN_S = 8.0  # a machine under load; a server that drips would take minutes
MESSAGES = [user_message("Is it open?")]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def ask(url: str, **config):
    config = {"timeout_s": LONG_S, "backoff_s": 0.01, **config}
    server = ChatServer(ServerConfig(url=url, **config), environ={})
    return server.complete(MESSAGES, 1, server.deadline())


def hang(handler: Handler, request: Request) -> None:
    handler.server.ended.wait(60)


def endless(part: bytes, head: bytes = b""):
    def behave(handler: Handler, request: Request) -> None:
        handler.raw(head)
        for _ in range(1600):  # 100 MB
            handler.raw(part)
    return behave


MANY = b"x" * 65536
BODY = json.dumps(completion("yes")).encode()

CASES = [
    # it gives nothing, or nearly
    ("hangs", hang, OutOfTime),
    ("drips its head", lambda h, r: h.drip(HEAD + b"X-Pad: " + b"p" * 6000), OutOfTime),
    ("drips its body", lambda h, r: (h.raw(HEAD + b"Content-Length: 6000\r\n\r\n"),
                                     h.drip(b" " * 6000)), OutOfTime),
    ("drips chunks", lambda h, r: (h.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
                                   h.drip(b"1\r\n \r\n" * 999)), OutOfTime),
    ("drips an error", lambda h, r: (h.raw(b"HTTP/1.1 400 No\r\nContent-Length: 6000\r\n\r\n"),
                                     h.drip(b" " * 6000)), OutOfTime),
    ("closes", lambda h, r: None, BadAnswer),
    # it gives too much
    ("100 MB announced", endless(MANY, HEAD + b"Content-Length: 100000000\r\n\r\n"), TooLarge),
    ("100 MB", endless(MANY, HEAD + b"\r\n"), TooLarge),
    ("100 MB in one chunk",
     endless(MANY, HEAD + b"Transfer-Encoding: chunked\r\n\r\n6000000\r\n"), TooLarge),
    ("a chunk of -1 bytes", endless(MANY, HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n"),
     (TooLarge, BadAnswer)),
    ("100 MB of head", endless(b"X-Pad: y\r\n" * 999, HEAD), BadAnswer),
    ("a head line of 100 MB", endless(MANY, b"HTTP/1.1 200 "), BadAnswer),
    ("continues for ever", endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 999), BadAnswer),
    ("compressed", lambda h, r: h.reply(BODY, headers={"Content-Encoding": "gzip"}), BadAnswer),
    # it lies about its length
    ("shorter than announced", lambda h, r: h.raw(HEAD + b"Content-Length: 5000\r\n\r\n" + BODY),
     BadAnswer),
    ("cut off by its length", lambda h, r: h.raw(HEAD + b"Content-Length: 20\r\n\r\n" + BODY),
     BadAnswer),
    ("a chunk cut off", lambda h, r: h.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n{"),
     BadAnswer),
    ("no number of bytes", lambda h, r: h.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nyes\r\n"),
     BadAnswer),
    # it gives something else
    ("not HTTP", lambda h, r: h.raw(b"\x16\x03\x01\x02\x00\x01" * 20 + b"\r\n"), BadAnswer),
    ("a web page", lambda h, r: h.reply(b"<html>Yes</html>"), BadAnswer),
    ("not UTF-8", lambda h, r: h.reply(b'{"choices": "\xff\xfe"}'), BadAnswer),
    ("deep", lambda h, r: h.reply(b"[" * 100_000), BadAnswer),
    ("a key twice", lambda h, r: h.reply(BODY[:-1] + b', "choices": []}'), BadAnswer),
    ("an error as an answer", lambda h, r: h.reply({"error": {"message": "no"}}), BadAnswer),
    # statuses
    ("no such path", lambda h, r: h.reply({"error": {"message": "not here"}}, 404), Refused),
    ("no right", lambda h, r: h.reply({"error": "no"}, 401), Refused),
    ("wrong request", lambda h, r: h.reply(b"", 400), Refused),
    ("no content", lambda h, r: h.raw(b"HTTP/1.1 204 No Content\r\n\r\n"), Refused),
    ("always 500", lambda h, r: h.reply(b"{", 500), Refused),
    ("429 without a time", lambda h, r: h.reply({}, 429), Refused),
    ("429 for an hour", lambda h, r: h.reply({}, 429, {"Retry-After": "3600"}), Refused),
    ("429 and nonsense", lambda h, r: h.reply({}, 429, {"Retry-After": "soon"}), Refused),
]


@pytest.mark.parametrize(("behaviour", "kind"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_error_within_the_time(behaviour, kind) -> None:
    with serving(behaviour) as server:
        started = time.monotonic()
        with pytest.raises(kind) as caught:
            ask(server.url, timeout_s=TIMEOUT_S if kind is OutOfTime else LONG_S)
        if kind is OutOfTime:
            assert time.monotonic() - started < TIMEOUT_S + MARGIN_S
        assert isinstance(caught.value, RemoteError) and str(caught.value)
        if isinstance(caught.value, Refused) and caught.value.status != 500:
            assert len(server.requests) == 1  # these are not sent again


@pytest.mark.parametrize("value", [
    [], 1, None, "yes", {}, {"choices": None}, {"choices": []}, {"choices": ["yes"]},
    {"choices": {"0": 1}}, {"choices": [{}]}, {"choices": [{"message": "yes"}]},
    {"choices": [{"message": {"content": True}}]}, {"choices": [{"message": {"content": ["yes"]}}]},
])
def test_another_schema_is_a_bad_answer(value) -> None:
    with serving(lambda h, r: h.reply(value)) as server, pytest.raises(BadAnswer):
        ask(server.url)


def test_refused_and_unknown_names_say_what_to_look_at() -> None:
    with pytest.raises(Unreachable, match="is the server running"):
        ask(f"http://127.0.0.1:{free_port()}/v1")
    with pytest.raises(RemoteError, match="not found|within timeout_s"):
        ask("http://no-such-host.invalid/v1", allow_remote=True)


def test_the_next_address_of_a_name_is_tried(monkeypatch) -> None:
    with serving(says("yes")) as server:
        found = [(socket.AF_INET, ("127.0.0.1", port)) for port in (free_port(),
                                                                    server.server_port)]
        monkeypatch.setattr(connection, "_addresses", lambda *args: found)
        assert ask(server.url).text == "yes"
        monkeypatch.setattr(connection, "_addresses", lambda *args: found[:1] * 2)
        with pytest.raises(Unreachable):
            ask(server.url)


def test_a_redirect_is_not_followed_and_takes_the_key_nowhere() -> None:
    with serving(says("yes")) as other, serving(
            lambda h, r: h.reply(b"", 307, {"Location": other.url})) as server:
        client = ChatServer(ServerConfig(url=server.url), environ={"SMOLVLM_ROS_API_KEY": "k1"})
        with pytest.raises(Refused, match="redirects"):
            client.complete(MESSAGES, 1, client.deadline())
        assert not other.requests


def test_a_proxy_of_the_environment_is_not_used(monkeypatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with serving(says("yes")) as server:
        assert ask(server.url).text == "yes"


@pytest.mark.parametrize("first", [
    lambda h, r: h.reply({}, 500), lambda h, r: h.reply({}, 503, {"Retry-After": "0"}),
    lambda h, r: h.reply({}, 429, {"Retry-After": "0.02"}),
    lambda h, r: h.reply({}, 429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
], ids=["500", "503", "429", "429 until a date"])
def test_what_may_be_sent_again_is(first) -> None:
    with serving([first, first, says("yes")]) as server:
        given = ask(server.url)
        assert given.text == "yes" and len(server.requests) == 3


def test_retries_end_at_their_number() -> None:
    with serving(lambda h, r: h.reply({}, 502)) as server:
        with pytest.raises(Refused):
            ask(server.url, max_retries=3)
        assert len(server.requests) == 4


def test_the_wish_to_stop_ends_a_wait() -> None:
    stop = threading.Event()
    with serving(hang) as server:
        client = ChatServer(ServerConfig(url=server.url, timeout_s=60.0), environ={})
        threading.Timer(0.2, stop.set).start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            client.complete(MESSAGES, 1, client.deadline(stop.is_set))
        assert time.monotonic() - started < 30.0
        assert client.state.value == "closed"  # that was not the server's fault


def test_a_server_that_is_down_is_asked_no_more() -> None:
    now = [0.0]
    with serving(lambda h, r: h.reply({}, 401)) as server:
        client = ChatServer(ServerConfig(url=server.url), environ={}, clock=lambda: now[0])
        for _ in range(8):
            with pytest.raises(RemoteError):
                client.complete(MESSAGES, 1, client.deadline())
        assert len(server.requests) == client.config.breaker.failures
        now[0] = client.config.breaker.pause_s
        server.behaviour = says("yes")
        assert client.complete(MESSAGES, 1, client.deadline()).text == "yes"
        assert client.state.value == "closed"
