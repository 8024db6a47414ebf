"""The proxy that adds a token for programs that can't send one."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.mcp.acceptance.proxy import TokenProxy

HEADERS = {"Host": "gate.example", "Origin": "http://page.example"}


class Echo(BaseHTTPRequestHandler):
    """Says what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        names = ("Host", "Origin", "Authorization")
        said = [self.headers.get(name, "-") for name in names]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = "|".join([*said, str(len(body)), body[:8].decode()]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_each_request_of_a_connection_gets_the_token_and_nothing_else_changes(echo: int) -> None:
    with TokenProxy(echo, "t0ken") as proxy:
        client = http.client.HTTPConnection("127.0.0.1", proxy.port)
        for body in (b"", b"one", b"x" * 200_000, b"last"):
            client.request("POST", "/mcp", body, HEADERS)
            said = client.getresponse().read().decode()
            shown = f"{len(body)}|{body[:8].decode()}"
            assert said == f"gate.example|http://page.example|Bearer t0ken|{shown}"
        client.close()
