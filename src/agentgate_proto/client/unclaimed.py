"""Outcomes for which no call waits: kept for the next ``get_pending_results``, told once.

An outcome may come twice, because what was not acknowledged is sent again; so what was told is
remembered for a while.
"""

from __future__ import annotations

from agentgate_proto.client.calls import LooseRow
from agentgate_proto.limits import TOLD_IDS_MAX, UNCLAIMED_ROWS_MAX


class Unclaimed:
    """See the module.

    Args:
        kept_max: how many are kept.

    Attributes:
        is_overfull: one found no room. Nothing may be acknowledged from then on: the gateway has it
            still, and sends it again on the next connection.
    """

    def __init__(self, kept_max: int = UNCLAIMED_ROWS_MAX) -> None:
        self.is_overfull = False
        self._kept_max = kept_max
        self._rows: dict[int | str, LooseRow] = {}
        self._told: dict[int | str, None] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._rows

    def keep(self, row: LooseRow) -> None:
        """Keep an outcome for whoever asks next, unless it was told already."""
        if row.request_id in self._told:
            return
        if row.request_id in self._rows or len(self._rows) < self._kept_max:
            self._rows[row.request_id] = row
        else:
            self.is_overfull = True

    def tell(self, *request_ids: int | str) -> None:
        """Note whose outcomes are told, so that they are not told again."""
        self._told.update(dict.fromkeys(request_ids))
        while len(self._told) > TOLD_IDS_MAX:
            del self._told[next(iter(self._told))]

    def hand_over(self) -> list[LooseRow]:
        """Return all that is kept: it counts as told."""
        rows = list(self._rows.values())
        self.tell(*self._rows)
        self._rows.clear()
        return rows
