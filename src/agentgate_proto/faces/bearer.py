"""Bearer tokens in ``Authorization`` (RFC 6750 section 2.1), and the answers of who lacks one.

A token in the query (section 2.3) is for devices that can send no headers, and only where that is
configured: a URL ends up in the logs of proxies.
"""

from __future__ import annotations

from agentgate_proto.faces.queries import unescaped
from agentgate_proto.limits import TOKEN_CHARS_MAX
from agentgate_proto.wire.headers import Headers

CHALLENGE = ("www-authenticate", "Bearer")
"""What goes with 401 to who has sent no token (RFC 6750 section 3)."""

INVALID_TOKEN = ("www-authenticate", 'Bearer error="invalid_token"')
"""The same to who has sent one that is none, or counts no more (section 3.1)."""


FIELD = "token="
"""In the query."""


def bearer_token(headers: Headers) -> str:
    """Take the bearer token; "" if there is none that can be one."""
    scheme, _, token = headers.get("authorization").partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and len(token) <= TOKEN_CHARS_MAX else ""


def token_in(target: str) -> str:
    """Take the token out of a target's query; "" if there is none, or several."""
    fields = target.partition("?")[2].split("&")
    found = [field[len(FIELD) :] for field in fields if field.startswith(FIELD)]
    token = unescaped(found[0]) if len(found) == 1 else ""
    return token if len(token) <= TOKEN_CHARS_MAX else ""
