"""The tools as MCP clients see them: made once, made anew when they may have changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.server.faces.memory_desk import MemoryDesk, tool_row

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.request import Effects
from agentgate_server.faces import mcp_catalogue
from agentgate_server.faces.mcp_catalogue import Catalogues, can_be_stopped

ANN = Principal(name="ann", role=Role.AGENT)
BOB = Principal(name="bob", role=Role.AGENT)
VERSION = "2026-07-28"


class CountingDesk(MemoryDesk):
    """Counts how often it is asked."""

    asked = 0

    def tools(self, principal: Principal) -> list[Any]:
        self.asked += 1
        return super().tools(principal)


def made(*names: str, permit: bool = False) -> tuple[CountingDesk, Catalogues]:
    desk = CountingDesk(lambda *args: None, [tool_row(name) for name in names])
    return desk, Catalogues(desk, 600.0, permit=permit)


def test_the_list_is_made_once_for_each_principal_until_it_may_have_changed() -> None:
    desk, catalogues = made("a.b")
    first = catalogues.of(ANN)
    assert catalogues.of(ANN) is first
    assert first.definitions(VERSION) is first.definitions(VERSION)
    catalogues.of(BOB)
    assert desk.asked == 2
    desk.change_tools(desk.rows)
    second = catalogues.of(ANN)
    assert second is not first
    assert second.fingerprint == first.fingerprint
    desk.change_tools([*desk.rows, tool_row("c")])
    assert catalogues.of(ANN).fingerprint != first.fingerprint


def test_tools_are_found_under_their_published_names() -> None:
    desk, catalogues = made("a.b", "gone/away", "gone.away")
    row = catalogues.row(ANN, "a_b")
    assert row is desk.rows[0]
    assert catalogues.row(ANN, "a.b") is None
    catalogue = catalogues.of(ANN)
    assert catalogue.named("a.b") == ("a_b", row)
    assert catalogue.named("a/b") == ("a_b", None)
    assert catalogue.named("gone.away") == ("gone_away", None)


def test_what_is_not_listed_may_be_denied_if_its_name_is_nobody_elses() -> None:
    _, catalogues = made("a.b", "a/b")
    catalogue = catalogues.of(ANN)
    assert catalogue.may_be_denied("c")
    assert not catalogue.may_be_denied("a_b")
    assert not catalogue.may_be_denied("a.b")
    assert not catalogue.may_be_denied("permit")


def test_what_is_denied_is_asked_for_by_its_own_name_if_no_other_has_it() -> None:
    desk, catalogues = made("a.b")
    desk.denied = ["house.lock", "x.y", "x/y"]
    catalogue = catalogues.of(ANN)
    assert catalogue.asked_for("house_lock") == "house.lock"
    assert catalogue.asked_for("x_y") == "x_y", "which of the two is meant nobody knows"
    assert catalogue.asked_for("a_b") == "a_b"
    assert catalogue.asked_for("other") == "other"


def test_tools_that_clash_are_hidden_and_that_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk, catalogues = made("a.b", "a/b", "c")
    names = [json.loads(each)["name"] for each in catalogues.of(ANN).definitions(VERSION)]
    assert names == ["c", "gate_result"]
    catalogues.of(BOB)
    hidden = "another tool is called a_b, too: a.b, a/b; another prefix (tools.mcp) helps"
    assert caplog.text.count(hidden) == 1
    assert catalogues.hidden == 2
    desk.change_tools(desk.rows[1:])
    catalogues.of(ANN)
    assert catalogues.hidden == 0


def test_permit_is_there_where_it_is_wanted() -> None:
    _, catalogues = made(permit=True)
    names = [json.loads(each)["name"] for each in catalogues.of(ANN).definitions(VERSION)]
    assert names == ["gate_result", "permit"]


def test_very_many_principals_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_catalogue, "PRINCIPALS_MAX", 2)
    desk, catalogues = made("a")
    for number in range(3):
        catalogues.of(Principal(name=str(number), role=Role.AGENT))
    catalogues.of(Principal(name="2", role=Role.AGENT))
    assert desk.asked == 3
    catalogues.of(Principal(name="0", role=Role.AGENT))
    assert desk.asked == 4


def test_what_reads_and_what_has_a_server_of_its_own_can_be_stopped() -> None:
    assert can_be_stopped(tool_row("a", Effects.READ))
    assert can_be_stopped(tool_row("a", form="mcp"))
    assert not can_be_stopped(tool_row("a"))
    assert not can_be_stopped(None)
