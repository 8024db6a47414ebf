"""``agent-gate health``: what it says of a gateway, and what its exit code tells a monitor."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from threading import Thread

import pytest
import yaml
from tests.cli.support import CONFIG, Served, run


def configured(folder: Path, **gateway: object) -> None:
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "gateway": gateway}))


def test_a_gateway_that_is_well_is_said_to_be_in_one_line(gateway: Served) -> None:
    done = run("health", "--url", gateway.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: version ")
    assert done.stdout.endswith("0 connections, 0 approvals waiting, store ok\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_it_finds_the_gateway_by_the_configuration(
    gateway: Served, tmp_path: Path, host: str
) -> None:
    configured(tmp_path, host=host, port=gateway.port)
    assert run("health", cwd=tmp_path).stdout.startswith("ok: ")
    named = run("health", "--config", str(tmp_path / "config.yaml"), "--json")
    assert json.loads(named.stdout)["status"] == "ok"


def test_a_gateway_that_is_not_there_is_an_exit_code_of_its_own(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        configured(tmp_path, port=taken.getsockname()[1])
        done = run("health", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("Error: no gateway answers at 127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (b'HTTP/1.1 503 X\r\n\r\n{"status":"failing","store":"disk full"}', 1, "store disk full"),
        (
            b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok","policy":"line 3","ha":{"status":"failing"}}',
            0,
            "store ?, policy line 3, ha failing\n",
        ),
        (
            b'HTTP/1.1 200 OK\r\n\r\n{"mcp_servers":{"configured":3,"waiting_for_review":1}}',
            0,
            "0 of 3 MCP servers up (the gateway's log says why), 1 tool to look at with ",
        ),
        (
            b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok","mcp_servers":{"configured":1,"ready":1}}',
            0,
            "store ?, 1 of 1 MCP server up\n",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", 3, "is no gateway (HTTP 200)"),
        (b"SSH-2.0-x\r\n", 3, "no gateway answers"),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"\\u001b[2J","uptime_s":"x"}', 0, "\\u001b[2J: "),
    ],
)
def test_whatever_answers_it_says_one_line(answer: bytes, code: int, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def once() -> None:
            with server.accept()[0] as sock:
                sock.recv(65_536)
                sock.sendall(answer)

        thread = Thread(target=once)
        thread.start()
        done = run("health", "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("\n") == 1


def test_asking_for_tls_where_there_is_none_says_so(gateway: Served) -> None:
    done = run("health", "--url", gateway.url.replace("ws:", "wss:"))
    assert done.returncode == 3
    assert "has no TLS" in done.stderr


@pytest.mark.parametrize("url", ["gateway:8443", "ftp://x", "http://", "http://[x", "ws://x:port"])
def test_what_is_no_url_is_refused_with_one_that_is(url: str) -> None:
    done = run("health", "--url", url)
    assert done.returncode == 4
    assert "as in wss://" in done.stderr


def test_a_configuration_that_cannot_tell_says_what_to_do(tmp_path: Path) -> None:
    assert "config.yaml" in run("health", cwd=tmp_path).stderr
    configured(tmp_path, port=0)
    done = run("health", cwd=tmp_path)
    assert done.returncode == 1
    assert "say which with --url" in done.stderr


def test_a_stopped_process_is_not_well(mortal: Served) -> None:
    assert mortal.process is not None
    os.kill(mortal.process.pid, signal.SIGSTOP)
    try:
        done = run("health", "--url", mortal.url)
    finally:
        os.kill(mortal.process.pid, signal.SIGCONT)
    assert (done.returncode, done.stdout) == (3, "")
