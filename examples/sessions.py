"""A program that talks to a model, with or without a server.

    python sessions.py "List files"                         # a gateway in this process
    GATE_URL=ws://127.0.0.1:8443 GATE_TOKEN=… python sessions.py "List files"

Without a server it plays with the model "rehearsal", which needs no account; with a configuration
in GATE_CONFIG, with the models, tools and policy that it names.
"""

import asyncio
import os
import sys

from agent_gate import (
    AgentGateConnectionError,
    AgentGateError,
    GatewayRequest,
    ModelFailed,
    OverBudget,
    RunInProgress,
    SessionGateway,
    SessionNotFound,
)
from agentgate_local import DocumentError, StoreError, session_gateway


def gateway() -> SessionGateway:
    """Return the gateway that the environment names, or one of our own."""
    return session_gateway(
        os.environ.get("GATE_URL", ""),
        os.environ.get("GATE_TOKEN", ""),
        config=os.environ.get("GATE_CONFIG") or None,
    )


async def stream(gate: SessionGateway, text: str) -> None:
    """Say something, and print what happens as it happens."""
    session = await gate.create_session(user_id="user_123")
    print("session", session.id)
    async for event in gate.execute(session, GatewayRequest(user_input=text)):
        match event.kind:
            case "text":
                print(event.data["text"], end="", flush=True)
            case "tool_call":
                print(f"\n[{event.data['tool']} {event.data['args']}]")
            case "approval":
                print(f"\n[waiting for a person: {event.data['signature']}]")
            case "tool_result":
                print(f"[{event.data['status']}]")
            case "reset":
                print("\n[that was withdrawn, another attempt follows]")
            case "gap":
                print("\n[something is missing here]")
            case "run_ended":
                print(f"\nrun {event.data['status']}")
            case _:
                pass
    await gate.delete_session(session.id)


async def ask(gate: SessionGateway, text: str) -> None:
    """Say something, and print the answer and what it took."""
    session = await gate.create_session(user_id="user_123")
    response = await gate.run_query(session, text)
    print("answer:", response.output)
    print(f"tokens: {response.usage.input} in, {response.usage.output} out")
    print("sessions of user_123:", len(await gate.list_sessions("user_123")))
    await gate.delete_session(session.id)
    try:
        await gate.get_session(session.id)
    except SessionNotFound:
        print("it is gone")


async def main(text: str) -> None:
    async with gateway() as gate:
        await stream(gate, text)
        await ask(gate, text)


if __name__ == "__main__":
    try:
        asyncio.run(main(" ".join(sys.argv[1:]) or "What is 2+2?"))
    except RunInProgress as error:
        sys.exit(f"it is busy with run {error.run}, which waits for {error.approvals}")
    except OverBudget as error:
        sys.exit(f"no money left: {error.message}")
    except ModelFailed as error:
        sys.exit(f"the model failed: {error.message}")
    except AgentGateConnectionError as error:
        sys.exit(f"no gateway: {error.message}")
    except AgentGateError as error:
        sys.exit(f"it went wrong: {error}")
    except (DocumentError, StoreError) as error:
        sys.exit(f"the configuration or its store can't be used: {error}")
