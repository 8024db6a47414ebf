"""Serve the fixtures over Streamable HTTP: ``python -m tests.mcp.fixture_server --port 9000``."""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp.server.subscriptions import ListenHandler
from mcp.shared.exceptions import MCPError
from tests.mcp.fixture_server import asking, offers, plain

RETRY_MS = 100


class Events(EventStore):
    """What was sent on each stream, for who comes back to it."""

    def __init__(self) -> None:
        self.sent: list[tuple[StreamId, Any]] = []

    async def store_event(self, stream_id: StreamId, message: Any) -> EventId:
        self.sent.append((stream_id, message))
        return str(len(self.sent))

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        place = int(last_event_id) if last_event_id.isdecimal() else 0
        if not 0 < place <= len(self.sent):
            return None
        stream = self.sent[place - 1][0]
        for number, (each, message) in enumerate(self.sent[place:], place + 1):
            if each == stream and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


async def list_tools(context: asking.Context, params: Any) -> types.ListToolsResult:
    """``tools/list``."""
    schemas = {name: plain.SCHEMAS.get(name, plain.NOTHING) for name in plain.RESULTS}
    schemas |= asking.SCHEMAS
    found = [
        {"name": name, "description": f"The fixture {name}", "inputSchema": schema}
        for name, schema in schemas.items()
    ]
    return types.ListToolsResult.model_validate({"tools": found})


async def call_tool(
    context: asking.Context, params: types.CallToolRequestParams
) -> types.CallToolResult | types.InputRequiredResult:
    """``tools/call``."""
    if params.name in plain.RESULTS:
        return types.CallToolResult.model_validate(plain.RESULTS[params.name])
    if params.name not in asking.TOOLS:
        raise MCPError(asking.INVALID_PARAMS, f"Unknown tool: {params.name}")
    result = await asking.TOOLS[params.name](context, params)
    if result.get("resultType") == "input_required":
        return types.InputRequiredResult.model_validate(result)
    return types.CallToolResult.model_validate(result)


def server() -> Server[Any]:
    """Make it."""
    made: Server[Any] = Server(
        "fixtures",
        version="1.0.0",
        get_tool_input_schema=asking.SCHEMAS.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=offers.list_resources,
        on_list_resource_templates=offers.list_templates,
        on_read_resource=offers.read_resource,
        on_subscriptions_listen=ListenHandler(asking.BUS),
        on_list_prompts=offers.list_prompts,
        on_get_prompt=offers.get_prompt,
        on_completion=offers.complete,
    )
    watching = {
        "resources/subscribe": types.SubscribeRequestParams,
        "resources/unsubscribe": types.UnsubscribeRequestParams,
        "logging/setLevel": types.SetLevelRequestParams,
    }
    for method, params in watching.items():
        made.add_request_handler(method, params, offers.watch)
    return made


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    warnings.simplefilter("ignore")  # of what is deprecated in the newest revision
    app = server().streamable_http_app(event_store=Events(), retry_interval=RETRY_MS)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
