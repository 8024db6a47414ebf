"""A request in the form of whichever backend it goes to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from agentgate_proto.models import anthropic, openai, process
from agentgate_proto.models.plain import encode_plain
from agentgate_proto.models.request import Encoded, ModelRequest

ENCODERS: Final[dict[str, Callable[[ModelRequest], Encoded]]] = {
    anthropic.BACKEND: anthropic.encode,
    openai.BACKEND: openai.encode,
    process.BACKEND: partial(encode_plain, backend=process.BACKEND, takes_params=True),
    "rehearsal": partial(encode_plain, backend="rehearsal", takes_params=False),
}
"""Who puts requests into form, by the name of the backend."""


def encode(backend: str, request: ModelRequest) -> Encoded:
    """Put a request into the form of a backend.

    Raises:
        KeyError: there is no backend of this name; a configuration is checked before.
    """
    return ENCODERS[backend](request)
