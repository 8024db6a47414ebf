"""Telegram as people see it: chats with messages and buttons, and what a person does there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from agentgate_cli.standins.telegram_html import Entity

Row = list["Button"]


@dataclass(frozen=True, slots=True)
class Button:
    """A button below a message: what is on it, and what a tap sends."""

    label: str
    data: str


@dataclass(eq=False)
class Message:
    """One message, as it is seen now.

    Attributes:
        chat_id, id: where it is.
        sender_id: who wrote it.
        text, entities: what is read.
        rows: its buttons.
        reply_to: id of the message that it answers, or 0.
        thread_id: the topic of a group with topics; 0: General, or the group has none.
        versions: all that its text has been, oldest first.
        deleted: it is not seen any more.
    """

    chat_id: int
    id: int
    sender_id: int
    text: str
    entities: list[Entity] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    reply_to: int = 0
    thread_id: int = 0
    versions: list[str] = field(default_factory=list)
    deleted: bool = False

    @property
    def labels(self) -> list[str]:
        """What its buttons say."""
        return [button.label for row in self.rows for button in row]

    def button(self, label: str) -> Button:
        """The button with this label.

        Raises:
            LookupError: there is none.
        """
        for row in self.rows:
            for button in row:
                if button.label == label:
                    return button
        raise LookupError(f"no button {label!r} on message {self.id}, only {self.labels}")


@dataclass
class Tap:
    """A tap on a button, and what its person was told.

    Attributes:
        id: id of the callback query.
        answers: the notices that came, in order; more than one if the bot repeats itself.
        alert: the last notice had to be closed by hand.
    """

    id: str
    answers: list[str] = field(default_factory=list)
    alert: bool = False

    @property
    def answer(self) -> str | None:
        """The first notice, or None: none came yet."""
        return self.answers[0] if self.answers else None


class Chats:
    """All chats of one bot.

    Args:
        bot: the bot's own user, as the Bot API shows it.
        updated: hears every update for the bot.

    Attributes:
        closed: topics in which nobody but administrators may write, each with its group.
        moved: groups that have become supergroups, with the new id of each.
        blocked: private chats whose person has blocked the bot.
        left: people who are no members of a group, each after its id.
    """

    def __init__(self, bot: dict[str, Any], updated: Callable[[dict[str, Any]], None]) -> None:
        self.bot = bot
        self.updated = updated
        self.kinds: dict[int, str] = {}
        self.people: dict[int, dict[str, Any]] = {bot["id"]: bot}
        self.messages: dict[tuple[int, int], Message] = {}
        self.taps: dict[str, Tap] = {}
        self.closed: set[tuple[int, int]] = set()
        self.moved: dict[int, int] = {}
        self.titles: dict[int, str] = {}
        self.blocked: set[int] = set()
        self.left: set[tuple[int, int]] = set()
        self._message_ids = count(101)
        self._tap_ids = count(7_000_000_001)

    # What a person does

    def add_person(self, user_id: int, name: str) -> None:
        """A person who has started a private chat with the bot."""
        person = {"id": user_id, "is_bot": False, "first_name": name}
        self.people[user_id] = person
        self.kinds[user_id] = "private"

    def add_group(self, chat_id: int, title: str = "") -> None:
        """A group that has the bot as a member; ids of groups are negative."""
        self.kinds[chat_id] = "group"
        if title:
            self.titles[chat_id] = title

    def about(self, chat_id: int) -> dict[str, Any]:
        """A chat as the Bot API shows it."""
        row: dict[str, Any] = {"id": chat_id, "type": self.kinds[chat_id]}
        if title := self.titles.get(chat_id):
            row["title"] = title
        if person := self.people.get(chat_id):
            row["first_name"] = person["first_name"]
        return row

    def upgrade(self, chat_id: int, new_id: int) -> None:
        """A group becomes a supergroup, and the bot is told."""
        self.add_group(new_id)
        self.moved[chat_id] = new_id
        row = self.shown(self.add(chat_id, self.bot["id"], "upgraded"))
        del row["text"]
        self.updated({"message": {**row, "migrate_to_chat_id": new_id}})

    def say(
        self, user_id: int, text: str, *, chat_id: int = 0, reply_to: int = 0, thread_id: int = 0
    ) -> Message:
        """A person writes; in the private chat unless told otherwise."""
        message = self.add(chat_id or user_id, user_id, text, reply_to=reply_to)
        message.thread_id = thread_id
        self.updated({"message": self.shown(message)})
        return message

    def tap(self, user_id: int, message: Message, label: str) -> Tap:
        """A person taps a button that the message has now.

        Raises:
            LookupError: it has no such button.
        """
        return self.tap_data(user_id, message, message.button(label).data)

    def tap_data(self, user_id: int, message: Message, data: str) -> Tap:
        """A person taps a button that a phone still shows, though it may be gone."""
        tap = Tap(str(next(self._tap_ids)))
        self.taps[tap.id] = tap
        query = {
            "id": tap.id,
            "from": self.people[user_id],
            "message": self.shown(message),
            "chat_instance": "1",
            "data": data,
        }
        self.updated({"callback_query": query})
        return tap

    def seen(self, chat_id: int) -> list[Message]:
        """The messages of a chat that are there now, oldest first."""
        found = (message for (chat, _), message in self.messages.items() if chat == chat_id)
        return [message for message in found if not message.deleted]

    def with_buttons(self, chat_id: int) -> Iterator[Message]:
        """The messages of a chat that wait for a tap."""
        return (message for message in self.seen(chat_id) if message.rows)

    # What the server does

    def add(
        self,
        chat_id: int,
        sender_id: int,
        text: str,
        entities: list[Entity] | None = None,
        rows: list[Row] | None = None,
        reply_to: int = 0,
    ) -> Message:
        """Put a message into a chat."""
        message = Message(
            chat_id, next(self._message_ids), sender_id, text, entities or [], rows or [], reply_to
        )
        message.versions.append(text)
        self.messages[chat_id, message.id] = message
        return message

    def shown(self, message: Message) -> dict[str, Any]:
        """A message as the Bot API shows it."""
        chat = self.about(message.chat_id)
        row: dict[str, Any] = {
            "message_id": message.id,
            "date": 1_700_000_000,
            "chat": chat,
            "from": self.people[message.sender_id],
            "text": message.text,
        }
        if message.text.startswith("/"):
            length = len(message.text.split()[0])
            row["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        if message.thread_id:
            row |= {"message_thread_id": message.thread_id, "is_topic_message": True}
        if message.rows:
            keyboard = [
                [{"text": button.label, "callback_data": button.data} for button in buttons]
                for buttons in message.rows
            ]
            row["reply_markup"] = {"inline_keyboard": keyboard}
        replied = self.messages.get((message.chat_id, message.reply_to))
        if replied is not None:
            row["reply_to_message"] = self.shown(replied)
        return row
