"""Where one talks: at a gateway somewhere, or at one in this very process."""

from __future__ import annotations

import getpass
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from agentgate_cli.beside import AGENT, PERSON, Wanted, look_up
from agentgate_cli.chat.asking import Asker, Attendant, Bystander
from agentgate_cli.chat.output import Output
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.remote import Remote, connected
from agentgate_cli.style import dim
from agentgate_cli.terminal import Terminal
from agentgate_cli.text import away, printable
from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient, StateChanged

REMOTE_HINT = "whoever may approve is asked; at a terminal: agent-gate approvals approve {id}"
NOBODY_HINT = (
    "no terminal is here to ask you: only the configuration's messenger can be answered; "
    "Ctrl-C ends the run"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the command line says about it.

    Attributes:
        remote: a gateway; None: in this process.
        config: the configuration for the one in this process; None: the rehearsal model, no tools.
        approver_token: of a person of that gateway; "": none is known.
        may_ask: a person is at a terminal, and can be asked.
    """

    remote: Remote | None
    config: Path | None
    approver_token: str = ""
    may_ask: bool = False

    def __repr__(self) -> str:
        return f"Place({self.remote!r}, {self.config!r})"

    @property
    def words(self) -> str:
        """Where that is, for a person."""
        if self.remote is not None:
            return f"at {self.remote.url}"
        if self.config is not None:
            return f"in this process, with {self.config}"
        return "in this process, with the rehearsal model; it forgets all afterwards"


def approver_at_hand(config: Path | None, remote: Remote) -> str:
    """Return the token of the person of a configuration whose gateway one talks to; "": nobody.

    Args:
        config: the file, if there is one.
        remote: the gateway.
    """
    if config is None:
        return ""
    try:
        found = look_up(Wanted(config, named=False, whose=None, roles=PERSON), "", "")
    except click.UsageError:
        return ""
    return found.token if found.url == remote.url else ""


def served(place: Place) -> Place | None:
    """Return the gateway that serves the configuration already; None: it can't be found."""
    if place.config is None:
        return None
    try:
        found = look_up(Wanted(place.config, named=True, whose=None, roles=AGENT), "", "")
    except click.UsageError:
        return None
    remote = Remote(found.url, found.token, None, 0, found.insecure, found.certificate)
    approver = approver_at_hand(place.config, remote)
    return replace(place, remote=remote, config=None, approver_token=approver)


class Connections:
    """The connections of one who talks.

    Attributes:
        client: the agent's.
        approvals: the person's; None: they may not answer approvals.
    """

    def __init__(
        self, client: AgentGateClient, approvals: ApprovalsClient | None, hint: str
    ) -> None:
        self.client = client
        self.approvals = approvals
        self._hint = hint

    def attendant(self, client: AgentGateClient, output: Output) -> Attendant:
        """Make who looks after the approvals of a conversation."""
        if self.approvals is None:
            return Bystander(client, output, self._hint)
        return Asker(self.approvals, output, Terminal())


class StateLines:
    """Says in the conversation when the gateway can't be reached, and when it can again.

    Attributes:
        output: where it is said; None: nowhere yet.
    """

    def __init__(self) -> None:
        self.output: Output | None = None
        self._away = False

    def __call__(self, change: StateChanged) -> None:
        """Take a change; see ``AgentGateClient(on_state=…)``."""
        if self.output is None:
            return
        match change.state.value:
            case "reconnecting" if change.error is not None and not self._away:
                self._away = True
                self.output.note(dim(away(change.error.message)))
            case "connected" if self._away:
                self._away = False
                self.output.note(dim("connected again"))


@asynccontextmanager
async def connections(place: Place, on_state: StateLines) -> AsyncIterator[Connections]:
    """Connect, or start a gateway and connect to it.

    Raises:
        AgentGateConnectionError: that is not possible.
        Exception: what starting a gateway raises.
    """
    async with AsyncExitStack() as stack:
        remote, approver_token, hint = place.remote, place.approver_token, REMOTE_HINT
        if remote is None:
            from agentgate_local import LocalSessions

            approver = person_name() if place.may_ask else ""
            local = LocalSessions(place.config, approver=approver)
            stack.push_async_callback(local.close)
            client = await local.ready()
            approver_token = local.approver_token
            remote = Remote(local.url, local.token, None, 0)
            hint = NOBODY_HINT
        else:
            client = await stack.enter_async_context(
                connected(AgentGateClient, remote, on_state=on_state)
            )
        approvals = None
        if approver_token and place.may_ask:
            person = replace(remote, token=approver_token)
            approvals = await stack.enter_async_context(connected_person(person, StateLines()))
        yield Connections(client, approvals, hint)


@asynccontextmanager
async def connected_person(remote: Remote, on_state: StateLines) -> AsyncIterator[ApprovalsClient]:
    """Connect as the person who answers.

    Raises:
        Failure: the gateway does not take the token, or it is no approver's.
    """
    async with AsyncExitStack() as stack:
        try:
            client = await stack.enter_async_context(
                connected(ApprovalsClient, remote, on_state=on_state)
            )
            await client.list()
        except AgentGateError as error:
            text = f"{printable(error.message)}: see AGENT_GATE_APPROVER_TOKEN and --approver-token"
            raise Failure(text, Exit.UNREACHABLE) from None
        yield client


def person_name() -> str:
    """Return the name under which this person's answers are noted."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "owner"
