"""The lists that MCP clients read page by page: tools, resources, templates, prompts.

A cursor says how much of the list was read. It means nothing to the client, and if the list has
changed in between, a notification has it read from the beginning.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

import msgspec

from agentgate_proto.faces.mcp.eras import MODERN

PAGE_ITEMS_MAX: Final = 1_000
"""Items of one page: most clients ask for one page and mean all of it."""

PAGE_BYTES_MAX: Final = 4_194_304
"""... and bytes; at least one item goes out whatever its size."""

CACHE_MS: Final = 0
"""How long a client may keep a list without asking: it depends on the policy, which a reload
changes at any time, and a tool that is pinned back must not live on in a cache."""


class BadCursor(ValueError):
    """A client's cursor is none of ours, or points behind the end."""


def tools(definitions: Sequence[bytes], cursor: str, version: str) -> bytes:
    """The result of ``tools/list``. Raises: BadCursor."""
    return page("tools", definitions, cursor, version)


def resources(items: Sequence[bytes], cursor: str, version: str) -> bytes:
    """The result of ``resources/list``. Raises: BadCursor."""
    return page("resources", items, cursor, version)


def templates(items: Sequence[bytes], cursor: str, version: str) -> bytes:
    """The result of ``resources/templates/list``. Raises: BadCursor."""
    return page("resourceTemplates", items, cursor, version)


def prompts(items: Sequence[bytes], cursor: str, version: str) -> bytes:
    """The result of ``prompts/list``. Raises: BadCursor."""
    return page("prompts", items, cursor, version)


def page(member: str, items: Sequence[bytes], cursor: str, version: str) -> bytes:
    """Return one page.

    Args:
        member: which of the result is the list.
        items: all of them, each a JSON object, which goes out as it is.
        cursor: what the client got with the page before; "": it wants the first.
        version: the revision that it speaks.

    Raises:
        BadCursor: answer with "invalid params".
    """
    start = position(cursor, len(items))
    end, size = start, 0
    while end < len(items) and end - start < PAGE_ITEMS_MAX:
        size += len(items[end])
        if size > PAGE_BYTES_MAX and end > start:
            break
        end += 1
    parts = [b'"%b":[%b]' % (member.encode(), b",".join(items[start:end]))]
    if end < len(items):
        parts.append(b'"nextCursor":' + msgspec.json.encode(spelled(end)))
    if version in MODERN:
        parts.insert(0, b'"resultType":"complete"')
        parts.append(b'"ttlMs":%d,"cacheScope":"private"' % CACHE_MS)
    return b"{" + b",".join(parts) + b"}"


def spelled(place: int) -> str:
    """A cursor that points there."""
    return urlsafe_b64encode(b"at:%d" % place).decode().rstrip("=")


def position(cursor: str, length: int) -> int:
    """Where a cursor points."""
    if not cursor:
        return 0
    try:
        head, _, number = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).partition(b":")
        place = int(number) if head == b"at" and len(number) < len(str(length)) + 1 else -1
    except ValueError:
        place = -1
    if not 0 < place < length:
        raise BadCursor("no such cursor: read the list from its beginning")
    return place
