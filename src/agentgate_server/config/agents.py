"""The form of ``agents``: named, lasting conversations that many consoles share, and its checks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from agentgate_proto.limits import NAME_CHARS_MAX, PASSWORD_CHARS_MAX
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.session import lasting_id
from agentgate_server.config.sessions import SYSTEM_PROMPT_CHARS_MAX, SessionsConfig
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path, did_you_mean, raise_first
from agentgate_server.identity.passwords import PasswordHash
from agentgate_server.identity.texts import PrincipalName
from agentgate_server.secrets.secret import Secret

ID_CHARS_MAX = NAME_CHARS_MAX - len(lasting_id(""))
"""Of an agent's id: that of its session begins with a few more."""

SAFE_PASSWORD_CHARS = 8
"""A shorter password is guessed even where guessing is slowed down (NIST SP 800-63B)."""


class NamedAgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A named agent: a conversation that lasts, with a model, in which everybody who has its
    password takes part. Give exactly one of ``password`` and ``password_hash``.

    Its id, as that of a principal, is matched by ``agents`` in the policy and by ``principal`` of
    budgets, and kept in the audit."""

    name: PrincipalName | None = None
    """What people call it; logging in by this is as good as by its id. Unless said, its id."""

    password: Secret | None = None
    """Its password, best as ``${VARIABLE}``."""

    password_hash: PasswordHash | None = None
    """What ``agent-gate agents hash`` makes of it, so that the file holds no secret."""

    model: str | None = None
    """Its model; unless said, ``sessions.default_model``."""

    system_prompt: Annotated[str, Meta(max_length=SYSTEM_PROMPT_CHARS_MAX)] | None = None
    """What its model is told first; unless said, ``sessions.system_prompt``."""

    max_iterations: Annotated[int, Meta(ge=1, le=1_000)] = 25
    """How often its model may be asked about one message, with the results of its tools."""

    def __post_init__(self) -> None:
        if (self.password is None) == (self.password_hash is None):
            raise ValueError("needs exactly one of password and password_hash")

    @property
    def secret(self) -> PasswordHash | str:
        """What the password is compared with."""
        if self.password_hash is not None:
            return self.password_hash
        assert self.password is not None, "the form was checked"
        return self.password.value


AgentsConfig = Mapping[PrincipalName, NamedAgentConfig]


def agents_of(
    document: Document,
    form: AgentsConfig,
    sessions: SessionsConfig,
    principals: Collection[str],
) -> tuple[AgentsConfig, tuple[str, ...]]:
    """Check the named agents, and fill in what is left out.

    Args:
        document: where errors stand.
        form: what it says.
        sessions: checked: which models there are.
        principals: names of those who have tokens.

    Returns:
        The same, each with its name and its model; and warnings.

    Raises:
        DocumentError: something does not fit.
    """
    errors: list[DocumentError] = []
    warnings: list[DocumentError] = []
    known: dict[str, str] = {name: f"the id of {name!r}" for name in form}
    costs = {each.password_hash.cost for each in form.values() if each.password_hash is not None}
    filled: dict[PrincipalName, NamedAgentConfig] = {}
    for agent, config in form.items():
        place: Path = ("agents", agent)
        errors += (
            document.error((*place, *key), text)
            for key, text in problems_of(agent, config, sessions, principals)
        )
        if config.name is not None and config.name != agent:
            if config.name in known:
                text = f"is {known[config.name]} already: choose another"
                errors.append(document.error((*place, "name"), text))
            known.setdefault(config.name, f"the name of {agent!r}")
        if config.password_hash is not None and len(costs) > 1:
            text = "costs more or less than another: make all of them by 'agent-gate agents hash'"
            errors.append(document.error((*place, "password_hash"), text))
        if config.password is not None and len(config.password.value) < SAFE_PASSWORD_CHARS:
            text = f"the password has fewer than {SAFE_PASSWORD_CHARS} characters: use a longer one"
            warnings.append(document.error((*place, "password"), text))
        filled[agent] = msgspec.structs.replace(
            config, name=config.name or agent, model=config.model or sessions.default_model
        )
    raise_first(errors)
    return filled, tuple(f"{each}" for each in warnings)


def problems_of(
    agent: str, config: NamedAgentConfig, sessions: SessionsConfig, principals: Collection[str]
) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with an agent: where below it, and why."""
    if agent in principals:
        yield (), f"{agent!r} is a principal with a token already: choose another id"
    if len(agent) > ID_CHARS_MAX:
        yield (), f"an id has at most {ID_CHARS_MAX} characters"
    if config.model is not None and config.model not in sessions.models:
        names = ", ".join(sessions.models)
        hint = did_you_mean(config.model, sessions.models) or f"; there is {names}"
        yield ("model",), f"no model has this name{hint}"
    if config.password is not None:
        size = len(config.password.value)
        if not config.password.value.strip():
            yield ("password",), "the password is empty: put a long text there"
        elif size > PASSWORD_CHARS_MAX:
            yield ("password",), f"the password has more than {PASSWORD_CHARS_MAX} characters"


def principals_of(agents: AgentsConfig) -> tuple[Principal, ...]:
    """Return the principals that named agents are: they come without tokens."""
    return tuple(Principal(name=str(agent), role=Role.AGENT) for agent in agents)


def password_places(agents: AgentsConfig) -> Iterator[Path]:
    """Yield where passwords stand."""
    for agent in agents:
        yield ("agents", agent, "password")
