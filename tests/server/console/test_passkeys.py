"""Passkeys over real sockets: made, logged in by, signed with; and what is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.console.browser import Answer, Browser
from tests.server.embedded import AGENT, OPERATOR, OWNER, serving
from tests.server.identity.authenticator import PRESENT, Authenticator, b64

from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.demands import IN_THE_CONSOLE, SIGNED_OTHERWISE
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.passkey import PasskeyAssertion, PasskeyProof, from_base64url
from agentgate_server.checking import policies
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.identity import passkeys
from agentgate_server.identity.passkeys import COPIED, NOT_WAITED_FOR
from agentgate_server.identity.webauthn import RelyingParty
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

POLICY = """
rules:
  - {tool: note, action: ask, approval: {passkey: true}}
  - {tool: echo, action: ask}
"""
PLAIN = "rules: [{tool: note, action: ask}]"


class House:
    """A gateway, its owner's passkey, and an agent that asks."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        self.gateway = gateway
        self.folder = folder
        self.host = f"localhost:{gateway.port}"
        self.key = Authenticator(f"http://{self.host}")

    async def browser(self, token: str = OWNER) -> Browser:
        browser = Browser(self.gateway, self.host)
        assert (await browser.call("login", {"token": token})).status == 200
        return browser

    async def register(self, browser: Browser, key: Authenticator | None = None) -> Answer:
        options = (await browser.call("passkeys/register-options")).json
        made = (key or self.key).make(options)
        return await browser.call("passkeys/register", {**made, "name": " my  phone "})

    async def log_in(self, key: Authenticator | None = None, user: str = "") -> Answer:
        browser = Browser(self.gateway, self.host)
        options = (await browser.call("passkeys/login-options")).json
        return await login(browser, (key or self.key).sign(options["challenge"]), user)

    def audited(self, event: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.folder / "gate.db")) as connection:
            found = connection.execute("SELECT lines FROM audit ORDER BY seq").fetchall()
        lines = (line for (block,) in found for line in block.splitlines())
        entries = (msgspec.json.decode(line[line.index(b"{") :]) for line in lines)
        return [entry for entry in entries if entry["event"] == event]


async def login(browser: Browser, assertion: PasskeyAssertion, user: str = "") -> Answer:
    body = {"passkey": msgspec.to_builtins(assertion), "user": user}
    return await browser.call("passkeys/login", body)


@asynccontextmanager
async def house(folder: Path, **changes: Any) -> AsyncIterator[House]:
    async with serving(folder, policy=Policy.parse(POLICY), **changes) as gateway:
        yield House(gateway, folder)


@asynccontextmanager
async def asked(it: House, tool: str = "note") -> AsyncIterator[tuple[ApprovalsClient, str]]:
    """The owner at the native protocol, and an approval that waits for them."""
    url = it.gateway.url
    async with (
        AgentGateClient(url, AGENT) as agent,
        ApprovalsClient(url, OWNER) as owner,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(ask, agent, tool)
        while not (views := [view for view in await owner.list() if view.tool == tool]):
            await anyio.sleep(0.01)
        yield owner, views[0].id
        tasks.cancel_scope.cancel()


async def ask(agent: AgentGateClient, tool: str) -> None:
    try:
        await agent.tool_request(tool, text="a")
    except AgentGateError:
        return


async def refusal(call: Any) -> tuple[int, str]:
    with pytest.raises(AgentGateError) as refused:
        await call
    return refused.value.code, refused.value.message


async def test_a_passkey_is_made_and_logs_its_owner_in(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        browser = await it.browser()
        assert (await browser.call("me")).json["passkeys"] is True
        made = await it.register(browser)
        assert made.status == 200, made
        assert (made.json["name"], made.json["principal"]) == ("my phone", "owner")
        answer = await it.log_in()
        assert (answer.status, answer.json["who"]["name"]) == (200, "owner")
        assert "known here already" in (await it.register(browser)).message
        async with ApprovalsClient(it.gateway.url, OWNER) as owner:
            (row,) = await owner.passkeys()
            assert (row.id, row.counts, bool(row.used_at)) == (b64(it.key.credential), True, True)
        assert [entry["name"] for entry in it.audited("passkey.added")] == ["my phone"]


async def test_nobody_makes_one_who_is_not_logged_in(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        browser = Browser(it.gateway, it.host)
        for name in ("register-options", "register"):
            assert (await browser.call(f"passkeys/{name}")).code == ErrorCode.AUTHENTICATION
        owner, ops = await it.browser(), await it.browser(OPERATOR)
        options = (await ops.call("passkeys/register-options")).json
        answer = await owner.call("passkeys/register", it.key.make(options))
        assert (answer.code, answer.message) == (ErrorCode.INVALID_PARAMS, NOT_WAITED_FOR)


async def test_a_login_that_was_seen_or_made_up_is_none(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.register(await it.browser())
        browser = Browser(it.gateway, it.host)
        options = (await browser.call("passkeys/login-options")).json
        assertion = it.key.sign(options["challenge"])
        assert (await login(browser, assertion, b64(bytes(32)))).code == ErrorCode.AUTHENTICATION
        assert (await login(browser, assertion)).status == 200
        again = await login(Browser(it.gateway, it.host), assertion)
        assert (again.code, again.message) == (ErrorCode.AUTHENTICATION, NOT_WAITED_FOR)
        made_up = await login(browser, it.key.sign(b64(bytes(32))))
        assert made_up.code == ErrorCode.AUTHENTICATION
        stranger = await it.log_in(Authenticator(it.key.origin, number=2))
        assert stranger.code == ErrorCode.AUTHENTICATION
        it.key.flags = PRESENT
        assert (await it.log_in()).code == ErrorCode.AUTHENTICATION
        assert (await browser.call("passkeys/login", {"passkey": 1})).status == 400


async def test_a_yes_is_signed_and_the_audit_keeps_all_that_verifies_it(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.register(await it.browser())
        async with asked(it) as (owner, rid):
            assert (await owner.get(rid)).needs_passkey
            told = await refusal(owner.decide(rid, "approve"))
            assert told == (ErrorCode.PASSKEY_NEEDED, IN_THE_CONSOLE)
            made = await owner.challenge(rid, "approve")
            assert (made.rp_id, made.credential_ids) == ("localhost", [b64(it.key.credential)])
            signed = it.key.sign(made.challenge)
            view = await owner.decide(rid, "approve", passkey=signed)
            assert (view.status, view.signed) == ("approved", True)
            digest = it.audited("request.asked")[0]["digest"]
            (entry,) = it.audited("request.approved")
            proof = msgspec.convert(entry["passkey"], PasskeyProof)
            assert proof.is_for(rid, digest, approve=True)
            kept = msgspec.convert(entry["passkey"], PasskeyAssertion)
            assert kept == signed
            party = RelyingParty("localhost", {it.key.origin})
            party.signed(from_base64url(proof.challenge), proof.public_key, kept)
            told = await refusal(owner.decide(rid, "approve", passkey=signed))
            assert told[0] == ErrorCode.ALREADY_SETTLED


async def test_what_was_signed_for_one_answer_is_good_for_no_other(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.register(await it.browser())
        async with asked(it) as (owner, rid), asked(it, "echo") as (_, other):
            deny = it.key.sign((await owner.challenge(rid, "deny")).challenge)
            told = await refusal(owner.decide(rid, "approve", passkey=deny))
            assert told == (ErrorCode.PASSKEY_NEEDED, SIGNED_OTHERWISE)
            told = await refusal(owner.decide(rid, "approve", passkey=deny))
            assert told == (ErrorCode.PASSKEY_NEEDED, NOT_WAITED_FOR)
            elsewhere = it.key.sign((await owner.challenge(other, "approve")).challenge)
            told = await refusal(owner.decide(rid, "approve", passkey=elsewhere))
            assert told == (ErrorCode.PASSKEY_NEEDED, NOT_WAITED_FOR)
            plain = it.key.sign((await owner.challenge(rid, "approve")).challenge)
            edit = EditTerms(set={"text": "b"})
            told = await refusal(owner.decide(rid, "approve", passkey=plain, edit=edit))
            assert told == (ErrorCode.PASSKEY_NEEDED, SIGNED_OTHERWISE)
            edited = it.key.sign((await owner.challenge(rid, "approve", edit=edit)).challenge)
            view = await owner.decide(rid, "approve", passkey=edited, edit=edit)
            assert view.status == "approved"


async def test_without_the_person_or_with_another_ones_passkey_it_is_none(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        theirs = Authenticator(it.key.origin, number=2)
        await it.register(await it.browser())
        await it.register(await it.browser(OPERATOR), theirs)
        async with asked(it) as (owner, rid):
            it.key.flags = PRESENT
            signed = it.key.sign((await owner.challenge(rid, "approve")).challenge)
            code, text = await refusal(owner.decide(rid, "approve", passkey=signed))
            assert (code, "verification required" in text) == (ErrorCode.PASSKEY_NEEDED, True)
            signed = theirs.sign((await owner.challenge(rid, "approve")).challenge)
            code, _ = await refusal(owner.decide(rid, "approve", passkey=signed))
            assert code == ErrorCode.PASSKEY_NEEDED
            async with ApprovalsClient(it.gateway.url, OPERATOR) as ops:
                mine = theirs.sign((await ops.challenge(rid, "approve")).challenge)
                code, _ = await refusal(owner.decide(rid, "approve", passkey=mine))
                assert code == ErrorCode.PASSKEY_NEEDED
            assert (await owner.get(rid)).status == "waiting"


async def test_a_number_that_does_not_grow_is_refused_and_the_audit_has_it(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        it.key.count = 5
        await it.register(await it.browser())
        assert (await it.log_in()).status == 200
        it.key.count = 5
        copied = await it.log_in()
        assert (copied.code, copied.message) == (ErrorCode.AUTHENTICATION, COPIED)
        async with asked(it) as (owner, rid):
            it.key.count = 5
            signed = it.key.sign((await owner.challenge(rid, "approve")).challenge)
            told = await refusal(owner.decide(rid, "approve", passkey=signed))
            assert told == (ErrorCode.PASSKEY_NEEDED, COPIED)
            it.key.count = 6
            signed = it.key.sign((await owner.challenge(rid, "approve")).challenge)
            assert (await owner.decide(rid, "approve", passkey=signed)).status == "approved"
        details = [entry["detail"] for entry in it.audited("passkey.refused")]
        assert details == ["it has signed 6 times, and says 6"] * 2


async def test_a_passkey_that_is_removed_counts_no_more(tmp_path: Path) -> None:
    async with house(tmp_path) as it:
        await it.register(await it.browser())
        theirs = Authenticator(it.key.origin, number=2)
        await it.register(await it.browser(OPERATOR), theirs)
        async with (
            ApprovalsClient(it.gateway.url, OWNER) as owner,
            ApprovalsClient(it.gateway.url, OPERATOR) as ops,
        ):
            assert len(await owner.passkeys()) == 1
            assert [row.principal for row in await ops.passkeys()] == ["ops", "owner"]
            code, _ = await refusal(owner.remove_passkey(b64(theirs.credential)))
            assert code == ErrorCode.NOT_FOUND
            removed = await ops.remove_passkey(b64(it.key.credential))
            assert (removed.principal, await owner.passkeys()) == ("owner", [])
        assert (await it.log_in()).code == ErrorCode.AUTHENTICATION
        assert [entry["approver"] for entry in it.audited("passkey.removed")] == ["ops"]


async def test_it_counts_after_a_restart_and_not_beside_another_token(tmp_path: Path) -> None:
    cid = {"name": "cid", "role": "approver", "token": "cid-token-0123456789-abcdefghij"}
    async with house(tmp_path, principals=[cid]) as it:
        await it.register(await it.browser(cid["token"]))
        key, port = it.key, it.gateway.port
    gateway = {"port": port}
    async with house(tmp_path, principals=[cid], gateway=gateway) as it:
        assert (await it.log_in(key)).json["who"]["name"] == "cid"
    new = {**cid, "token": "another-token-9876543210-zyxwvut"}
    async with house(tmp_path, principals=[new], gateway=gateway) as it:
        assert (await it.log_in(key)).code == ErrorCode.AUTHENTICATION
        async with ApprovalsClient(it.gateway.url, new["token"]) as client:
            (row,) = await client.passkeys()
            assert not row.counts


NO_HOST = [
    ({"console": {"enabled": False}}, "set console.enabled"),
    ({"gateway": {"public_url": "http://192.0.2.7:8080"}}, "set gateway.public_url"),
]


@pytest.mark.parametrize(("changes", "words"), NO_HOST)
async def test_where_there_are_none_it_is_said(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(DocumentError, match=words):
        async with house(tmp_path, **changes):
            raise AssertionError("it must not start")
    async with serving(tmp_path, policy=Policy.parse(PLAIN), **changes) as gateway:
        it = House(gateway, tmp_path)
        async with asked(it) as (owner, rid):
            assert await owner.passkeys() == []
            code, text = await refusal(owner.challenge(rid, "approve"))
            assert (code, "no passkeys at this gateway" in text) == (ErrorCode.PASSKEY_NEEDED, True)
            code, _ = await refusal(owner.remove_passkey("Y3JlZA"))
            assert code == ErrorCode.NOT_FOUND
            signed = it.key.sign(b64(bytes(32)))
            code, _ = await refusal(owner.decide(rid, "approve", passkey=signed))
            assert code == ErrorCode.PASSKEY_NEEDED
            code, _ = await refusal(owner.challenge("none", "approve"))
            assert code == ErrorCode.NOT_FOUND


async def test_without_the_package_a_policy_that_demands_them_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "is_installed", bool)
    with pytest.raises(DocumentError, match=r"install.*fido2"):
        async with house(tmp_path):
            raise AssertionError("it must not start")


async def test_who_has_none_is_told_where_to_make_one(tmp_path: Path) -> None:
    async with house(tmp_path) as it, asked(it) as (owner, rid):
        code, text = await refusal(owner.challenge(rid, "approve"))
        assert (code, "make one in the console" in text) == (ErrorCode.PASSKEY_NEEDED, True)
        broken = PasskeyAssertion(
            credential="a", authenticator_data="a", client_data="a", signature="a"
        )
        code, _ = await refusal(owner.decide(rid, "approve", passkey=broken))
        assert code == ErrorCode.PASSKEY_NEEDED
        assert (await owner.decide(rid, "deny")).status == "denied"


async def test_nobody_has_more_of_them_than_devices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkeys, "OF_ONE_MAX", 1)
    async with house(tmp_path) as it:
        browser = await it.browser()
        assert (await it.register(browser)).status == 200
        second = await it.register(browser, Authenticator(it.key.origin, number=2))
        assert (second.code, second.message) == (
            ErrorCode.INVALID_PARAMS,
            "you have 1 passkeys: remove one that you do not use",
        )


async def test_the_link_of_the_command_line_opens_a_page_that_can_have_passkeys(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as it:
        browser = Browser(it.gateway, f"127.0.0.1:{it.gateway.port}")
        headers: dict[str, str | None] = {"authorization": f"Bearer {OWNER}"}
        answer = await browser.send("POST", "/api/console-links", headers, b"")
        assert answer.json["url"].startswith(f"http://{it.host}/console/#link=")
