"""Models behind Anthropic's messages API, or a server that speaks it."""

from __future__ import annotations

from typing import Final

import anyio
import httpx2
import msgspec

from agentgate_proto.models.anthropic import VERSION, counting
from agentgate_proto.models.anthropic_stream import AnthropicStream
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded
from agentgate_server.models.vendor import TIMEOUT_S, VendorModel, beginning
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret

BASE_URL: Final = "https://api.anthropic.com"

COUNT_S: Final = 5.0
"""For counting tokens: a number is wanted before the request, and can be estimated."""


class Counted(msgspec.Struct):
    """The answer to counting."""

    input_tokens: int


class AnthropicModel(VendorModel):
    """One model; see ``VendorModel``. A base URL with or without its ``/v1`` is the same."""

    path = "/v1/messages"

    def __init__(
        self,
        info: ModelInfo,
        *,
        masker: Masker,
        api_key: Secret | None = None,
        base_url: str = BASE_URL,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(
            info, base_url=base_url, masker=masker, api_key=api_key, timeout_s=timeout_s
        )
        self.base = self.base.removesuffix("/v1")

    def new_stream(self) -> AnthropicStream:
        """Begin to read an answer."""
        return AnthropicStream()

    def headers(self) -> dict[str, str]:
        """Return the version, and the key if there is one."""
        headers = {"anthropic-version": VERSION}
        if self.api_key is not None:
            headers["x-api-key"] = self.api_key.value
        return headers

    def problem(self) -> str:
        """Say why it can't be used: the vendor itself always wants a key."""
        if self.api_key is None and str(self.origin) == BASE_URL:
            return "it has no api_key"
        return super().problem()

    async def count(self, request: Encoded) -> int | None:
        """Ask how many tokens a request has; see ``Model.count``."""
        url = self.url(f"{self.path}/count_tokens")
        body = counting(request.body)
        try:
            with anyio.fail_after(COUNT_S):
                async with self.client.stream(
                    "POST", url, content=body, headers=self.all_headers()
                ) as response:
                    if response.status_code != 200:
                        return None
                    found = msgspec.json.decode(await beginning(response), type=Counted)
        except (TimeoutError, httpx2.HTTPError, OSError, msgspec.MsgspecError, RecursionError):
            return None
        return found.input_tokens if found.input_tokens >= 0 else None
