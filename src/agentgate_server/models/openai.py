"""Models behind OpenAI's chat completions, or a server that speaks them; local ones do, too."""

from __future__ import annotations

from typing import Final

from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.openai_stream import OpenAIStream
from agentgate_server.models.vendor import TIMEOUT_S, VendorModel
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret

BASE_URL: Final = "https://api.openai.com/v1"


class OpenAIModel(VendorModel):
    """One model; see ``VendorModel``. The base URL ends with ``/v1`` where the server wants it."""

    path = "/chat/completions"

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

    def new_stream(self) -> OpenAIStream:
        """Begin to read an answer."""
        return OpenAIStream()

    def headers(self) -> dict[str, str]:
        """Return the key, if there is one."""
        return {} if self.api_key is None else {"Authorization": f"Bearer {self.api_key.value}"}

    def problem(self) -> str:
        """Say why it can't be used: the vendor itself always wants a key."""
        if self.api_key is None and BASE_URL.startswith(str(self.origin)):
            return "it has no api_key"
        return super().problem()
