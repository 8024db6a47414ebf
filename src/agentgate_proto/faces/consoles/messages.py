"""What consoles say and are told: seed 002's events, as they are written.

Each is one object, the only argument of its event. What seed 002 has no member for is ours:
``agentId`` in everything that is about an agent, so that several agents on one socket never mix.
Members that nobody here knows are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from agentgate_proto.limits import MESSAGE_CHARS_MAX, NAME_CHARS_MAX, PASSWORD_CHARS_MAX

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MESSAGE_CHARS_MAX)]
Password = Annotated[str, msgspec.Meta(max_length=PASSWORD_CHARS_MAX)]

Message = TypeVar("Message", bound="FromConsole")


class BadMessageError(Exception):
    """An event whose argument is not what the event takes; says so without quoting it, for it may
    have a password in it."""


# From consoles


class FromConsole(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an event of a console brings."""


class About(FromConsole, frozen=True, kw_only=True):
    """Something about an agent.

    Attributes:
        agent_id: its id, or its name.
        agent: the same, for who says it so.
    """

    agent_id: Name | None = None
    agent: Name | None = None

    @property
    def wanted(self) -> str:
        """Which agent; "": none is named."""
        return self.agent_id or self.agent or ""


class Login(About, frozen=True, kw_only=True):
    """Log in to an agent.

    Attributes:
        password: its password; through a controller "" or None: the one that is stored there.
    """

    password: Password | None = None


class Chat(About, frozen=True, kw_only=True):
    """Say something to an agent.

    Attributes:
        message: what.
        correlation_id: the console's own name for it. The same again, to the same agent, with the
            same words, is the same message: it is said once.
    """

    message: Text
    correlation_id: Name | None = None


class Logout(About, frozen=True, kw_only=True):
    """Log out of an agent."""


class SetClient(FromConsole, frozen=True, kw_only=True):
    """Choose the gateway behind this one; all that is forwarded goes there."""

    client_id: Name


class Forward(FromConsole, frozen=True, kw_only=True):
    """Pass an event on to that gateway.

    Attributes:
        event: its name.
        payload: its argument.
        agent_id: which agent it is about, if the payload does not say.
    """

    event: Name
    payload: Any = None
    agent_id: Name | None = None


def read(kind: type[Message], argument: Any) -> Message:
    """Read the argument of an event, as decoded JSON.

    Raises:
        BadMessageError: it is not what the event takes.
    """
    try:
        return msgspec.convert({} if argument is None else argument, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadMessageError(str(error)) from None


# To consoles


class ToConsole(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What an event to a console brings."""


class Problem(ToConsole, frozen=True, kw_only=True):
    """``error`` and ``loginError``: something did not work.

    Attributes:
        message: why, for people.
        agent_id, correlation_id: what it was about, as the console said it.
    """

    message: str
    agent_id: str = ""
    correlation_id: str = ""


class Greeting(ToConsole, frozen=True, kw_only=True):
    """``loginSuccess``: the whole history of the agent follows, from its beginning; and
    ``logoutSuccess``: nothing more of it follows."""

    message: str
    agent_id: str
    agent_name: str


class UserLine(ToConsole, frozen=True, kw_only=True, tag_field="from", tag="user"):
    """``chatMessage`` of a person, whoever it is.

    Attributes:
        timestamp: when, RFC 3339.
    """

    text: str
    timestamp: str
    agent_id: str


ResponseType = Literal["text", "error", "notice"]


class Response(ToConsole, frozen=True, kw_only=True):
    """What an agent says: ``text``, why it says nothing (``error``), or what is not kept of what
    was said (``notice``)."""

    type: ResponseType
    result: str


class AgentLine(ToConsole, frozen=True, kw_only=True, tag_field="from", tag="agent"):
    """``chatMessage`` of the agent; members as in :class:`UserLine`."""

    response: Response
    timestamp: str
    agent_id: str


class ClientSet(ToConsole, frozen=True, kw_only=True, omit_defaults=False):
    """``clientSet``: what is forwarded goes to this gateway from now on."""

    client_id: str
    message: str = "Client context set"


class Forwarded(ToConsole, frozen=True, kw_only=True):
    """``forwardedEvent``: an event from the gateway behind.

    Attributes:
        event, payload: its name and its argument.
        agent_id: which agent it is about, if one.
    """

    event: str
    payload: ToConsole
    agent_id: str = ""


class RemoteState(ToConsole, frozen=True, kw_only=True):
    """``remoteDisconnected``, ``remoteReconnected``: how the gateway behind can be reached."""

    client_id: str


class RemoteAttempt(ToConsole, frozen=True, kw_only=True):
    """``remoteReconnecting``: it is tried for this time, from 1 on."""

    client_id: str
    attempt: int


class Received(ToConsole, frozen=True, kw_only=True, omit_defaults=False):
    """The acknowledgement of an event that has worked: a message is in the agent's log then."""

    event: str
    received: Literal[True] = True


class Failed(ToConsole, frozen=True, kw_only=True):
    """The acknowledgement of one that has not."""

    error: Problem
