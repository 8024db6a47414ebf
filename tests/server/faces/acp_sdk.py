"""The client of the Python SDK of ACP, over a WebSocket or a pipe: it knows nothing of us."""

from __future__ import annotations

from typing import Any

from acp import connect_to_agent, text_block
from acp.schema import AllowedOutcome, ClientCapabilities, RequestPermissionResponse
from acp.ws import create_websocket_stream


class Recorder:
    """A client that allows what it is asked, and writes down all that it is told."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.asked: list[str] = []
        self.stopped: list[str] = []
        self.loaded: list[str] = []
        self.titles: list[str] = []

    async def request_permission(
        self, session_id: str, tool_call: Any, options: Any, **more: Any
    ) -> RequestPermissionResponse:
        self.asked.append(tool_call.title)
        (option,) = [each for each in options if each.kind == "allow_once"]
        outcome = AllowedOutcome(outcome="selected", option_id=option.option_id)
        return RequestPermissionResponse(outcome=outcome)

    async def session_update(self, session_id: str, update: Any, **more: Any) -> None:
        self.updates.append(update)

    def on_connect(self, connection: Any) -> None:
        """It is connected."""

    def text(self) -> str:
        kind = "agent_message_chunk"
        found = [each for each in self.updates if each.session_update == kind]
        return "".join(each.content.text for each in found)


async def converse(it: Recorder, agent: Any, ask: str) -> Recorder:
    """Talk, be asked for permission, list the sessions, load one again."""
    found = await agent.initialize(protocol_version=1, client_capabilities=ClientCapabilities())
    assert found.protocol_version == 1
    assert found.agent_capabilities.load_session
    session = await agent.new_session(cwd="/p", mcp_servers=[])
    for text in ("Hello", ask):
        answer = await agent.prompt(session_id=session.session_id, prompt=[text_block(text)])
        it.stopped.append(answer.stop_reason)
    listed = await agent.list_sessions()
    it.titles = [each.title for each in listed.sessions]
    before = len(it.updates)
    await agent.load_session(cwd="/p", session_id=session.session_id, mcp_servers=[])
    it.loaded = [each.session_update for each in it.updates[before:]]
    await agent.close_session(session_id=session.session_id)
    return it


async def conversation(url: str, token: str, ask: str) -> Recorder:
    """Converse over a WebSocket."""
    it = Recorder()
    headers = {"Authorization": f"Bearer {token}"}
    stream = await create_websocket_stream(url, headers=headers)
    async with connect_to_agent(it, stream) as agent:  # type: ignore[arg-type]
        return await converse(it, agent, ask)
