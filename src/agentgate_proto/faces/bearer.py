"""Bearer tokens in ``Authorization`` (RFC 6750 section 2.1), and the answers of who lacks one."""

from __future__ import annotations

from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.wire.headers import Headers

CHALLENGE = ("www-authenticate", "Bearer")
"""What goes with 401 (RFC 6750 section 3)."""


def bearer_token(headers: Headers) -> str:
    """Take the bearer token; "" if there is none that can be one."""
    scheme, _, token = headers.get("authorization").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and len(token) <= TOKEN_CHARS_MAX else ""
