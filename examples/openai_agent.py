"""An agent in ten lines: a model of OpenAI, or of whatever speaks like it, with the gate's tools.

    pip install openai
    OPENAI_API_KEY=… GATE_TOKEN=… python openai_agent.py "What time is it? Note it down."

``OPENAI_MODEL`` names another model, ``OPENAI_BASE_URL`` another server.
"""

import asyncio
import os
import sys
from typing import Any

from openai import AsyncOpenAI

from agent_gate import AgentGateClient, OpenAITools

MODEL = os.environ.get("OPENAI_MODEL", "gpt-6.2-sol")


async def ask(question: str) -> str:
    url = os.environ.get("GATE_URL", "ws://127.0.0.1:8443")
    async with AgentGateClient(url, os.environ["GATE_TOKEN"]) as gw, AsyncOpenAI() as openai:
        tools = OpenAITools(gw, await gw.list_tools())
        messages: list[Any] = [{"role": "user", "content": question}]
        while True:
            answer = await openai.chat.completions.create(
                model=MODEL, messages=messages, tools=tools.offered
            )
            message = answer.choices[0].message
            results = await tools.run(message)  # the policy decides, a person is asked
            if not results:
                return message.content or ""
            messages += [message, *results]


if __name__ == "__main__":
    print(asyncio.run(ask(" ".join(sys.argv[1:]) or "What time is it?")))
