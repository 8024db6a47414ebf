"""An agent in ten lines: any chat model of LangChain with the gate's tools.

    pip install langchain-anthropic
    ANTHROPIC_API_KEY=… GATE_TOKEN=… python langchain_agent.py "What time is it? Note it down."

The tools are tools of LangChain as any others: agents and graphs take them too.
"""

import asyncio
import os
import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import BaseMessage, HumanMessage

from agent_gate import AgentGateClient
from agent_gate.langchain import langchain_tools

MODEL = os.environ.get("ANTHROPIC_MODEL", "claude-sonnet-5-5")


async def ask(question: str) -> str:
    url = os.environ.get("GATE_URL", "ws://127.0.0.1:8443")
    async with AgentGateClient(url, os.environ["GATE_TOKEN"]) as gw:
        tools = {tool.name: tool for tool in langchain_tools(gw, await gw.list_tools())}
        model = ChatAnthropic(model=MODEL).bind_tools(list(tools.values()))
        messages: list[BaseMessage] = [HumanMessage(question)]
        while True:
            answer = await model.ainvoke(messages)
            messages.append(answer)
            if not answer.tool_calls:
                return answer.text
            # the policy decides, a person is asked
            messages += [await tools[call["name"]].ainvoke(call) for call in answer.tool_calls]


if __name__ == "__main__":
    print(asyncio.run(ask(" ".join(sys.argv[1:]) or "What time is it?")))
