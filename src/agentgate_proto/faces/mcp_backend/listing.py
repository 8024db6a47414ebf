"""One list of a server, page by page."""

from __future__ import annotations

from typing import Final

import msgspec

from agentgate_proto.faces.mcp_backend.events import Kind
from agentgate_proto.faces.mcp_backend.reading import Page

METHODS: Final = {
    Kind.TOOLS: "tools/list",
    Kind.RESOURCES: "resources/list",
    Kind.TEMPLATES: "resources/templates/list",
    Kind.PROMPTS: "prompts/list",
}

PAGES_MAX: Final = 100
"""Pages of one list: a server that gives one item a page, or the same page for ever, ends here."""

ITEMS_MAX: Final = 1_000
"""Items of one list: each tool is listed to every agent."""

BYTES_MAX: Final = 4_194_304
"""Of all items of one list, as JSON: they are kept, and shown."""

page_decoder = msgspec.json.Decoder(Page)


class Listing:
    """A list that comes in pages.

    Attributes:
        kind: of what.
        items: what has come.
        is_cut: it was longer than what is taken.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.items: list[msgspec.Raw] = []
        self.is_cut = False
        self._pages = 0
        self._size = 0
        self._cursors: set[str] = set()

    def receive(self, result: msgspec.Raw) -> str | None:
        """Take a page; return the cursor of the next, or None: that was the last.

        Raises:
            ValueError: it is no page.
        """
        page = page_decoder.decode(result)
        found = {
            Kind.TOOLS: page.tools,
            Kind.RESOURCES: page.resources,
            Kind.TEMPLATES: page.resource_templates,
            Kind.PROMPTS: page.prompts,
        }[self.kind]
        for item in found:
            self._size += len(bytes(item))
            if len(self.items) == ITEMS_MAX or self._size > BYTES_MAX:
                self.is_cut = True
                return None
            self.items.append(item.copy())
        cursor = page.next_cursor
        if not cursor:
            return None
        self._pages += 1
        if self._pages == PAGES_MAX or cursor in self._cursors:
            self.is_cut = True
            return None
        self._cursors.add(cursor)
        return cursor
