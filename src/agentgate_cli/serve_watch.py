"""``agent-gate serve --watch``: the person who answers sits at the terminal of the gateway itself.

It is the same as ``approvals watch`` beside it: a client of its own, by the gateway's own port,
with the token that the configuration has for this person. So it can do nothing that they could not
do from elsewhere, and the audit names them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from agentgate_cli.beside import PERSON, Wanted, reachable, read_access, token_of
from agentgate_cli.remote import Remote, connected
from agentgate_cli.style import bad, say
from agentgate_cli.terminal import AboveQuestion, Terminal
from agentgate_cli.terminal_output import TerminalOutput
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_server.gateway import Gateway

NO_TERMINAL = (
    "--watch asks at a terminal, and this is none: leave it out, and answer with 'agent-gate "
    "approvals watch' where you are"
)

ELSEWHERE = "the gateway goes on; answer elsewhere with 'agent-gate approvals watch'"


LAST_WORDS_S = 2.0
"""How long the gateway waits for the end of a connection to itself."""


class Person:
    """Who answers at the gateway's terminal.

    Args:
        config_file: the configuration, where their token is.
        whose: their name, or a role; None: the only one there is.
        bell: ring when something is asked.

    Attributes:
        log: where the gateway's log goes, so that it does not garble a question.

    Raises:
        click.UsageError: this is no terminal, or nobody is there who could answer.
    """

    def __init__(self, config_file: Path, whose: str | None, *, bell: bool) -> None:
        if not Terminal.is_there():
            raise click.UsageError(NO_TERMINAL)
        access = read_access(config_file)
        self._token = token_of(access, Wanted(config_file, True, whose, PERSON))
        self._certificate = access.certificate
        self._terminal = Terminal()
        self._bell = bell
        self._output = TerminalOutput(sys.stdout)
        self.log = AboveQuestion(self._terminal, self._output.wait_for_room)

    def at_terminal(self) -> AbstractContextManager[None]:
        """Let nothing that is said wait for the terminal, for as long as the block takes."""
        return self._output.in_place()

    @asynccontextmanager
    async def answering(self, gateway: Gateway) -> AsyncIterator[None]:
        """Answer what a gateway asks, for as long as the block takes."""
        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            tasks.start_soon(self._answer, gateway, scope)
            try:
                yield
            finally:
                scope.cancel()
                tasks.cancel_scope.deadline = anyio.current_time() + LAST_WORDS_S

    async def _answer(self, gateway: Gateway, scope: anyio.CancelScope) -> None:
        from agentgate_cli.watch import Watch
        from agentgate_client import AgentGateError, ApprovalsClient

        logging.getLogger("agentgate_client").setLevel(logging.CRITICAL)  # the gateway's log has it
        watch = Watch(self._terminal, bell=self._bell)
        try:
            async with connected(
                ApprovalsClient, self._remote(gateway), on_state=watch.state_changed
            ) as client:
                with scope:
                    await watch.run(client)
                if scope.cancelled_caught:
                    say()
                else:
                    say(f"no more is asked here: {ELSEWHERE}")
        except (AgentGateError, click.UsageError) as error:
            why = printable(error.message)
            say(f"{bad('no more is asked here')}: {why}; {ELSEWHERE}")

    def _remote(self, gateway: Gateway) -> Remote:
        """Say how the gateway is reached from its own machine."""
        host = reachable(str(gateway.config.gateway.host))
        where = f"[{host}]" if ":" in host else host
        if gateway.config.gateway.serves_tls:
            url = f"wss://{where}:{gateway.port}"
            return Remote(url, self._token, None, 0, None, self._certificate)
        return Remote(f"ws://{where}:{gateway.port}", self._token, None, 0, insecure=True)
