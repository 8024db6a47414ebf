"""An agent in ten lines: a model of Anthropic with the gate's tools.

    pip install anthropic
    ANTHROPIC_API_KEY=… GATE_TOKEN=… python anthropic_agent.py "What time is it? Note it down."

``ANTHROPIC_MODEL`` names another model, ``ANTHROPIC_BASE_URL`` another server.
"""

import asyncio
import os
import sys
from typing import Any

from anthropic import AsyncAnthropic

from agent_gate import AgentGateClient, AnthropicTools

MODEL = os.environ.get("ANTHROPIC_MODEL", "claude-sonnet-5-5")


async def ask(question: str) -> str:
    url = os.environ.get("GATE_URL", "ws://127.0.0.1:8443")
    async with AgentGateClient(url, os.environ["GATE_TOKEN"]) as gw, AsyncAnthropic() as anthropic:
        tools = AnthropicTools(gw, await gw.list_tools())
        messages: list[Any] = [{"role": "user", "content": question}]
        while True:
            answer = await anthropic.messages.create(
                model=MODEL, max_tokens=4096, messages=messages, tools=tools.offered
            )
            results = await tools.run(answer)  # the policy decides, a person is asked
            if not results:
                return "".join(block.text for block in answer.content if block.type == "text")
            messages += [{"role": "assistant", "content": answer.content}, *results]


if __name__ == "__main__":
    print(asyncio.run(ask(" ".join(sys.argv[1:]) or "What time is it?")))
