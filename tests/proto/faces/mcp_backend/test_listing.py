"""One list: pages, and servers that never come to an end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.faces.mcp_backend.events import Kind
from agentgate_proto.faces.mcp_backend.listing import BYTES_MAX, ITEMS_MAX, PAGES_MAX, Listing


def page(count: int = 1, cursor: str | None = None, size: int = 0) -> msgspec.Raw:
    items: list[Any] = [{"name": f"t{n}", "x": "x" * size} for n in range(count)]
    said = {"tools": items, "nextCursor": cursor}
    return msgspec.Raw(msgspec.json.encode(said))


def test_items_stay_as_they_were_written() -> None:
    listing = Listing(Kind.PROMPTS)
    text = msgspec.Raw(b'{"prompts":[ {"name": "a",  "x":1.0} ],"tools":[1]}')
    assert listing.receive(text) is None
    assert [bytes(item) for item in listing.items] == [b'{"name": "a",  "x":1.0}']
    assert not listing.is_cut


def test_what_is_no_page_is_refused() -> None:
    with pytest.raises(ValueError, match="Expected"):
        Listing(Kind.TOOLS).receive(msgspec.Raw(b"7"))


def test_a_list_ends_somewhere() -> None:
    listing = Listing(Kind.TOOLS)
    for number in range(PAGES_MAX - 1):
        assert listing.receive(page(1, f"c{number}")) == f"c{number}"
    assert listing.receive(page(1, "more")) is None
    assert (len(listing.items), listing.is_cut) == (PAGES_MAX, True)


def test_the_same_page_for_ever_is_no_list() -> None:
    listing = Listing(Kind.TOOLS)
    assert listing.receive(page(1, "c")) == "c"
    assert listing.receive(page(1, "c")) is None
    assert listing.is_cut


@pytest.mark.parametrize(("count", "size"), [(ITEMS_MAX + 1, 0), (5, BYTES_MAX // 4)])
def test_more_than_is_taken_is_cut(count: int, size: int) -> None:
    listing = Listing(Kind.TOOLS)
    assert listing.receive(page(count, "c", size)) is None
    assert listing.is_cut
    assert len(listing.items) == min(count - 1, ITEMS_MAX) if not size else 3
