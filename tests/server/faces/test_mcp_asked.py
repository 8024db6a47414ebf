"""What a request is about: said once, and never changed."""

from __future__ import annotations

import dataclasses

import pytest

from agentgate_server.faces.mcp_asked import Asked


def test_it_is_said_in_full_and_not_changed_later() -> None:
    assert all(each.default is dataclasses.MISSING for each in dataclasses.fields(Asked))
    asked = Asked(**{each.name: None for each in dataclasses.fields(Asked)})  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        asked.tool = "other"  # type: ignore[misc]
