"""Rows of the console: small, and made by nobody else."""

from __future__ import annotations

import pytest

from agentgate_proto.records.console_row import BODY_BYTES_MAX, ConsoleRow, RowKind


def test_a_row_holds_so_much_and_no_more() -> None:
    full = ConsoleRow(kind=RowKind.PUSH, id="p1", principal="anna", body=b"x" * BODY_BYTES_MAX)
    assert full.expires_at == 0.0, "it stays"
    with pytest.raises(ValueError, match="at most 4096 bytes"):
        ConsoleRow(kind=RowKind.PUSH, id="p1", principal="anna", body=full.body + b"x")
