"""The doctor tries the bot, its chat and its people, against the stand-in for Telegram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.cli.doctor.ward import BOT_TOKEN, diagnose, found, telegram, write_well

from agentgate_cli.standins.http_server import HttpServer, text_response
from agentgate_cli.standins.telegram import TelegramStandIn

pytestmark = pytest.mark.anyio

GROUP = -1001


def people(stand_in: TelegramStandIn) -> None:
    stand_in.chats.add_person(42, "Ann")
    stand_in.chats.add_person(43, "Ben")
    stand_in.chats.add_group(GROUP, "The house")


async def test_a_bot_that_can_ask_is_well(tmp_path: Path) -> None:
    async with TelegramStandIn() as stand_in:
        people(stand_in)
        for more in ({}, {"chat_id": GROUP, "allowed_users": [42, {"id": 43, "name": "ben"}]}):
            write_well(tmp_path, messenger=telegram(stand_in.url, **more))
            assert await diagnose(tmp_path) == []
        assert not stand_in.chats.seen(42)
        assert "getUpdates" not in stand_in.calls  # a gateway may be listening


def block(stand_in: TelegramStandIn) -> None:
    stand_in.chats.blocked.add(42)


def upgrade(stand_in: TelegramStandIn) -> None:
    stand_in.chats.upgrade(GROUP, -1002)


def close(stand_in: TelegramStandIn) -> None:
    stand_in.chats.closed.add((GROUP, 7))


def leave(stand_in: TelegramStandIn) -> None:
    stand_in.chats.left.add((GROUP, 43))


def hook(stand_in: TelegramStandIn) -> None:
    stand_in.webhook = "https://other.example/hook/secret"


def nothing(stand_in: TelegramStandIn) -> None:
    pass


@pytest.mark.parametrize(
    ("do", "more", "text", "step", "level"),
    [
        (nothing, {"token": f"9{BOT_TOKEN}"}, "knows no bot with this token", "BotFather", "error"),
        (nothing, {"chat_id": 99}, "knows no chat 99", "send the bot /start", "error"),
        (block, {}, "has blocked the bot", "https://t.me/gate_bot", "error"),
        (upgrade, {"chat_id": GROUP}, "become a supergroup", "chat_id to -1002", "error"),
        (close, {"chat_id": GROUP, "message_thread_id": 7}, "topic", "reopen the topic", "error"),
        (nothing, {"allowed_users": []}, "nobody may answer there", "allowed_users", "error"),
        (nothing, {"allowed_users": [43]}, "42's own, who may not answer", "add 42 to", "error"),
        (
            leave,
            {"chat_id": GROUP, "allowed_users": [42, {"id": 43, "name": "ben"}]},
            "ben may answer, and is not in the group",
            "add them to the group",
            "warning",
        ),
        (
            nothing,
            {"chat_id": GROUP, "allowed_users": [42, 77]},
            "telegram:77 may answer, and is not in the group",
            "take 77 out of",
            "warning",
        ),
        (hook, {}, "has a webhook to other.example", "make a bot of its own", "warning"),
        (nothing, {"chat_id": 0}, "no chat is set", "/start", "warning"),
    ],
)
async def test_what_is_wrong_is_found(
    tmp_path: Path, do: Any, more: dict[str, Any], text: str, step: str, level: str
) -> None:
    async with TelegramStandIn() as stand_in:
        people(stand_in)
        do(stand_in)
        write_well(tmp_path, messenger=telegram(stand_in.url, **more))
        said = await diagnose(tmp_path)
        found(said, "telegram", text, step, level)
        assert BOT_TOKEN not in repr(said)
        assert "secret" not in repr(said)


@pytest.mark.parametrize(
    ("status", "description", "text", "step"),
    [
        (403, "Forbidden: bot was kicked from the group chat", "not in the group", "add @gate_bot"),
        (
            400,
            "Bad Request: not enough rights to send",
            "may not write there",
            "let @gate_bot",
        ),
        (400, "Bad Request: CHAT_\x1b[2J", "refuses the chat: ", "/start"),
        (500, "Internal", "refuses the chat: Internal", ""),
    ],
)
async def test_what_the_chat_refuses_is_explained(
    tmp_path: Path, status: int, description: str, text: str, step: str
) -> None:
    from agentgate_cli.standins.telegram import Refuse

    async with TelegramStandIn() as stand_in:
        people(stand_in)
        stand_in.fail_next("sendChatAction", Refuse(status, description))
        write_well(tmp_path, messenger=telegram(stand_in.url))
        said = await diagnose(tmp_path)
        found(said, "telegram", text, step)
        assert "\x1b" not in repr(said)


async def test_nothing_there_and_something_else_there(tmp_path: Path) -> None:
    write_well(tmp_path, messenger=telegram("http://127.0.0.1:9"))
    said = await diagnose(tmp_path)
    found(said, "telegram", "can't be reached at 127.0.0.1:9", "curl -sS http://127.0.0.1:9")

    async def page(_request: object) -> Any:
        return text_response("<html>")

    async with HttpServer(page) as server:
        write_well(tmp_path, messenger=telegram(server.url))
        found(await diagnose(tmp_path), "telegram", "what answers is not the Bot API", "curl")
