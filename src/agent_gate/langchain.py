"""The gate's tools for LangChain: ``from agent_gate.langchain import langchain_tools``."""

from agentgate_client.toolkits.langchain import langchain_tools

__all__ = ["langchain_tools"]
