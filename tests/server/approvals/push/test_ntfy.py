"""A person answers by ntfy: what they see, what their button sends, what others are told."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pyotp
import pytest
from tests.server.approvals.push.harness import (
    ANNS,
    BOBS,
    PEOPLE,
    answer,
    ask,
    asked_by,
    asker,
    channel_of,
    decide_elsewhere,
    gateway_on,
    ntfy_server,
    quiet,
    reads,
    tap,
)
from tests.server.embedded import http, until

from agentgate_cli.standins.telegram import Drop, Lose, Refuse
from agentgate_proto.connection.events import Answered
from agentgate_proto.faces.answer_tickets import AnswerTicket, key_of

pytestmark = pytest.mark.anyio

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TWO = """
rules:
  - {pattern: "*", action: ask, approval: {approvers: 2}}
"""
CODE = """
rules:
  - {pattern: "*", action: ask, approval: {code: true}}
"""


async def test_an_approval_is_asked_with_all_that_a_person_needs_to_decide(tmp_path: Path) -> None:
    async with ntfy_server() as ntfy, gateway_on(ntfy, tmp_path) as gateway:
        async with asker(gateway) as client:
            await ask(client, text="hello")
            message = await asked_by(ntfy)
        assert message.title == "agent asks"
        assert message.text.startswith('asked(hello)\n• text: "hello"')
        assert "Rule: ask for everything (permissions.yaml:5)" in message.text
        assert "expires" in message.text
        assert message.labels == ["Approve", "Deny"]
        assert (message.priority, message.tags) == (4, ("question",))


@pytest.mark.parametrize(("label", "status"), [("Approve", "approved"), ("Deny", "denied")])
async def test_a_tap_decides_and_the_notification_says_who_and_how_it_ended(
    tmp_path: Path, label: str, status: str
) -> None:
    async with ntfy_server() as ntfy, gateway_on(ntfy, tmp_path) as gateway:
        async with asker(gateway) as client:
            await ask(client, text="hello")
            code, told = await tap(gateway, await asked_by(ntfy), label)
            outcome = await client.next(Answered)
        assert (code, told["status"]) == (200, status)
        assert set(told) == {"id", "status", "approved_by", "approvers_needed"}
        assert (outcome.error is None) is (status == "approved")
        message = await reads(ntfy, status.capitalize(), "By owner (ntfy)")
        if status == "approved":
            message = await reads(ntfy, "The tool has run.")
        assert (message.actions, message.priority) == ((), 1)
        assert len(ntfy.rung(ANNS)) == 1


async def test_a_ticket_is_good_once_and_the_other_button_with_it(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await asked_by(ntfy)
        assert (await tap(gateway, message, "Deny"))[0] == 200
        for label in ("Deny", "Approve"):
            code, told = await tap(gateway, message, label)
            assert code == 409
            assert told["error"].startswith("Already denied by owner (ntfy)")
            assert told["approval"]["status"] == "denied"
            assert "args" not in told["approval"]


async def test_what_is_decided_elsewhere_is_said_and_a_late_tap_is_told_the_truth(
    tmp_path: Path,
) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await asked_by(ntfy)
        await decide_elsewhere(gateway, "deny")
        assert (await reads(ntfy, "Denied", "By owner (http)")).actions == ()
        code, told = await tap(gateway, message, "Approve")
        assert code == 409
        assert "Already denied by owner (http)" in told["error"]


async def test_each_person_has_tickets_of_their_own(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path, people=PEOPLE, policy=TWO) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        first = await asked_by(ntfy, BOBS)
        assert (await tap(gateway, first, "Approve"))[1]["approved_by"] == 1
        await reads(ntfy, "yes from bob")
        again = await reads(ntfy, "yes from bob", topic=BOBS)
        assert again.priority == 1, "it has rung for this"
        assert again.labels == ["Deny"]
        assert "You have said yes" in again.text
        code, told = await tap(gateway, first, "Approve")
        assert (code, told["error"][:20]) == (403, "This button was used")
        assert (await tap(gateway, await asked_by(ntfy), "Approve"))[1]["status"] == "approved"
        assert (await client.next(Answered)).error is None


async def test_what_takes_a_code_can_be_denied_and_not_approved(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path, policy=CODE) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await asked_by(ntfy)
        assert message.labels == ["Deny"]
        assert "Approving takes a one-time code" in message.text
        assert "do it in a terminal" in message.text
        assert (await tap(gateway, message, "Deny"))[1]["status"] == "denied"


@pytest.mark.parametrize(
    "body", [{}, {"ticket": ""}, {"ticket": 5}, {"ticket": "x", "approve": True}, [], "x"]
)
async def test_what_is_no_answer_is_refused(tmp_path: Path, body: object) -> None:
    async with ntfy_server() as ntfy, gateway_on(ntfy, tmp_path) as gateway:
        assert (await answer(gateway, body))[0] == 400


async def test_a_ticket_may_come_in_a_header(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        body = (await asked_by(ntfy)).action("Deny").body
        ticket = body.split('"')[3]
        extra = f"X-Answer-Ticket: {ticket}\r\n"
        assert (await answer(gateway, None, extra=extra))[1]["status"] == "denied"


@pytest.mark.parametrize(("label", "status"), [("Deny", "denied"), ("Approve", "approved")])
async def test_a_word_may_go_with_an_answer(tmp_path: Path, label: str, status: str) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        body = json.loads((await asked_by(ntfy)).action(label).body)
        code, told = await answer(gateway, body | {"word": "not at night"})
        assert (code, told["status"]) == (200, status)
        outcome = await client.next(Answered)
        said = repr(outcome.error) if outcome.error else bytes(outcome.result).decode()
        assert "not at night" in said
        await reads(ntfy, status.capitalize(), "The answer: “not at night”")


async def test_a_code_may_go_with_a_yes_and_a_wrong_one_leaves_the_ticket_good(
    tmp_path: Path,
) -> None:
    """Of whatever sends tickets that say yes where a code is needed: ntfy's apps can't type one."""
    ann = {"name": "ann", "role": "approver", "token": "a" * 20, "totp": SECRET}
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path, policy=CODE, principals=[ann]) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        await asked_by(ntfy)
        (view,) = gateway.gate.desk.waiting()
        secret = "a-ticket-that-says-yes"
        until_s = datetime.fromisoformat(view.expires_at).timestamp()
        ticket = AnswerTicket(view.id, True, "ann", "ntfy", until_s)
        channel_of(gateway).outbox.tickets.add(key_of(secret), ticket)
        for wrong in ({}, {"code": "000000"}, {"word": "please"}):
            code, told = await answer(gateway, {"ticket": secret, **wrong})
            assert code == 403, told
        body = {"ticket": secret, "code": pyotp.TOTP(SECRET).now(), "word": "go on"}
        assert (await answer(gateway, body))[1]["status"] == "approved"
        outcome = await client.next(Answered)
        assert outcome.error is None
        assert "go on" in bytes(outcome.result).decode()


async def test_who_guesses_is_told_nothing_and_soon_not_even_that(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await asked_by(ntfy)
        (view,) = gateway.gate.desk.waiting()
        codes = [(await answer(gateway, {"ticket": view.id}))[0] for _ in range(25)]
        assert codes == [404] * 20 + [429] * 5
        assert (await tap(gateway, message, "Deny"))[0] == 200, "a right one is always taken"


async def test_an_expired_approval_takes_no_ticket(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path, approval_timeout=0.3) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await until(lambda: ntfy.published, "a notification")
        await reads(ntfy, "Expired", "nothing was run")
        code, told = await tap(gateway, message[0], "Approve")
        assert code == 409
        assert told["error"].startswith("Already expired")


async def test_what_waits_is_not_asked_again_after_a_restart_and_its_buttons_work(
    tmp_path: Path,
) -> None:
    async with ntfy_server() as ntfy:
        async with gateway_on(ntfy, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            message = await asked_by(ntfy)
            await quiet(gateway)
        async with gateway_on(ntfy, tmp_path) as gateway:
            await channel_of(gateway).outbox.delivery.remembered.wait()
            assert (await tap(gateway, message, "Deny"))[1]["status"] == "denied"
            await reads(ntfy, "Denied", "By owner (ntfy)")
        assert len(ntfy.rung(ANNS)) == 1


async def test_of_somebody_who_is_not_asked_any_more_no_ticket_is_taken(tmp_path: Path) -> None:
    async with ntfy_server() as ntfy:
        async with gateway_on(ntfy, tmp_path, people=PEOPLE) as gateway, asker(gateway) as client:
            await ask(client)
            message = await asked_by(ntfy, BOBS)
            await quiet(gateway)
        async with gateway_on(ntfy, tmp_path) as gateway:
            await channel_of(gateway).outbox.delivery.remembered.wait()
            assert (await tap(gateway, message, "Approve"))[0] == 404


@pytest.mark.parametrize(
    "fault", [Drop(), Lose(), Refuse(500, "oops"), Refuse(429, "slow down", 2), Refuse(403, "no")]
)
async def test_a_call_that_fails_is_made_again_and_asks_once(tmp_path: Path, fault: object) -> None:
    async with ntfy_server() as ntfy:
        ntfy.fail_next(fault)  # type: ignore[arg-type]
        async with gateway_on(ntfy, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            await asked_by(ntfy)
            await quiet(gateway)
            assert len(ntfy.shown(ANNS)) == 1
            assert channel_of(gateway).problem == ""
            assert (await tap(gateway, ntfy.shown(ANNS)[0], "Approve"))[0] == 200


async def test_a_notification_whose_answer_was_lost_can_be_answered(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        ntfy.rule = lambda form: Lose()
        await ask(client)
        await until(lambda: len(ntfy.published) > 2, "further tries")
        assert (await tap(gateway, ntfy.published[0], "Approve"))[0] == 200
        assert "no answer came" in channel_of(gateway).problem


async def test_a_place_that_refuses_holds_up_no_other_and_is_told_of(tmp_path: Path) -> None:
    async with ntfy_server(token="tk_secret_0123456789") as ntfy:
        ntfy.forbidden = {ANNS}
        async with gateway_on(ntfy, tmp_path, people=PEOPLE) as gateway, asker(gateway) as client:
            await ask(client)
            await asked_by(ntfy, BOBS)
            await until(lambda: channel_of(gateway).problem, "a problem")
            _, _, health = await http(gateway, "GET", "/health")
            assert "check messenger.ntfy.token" in health["ntfy"]
            assert ANNS not in health["ntfy"]
            ntfy.forbidden = set()
            await asked_by(ntfy)
            await until(lambda: not channel_of(gateway).problem, "no problem")


async def test_an_agent_that_asks_much_rings_as_often_as_it_may_and_one_line_tells_the_rest(
    tmp_path: Path,
) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path, asks_per_minute=2) as gateway,
        asker(gateway) as client,
    ):
        for number in range(6):
            await ask(client, number + 1, text=str(number))
        await reads(ntfy, "and ", " more of agent")
        await until(
            lambda: sum(bool(each.actions) for each in ntfy.shown(ANNS)) == 6, "all, in the end"
        )
        await reads(ntfy, "No more asks of agent are held back.")


async def test_what_could_deceive_is_written_by_its_number(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, text="a\u202eb\nApproved\nBy owner")
        message = await asked_by(ntfy)
        assert "\u202e" not in message.text
        assert "\\u202e" in message.text
        assert "\nApproved" not in message.text


async def test_a_large_argument_fits_a_notification(tmp_path: Path) -> None:
    async with (
        ntfy_server() as ntfy,
        gateway_on(ntfy, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        await ask(client, text='\U0001f600"' * 20_000)
        message = await asked_by(ntfy)
        assert "more characters" in message.text
        assert len(message.text.encode()) <= 3_000


async def test_probing_says_what_is_wrong_and_sends_nothing(tmp_path: Path) -> None:
    async with ntfy_server() as ntfy, gateway_on(ntfy, tmp_path) as gateway:
        sender = channel_of(gateway).sender
        assert await sender.probe([ANNS]) == []  # type: ignore[attr-defined]
        ntfy.forbidden = {ANNS}
        (problem,) = await sender.probe([ANNS])  # type: ignore[attr-defined]
        assert "lets us not in" in problem
        assert ntfy.published == []
