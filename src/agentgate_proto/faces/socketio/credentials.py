"""What a client says of itself when it connects to a namespace: its token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentgate_proto.faces.bearer import bearer_token
from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.wire.headers import Headers


def token_in(auth: Mapping[str, Any]) -> str:
    """Take the token out of what comes with CONNECT: ``{"token": …}``, or ``{"Authorization":
    "Bearer …"}``; "" if there is none that can be one."""
    match auth:
        case {"token": str(token)} if 0 < len(token) <= TOKEN_CHARS_MAX:
            return token
        case {"Authorization": str(line)} | {"authorization": str(line)}:
            return bearer_token(Headers([("authorization", line)]))
        case _:
            return ""
