"""Knowing: what the tools know of what a request names, for the people who are asked."""

from __future__ import annotations

import logging
from collections import OrderedDict

import msgspec

from agentgate_proto.records.request import Phase, Record
from agentgate_server.secrets.masking import Masker
from agentgate_server.tools.catalogue import Catalogue

TOLD_MAX = 1_000
"""Requests of which is remembered what people were shown; the last ones."""

log = logging.getLogger(__name__)


class Knowing:
    """Asks the tool of a request, and remembers what it said last.

    Args:
        catalogue: the tools.
        masker: hides secrets.
    """

    def __init__(self, catalogue: Catalogue, masker: Masker) -> None:
        self._catalogue = catalogue
        self._masker = masker
        self._told: OrderedDict[str, str] = OrderedDict()

    def about(self, record: Record) -> str:
        """Return what is known of what a request names, in a line, or "": now while it waits, later
        what was shown last."""
        if record.phase is not Phase.WAITING:
            return self._told.get(record.rid, "")
        about = self._masker.told(self._ask(record))
        if about:
            self._told[record.rid] = about
            self._told.move_to_end(record.rid)
            if len(self._told) > TOLD_MAX:
                self._told.popitem(last=False)
        return about

    def _ask(self, record: Record) -> str:
        tool = self._catalogue.get(record.tool)
        if tool is None:
            return ""
        try:
            return tool.about(msgspec.json.decode(record.args))
        except Exception:  # a tool of the user's: the question is asked all the same
            log.exception("tool %s says nothing of what it is asked for", record.tool)
            return ""
