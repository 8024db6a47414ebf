"""Who sends the bot /start, as the Bot API tells it."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_cli.doctor.bot import Bot
from agentgate_cli.standins.telegram import TelegramStandIn
from agentgate_cli.starter.starts import Start, hear_start, link_of, start_of

ANN = {"id": 42, "is_bot": False, "first_name": "Ann", "last_name": "Onym"}
PRIVATE = {"id": 42, "type": "private", "first_name": "Ann"}
GROUP = {"id": -100, "type": "supergroup", "title": "The\nhouse"}


def update(text: str = "/start", sender: Any = ANN, chat: Any = PRIVATE, **more: Any) -> Any:
    message = {"message_id": 1, "date": 1, "text": text, "from": sender, "chat": chat, **more}
    return {"update_id": 5, "message": message}


def test_who_and_where_is_read() -> None:
    assert start_of(update(), "w") == Start(user=42, name="Ann Onym", chat=42)
    by_link = start_of(update("/start w"), "w")
    assert by_link is not None
    assert by_link.by_link
    assert by_link.is_private
    in_group = start_of(update("/start@gate_bot", chat=GROUP), "w")
    assert in_group == Start(user=42, name="Ann Onym", chat=-100, title="The house")
    topic = {"message_thread_id": 7, "is_topic_message": True}
    assert start_of(update(chat=GROUP, **topic), "w") == Start(
        user=42, name="Ann Onym", chat=-100, title="The house", thread=7
    )


@pytest.mark.parametrize(
    "other",
    [
        update("/started"),
        update("hello /start"),
        update(sender={**ANN, "is_bot": True}),
        update(sender=None),
        update(chat={"id": "x"}),
        {"update_id": 1, "callback_query": {}},
        {"update_id": 1, "message": {"text": 7}},
    ],
)
def test_what_is_no_start_of_a_person_is_passed_over(other: Any) -> None:
    assert start_of(other, "w") is None


def test_a_name_does_nothing_to_a_terminal() -> None:
    evil = start_of(update(sender={"id": 6, "first_name": "\x1b[2J\u202eAnn\n\n" * 99}), "w")
    assert evil is not None
    assert evil.name.isprintable()
    assert len(evil.name) <= 60


def test_the_link_opens_the_bot() -> None:
    assert link_of("gate_bot", "abc_-1") == "https://t.me/gate_bot?start=abc_-1"


@pytest.mark.anyio
async def test_the_start_that_is_meant_is_heard_and_the_others_are_not_told_again() -> None:
    async with TelegramStandIn() as telegram:
        telegram.chats.add_person(41, "Mallory")
        telegram.chats.add_person(42, "Ann")
        telegram.chats.say(41, "/start")
        telegram.chats.say(42, "hello")
        telegram.chats.say(42, "/start")
        asked: list[str] = []

        def is_it(start: Start) -> bool:
            asked.append(start.name)
            return start.user == 42

        async with Bot(telegram.token, telegram.url) as bot:
            start, offset = await hear_start(bot, "w", is_it)
            assert (start.user, asked) == (42, ["Mallory", "Ann"])
            assert await bot.updates(0, 0) == []
            telegram.chats.say(42, "/start again")
            again, _ = await hear_start(bot, "again", lambda start: start.by_link, offset)
            assert again.by_link
