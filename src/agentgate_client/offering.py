"""Offering tools to the gateway, on every connection anew."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from agentgate_client.driver import Answer, Driver, fresh
from agentgate_client.providing import Tool
from agentgate_proto.client.calls import decode
from agentgate_proto.client.events import Settled, Stood
from agentgate_proto.errors import AgentGateError
from agentgate_proto.rpc.jsonrpc import encode
from agentgate_proto.rpc.tool_methods import ProvideTools, ToolsProvided

log = logging.getLogger("agentgate_client")


class Providing:
    """What a client offers.

    Args:
        driver: of the client.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._handle: int | None = None

    async def provide(self, tools: Sequence[Tool]) -> list[str]:
        """Offer these tools instead of those before; see ``AgentGateClient.provide``."""
        driver = self._driver
        before = driver.provided.tools
        now = {tool.name: tool for tool in tools}
        offer = ProvideTools(tools=[tool.offer for tool in tools])
        answer = Answer()

        def take(event: Settled | Stood) -> None:
            if isinstance(event, Settled):
                answer.settle(event)
            elif event.error is not None:
                text = "the gateway does not take the tools that it took before: %s"
                log.warning(text, event.error.message)

        handle = driver.stand("tools.provide", offer, take)
        driver.provided.tools = before | now  # both may be asked for until it is decided
        try:
            result = decode(msgspec.Raw(encode(await answer.wait())), ToolsProvided)
            if isinstance(result, AgentGateError):
                raise fresh(result)
        except BaseException:
            driver.unstand(handle)
            driver.provided.tools = before
            raise
        former, self._handle = self._handle, handle
        if former is not None:
            driver.unstand(former)
        driver.provided.tools = now
        return result.names
