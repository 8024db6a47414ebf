"""The pins file: what was accepted, what waits, and nothing of it if it can't be trusted."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.server.tools.mcp.definitions import tool

from agentgate_proto.records.tool_pin import Change, Definition
from agentgate_server.tools.mcp import pins_file
from agentgate_server.tools.mcp.pins_file import FIRST_USE, PinsFile, PinsFileError

AT, LATER = "2026-11-20T10:00:00.000Z", "2026-11-20T11:00:00.000Z"


@pytest.fixture
def file(tmp_path: Path) -> PinsFile:
    return PinsFile(tmp_path / "data" / "mcp-pins.json")


def see(file: PinsFile, *definitions: Definition, first_use: tuple[str, ...] = ()) -> None:
    file.saw({"house": definitions}, first_use, AT)


def accept_all(file: PinsFile, at: str = LATER) -> list[str]:
    pins = file.contents().of("house")
    hashes = {each.name: each.hash for each in pins.offered()}
    shown = pins.differences()
    wanted = {each.name: hashes[each.name] for each in shown if each.name in hashes}
    return file.accept("house", shown, wanted, "ann", at)


def changes(file: PinsFile) -> list[tuple[Change, str]]:
    return [(each.change, each.name) for each in file.contents().of("house").differences()]


def test_no_file_means_that_nothing_is_accepted(file: PinsFile) -> None:
    pins = file.contents().of("house")
    assert pins.pins() == {}
    assert pins.differences() == []


def test_what_is_seen_waits_until_it_is_accepted(file: PinsFile) -> None:
    see(file, tool(), tool("lock"))
    assert changes(file) == [(Change.NEW, "lock"), (Change.NEW, "set_light")]
    assert file.contents().of("house").pins() == {}
    assert accept_all(file) == []
    pins = file.contents().of("house")
    assert pins.pins() == {"lock": tool("lock").hash, "set_light": tool().hash}
    assert pins.differences() == []
    assert (pins.accepted["lock"].by, pins.accepted["lock"].at) == ("ann", LATER)


def test_the_first_list_is_taken_where_that_is_wanted_and_no_later_one(file: PinsFile) -> None:
    see(file, tool(), first_use=("house",))
    pins = file.contents().of("house")
    assert pins.pins() == {"set_light": tool().hash}
    assert pins.accepted["set_light"].by == FIRST_USE
    see(file, tool(), tool("lock"), first_use=("house",))
    assert changes(file) == [(Change.NEW, "lock")]


def test_a_first_list_without_tools_was_the_first(file: PinsFile) -> None:
    see(file, first_use=("house",))
    see(file, tool(), first_use=("house",))
    assert changes(file) == [(Change.NEW, "set_light")]


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ((tool(description="Turns a lamp on or off!"), tool("lock")), [Change.CHANGED]),
        ((tool(), tool("lock"), tool("open")), [Change.NEW]),
        ((tool("set_lamp"), tool("lock")), [Change.RENAMED]),
        ((tool("lock"), tool("open")), [Change.RENAMED]),
        ((tool("lock"),), [Change.GONE]),
        ((tool(annotations={"readOnlyHint": True}), tool("lock")), [Change.CHANGED]),
    ],
)
def test_each_edit_is_found_and_over_when_it_is_accepted(
    file: PinsFile, now: tuple[Definition, ...], found: list[Change]
) -> None:
    old = tool()
    see(file, old, tool("lock", "Locks the door."), first_use=("house",))
    now = tuple(tool("lock", "Locks the door.") if each.name == "lock" else each for each in now)
    see(file, *now)
    assert [change for change, _ in changes(file)] == found
    assert accept_all(file) == []
    assert changes(file) == []
    assert file.contents().of("house").pins() == {each.name: each.hash for each in now}


def test_two_that_changed_places_are_found(file: PinsFile) -> None:
    see(file, tool("a", "one"), tool("b", "two"), first_use=("house",))
    see(file, tool("a", "two"), tool("b", "one"))
    assert changes(file) == [(Change.SWAPPED, "a"), (Change.SWAPPED, "b")]


def test_what_changed_while_somebody_looked_is_not_accepted(file: PinsFile) -> None:
    see(file, tool(), tool("lock"), tool("open"))
    pins = file.contents().of("house")
    hashes = {each.name: each.hash for each in pins.offered()}
    see(file, tool(description="Sends your keys away."), tool("lock"))
    assert file.accept("house", pins.differences(), hashes, "ann", LATER) == ["set_light", "open"]
    assert file.contents().of("house").pins() == {"lock": tool("lock").hash}
    assert changes(file) == [(Change.NEW, "set_light")]


def test_what_was_gone_and_came_back_while_somebody_looked_keeps_its_pin(file: PinsFile) -> None:
    see(file, tool(), tool("lock"), first_use=("house",))
    see(file, tool())
    (gone,) = file.contents().of("house").differences()
    see(file, tool(), tool("lock"))
    assert file.accept("house", [gone], {}, "ann", LATER) == ["lock"]
    assert set(file.contents().of("house").pins()) == {"lock", "set_light"}


def test_one_may_be_accepted_without_the_others(file: PinsFile) -> None:
    see(file, tool(), tool("lock"))
    lock, _ = file.contents().of("house").differences()
    assert file.accept("house", [lock], {"lock": tool("lock").hash}, "ann", LATER) == []
    assert changes(file) == [(Change.NEW, "set_light")]


def test_the_file_is_for_its_owner_and_written_only_when_something_is_new(file: PinsFile) -> None:
    see(file, tool())
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    before = file.stamp()
    file.saw({"house": [tool()]}, (), LATER)
    assert file.stamp() == before
    assert json.loads(file.path.read_text())["servers"]["house"]["seen"]["at"] == AT


def test_what_is_too_much_to_keep_is_counted_and_not_accepted(
    file: PinsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins_file, "SEEN_BYTES_MAX", len(bytes(tool("lock").text)) + 10)
    see(file, tool("lock"), tool("open"), tool("set"))
    pins = file.contents().of("house")
    assert changes(file) == [(Change.NEW, "lock")]
    assert pins.unkept == 2
    assert accept_all(file) == []
    assert file.contents().of("house").pins() == {"lock": tool("lock").hash}


def test_a_file_that_would_be_too_large_to_be_read_is_not_written(
    file: PinsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(file, tool())
    monkeypatch.setattr(PinsFile, "bytes_max", file.path.stat().st_size + 10)
    with pytest.raises(PinsFileError, match="would be larger"):
        see(file, tool(), tool("lock"))
    assert changes(file) == [(Change.NEW, "set_light")]


def edited(how: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        found = json.loads(text)
        how(found["servers"]["house"])
        return json.dumps(found)

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[:-10],
        lambda text: "",
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace('"seen"', '"sin"'),
        edited(lambda pins: pins["accepted"]["set_light"].update(hash="0" * 64)),
        edited(lambda pins: pins["accepted"]["set_light"]["definition"].update(title="x")),
        edited(lambda pins: pins["accepted"].update(lock=pins["accepted"]["set_light"])),
        edited(lambda pins: pins["accepted"]["set_light"].update(definition=7)),
        edited(lambda pins: pins["seen"].update(waiting=[{}])),
    ],
)
def test_a_file_that_nobody_of_us_wrote_is_refused_as_a_whole(
    file: PinsFile, edit: Callable[[str], str]
) -> None:
    see(file, tool(), first_use=("house",))
    file.path.write_text(edit(file.path.read_text()))
    with pytest.raises(PinsFileError, match=r"is not as agent-gate writes it .* mcp review"):
        file.contents()
    with pytest.raises(PinsFileError):
        see(file, tool())


def test_a_file_that_others_can_write_is_refused(file: PinsFile) -> None:
    see(file, tool())
    file.path.chmod(0o620)
    with pytest.raises(PinsFileError, match="others can write it and accept tools: chmod 600"):
        file.contents()
