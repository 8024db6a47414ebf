"""The same by OpenAI's responses, without ``await``.

pip install openai
OPENAI_API_KEY=… GATE_TOKEN=… python openai_responses_agent.py "What time is it?"
"""

import os
import sys
from typing import Any

from openai import OpenAI

from agent_gate.sync import AgentGateClient, ResponsesTools

MODEL = os.environ.get("OPENAI_MODEL", "gpt-6.2-sol")


def ask(question: str) -> str:
    url = os.environ.get("GATE_URL", "ws://127.0.0.1:8443")
    with AgentGateClient(url, os.environ["GATE_TOKEN"]) as gw, OpenAI() as openai:
        tools = ResponsesTools(gw, gw.list_tools())
        said: list[Any] = [{"role": "user", "content": question}]
        while True:
            answer = openai.responses.create(model=MODEL, input=said, tools=tools.offered)
            results = tools.run(answer)
            if not results:
                return answer.output_text
            said += [*answer.output, *results]


if __name__ == "__main__":
    print(ask(" ".join(sys.argv[1:]) or "What time is it?"))
