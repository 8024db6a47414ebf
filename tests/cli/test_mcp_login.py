"""``agent-gate mcp login``: a person consents in a browser, and the gateway alone gets tokens."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cli.support import ended, run, started, write_files
from tests.nursery import Born
from tests.server.tools.mcp.oauth_server import OAuthServer, oauth_server

from agentgate_server.tools.mcp.login_file import Login, LoginFile

BOUND_S = 20.0


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with oauth_server() as found:
        yield found


def configure(folder: Path, server: OAuthServer, **changes: Any) -> None:
    said = {"url": server.url, "private": True, "oauth": True} | changes
    write_files(folder, tools={"mcp": {"tracker": said}})


def login_of(folder: Path) -> Login | None:
    return LoginFile.beside(folder / "gate.db").get("tracker")


def logging_in(folder: Path, *args: str) -> tuple[Born, str]:
    """Start it, and return the address that the person is to open."""
    process = started("mcp", "login", "tracker", *args, cwd=folder)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    found = re.search(r"https?://\S+", "".join(lines))
    assert found, (lines, ended(process))
    return process, found[0]


def open_in_browser(url: str) -> str:
    with urllib.request.urlopen(url, timeout=BOUND_S) as page:
        text: str = page.read().decode()
    return text


def fails(folder: Path, *args: str) -> str:
    done = run("mcp", "login", "tracker", *args, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_who_consents_gives_the_gateway_tokens_that_only_it_can_read(
    server: OAuthServer, tmp_path: Path
) -> None:
    configure(tmp_path, server)
    process, url = logging_in(tmp_path)
    assert "Done" in open_in_browser(url)
    code, out, _ = ended(process)
    assert (code, out.strip()) == (0, "tracker: logged in, for tools")
    login = login_of(tmp_path)
    assert login is not None
    assert login.access_token in server.valid
    assert login.refresh_token in server.renewing
    assert (login.url, login.resource) == (server.url, server.url)
    assert login.token_endpoint == f"{server.issuer}/token"
    assert login.expires_at > 1_700_000_000.0
    path = tmp_path / "mcp-logins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert login.access_token not in out


def test_an_answer_that_is_not_to_our_question_is_not_heard(
    server: OAuthServer, tmp_path: Path
) -> None:
    configure(tmp_path, server)
    process, url = logging_in(tmp_path)
    (back,) = parse_qs(urlsplit(url).query)["redirect_uri"]
    for wrong in ("?code=x&state=guessed", "?code=x", "/other?code=x", "?code=x&state="):
        with pytest.raises(urllib.error.HTTPError) as refused:
            open_in_browser(f"{back}{wrong}")
        assert refused.value.code in (400, 404)
        refused.value.close()
    assert "Done" in open_in_browser(url)
    assert ended(process)[0] == 0


def test_who_does_not_consent_leaves_nothing(server: OAuthServer, tmp_path: Path) -> None:
    server.consents = False
    configure(tmp_path, server)
    process, url = logging_in(tmp_path)
    open_in_browser(url)
    code, _, err = ended(process)
    assert (code, err) == (1, "Error: the login was refused: access_denied\n")
    assert login_of(tmp_path) is None


@pytest.mark.parametrize(
    ("methods", "method"),
    [
        (["client_secret_basic", "client_secret_post"], "client_secret_post"),
        (["client_secret_basic", "none"], "client_secret_basic"),
        (None, "client_secret_basic"),
    ],
)
def test_a_client_that_was_arranged_before_is_not_registered(
    server: OAuthServer, tmp_path: Path, methods: list[str] | None, method: str
) -> None:
    server.methods = methods
    configure(tmp_path, server)
    process, url = logging_in(tmp_path, "--client-id", "ours", "--client-secret", "hush")
    open_in_browser(url)
    assert ended(process)[0] == 0
    login = login_of(tmp_path)
    assert login is not None
    assert (login.client_id, login.client_secret) == ("ours", "hush")
    assert login.auth_method == method
    (form,) = (form for _, _, path, form in server.seen if path == "/token")
    assert form.get("client_secret") == ("hush" if method.endswith("post") else None)
    basic = f"Basic {b64encode(b'ours:hush').decode()}"
    assert (basic in server.headers) == method.endswith("basic")
    assert "/register" not in server.paths()


@pytest.mark.parametrize(
    "place",
    [
        "https://169.254.169.254/latest",
        "https://127.0.0.2:1",
        "https://10.0.0.1",
        "https://[::1]:1",
        "https://[::ffff:169.254.169.254]",
    ],
)
def test_a_server_cannot_lead_the_gateway_to_the_inside_of_a_network(
    server: OAuthServer, tmp_path: Path, place: str
) -> None:
    configure(tmp_path, server)
    path = "/.well-known/oauth-protected-resource/mcp"
    server.metadata[path] = {"resource": server.url, "authorization_servers": [place]}
    assert "which it may not reach; nothing was sent" in fails(tmp_path)


def test_nothing_of_a_login_goes_elsewhere_without_tls(server: OAuthServer, tmp_path: Path) -> None:
    configure(tmp_path, server)
    path = "/.well-known/oauth-protected-resource/mcp"
    there = {"resource": server.url, "authorization_servers": ["http://login.example"]}
    server.metadata[path] = there
    assert "http://login.example is without TLS" in fails(tmp_path)


def test_a_server_on_this_machine_leads_to_no_other_name_for_it(
    server: OAuthServer, tmp_path: Path
) -> None:
    url = server.url = server.url.replace("127.0.0.1", "localhost")
    configure(tmp_path, server, private=False)
    path = "/.well-known/oauth-protected-resource/mcp"
    there = server.issuer.replace("http:", "https:")
    server.metadata[path] = {"resource": url, "authorization_servers": [there]}
    assert "(loopback), which it may not reach" in fails(tmp_path)
    assert "/register" not in server.paths()


def test_a_redirect_to_another_place_is_not_followed(server: OAuthServer, tmp_path: Path) -> None:
    configure(tmp_path, server)
    for path in (
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource",
    ):
        server.moved[path] = f"{server.issuer}/stolen"
    fails(tmp_path)
    assert "/.well-known/oauth-protected-resource/mcp" in server.paths()
    assert "/stolen" not in server.paths()


def test_tokens_for_another_resource_are_not_asked_for(server: OAuthServer, tmp_path: Path) -> None:
    configure(tmp_path, server)
    path = "/.well-known/oauth-protected-resource/mcp"
    other = {"resource": "https://bank.example/", "authorization_servers": [server.issuer]}
    server.metadata[path] = other
    assert "does not match expected" in fails(tmp_path)


def test_a_server_that_wants_no_login_is_told_so(server: OAuthServer, tmp_path: Path) -> None:
    configure(tmp_path, server)
    server.metadata["/mcp"] = {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert "asks for no login: it answered 200" in fails(tmp_path)


def test_tokens_can_be_forgotten(server: OAuthServer, tmp_path: Path) -> None:
    configure(tmp_path, server)
    LoginFile.beside(tmp_path / "gate.db").put(
        "tracker",
        Login(url=server.url, token_endpoint="http://x/", client_id="c", access_token="a"),
    )
    done = run("mcp", "login", "tracker", "--forget", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "tracker: its tokens are forgotten here\n")
    assert login_of(tmp_path) is None
    again = run("mcp", "login", "tracker", "--forget", cwd=tmp_path)
    assert again.stdout == "tracker: nobody was logged in\n"


def test_what_is_not_configured_for_it_is_a_mistake(server: OAuthServer, tmp_path: Path) -> None:
    configure(tmp_path, server, oauth=False)
    assert "tools.mcp.tracker does not say 'oauth: true'" in fails(tmp_path)
    done = run("mcp", "login", "other", cwd=tmp_path)
    assert done.returncode == 4


def test_a_gateway_needs_nothing_of_the_sdk(tmp_path: Path) -> None:
    code = (
        "import sys, agentgate_server.gateway, agentgate_server.tools.mcp.oauth, "
        "agentgate_server.tools.mcp.pins, json; "
        "print(json.dumps([n for n in ('mcp', 'pydantic', 'starlette') if n in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=BOUND_S, check=True
    )
    assert json.loads(done.stdout) == []
