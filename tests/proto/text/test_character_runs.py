"""The table of characters: whole, and made from Unicode's data."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from tests import unicode_tables

from agentgate_proto.text import character_runs
from agentgate_proto.text.characters import STARTS


def test_every_character_is_in_one_run() -> None:
    assert STARTS[-1] == 0x110000
    assert character_runs.UNICODE == unicode_tables.VERSION


@pytest.mark.parametrize("name", unicode_tables.MADE)
def test_nobody_has_changed_a_table_by_hand(name: str) -> None:
    head, body = (unicode_tables.FOLDER / name).read_text("utf-8").split('"""\n\n', 1)
    assert head.split()[-1] == sha256(body.encode()).hexdigest()
    assert unicode_tables.VERSION in head
    assert "Unicode License" in head


@pytest.mark.skipif("UNICODE_DATA" not in os.environ, reason="needs Unicode's data in a folder")
def test_the_tables_are_made_from_the_data() -> None:
    data = unicode_tables.Data(Path(os.environ["UNICODE_DATA"]))
    for name, make in unicode_tables.MADE.items():
        assert make(data) == (unicode_tables.FOLDER / name).read_text("utf-8")
