"""The form of ``messenger``: where people are asked besides terminals and browsers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentgate_server.config.texts import BaseUrl
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import raise_first
from agentgate_server.identity.texts import PrincipalName
from agentgate_server.secrets.secret import Secret

UserId = Annotated[int, Meta(ge=1, le=2**53)]

NAMELESS = "telegram:"
"""What the names begin with of those who have none but Telegram's id."""


class TelegramUser(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may answer on Telegram. The id alone will do: ``- 123456789``."""

    id: UserId
    """Telegram's id of the person; the bot tells it to whoever sends it ``/start``."""

    name: PrincipalName | None = None
    """What approvals and the audit call the person; without it ``telegram:`` and the id. The name
    of a principal with role ``approver`` or ``operator`` makes the two one person. Who has none
    can't be one of several people that a rule wants: they may have said yes elsewhere already."""


class TelegramConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A bot that asks in one chat; ``docs/telegram.md`` has the steps."""

    token: Secret
    """The bot's token from @BotFather. Write ``${TELEGRAM_TOKEN}`` and keep it in ``.env``."""

    chat_id: Annotated[int, Meta(ge=-(2**53), le=2**53)] = 0
    """The chat that is asked: the person's own id for a private chat, a negative number for a
    group. The bot tells it to whoever sends it ``/start`` there; until it is set, nobody is
    asked."""

    message_thread_id: Annotated[int, Meta(ge=0, le=2**53)] = 0
    """The topic of a group in which people are asked: the middle one of the three numbers in a link
    to one of its messages (``t.me/c/1234/5/7``: 5); 0: General, or the group has no topics."""

    allowed_users: tuple[UserId | TelegramUser, ...] = ()
    """Who may answer, each an id or ``{id, name}``. Others in the chat see, and can do nothing."""

    base_url: BaseUrl = BaseUrl("https://api.telegram.org")
    """The Bot API server; another one if you host it yourself."""

    @property
    def names(self) -> dict[int, str]:
        """What each person who may answer is called, by Telegram's id."""
        users = [TelegramUser(id=a) if isinstance(a, int) else a for a in self.allowed_users]
        return {user.id: str(user.name or f"{NAMELESS}{user.id}") for user in users}


class MessengerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where people are asked besides terminals and browsers."""

    type: Literal["telegram"]
    """The kind."""

    telegram: TelegramConfig
    """The bot and its people."""

    asks_per_minute: Annotated[int, Meta(ge=1, le=60)] = 6
    """How many asks of one agent a phone rings for. Further ones come as there is room, others'
    first; until then one line says how many there are. An agent that is denied, or withdraws its
    asks, again and again is slowed down."""

    @property
    def names(self) -> frozenset[str]:
        """What the people of all channels are called."""
        return frozenset(self.telegram.names.values())


def check_messenger(
    document: Document, messenger: MessengerConfig | None, agents: Collection[str]
) -> tuple[str, ...]:
    """Check that people are told apart, and return warnings.

    Args:
        document: where errors stand.
        messenger: what the document says of it.
        agents: the names of all agents.

    Raises:
        DocumentError: an id is there twice, or a person has the name of an agent.
    """
    if messenger is None:
        return ()
    config = messenger.telegram
    errors: list[DocumentError] = []
    seen: set[int] = set()
    for index, user in enumerate(config.allowed_users):
        path = ("messenger", "telegram", "allowed_users", index)
        user_id = user if isinstance(user, int) else user.id
        if user_id in seen:
            errors.append(document.error(path, f"{user_id} is there twice: remove one"))
        seen.add(user_id)
        if isinstance(user, TelegramUser) and user.name in agents:
            text = f"{user.name!r} is an agent, which must not approve: choose another name"
            errors.append(document.error((*path, "name"), text))
    raise_first(errors)
    doubts: list[tuple[str, str]] = []
    if not config.chat_id:
        doubts.append(("chat_id", "nobody is asked yet: send /start to the bot, it tells the id"))
    if not config.allowed_users:
        doubts.append(("allowed_users", "nobody may answer yet: send /start to the bot for an id"))
    if config.base_url.is_clear_text:
        doubts.append(("base_url", "the bot's token travels in clear text: use https"))
    return tuple(f"{document.error(('messenger', 'telegram', k), text)}" for k, text in doubts)
