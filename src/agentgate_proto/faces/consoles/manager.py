"""The manager's namespace ``/agents``: consoles, or the controllers of others, talk to the agents
of this gateway (seed 002).

From a console: ``login {agentId | agent, password}``, ``chat {message, agentId?, correlationId?}``,
``logout {agentId?}``. To it: ``loginSuccess``, ``loginError``, ``chatMessage``, ``logoutSuccess``,
``error``.
"""

from __future__ import annotations

from typing import Any

from agentgate_proto.faces.consoles.console import Console, shown
from agentgate_proto.faces.consoles.messages import Chat, Login, Logout, ToConsole, read
from agentgate_proto.faces.consoles.talks import CHAT, LOGIN, LOGOUT, NO_AGENT

NAMESPACE = "/agents"


class ManagerConsole(Console):
    """See the module and :class:`Console`."""

    def _on_event(self, event: str, argument: Any, ack: int | None, now: float) -> None:
        match event:
            case "login":
                login = read(Login, argument)
                if login.wanted:
                    self.talks.log_in(login.wanted, login.password or "", ack)
                else:
                    self._complain(ack, NO_AGENT)
            case "chat":
                chat = read(Chat, argument)
                self.talks.chat(chat, chat.wanted, ack, now)
            case "logout":
                self.talks.log_out(read(Logout, argument).wanted, ack)
            case _:
                offered = ", ".join((LOGIN, CHAT, LOGOUT))
                self._complain(ack, f"{shown(event)} is not offered here: {offered} are")

    def _tell(self, event: str, payload: ToConsole, agent: str) -> None:
        self._emit(event, payload)
