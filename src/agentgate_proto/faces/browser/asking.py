"""Calls of a page of the gateway's own: which requests are taken for some, and how they are told.

A browser sends the cookie with whatever any page makes it send, so the cookie proves nothing by
itself (CSRF). A call is taken only if the browser says that it is of a page of ours: by an
``Origin`` that is exactly the one under which the gateway is reached, and by ``Sec-Fetch-Site``,
where it knows that. And it must be JSON, which no form can send.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.browser.cookies import secret_in
from agentgate_proto.faces.http_api import JSON, STATUSES, Reply
from agentgate_proto.wire.cors import is_own

OURS = ("same-origin", "")
"""What ``Sec-Fetch-Site`` may say (Fetch Metadata); "": a browser that does not know it."""

BODY_BYTES_MAX = 8_192
"""Of a call: what a stranger may send at all."""

UNSUPPORTED = 415

PUBLIC = "if that is where browsers reach this gateway, say so in gateway.public_url"


class PageCall(msgspec.Struct, frozen=True):
    """A call of a page.

    Attributes:
        body: the object that it sent.
        secret: of its cookie, or "".
        is_secure: the browser reached us by TLS.
        origin: of the page.
    """

    body: dict[str, Any]
    secret: str
    is_secure: bool
    origin: str


def read_call(request: HttpRequested, public_origin: str = "") -> PageCall | Reply:
    """Read a call, or say why it is none.

    Args:
        request: what came.
        public_origin: under which browsers reach the gateway by a proxy, or "".
    """
    headers = request.headers
    origin = headers.get("origin").lower()
    if not origin:
        return refusal(ErrorCode.FORBIDDEN, "only the console's own pages may ask this: no Origin")
    if origin != public_origin and not is_own(origin, headers.get("host")):
        text = f"only the console's own pages may ask this, and none of {origin}; {PUBLIC}"
        return refusal(ErrorCode.FORBIDDEN, text)
    if headers.get("sec-fetch-site") not in OURS:
        return refusal(ErrorCode.FORBIDDEN, "only the console's own pages may ask this")
    if headers.get("content-type").partition(";")[0].strip().lower() != JSON:
        return refusal(ErrorCode.INVALID_PARAMS, f"send {JSON}", status=UNSUPPORTED)
    try:
        body = msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        return refusal(ErrorCode.INVALID_PARAMS, f"the body must be a JSON object: {error}")
    is_secure = origin.startswith("https:")
    return PageCall(body, secret_in(headers, is_secure=is_secure), is_secure, origin)


def result(value: Any, headers: dict[str, str] | None = None) -> Reply:
    """Answer a call."""
    return Reply(200, msgspec.json.encode(value), headers or {})


def refusal(
    code: ErrorCode,
    message: str,
    *,
    status: int = 0,
    pause_s: float = 0.0,
    headers: dict[str, str] | None = None,
) -> Reply:
    """Say why a call was not answered.

    Args:
        code: as the native protocol has it.
        message: in words; "": those of the code.
        status: of HTTP; 0: that of the code.
        pause_s: for how many seconds not to ask again.
        headers: further ones.
    """
    error: dict[str, Any] = {"code": int(code), "message": message or ERRORS[code].message}
    lines = dict(headers or {})
    if pause_s:
        error["data"] = {"retry_after_s": round(pause_s, 3)}
        lines["retry-after"] = str(int(pause_s) + 1)
    return Reply(status or STATUSES.get(code, 500), msgspec.json.encode({"error": error}), lines)
