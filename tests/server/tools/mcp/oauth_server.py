"""A small OAuth server on loopback, and an MCP server that wants its tokens: two ports, one thread
each. It registers clients, has everybody consent, checks PKCE, and renews tokens."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit


class OAuthServer:
    """What the two ports share.

    Attributes:
        seen: what came, as (port's name, method, path, form or query).
        headers: of all that came, in one text.
        scopes: that clients may have.
        expires_in: seconds that tokens say they last; None: they do not say.
        rotates: a renewal brings another token to renew with, and the old one counts no more.
        metadata: answered in place of the true metadata, by path.
        moved: paths that are answered with a redirect, and where to.
        refuses_renewal: a status for renewals, or 0.
        consents: the person consents.
        methods: by which clients may say who they are; None: it says nothing of that.
        valid: access tokens that count.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, dict[str, str]]] = []
        self.headers = ""
        self.scopes = ["tools"]
        self.expires_in: int | None = 3_600
        self.rotates = True
        self.metadata: dict[str, Any] = {}
        self.moved: dict[str, str] = {}
        self.refuses_renewal = 0
        self.consents = True
        self.methods: list[str] | None = None
        self.valid: set[str] = set()
        self.renewing: set[str] = set()
        self.secrets: dict[str, str] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.challenge = ""
        self.numbers = count(1)
        self.issuer = ""
        self.url = ""

    def paths(self, method: str = "") -> list[str]:
        """Which paths were asked for, in order."""
        return [path for _, verb, path, _ in self.seen if method in ("", verb)]

    def tokens(self) -> dict[str, Any]:
        """Make fresh tokens."""
        number = next(self.numbers)
        access, renewing = f"access-{number}", f"renew-{number}"
        self.valid.add(access)
        self.renewing.add(renewing)
        found: dict[str, Any] = {"access_token": access, "token_type": "bearer"}
        if self.expires_in is not None:
            found["expires_in"] = self.expires_in
        return {**found, "refresh_token": renewing}


class Handler(BaseHTTPRequestHandler):
    """One request of either port."""

    server: Port
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.answer("GET", {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Type", "").startswith("application/json"):
            self.answer("POST", json.loads(body))
        else:
            self.answer("POST", {k: v[0] for k, v in parse_qs(body.decode()).items()})

    def answer(self, method: str, form: dict[str, Any]) -> None:
        shared = self.server.shared
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        shared.seen.append((self.server.name, method, parts.path, form or query))
        shared.headers += str(self.headers)
        if parts.path in shared.moved:
            self.say(307, b"", Location=shared.moved[parts.path])
        elif parts.path in shared.metadata:
            self.say_json(200, shared.metadata[parts.path])
        elif self.server.name == "mcp":
            self.as_mcp(parts.path, form)
        else:
            self.as_oauth(method, parts.path, form, query)

    def as_tools(self, token: str, message: dict[str, Any]) -> None:
        """A legacy server with one tool, which says by which token it was called."""
        results: dict[str, Any] = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "locked", "version": "1"},
            },
            "tools/list": {"tools": [{"name": "look", "inputSchema": {"type": "object"}}]},
            "tools/call": {"content": [{"type": "text", "text": f"seen by {token[::-1]}"}]},
        }
        method, number = message.get("method", ""), message.get("id")
        if number is None:
            self.say(202, b"")
        elif method in results:
            self.say_json(200, {"jsonrpc": "2.0", "id": number, "result": results[method]})
        else:
            error = {"code": -32601, "message": "Method not found"}
            self.say_json(200, {"jsonrpc": "2.0", "id": number, "error": error})

    def as_mcp(self, path: str, form: dict[str, Any]) -> None:
        shared = self.server.shared
        where = f"{shared.url.removesuffix('/mcp')}/.well-known/oauth-protected-resource/mcp"
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if path == "/.well-known/oauth-protected-resource/mcp":
            servers = {"resource": shared.url, "authorization_servers": [shared.issuer]}
            self.say_json(200, servers | {"scopes_supported": shared.scopes})
        elif path != "/mcp":
            self.say(404, b"")
        elif token in shared.valid:
            self.as_tools(token, form)
        else:
            self.say(401, b"", **{"WWW-Authenticate": f'Bearer resource_metadata="{where}"'})

    def as_oauth(self, method: str, path: str, form: dict[str, Any], query: dict[str, str]) -> None:
        shared = self.server.shared
        if path == "/.well-known/oauth-authorization-server":
            known = {
                "issuer": shared.issuer,
                "authorization_endpoint": f"{shared.issuer}/authorize",
                "token_endpoint": f"{shared.issuer}/token",
                "registration_endpoint": f"{shared.issuer}/register",
                "code_challenge_methods_supported": ["S256"],
            }
            if shared.methods is not None:
                known["token_endpoint_auth_methods_supported"] = shared.methods
            self.say_json(200, known)
        elif path == "/register":
            client = {**form, "client_id": f"client-{next(shared.numbers)}"}
            self.say_json(201, client)
        elif path == "/authorize":
            code = f"code-{next(shared.numbers)}"
            shared.codes[code] = query
            said = {"code": code} if shared.consents else {"error": "access_denied"}
            back = urlencode({**said, "state": query["state"]})
            self.say(302, b"", Location=f"{query['redirect_uri']}?{back}")
        elif path == "/token" and method == "POST":
            self.give(form)
        else:
            self.say(404, b"")

    def give(self, form: dict[str, str]) -> None:
        shared = self.server.shared
        if form["grant_type"] == "authorization_code":
            asked = shared.codes.pop(form["code"], {})
            digest = sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            same = (form["client_id"], form["redirect_uri"], challenge)
            if same == tuple(
                asked.get(each) for each in ("client_id", "redirect_uri", "code_challenge")
            ):
                self.say_json(200, shared.tokens())
                return
        elif shared.refuses_renewal:
            self.say_json(shared.refuses_renewal, {"error": "invalid_grant"})
            return
        elif form["refresh_token"] in shared.renewing:
            if shared.rotates:
                shared.renewing.discard(form["refresh_token"])
            fresh = shared.tokens()
            if not shared.rotates:
                del fresh["refresh_token"]
            self.say_json(200, fresh)
            return
        self.say_json(400, {"error": "invalid_grant"})

    def say_json(self, status: int, value: Any) -> None:
        self.say(status, json.dumps(value).encode(), **{"Content-Type": "application/json"})

    def say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Port(ThreadingHTTPServer):
    """One of the two."""

    daemon_threads = True

    def __init__(self, name: str, shared: OAuthServer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.name = name
        self.shared = shared


@contextmanager
def oauth_server() -> Iterator[OAuthServer]:
    """Serve both until the block ends."""
    shared = OAuthServer()
    ports = [Port("mcp", shared), Port("oauth", shared)]
    shared.url = f"http://127.0.0.1:{ports[0].server_address[1]}/mcp"
    shared.issuer = f"http://127.0.0.1:{ports[1].server_address[1]}"
    threads = [threading.Thread(target=port.serve_forever, args=(0.01,)) for port in ports]
    for thread in threads:
        thread.start()
    try:
        yield shared
    finally:
        for port, thread in zip(ports, threads, strict=True):
            port.shutdown()
            thread.join()
            port.server_close()
