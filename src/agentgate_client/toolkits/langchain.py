"""The gate's tools for LangChain and LangGraph; the one module that needs ``langchain-core``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from agentgate_client.client import DEFAULT, AgentGateClient, TimeoutS
from agentgate_client.sync.client import AgentGateClient as SyncAgentGateClient
from agentgate_client.toolkits.forms import Row
from agentgate_client.toolkits.kit import description_of, schema_of, text_of, words_for
from agentgate_proto.errors import AgentGateConnectionError, AgentGateError
from agentgate_proto.sessions.material import model_names


def langchain_tools(
    gw: AgentGateClient | SyncAgentGateClient,
    rows: Sequence[Row],
    *,
    timeout_s: TimeoutS = DEFAULT,
) -> list[BaseTool]:
    """Make tools of LangChain of a gate's: for ``bind_tools``, for agents, for graphs.

    What the policy or a person denies, and what fails, becomes a tool message with the status
    "error", so that the model is told. That the gate can't be asked is raised.

    Args:
        gw: asks for the tools; with ``await`` they are for ``ainvoke``, without it for both.
        rows: what its ``list_tools`` returned, or those of them that the model is to have.
        timeout_s: how long each tool may take; None: as long as it takes.
    """
    by_name = {str(row["name"]): row for row in rows}
    tools: list[BaseTool] = []
    for told, name in sorted(model_names(by_name).items()):
        row = by_name[name]
        if isinstance(gw, SyncAgentGateClient):
            function = blocking_tool(gw, name, timeout_s)
        else:
            function = awaited_tool(gw, name, timeout_s)
        tools.append(
            StructuredTool(
                name=told,
                description=description_of(row) or told,
                args_schema=schema_of(row),
                handle_tool_error=True,
                **function,
            )
        )
    return tools


def awaited_tool(gw: AgentGateClient, name: str, timeout_s: TimeoutS) -> dict[str, Any]:
    """Return the function of a tool that is awaited."""
    call = partial(gw.ask, name, timeout_s=timeout_s)

    async def run(**args: Any) -> str:
        try:
            return text_of(await call(args))
        except AgentGateError as error:
            raise told(error) from error

    return {"coroutine": run}


def blocking_tool(gw: SyncAgentGateClient, name: str, timeout_s: TimeoutS) -> dict[str, Any]:
    """Return the function of a tool that is waited for."""
    call = partial(gw.ask, name, timeout_s=timeout_s)

    def run(**args: Any) -> str:
        try:
            return text_of(call(args))
        except AgentGateError as error:
            raise told(error) from error

    return {"func": run}


def told(error: AgentGateError) -> Exception:
    """Return what LangChain is to see: an error for the model, or one for the program."""
    return error if isinstance(error, AgentGateConnectionError) else ToolException(words_for(error))
