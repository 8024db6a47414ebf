"""The kits of tools without ``await``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from agentgate_client.client import DEFAULT, TimeoutS
from agentgate_client.sync.client import AgentGateClient
from agentgate_client.toolkits import kit
from agentgate_client.toolkits.forms import Form, Row, Rows


class SyncKit(kit.Kit):
    """Base of the kits that are waited for; see :class:`agentgate_client.toolkits.kit.AsyncKit`."""

    form: Form

    def __init__(
        self, gw: AgentGateClient, rows: Sequence[Row], *, timeout_s: TimeoutS = DEFAULT
    ) -> None:
        super().__init__(self.form, rows)
        self._gw = gw
        self._call = partial(gw.inner.ask, timeout_s=timeout_s)

    def run(self, answer: Any) -> Rows:
        """Do what a model's answer asks for, all of it at the same time, and wait for it."""
        return self._gw.wait(partial(self.run_with, self._call, answer))


class OpenAITools(SyncKit):
    """For OpenAI's chat completions, and for whatever speaks like them."""

    form = kit.OpenAITools.form


class ResponsesTools(SyncKit):
    """For OpenAI's responses."""

    form = kit.ResponsesTools.form


class AnthropicTools(SyncKit):
    """For Anthropic's messages."""

    form = kit.AnthropicTools.form
