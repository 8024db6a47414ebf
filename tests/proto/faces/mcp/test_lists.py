"""Lists, page by page."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agentgate_proto.faces.mcp import lists
from agentgate_proto.faces.mcp.lists import PAGE_BYTES_MAX, PAGE_ITEMS_MAX, BadCursor

MODERN, LEGACY = "2026-07-28", "2025-11-25"


def items(count: int) -> list[bytes]:
    return [b'{"name":"t%d"}' % number for number in range(count)]


def all_pages(every: list[bytes]) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor = ""
    while True:
        read: dict[str, Any] = json.loads(lists.tools(every, cursor, LEGACY))
        pages.append([each["name"] for each in read["tools"]])
        cursor = read.get("nextCursor", "")
        if not cursor:
            return pages


@pytest.mark.parametrize(
    ("make", "member"),
    [
        (lists.tools, "tools"),
        (lists.resources, "resources"),
        (lists.templates, "resourceTemplates"),
        (lists.prompts, "prompts"),
    ],
)
def test_each_list_has_its_member(make: Callable[..., bytes], member: str) -> None:
    assert json.loads(make(items(2), "", LEGACY)) == {member: [{"name": "t0"}, {"name": "t1"}]}


def test_a_modern_list_says_how_long_it_may_be_kept_and_by_whom() -> None:
    assert json.loads(lists.tools([], "", MODERN)) == {
        "resultType": "complete",
        "tools": [],
        "ttlMs": 0,
        "cacheScope": "private",
    }


@pytest.mark.parametrize(
    "count", [0, 1, PAGE_ITEMS_MAX, PAGE_ITEMS_MAX + 1, 2 * PAGE_ITEMS_MAX + 5]
)
def test_pages_make_up_the_whole_list(count: int) -> None:
    pages = all_pages(items(count))
    assert [name for page in pages for name in page] == [f"t{number}" for number in range(count)]
    assert len(pages) == max(1, -(-count // PAGE_ITEMS_MAX))


def test_a_page_has_a_bound_in_bytes_and_still_one_item() -> None:
    large = [b'{"name":"t","x":"%b"}' % (b"y" * PAGE_BYTES_MAX)] * 2 + items(3)
    assert [len(page) for page in all_pages(large)] == [1, 1, 3]


@pytest.mark.parametrize(
    "cursor", ["x", "é", "YXQ6", "YXQ6OTk5OTk5", "YXQ6MA", "YXQ6LTE", "b246MQ"]
)
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        lists.tools(items(20), cursor, LEGACY)
