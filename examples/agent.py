"""An agent that asks: it reads the time, writes a note if somebody allows it, and takes a no.

Start a gateway (``agent-gate init house``, ``cd house``, ``agent-gate serve``), then

    GATE_URL=ws://127.0.0.1:8443 GATE_TOKEN=… python agent.py

and answer in another terminal: ``agent-gate approvals watch``.
"""

import asyncio
import os
import sys

from agent_gate import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    OutcomeUnknown,
)


async def write_note(gw: AgentGateClient, name: str, text: str) -> None:
    """Ask for the tool, and say how it ended."""
    print(f"may I write the note {name}? …")
    try:
        print("yes:", await gw.tool_request("write_note", name=name, text=text))
    except AgentGateDenied as error:
        print("no:", error.message)
    except AgentGateTimeout as error:
        print("nobody answered:", error.message)
    except OutcomeUnknown as error:
        print("it may have happened:", error.message)


async def main() -> None:
    url = os.environ.get("GATE_URL", "ws://127.0.0.1:8443")
    async with AgentGateClient(url, token=os.environ["GATE_TOKEN"], max_retries=5) as gw:
        print("it is", await gw.tool_request("get_time"))
        await write_note(gw, "secrets", "the door code is 1234")  # a rule denies this
        await write_note(gw, "milk", "buy milk")  # a person is asked


if __name__ == "__main__":
    if not os.environ.get("GATE_TOKEN"):
        sys.exit("set GATE_TOKEN to the agent's token: it is in the file .env of the gateway")
    try:
        asyncio.run(main())
    except AgentGateConnectionError as error:
        sys.exit(f"no gateway: {error.message}")
    except AgentGateError as error:
        sys.exit(f"the call failed: {error}")
