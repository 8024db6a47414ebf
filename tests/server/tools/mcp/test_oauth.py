"""The token of an MCP server: renewed when its time comes, by no agent's doing."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace
from tests.server.tools.mcp.oauth_server import OAuthServer, oauth_server

from agentgate_server.errors import NotStarted
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.mcp.form import McpServerConfig, McpUrl
from agentgate_server.tools.mcp.login_file import Login, LoginFile
from agentgate_server.tools.mcp.oauth import NeedsLogin, OAuthLogin, renewal

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with oauth_server() as found:
        yield found


class Stage:
    """A gateway that is logged in at a server."""

    def __init__(self, folder: Path, server: OAuthServer, **changes: Any) -> None:
        self.server = server
        self.now = NOW
        self.learnt: set[str] = set()
        self.file = LoginFile.beside(folder / "gate.db")
        server.valid.add("access-0")
        server.renewing.add("renew-0")
        self.first = Login(
            url=server.url,
            token_endpoint=f"{server.issuer}/token",
            client_id="c1",
            resource=server.url,
            access_token="access-0",
            refresh_token="renew-0",
            expires_at=NOW + 3_600,
        )
        said: dict[str, Any] = {"private": True, "oauth": True} | changes
        self.config = McpServerConfig(url=McpUrl(server.url), **said)
        self.login = OAuthLogin("tracker", self.config, self.file, self.learn, lambda: self.now)

    def learn(self, secrets: list[Secret]) -> None:
        self.learnt |= {each.value for each in secrets}

    def log_in(self, **changes: Any) -> None:
        self.file.put("tracker", replace(self.first, **changes))


@pytest.fixture
def stage(tmp_path: Path, server: OAuthServer) -> Stage:
    found = Stage(tmp_path, server)
    found.log_in()
    return found


async def test_a_token_is_used_as_long_as_it_lasts(stage: Stage) -> None:
    assert await stage.login.token() == "access-0"
    assert await stage.login.token() == "access-0"
    assert stage.server.seen == []
    assert stage.learnt == {"access-0", "renew-0"}


async def test_a_token_is_renewed_shortly_before_its_end_and_kept(stage: Stage) -> None:
    stage.now += 3_580
    assert await stage.login.token() == "access-1"
    kept = stage.file.get("tracker")
    assert kept is not None
    assert (kept.access_token, kept.refresh_token) == ("access-1", "renew-1")
    assert kept.expires_at == stage.now + 3_600
    ((_, _, _, form),) = stage.server.seen
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "renew-0",
        "client_id": "c1",
        "resource": stage.server.url,
    }
    assert {"access-1", "renew-1"} <= stage.learnt
    stage.now += 10
    assert await stage.login.token() == "access-1"


async def test_a_token_that_was_refused_is_renewed(stage: Stage) -> None:
    stage.server.expires_in = None
    assert await stage.login.headers() == {"Authorization": "Bearer access-0"}
    assert await stage.login.refused()
    assert await stage.login.headers() == {"Authorization": "Bearer access-1"}
    kept = stage.file.get("tracker")
    assert kept is not None
    assert kept.expires_at == 0.0
    assert not await stage.login.refused()  # a request that was under way meanwhile
    assert await stage.login.token() == "access-1"
    stage.now += 60.0
    assert await stage.login.refused()
    assert await stage.login.token() == "access-2"


async def test_a_refusal_that_only_a_person_can_mend_is_said(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.server.refuses_renewal = 400
    await stage.login.headers()
    with caplog.at_level(logging.WARNING):
        assert not await stage.login.refused()
    assert "agent-gate mcp login tracker" in caplog.text
    assert stage.login.problem == "needs login: agent-gate mcp login tracker"


async def test_many_who_need_it_at_once_renew_it_once(stage: Stage) -> None:
    stage.now += 3_600
    tokens: list[str] = []

    async def take() -> None:
        tokens.append(await stage.login.token())

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(take)
    assert tokens == ["access-1"] * 8
    assert stage.server.paths() == ["/token"]


async def test_a_server_that_keeps_its_renewing_token_is_asked_with_it_again(stage: Stage) -> None:
    stage.server.rotates = False
    for number in (1, 2):
        stage.now += 3_600
        assert await stage.login.token() != f"access-{number - 1}"
    kept = stage.file.get("tracker")
    assert kept is not None
    assert kept.refresh_token == "renew-0"


@pytest.mark.parametrize("status", [400, 401])
async def test_a_login_that_has_ended_needs_a_person_and_says_so(stage: Stage, status: int) -> None:
    stage.server.refuses_renewal = status
    stage.now += 3_600
    with pytest.raises(NeedsLogin, match="'agent-gate mcp login tracker'"):
        await stage.login.token()
    assert stage.login.problem == "needs login: agent-gate mcp login tracker"
    stage.log_in(access_token="access-9", expires_at=0.0)
    assert await stage.login.token() == "access-9"
    assert stage.login.problem == ""


async def test_without_a_login_nothing_is_asked_of_anybody(
    tmp_path: Path, server: OAuthServer
) -> None:
    stage = Stage(tmp_path, server)
    with pytest.raises(NeedsLogin, match="nobody has logged in"):
        await stage.login.token()
    stage.log_in(url="https://other.example/mcp")
    with pytest.raises(NeedsLogin, match="for another URL"):
        await stage.login.token()
    stage.log_in(refresh_token="", expires_at=NOW)
    with pytest.raises(NeedsLogin, match="the login has ended"):
        await stage.login.token()
    assert server.seen == []


async def test_a_renewal_that_fails_for_now_is_tried_again(stage: Stage) -> None:
    stage.server.refuses_renewal = 503
    stage.now += 3_600
    with pytest.raises(NotStarted, match="could not be renewed: status 503") as failed:
        await stage.login.token()
    assert not isinstance(failed.value, NeedsLogin)
    assert stage.login.problem == ""
    stage.server.refuses_renewal = 0
    assert await stage.login.token() == "access-1"


@pytest.mark.parametrize("answer", [{}, {"access_token": "a\nb"}, ["access"], {"access_token": ""}])
async def test_an_answer_that_is_none_changes_nothing(stage: Stage, answer: Any) -> None:
    stage.server.metadata["/token"] = answer
    stage.now += 3_600
    with pytest.raises(NotStarted, match="could not be renewed"):
        await stage.login.token()
    assert stage.file.get("tracker") == stage.first


async def test_tokens_are_sent_nowhere_that_is_private_unless_it_is_the_servers_own_host(
    tmp_path: Path, server: OAuthServer
) -> None:
    stage = Stage(tmp_path, server)
    stage.log_in(token_endpoint="https://127.0.0.2:1/token", expires_at=NOW)
    with pytest.raises(NotStarted, match=r"127\.0\.0\.2 .*may not reach"):
        await stage.login.token()
    stage.log_in(token_endpoint="https://169.254.169.254/token", expires_at=NOW)
    with pytest.raises(NotStarted, match="link-local"):
        await stage.login.token()
    assert server.seen == []


async def test_a_renewed_login_that_cannot_be_kept_is_used_all_the_same(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.now += 3_600
    beside = stage.file.path.with_name("mcp-logins.json-new")
    beside.mkdir()
    with caplog.at_level(logging.ERROR):
        assert await stage.login.token() == "access-1"
    assert "the renewed login is not kept" in caplog.text
    assert "access-1" not in caplog.text
    assert await stage.login.token() == "access-1"


async def test_a_login_of_somebody_meanwhile_wins_over_a_renewal(stage: Stage) -> None:
    await stage.login.headers()
    stage.log_in(access_token="access-8")
    assert await stage.login.refused()
    assert await stage.login.token() == "access-8"
    assert stage.server.seen == []


async def test_a_file_that_cannot_be_trusted_is_said(stage: Stage) -> None:
    stage.file.path.chmod(0o644)
    with pytest.raises(NotStarted, match="the login can't be read"):
        await stage.login.token()
    assert "chmod 600" in stage.login.problem


async def test_who_we_are_is_said_as_it_was_arranged(stage: Stage) -> None:
    form, headers = renewal(replace(stage.first, client_secret="s=1", resource=""))
    assert (b"s%3D1" in form, b"resource" in form) == (False, False)
    assert "Authorization" not in dict(headers)
    form, _ = renewal(replace(stage.first, client_secret="s=1", auth_method="client_secret_post"))
    assert b"client_secret=s%3D1" in form
    basic = replace(stage.first, client_secret="s=1", auth_method="client_secret_basic")
    form, headers = renewal(basic)
    assert b"client_secret" not in form
    said = dict(headers)["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(said) == b"c1:s%3D1"
