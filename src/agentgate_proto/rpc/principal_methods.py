"""The methods about who may connect, for whoever runs the gateway."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.principal import Role

NameOfPrincipal = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]


class ListPrincipals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List who may connect: whoever has a token, and the named agents. Nobody's token is in it.

    Attributes:
        after: the ``name`` of a row: only what comes after it. That of the last gets the next page.
    """

    after: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""


class PrincipalRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who may connect, or whose token was revoked. Times are RFC 3339.

    Attributes:
        name, role: who it is.
        source: where it stands: the configuration, or the file of ``make_token``.
        login: by what it comes in; named agents have a password, which others give for them.
        revoked: its token stands in the configuration, and counts no more.
        created_at: when its token was made; "": nobody has noted that.
        connections: how many it has now, conversations with faces among them.
        last_seen: when it was there last, as far as this process knows; "": not since ``since``.
    """

    name: str
    role: Role
    source: Literal["config", "file"]
    login: Literal["token", "password"] = "token"
    revoked: bool = False
    created_at: str = ""
    connections: int = 0
    last_seen: str = ""


class PrincipalList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may connect: those of the configuration first, each by name.

    Attributes:
        principals: as many as one reply holds.
        since: since when it is noted who was there, RFC 3339.
        problem: why the newest state of the file of tokens is not in force, and what to do.
        more: there are others: ask again, ``after`` the last one.
    """

    principals: list[PrincipalRow]
    since: str
    problem: str = ""
    more: bool = False


class MakeToken(msgspec.Struct, frozen=True, kw_only=True):
    """Make a token for somebody new; it counts at once, and the audit says who has made it.

    -32602 if nobody may be called so, or somebody is; -32603 if it can't be kept.

    Attributes:
        name: one word, unique among all who may connect.
        role: what they may do.
    """

    name: NameOfPrincipal
    role: Role


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A token, which is shown this once: the gateway keeps its hash.

    Attributes:
        name, role: whose it is.
        token: the secret.
        created_at: when it was made, RFC 3339.
    """

    name: str
    role: Role
    token: str
    created_at: str

    def __repr__(self) -> str:
        return f"TokenMade(name={self.name!r}, role={self.role!r})"  # a token is not for logs


class RevokeToken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Let somebody's token count no more: their connections end, what they asked is withdrawn.

    -32011 if nobody of that name has one; -32010 if it is that of the last operator, or the
    caller's own and ``confirm`` is missing; -32603 if it can't be kept.

    Attributes:
        name: whose.
        confirm: the caller knows that it is their own, and that this connection ends by it.
    """

    name: NameOfPrincipal
    confirm: bool = False


class TokenRevoked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token counts no more.

    Attributes:
        name, role: whose it was.
        connections: how many they had.
        remark: how they could come back, where their token stands in the configuration.
    """

    name: str
    role: Role
    connections: int = 0
    remark: str = ""
