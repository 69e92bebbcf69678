"""HTTPS: certificates are checked, and a handshake that hangs ends at the deadline."""
from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest
from loopback import says, serving

from smolvlm_ros.remote.address import ServerConfig
from smolvlm_ros.remote.chat import ChatServer, user_message
from smolvlm_ros.remote.errors import OutOfTime, TooLarge, Unreachable

MESSAGES = [user_message("x" * 3_000_000)]  # more than a socket takes at once


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def ask(url: str, **config):
    client = ChatServer(ServerConfig(url=url, **config), environ={})
    return client.complete(MESSAGES, 1, client.deadline())


def encrypted(server, certificate) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://localhost:{server.server_port}/v1"


def test_only_a_trusted_certificate_gets_the_request(certificate) -> None:
    with serving(says("yes")) as server:
        url = encrypted(server, certificate)
        with pytest.raises(Unreachable, match="certificate"):
            ask(url)
        assert not server.requests
        assert ask(url, ca_file=str(certificate[0])).text == "yes"
        assert len(server.requests[0].body) > 3_000_000
        with pytest.raises(Unreachable, match="certificate"):  # it is localhost's
            ask(url.replace("localhost", "127.0.0.1"), ca_file=str(certificate[0]))
        server.behaviour = lambda h, r: [h.raw(b"HTTP/1.1 200 OK\r\n\r\n")] + [
            h.raw(b" " * 65536) for _ in range(1600)]
        with pytest.raises(TooLarge):
            ask(url, ca_file=str(certificate[0]))


def test_a_handshake_that_hangs_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        started = time.monotonic()
        with pytest.raises(OutOfTime):
            ask(url, timeout_s=0.4)
        assert time.monotonic() - started < 30.0


def test_a_server_that_reads_slowly_ends_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept: list[socket.socket] = []
        threading.Thread(target=lambda: kept.append(listener.accept()[0]), daemon=True).start()
        with pytest.raises(OutOfTime):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout_s=0.4)
        for one in kept:
            one.close()
