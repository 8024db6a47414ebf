"""Updates and answers that Telegram would not send: passed over, or another try, but no end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.server.approvals.telegram.harness import (
    ANN,
    ask,
    asker,
    gateway_on,
    phone,
    replies,
    shown,
)

from agentgate_cli.standins.http_server import json_response
from agentgate_cli.standins.telegram import TelegramStandIn
from agentgate_server.approvals.telegram.api import Polls

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

CHAT = {"id": ANN, "type": "private"}
USER = {"id": ANN, "is_bot": False, "first_name": "Ann"}

ODD: list[Any] = [
    {},
    {"callback_query": {}},
    {"callback_query": {"id": "1", "from": {}, "chat_instance": "1"}},
    {"callback_query": {"id": "1", "from": USER, "chat_instance": "1"}},
    {"callback_query": {"id": 1, "from": USER, "chat_instance": 1, "data": {"a": 1}}},
    {"callback_query": 7},
    {"message": {}},
    {"message": "hello"},
    {"message": {"message_id": 1, "date": "now", "chat": CHAT, "from": USER, "text": "/help"}},
    {"message": {"message_id": 1, "date": 1, "chat": CHAT, "from": USER, "text": ["/help"]}},
    {"message": {"message_id": 1, "date": 10**30, "chat": CHAT, "text": "/help"}},
    {"message": {"message_id": 1, "date": 1, "chat": {}, "from": USER}},
    {"of a later Bot API": {"a": 1}},
]

ANSWERS: list[Any] = [True, 7, None, [], {}, "text", {"message_id": "x"}, {"message_id": 1}]


@pytest.mark.parametrize("odd", ODD, ids=str)
async def test_an_odd_update_is_passed_over(odd: dict[str, Any], tmp_path: Path) -> None:
    async with phone() as telegram, gateway_on(telegram, tmp_path):
        telegram._updated(odd)
        assert "This bot asks" in await replies(telegram, telegram.chats.say(ANN, "/help"))


@pytest.mark.parametrize("result", [7, "text", None, {}])
async def test_what_is_no_list_of_updates_is_another_try(
    result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with phone() as telegram:
        garble(monkeypatch, telegram, "getUpdates", result)
        async with gateway_on(telegram, tmp_path):
            assert "This bot asks" in await replies(telegram, telegram.chats.say(ANN, "/help"))


@pytest.mark.parametrize("result", ANSWERS, ids=str)
async def test_an_odd_answer_is_another_try(
    result: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with phone() as telegram:
        garble(monkeypatch, telegram, "sendMessage", result)
        async with gateway_on(telegram, tmp_path) as gateway, asker(gateway) as client:
            await ask(client)
            assert "asked" in (await shown(telegram)).text


def garble(
    monkeypatch: pytest.MonkeyPatch, telegram: TelegramStandIn, method: str, result: Any
) -> None:
    """Let the first call of a method be answered with this."""
    perform, left = telegram._perform, [result]

    async def odd(called: str, params: dict[str, str]) -> Any:
        if called == method and left:
            return json_response({"ok": True, "result": left.pop()})
        return await perform(called, params)

    monkeypatch.setattr(telegram, "_perform", odd)


@pytest.mark.parametrize("number", ["7", None, 1.5, True, [1]])
async def test_an_update_without_a_number_is_left_out(number: Any) -> None:
    good = {"update_id": 8}
    answer = {"ok": True, "result": [{"update_id": number}, good, "text", 7]}
    assert Polls.parse_json_payload(json.dumps(answer).encode())["result"] == [good]
