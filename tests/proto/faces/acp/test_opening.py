"""How a session is opened: what is kept of it for editors, and cursors that stand in ``_meta``."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.faces.acp.house import House

from agentgate_proto.faces.acp.messages import CURSOR, OpenSession
from agentgate_proto.faces.acp.opening import Kept, cursor_in, kept_in


def opening(cursor: Any) -> OpenSession:
    meta = {"_meta": {CURSOR: cursor}, "sessionId": "s"}
    return msgspec.json.decode(msgspec.json.encode(meta), type=OpenSession)


@pytest.mark.parametrize(
    ("text", "cursor"),
    [("e:0", ("e", 0)), ("a:b:12", ("a:b", 12)), ("e:-1", None), ("e", None), (None, None)],
)
def test_a_cursor_is_an_epoch_and_an_offset(text: Any, cursor: Any) -> None:
    assert cursor_in(opening(text), CURSOR) == cursor


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ({}, Kept()),
        (
            {"acp": {"cwd": "/p", "title": "x", "model": "small"}},
            Kept(cwd="/p", title="x", model="small"),
        ),
        ({"acp": {"cwd": 7}}, Kept()),
        ({"acp": "of another program"}, Kept()),
    ],
)
def test_what_is_kept_stands_in_the_metadata(metadata: Any, kept: Kept) -> None:
    assert kept_in(House().make(metadata).view) == kept


def test_other_metadata_of_a_session_stays() -> None:
    house = House()
    kept = house.make({"own": [1, 2]})
    it = house.connect()
    it.result("session/resume", sessionId=kept.view.id, cwd="/p")
    it.prompt(kept, "Hello")
    found = msgspec.json.decode(kept.view.metadata)
    assert found == {"own": [1, 2], "acp": {"title": "Hello", "model": "large"}}
