"""The gateway behind the console's tests, with agents that ask it for things.

A real process with a real database; the tools are of a make-believe house and keep a journal.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.process import AGENT_TOKEN, OWNER_TOKEN, SECOND_TOKEN, GatewayProcess

from agent_gate.sync import AgentGateClient

OPERATOR_TOKEN = "operator-token-0123456789abc"
OTHER_AGENT_TOKEN = "other-agent-token-0123456789"

PEOPLE = [
    {"name": "owner", "role": "approver", "token": OWNER_TOKEN},
    {"name": "second", "role": "approver", "token": SECOND_TOKEN},
    {"name": "warden", "role": "operator", "token": OPERATOR_TOKEN},
    {"name": "gardener", "role": "agent", "token": OTHER_AGENT_TOKEN},
]

POLICY = {
    "defaults": [{"pattern": "*", "action": "ask", "description": "Everything else is asked"}],
    "rules": [
        {"pattern": "get_*", "action": "allow", "description": "Looking does no harm"},
        {"pattern": "unlock_*", "action": "deny", "description": "Doors stay shut"},
    ],
}

CONFIG: dict[str, Any] = {
    "principals": PEOPLE,
    "tools": {"python": ["tests.console.tools"], "args_bytes_max": 100_000},
    "sessions": {
        "models": {
            "rehearsal": {
                "backend": "rehearsal",
                "script": str(Path(__file__).with_name("script.yaml")),
                "price": {"input": 3, "output": 15},
            }
        }
    },
}


class House(GatewayProcess):
    """The gateway, and the agents of the test."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any] | None = None,
        policy: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(folder, {**CONFIG, **(config or {})}, policy or POLICY)
        self.agents: list[Agent] = []

    @property
    def origin(self) -> str:
        """Where a browser finds it; a name, because passkeys know no addresses."""
        return f"http://localhost:{self.port}"

    def agent(self, token: str = AGENT_TOKEN) -> Agent:
        """Connect an agent."""
        agent = Agent(self.url, token)
        self.agents.append(agent)
        return agent

    def kill(self) -> None:
        """End the gateway; the agents stay, and come back to the next."""
        super().kill()

    def end_agents(self) -> None:
        """Send the agents home."""
        while self.agents:
            self.agents.pop().close()


class Agent:
    """An agent that asks without waiting for the answer.

    Attributes:
        answers: how each of its asks ended, in the order in which they did: data, or the error.
    """

    def __init__(self, url: str, token: str) -> None:
        self.client = AgentGateClient(url, token)
        self.client.connect()
        self.answers: list[Any] = []
        self._asking: list[threading.Thread] = []

    def ask(self, tool: str, **args: Any) -> None:
        """Ask for a tool, in a thread of its own; ``wait`` for the answer."""
        why = str(args.pop("why", ""))
        thread = threading.Thread(target=self._ask, args=(tool, args, why), daemon=True)
        self._asking.append(thread)
        thread.start()

    def _ask(self, tool: str, args: dict[str, Any], why: str) -> None:
        try:
            self.answers.append(self.client.call(tool, args, why=why))
        except Exception as error:
            self.answers.append(error)

    def wait(self) -> list[Any]:
        """Wait until all that was asked is answered; return the answers."""
        for thread in self._asking:
            thread.join(20)
            assert not thread.is_alive(), "an ask was never answered"
        return self.answers

    def close(self) -> None:
        """Hang up; what still waits ends with an error."""
        self.client.close()
