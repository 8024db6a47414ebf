"""The head of an HTTP/1.1 request: what is wrong with it, by itself or at these doors."""

from __future__ import annotations

import re

import h11
import msgspec

from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.hosts import may_be_ours, name_of
from agentgate_proto.wire.routes import Found

MAJOR_VERSION = b"1."
ORIGIN = re.compile(rb"(?i)https?://([^/?#]+)")
"""What stands before the path in absolute form (RFC 9112 section 3.2.2)."""

SPACE = 0x20
FOLDED_OR_BLANK = re.compile(rb"\n[ \t]|[ \t]{64}")

HOST = re.compile(r"(?ia)(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._~!$&'()*+,;=%-]{0,255})(?::[0-9]{0,5})?")
"""A Host (RFC 9110 section 7.2, RFC 3986 section 3.2.2, which bounds names to 255 characters)."""

REASON_HEADER = b"agentgate-reason"
"""The reason of a refusal once more, where a WebSocket client sees it, which reads no body."""

ONCE = ("host", "origin", "authorization")
"""Headers that say who asks whom: of two, somebody on the way may have looked at the other."""


class RequestHead(msgspec.Struct, frozen=True):
    """One whole request.

    The target begins with ``/``, or is ``*`` for ``OPTIONS``; of a whole URL it is the path, and
    the header ``host`` is its host (RFC 9112 section 3.2.2). ``found`` is where it leads; None:
    no face owns the path.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    version: bytes
    found: Found | None = None


def raw_objection(data: bytearray, end: int, bytes_max: int) -> tuple[int, str] | None:
    """Say why h11 should not see a head.

    Args:
        data: what has come.
        end: where the head ends in it; 0: nowhere yet.
        bytes_max: the largest head.
    """
    if (end or len(data)) > bytes_max:
        return 431, f"a request head of over {bytes_max} bytes"
    if data and data[0] <= SPACE:
        return 400, "illegal request line"
    if end and FOLDED_OR_BLANK.search(data, 0, end):
        return 400, "a folded header line, or 64 blanks in a row"
    return None


def head_objection(head: h11.Request, headers: Headers, doors: Doors) -> tuple[int, str] | None:
    """Return the status and the words with which a request must be refused, or None."""
    if not head.http_version.startswith(MAJOR_VERSION):
        return 505, "speak HTTP/1.1"
    if head.method == b"CONNECT":
        return 501, "this is no proxy"
    if not (head.target.startswith(b"/") or (head.method, head.target) == (b"OPTIONS", b"*")):
        return 400, "the target of a request is a path, or a whole URL"
    if b"#" in head.target:
        return 400, "a fragment in the target"
    for name in ONCE:
        if len(headers.all(name)) > 1:
            return 400, f"more than one header {name.capitalize()}"
    host = headers.get("host")
    if not HOST.fullmatch(host):
        return 400, "a Host that cannot be one"
    if not may_be_ours(host, doors.hosts):
        return 403, f"host {name_of(host)} is not in gateway.allowed_hosts"
    return None


def framing_objection(head: h11.Request, headers: Headers, body_max: int) -> tuple[int, str] | None:
    """Say what is wrong with how a request frames its body (RFC 9112 section 6.3)."""
    if "transfer-encoding" in headers:
        if "content-length" in headers:
            return 400, "both Content-Length and Transfer-Encoding"
        if head.http_version < b"1.1":
            return 400, "a transfer coding in HTTP/1.0"
    elif int(headers.get("content-length", "0")) > body_max:
        return 413, f"a body of over {body_max} bytes"
    return None


def in_origin_form(head: h11.Request) -> h11.Request:
    """Take a target that is a whole URL apart."""
    origin = ORIGIN.match(head.target)
    if origin is None:
        return head
    rest = head.target[origin.end() :]
    target = rest if rest.startswith(b"/") else b"/" + rest
    others = [(name, value) for name, value in head.headers if name != b"host"]
    return h11.Request(
        method=head.method,
        target=target,
        headers=[(b"host", origin[1]), *others],
        http_version=head.http_version,
    )
