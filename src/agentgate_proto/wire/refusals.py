"""What comes instead of an upgrade: a refusal in a gateway's words, a page of a proxy, a redirect.

Whoever answers need not be a gateway. Of what it says people see a short piece of plain text:
enough to know who has answered, and nothing that a terminal could take for more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from agentgate_proto.limits import RETRY_AFTER_MAX_S
from agentgate_proto.wire.events import Rejected
from agentgate_proto.wire.heads import REASON_HEADER

BODY_BYTES_MAX = 2_048
"""Of a page that is looked at for a sentence: those of proxies say it at their beginning."""

PIECE_CHARS_MAX = 160
"""Of a page, shown: a sentence."""

REASON_CHARS_MAX = 300
"""Of what a gateway says of its refusal; whoever sent it need not be one."""

URL_CHARS_MAX = 1_000
"""Of where something has moved: a longer URL can't be shown whole, and half of one is none."""

PAUSE_DIGITS_MAX = 9
"""Of a pause in seconds: the first of them are more than a client waits."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that say where to go instead (RFC 9110 section 15.4)."""

TLS_STARTS = frozenset({0x15, 0x16})
"""The first byte of an answer that speaks TLS, an alert or a handshake (RFC 8446 section 5.1), and
of no HTTP."""

NO_REASON = "the server answered without an upgrade"

NO_TLS = "it speaks TLS there, and no handshake without it: write wss://"

TLS_WANTED = re.compile(
    rb"(?i)plain HTTP request was sent to HTTPS|HTTP request to an HTTPS server"
)
"""How nginx and Go's servers say that they speak TLS there."""

UNSEEN = re.compile(
    r"(?is)<script\b.*?(?:</script[^>]*>?|\Z)|<style\b.*?(?:</style[^>]*>?|\Z)|<!--.*?(?:-->|\Z)|<[^>]*>?"
)
"""What of a page is not its text. What has no end reaches to the end of the page."""

TITLE = re.compile(r"(?i)<title[^>]{0,200}>([^<]{0,1000})")
SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
ABSOLUTE = re.compile(r"(?i)(https?|wss?)://(.+)")
SAID_IN = ("error", "message", "detail", "reason")
"""Members of a JSON object in which servers say what is wrong."""

Lines = Sequence[tuple[bytes, bytes]]


def refusal_of(status: int, headers: Lines, body: bytes, origin: str, target: str) -> Rejected:
    """Say what an answer without an upgrade means.

    Args:
        status: of HTTP.
        headers: its header lines.
        body: the beginning of its body, as far as it has come.
        origin: where we have asked, as in ``wss://gate.example:8443``.
        target: for what.
    """
    pause_s = pause_in(headers)
    reason = reason_in(headers)
    if reason:
        return Rejected(status, reason, pause_s, is_told=True)
    if status in REDIRECTS:
        return Rejected(status, moved(headers, origin, target), pause_s, is_final=True)
    if TLS_WANTED.search(body):
        return Rejected(status, NO_TLS, pause_s, is_final=True)
    piece = piece_of(body)
    return Rejected(status, f'{NO_REASON}: "{piece}"' if piece else NO_REASON, pause_s)


def has_body(headers: Lines) -> bool:
    """Whether a body is to be waited for: one whose end is known, and that may say something."""
    if reason_in(headers):
        return False
    for name, value in headers:
        if name.lower() == b"content-length":
            return value.strip(b"0") != b""
        if name.lower() == b"transfer-encoding":
            return True
    return False


def pause_in(headers: Lines) -> float:
    """Return the seconds of ``Retry-After`` (RFC 9110 section 10.2.3); 0.0: none. A date says
    nothing to who has no clock."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit():
            return min(float(value[:PAUSE_DIGITS_MAX]), RETRY_AFTER_MAX_S)
    return 0.0


def reason_in(headers: Lines) -> str:
    """Return why a gateway refuses; "": it does not say so."""
    for name, value in headers:
        text = value.decode("ascii", "replace")
        if name.lower() == REASON_HEADER and text.isprintable():
            return text[:REASON_CHARS_MAX]
    return ""


def moved(headers: Lines, origin: str, target: str) -> str:
    """Say where a redirect leads, as a URL to write instead."""
    location = next((value for name, value in headers if name.lower() == b"location"), b"")
    url = location_of(location.decode("ascii", "replace"), origin, target)
    if not url:
        return "it redirects elsewhere, and does not say where"
    return f"it redirects to {url}; redirects are not followed, so write that"


def location_of(location: str, origin: str, target: str) -> str:
    """Return the whole URL of a gateway that a ``Location`` leads to (RFC 3986 section 5.2, but for
    the dots in paths), or "" if it is none that can be shown."""
    location = location.partition("#")[0]
    if not location.isascii() or not location.isprintable() or " " in location:
        return ""
    scheme = origin.partition(":")[0]
    absolute = ABSOLUTE.fullmatch(location)
    path = target.partition("?")[0]
    if absolute is not None:
        url = f"{SCHEMES[absolute[1].lower()]}://{absolute[2]}"
    elif location.startswith("//"):
        url = f"{scheme}:{location}"
    elif location.startswith("/"):
        url = origin + location
    elif location.startswith("?"):
        url = origin + path + location
    else:
        url = f"{origin}{path[: path.rfind('/') + 1]}{location}"
    is_other_scheme = absolute is None and re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location)
    return "" if not location or is_other_scheme or len(url) > URL_CHARS_MAX else url


def piece_of(body: bytes) -> str:
    """Return the beginning of what a body says, as a line of plain text."""
    text = body.decode("utf-8", "replace")
    said: Any = None
    if text.lstrip().startswith("{"):
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, ValueError):
            said = None
    if isinstance(said, dict):
        named = (said[name] for name in SAID_IN if isinstance(said.get(name), str))
        text = next(named, text)
    title = TITLE.search(text)
    if "<" in text:
        text = UNSEEN.sub(" ", text) if title is None else title[1]
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    line = " ".join(words).replace('"', "'")
    return line if len(line) <= PIECE_CHARS_MAX else line[: PIECE_CHARS_MAX - 1] + "…"
