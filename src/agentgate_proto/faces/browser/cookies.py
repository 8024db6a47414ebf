"""The cookie of the console (RFC 6265bis): one secret, for this gateway's pages alone.

Over TLS its name begins with ``__Host-``: a browser takes such a cookie only if it is ``Secure``,
of this very host and of ``Path=/``, so no other host of the domain and no clear-text page can plant
one. In clear text no name protects anything, and the name is another: a cookie from there is never
taken over TLS.
"""

from __future__ import annotations

from agentgate_proto.wire.headers import Headers

SECURE_NAME = "__Host-agentgate"
PLAIN_NAME = "agentgate-console"

SECRET_CHARS_MAX = 128
"""Of the value; ours have 43."""

COOKIES_MAX = 100
"""That are looked at: browsers keep some 180 for a whole domain."""


def name_for(*, is_secure: bool) -> str:
    """Return the name of the cookie, by how the browser reached us."""
    return SECURE_NAME if is_secure else PLAIN_NAME


def secret_in(headers: Headers, *, is_secure: bool) -> str:
    """Take the secret out of ``Cookie``; "": there is none, or several: then nobody can say which
    of them is ours."""
    wanted = name_for(is_secure=is_secure)
    pairs = "; ".join(headers.all("cookie")).split(";", COOKIES_MAX)[:COOKIES_MAX]
    named = (pair.strip().partition("=") for pair in pairs)
    found = [value for name, _, value in named if name == wanted]
    if len(found) != 1 or len(found[0]) > SECRET_CHARS_MAX:
        return ""
    return found[0]


def cookie_line(secret: str, *, is_secure: bool, lasts_s: float) -> tuple[str, str]:
    """Make the header by which a browser keeps the secret; with ``""`` it forgets the one it has.

    Args:
        secret: the value: letters, digits, ``-`` and ``_``.
        is_secure: the browser reached us by TLS.
        lasts_s: for how many seconds.
    """
    parts = [
        f"{name_for(is_secure=is_secure)}={secret}",
        "Path=/",
        f"Max-Age={int(lasts_s) if secret else 0}",
        "HttpOnly",
        "SameSite=Strict",
    ]
    return "set-cookie", "; ".join([*parts, "Secure"] if is_secure else parts)
