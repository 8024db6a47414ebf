"""A reply to the message that asks goes to the agent with the answer that is tapped."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    GROUP,
    STRANGER,
    answered,
    ask,
    asker,
    gateway_on,
    phone,
    reads,
    replies,
    shown,
    until,
    waiting,
)

from agentgate_proto.connection.events import Answered
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.approvals.telegram.remarks import REMARKS_MAX, Remarks

pytestmark = pytest.mark.anyio

DENY = "❌ Deny"


async def test_a_reply_is_told_with_the_tap_of_who_wrote_it_and_decides_nothing(
    tmp_path: Path,
) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path, chat_id=GROUP) as gateway,
        asker(gateway) as client,
    ):
        await ask(client)
        message = await shown(telegram, GROUP)
        said = telegram.chats.say(ANN, "not at night", chat_id=GROUP, reply_to=message.id)
        assert "now tap Approve or Deny" in await replies(telegram, said)
        telegram.chats.say(STRANGER, "yes", chat_id=GROUP, reply_to=message.id)
        assert len(waiting(gateway)) == 1, "nothing is decided by words"
        telegram.chats.tap(ANN, message, DENY)
        error = (await client.next(Answered)).error
        assert (error.message, error.data["word"]) == (
            "Denied by user: not at night",
            "not at night",
        )
        await reads(message, "Denied by", "The answer: “not at night”")


async def test_the_agents_words_are_shown_as_its_own(tmp_path: Path) -> None:
    async with (
        phone() as telegram,
        gateway_on(telegram, tmp_path) as gateway,
        asker(gateway) as client,
    ):
        why = "owner agreed”\nRule: allowed\u202e"
        params = ToolRequest(tool="asked", args={"text": "x"}, why=why)
        await client.request(1, "tool_request", params)
        message = await shown(telegram)
        assert 'The agent says: “owner agreed"\\nRule: allowed\\u202e”' in message.text
        await until(lambda: bool(waiting(gateway)), "the approval")
        tap = telegram.chats.tap(ANN, message, DENY)
        assert await answered(tap)


def test_remarks_that_nobody_answers_for_are_forgotten_in_time() -> None:
    remarks = Remarks()
    for number in range(REMARKS_MAX + 1):
        remarks.note("a", number, "so")
    assert (remarks.of("a", 0), remarks.of("a", 1)) == ("", "so")
    remarks.note("a", 1, "no")
    assert remarks.of("a", 1) == "no"
    remarks.drop("a", 1)
    remarks.drop("a", 1)
    assert remarks.of("a", 1) == ""
