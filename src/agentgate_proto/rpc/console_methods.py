"""The methods about who is logged in at the console in the browser."""

from __future__ import annotations

from typing import Annotated

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.console_session import ConsoleSessionView

SessionId = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]


class ListConsoleSessions(msgspec.Struct, frozen=True, kw_only=True):
    """List who is logged in at the console in the browser.

    An approver sees their own logins, an operator everybody's."""


class ConsoleSessionList(msgspec.Struct, frozen=True):
    """Logins at the console, those that were used last first."""

    sessions: list[ConsoleSessionView]


class RevokeConsoleSession(msgspec.Struct, frozen=True, kw_only=True):
    """End a login at the console at once, and the connections of its pages.

    An approver ends their own ones, an operator whichever.

    Attributes:
        id: of the login.
    """

    id: SessionId
