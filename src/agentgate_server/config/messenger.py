"""The form of ``messenger``: where people are asked besides terminals and browsers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentgate_server.config.texts import BaseUrl
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path as Place
from agentgate_server.documents.errors import raise_first
from agentgate_server.identity.texts import PrincipalName
from agentgate_server.secrets.secret import Secret

UserId = Annotated[int, Meta(ge=1, le=2**53)]

NAMELESS = "telegram:"
"""What the names begin with of those who have none but Telegram's id."""

TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
"""What ntfy takes as the name of a topic."""

SAFE_TOPIC_CHARS = 20
"""Whoever knows a topic of an open server reads it, and answers: a shorter name can be guessed."""

NOTIFY_SERVICE = re.compile(r"mobile_app_[a-z0-9_]{1,200}")

PLACES_MAX = 50
"""Places of one channel: a notification is sent to each."""


class Topic(str):
    """A topic of ntfy."""

    __slots__ = ()

    def __new__(cls, text: str) -> Topic:
        """Check the text."""
        if not TOPIC.fullmatch(text):
            raise ValueError("must be 1 to 64 letters, digits, dashes and underscores")
        return super().__new__(cls, text)


class NotifyService(str):
    """A service of Home Assistant that notifies one phone, without ``notify.`` before it."""

    __slots__ = ()

    def __new__(cls, text: str) -> NotifyService:
        """Check the text."""
        bare = text.removeprefix("notify.")
        if not NOTIFY_SERVICE.fullmatch(bare):
            raise ValueError(
                "must be the notify service of a phone with Home Assistant's app, as in "
                "mobile_app_pixel_8"
            )
        return super().__new__(cls, bare)


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


class NtfyPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is asked by ntfy. Who has several phones may subscribe them to one topic."""

    topic: Topic
    """The topic that this person alone subscribes to: whoever reads it can answer as them. On a
    server that asks for no login let its name be long and random."""

    name: PrincipalName
    """What approvals and the audit call the person. The name of a principal with role ``approver``
    or ``operator``, or of somebody on another channel, makes the two one person."""


class NtfyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Notifications by ntfy (ntfy.sh, or a server of your own) with buttons; ``docs/ntfy.md`` has
    the steps. Needs ``gateway.public_url``, which the buttons call."""

    people: Annotated[tuple[NtfyPerson, ...], Meta(min_length=1, max_length=PLACES_MAX)]
    """Who is asked, and may answer, each ``{topic, name}``."""

    url: BaseUrl = BaseUrl("https://ntfy.sh")
    """The server."""

    token: Secret | None = None
    """An access token of the server, if it asks for one. Write ``${NTFY_TOKEN}`` and keep it in
    ``.env``."""

    ca: Path | None = None
    """PEM file of the authority that vouches for its certificate; without it the system's."""

    priority: Annotated[int, Meta(ge=1, le=5)] = 4
    """How loudly an ask comes: 1 is silent, 3 ntfy's own default, 5 the loudest. What became of it
    comes silently."""

    insecure: bool = False
    """Let ``url`` or ``gateway.public_url`` be ``http://`` beyond this machine: what agents ask for
    and the tickets with which it is answered travel in clear text."""


class CompanionPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with Home Assistant's app on a phone. Who has several has several entries."""

    service: NotifyService
    """The phone's notify service, as in ``mobile_app_pixel_8``: Home Assistant lists them under
    *Developer tools*, *Actions*."""

    name: PrincipalName
    """What approvals and the audit call the person. The name of a principal with role ``approver``
    or ``operator``, or of somebody on another channel, makes the two one person."""


class CompanionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Notifications by Home Assistant's companion app, through ``services.homeassistant``;
    ``docs/companion.md`` has the steps."""

    people: Annotated[tuple[CompanionPerson, ...], Meta(min_length=1, max_length=PLACES_MAX)]
    """Who is asked, and may answer, each ``{service, name}``."""

    critical: bool = False
    """Let asks ring although the phone is silent. For what can't wait."""


class MessengerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where people are asked besides terminals and browsers: each section that is there is one more
    channel. All are asked at once, the first answer counts, and the others say so."""

    type: Literal["telegram", "ntfy", "companion"] | None = None
    """Not needed; the section of this name must be there then."""

    telegram: TelegramConfig | None = None
    """The bot and its people."""

    ntfy: NtfyConfig | None = None
    """The server and its people."""

    companion: CompanionConfig | None = None
    """The phones with Home Assistant's app, and whose they are."""

    asks_per_minute: Annotated[int, Meta(ge=1, le=60)] = 6
    """How many asks of one agent a phone rings for, on each channel. Further ones come as there is
    room, others' first; until then one line says how many there are. An agent that is denied, or
    withdraws its asks, again and again is slowed down."""

    @property
    def names(self) -> frozenset[str]:
        """What the people of all channels are called."""
        found = set() if self.telegram is None else set(self.telegram.names.values())
        for channel in (self.ntfy, self.companion):
            found |= set() if channel is None else {str(each.name) for each in channel.people}
        return frozenset(found)


def check_messenger(
    document: Document,
    messenger: MessengerConfig | None,
    agents: Collection[str],
    *,
    public_url: BaseUrl | None = None,
    has_house: bool = False,
) -> tuple[str, ...]:
    """Check that people are told apart and can be reached, and return warnings.

    Args:
        document: where errors stand.
        messenger: what the document says of it.
        agents: the names of all agents.
        public_url: where phones reach the gateway.
        has_house: there is a Home Assistant.

    Raises:
        DocumentError: a place is there twice, a person has the name of an agent, or what a channel
            needs is missing.
    """
    if messenger is None:
        return ()
    errors = [*kinds_missing(document, messenger)]
    doubts: list[tuple[Place, str]] = []
    if messenger.telegram is not None:
        errors += check_telegram(document, messenger.telegram, agents)
        doubts += doubts_of_telegram(messenger.telegram)
    if messenger.ntfy is not None:
        topics = [(str(each.topic), each.name) for each in messenger.ntfy.people]
        errors += check_people(document, ("messenger", "ntfy"), "topic", topics, agents)
        errors += check_ntfy(document, messenger.ntfy, public_url)
        doubts += doubts_of_ntfy(messenger.ntfy, public_url)
    if messenger.companion is not None:
        services = [(str(each.service), each.name) for each in messenger.companion.people]
        errors += check_people(document, ("messenger", "companion"), "service", services, agents)
        if not has_house:
            text = "needs services.homeassistant: its phones are reached through it"
            errors.append(document.error(("messenger", "companion"), text))
    raise_first(errors)
    return tuple(f"{document.error(place, text)}" for place, text in doubts)


def kinds_missing(document: Document, messenger: MessengerConfig) -> Iterator[DocumentError]:
    """A messenger that is none."""
    kinds = {
        "telegram": messenger.telegram,
        "ntfy": messenger.ntfy,
        "companion": messenger.companion,
    }
    if messenger.type is not None and kinds[messenger.type] is None:
        text = f"is {messenger.type}, so there must be a section messenger.{messenger.type}"
        yield document.error(("messenger", "type"), text)
    elif not any(each is not None for each in kinds.values()):
        text = "has no channel: add messenger.telegram, messenger.ntfy or messenger.companion"
        yield document.error(("messenger",), text)


def check_telegram(
    document: Document, config: TelegramConfig, agents: Collection[str]
) -> Iterator[DocumentError]:
    """People of Telegram that can't be told apart."""
    seen: set[int] = set()
    for index, user in enumerate(config.allowed_users):
        path = ("messenger", "telegram", "allowed_users", index)
        user_id = user if isinstance(user, int) else user.id
        if user_id in seen:
            yield document.error(path, f"{user_id} is there twice: remove one")
        seen.add(user_id)
        if isinstance(user, TelegramUser) and user.name in agents:
            yield document.error((*path, "name"), an_agent(user.name))


def an_agent(name: str | None) -> str:
    """Say that an agent is no person."""
    return f"{name!r} is an agent, which must not approve: choose another name"


def doubts_of_telegram(config: TelegramConfig) -> Iterator[tuple[Place, str]]:
    """What can be meant so."""
    path = ("messenger", "telegram")
    if not config.chat_id:
        text = "nobody is asked yet: send /start to the bot, it tells the id"
        yield (*path, "chat_id"), text
    if not config.allowed_users:
        text = "nobody may answer yet: send /start to the bot for an id"
        yield (*path, "allowed_users"), text
    if config.base_url.is_clear_text:
        yield (*path, "base_url"), "the bot's token travels in clear text: use https"


def check_people(
    document: Document,
    place: Place,
    key: str,
    people: Collection[tuple[str, str]],
    agents: Collection[str],
) -> Iterator[DocumentError]:
    """People that can't be told apart: by one place nobody knows who has answered."""
    seen: set[str] = set()
    for index, (where, name) in enumerate(people):
        path = (*place, "people", index)
        if where in seen:
            yield document.error((*path, key), f"{where} is there twice: remove one")
        seen.add(where)
        if name in agents:
            yield document.error((*path, "name"), an_agent(name))


def check_ntfy(
    document: Document, config: NtfyConfig, public_url: BaseUrl | None
) -> Iterator[DocumentError]:
    """What the buttons need; and nothing that can be answered with leaves in clear text."""
    if public_url is None:
        text = "needs gateway.public_url, where phones reach this gateway: the buttons call it"
        yield document.error(("messenger", "ntfy"), text)
    hint = "use https, or set messenger.ntfy.insecure if something else protects the way"
    if config.url.is_clear_text and not config.insecure:
        text = f"what is asked and answered travels in clear text: {hint}"
        yield document.error(("messenger", "ntfy", "url"), text)
    if public_url is not None and public_url.is_clear_text and not config.insecure:
        text = f"answers to messenger.ntfy travel in clear text: {hint}"
        yield document.error(("gateway", "public_url"), text)


def doubts_of_ntfy(config: NtfyConfig, public_url: BaseUrl | None) -> Iterator[tuple[Place, str]]:
    """What can be meant so."""
    place = ("messenger", "ntfy")
    if config.insecure and (
        config.url.is_clear_text or (public_url is not None and public_url.is_clear_text)
    ):
        yield (*place, "insecure"), "what is asked and answered travels in clear text: use https"
    if config.token is not None:
        return
    for index, person in enumerate(config.people):
        if len(person.topic) < SAFE_TOPIC_CHARS:
            text = (
                f"has fewer than {SAFE_TOPIC_CHARS} characters, and the server is used without a "
                "token: whoever guesses it can answer; make it long and random"
            )
            yield (*place, "people", index, "topic"), text
