"""The pins in force: what may be used is what somebody accepted, as soon as they have."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from tests.server.tools.mcp.definitions import tool

from agentgate_server.tools.mcp.pins import Pins
from agentgate_server.tools.mcp.pins_file import PinsFile, PinsFileError

pytestmark = pytest.mark.anyio

BOUND_S = 10.0


@pytest.fixture
def file(tmp_path: Path) -> PinsFile:
    return PinsFile(tmp_path / "mcp-pins.json")


def pins_of(file: PinsFile) -> Pins:
    pins = Pins(file, {"house": "review", "garden": "first-use"})
    pins.load()
    return pins


def accept(file: PinsFile, alias: str = "house") -> None:
    found = file.contents().of(alias)
    hashes = {each.name: each.hash for each in found.offered()}
    shown = found.differences()
    known = {each.name: hashes[each.name] for each in shown if each.name in hashes}
    assert file.accept(alias, shown, known, "ann", "2026-11-20T10:00:00.000Z") == []


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(BOUND_S):
        while not condition():
            await anyio.sleep(0.01)


async def test_what_is_new_is_hidden_until_another_program_has_accepted_it(file: PinsFile) -> None:
    pins = pins_of(file)
    told: list[str] = []
    pins.changed = told.append
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pins.run)
        assert pins.visible("house", [tool()]) == frozenset()
        assert pins.waiting("house") == 1
        await until(lambda: bool(file.contents().of("house").differences()))
        assert told == []
        accept(file)
        await until(lambda: told == ["house"])
        assert pins.visible("house", [tool()]) == {"set_light"}
        assert pins.waiting("house") == 0
        assert pins.accepted("house") == {"set_light": tool().hash}
        assert pins.known("house") == [tool()]
        tasks.cancel_scope.cancel()


async def test_what_changes_is_hidden_at_once_and_what_does_not_stays(file: PinsFile) -> None:
    pins = pins_of(file)
    pins.visible("house", [tool(), tool("lock")])
    await pins.look()
    accept(file)
    await pins.look()
    assert pins.visible("house", [tool(), tool("lock")]) == {"lock", "set_light"}
    assert pins.visible("house", [tool(description="Another."), tool("lock")]) == {"lock"}
    assert pins.visible("house", [tool(), tool("lock")]) == {"lock", "set_light"}


async def test_the_first_list_counts_when_it_is_on_disk(file: PinsFile) -> None:
    pins = pins_of(file)
    told: list[str] = []
    pins.changed = told.append
    assert pins.visible("garden", [tool()]) == frozenset()
    await pins.look()
    assert told == ["garden"]
    assert pins.visible("garden", [tool()]) == {"set_light"}
    assert pins_of(file).visible("garden", [tool()]) == {"set_light"}
    assert pins.visible("garden", [tool(), tool("lock")]) == {"set_light"}


async def test_a_first_list_that_cannot_be_written_does_not_count(
    file: PinsFile, caplog: pytest.LogCaptureFixture
) -> None:
    pins = pins_of(file)
    beside = file.path.with_name("mcp-pins.json-new")
    beside.mkdir()
    pins.visible("garden", [tool()])
    with caplog.at_level(logging.ERROR):
        await pins.look()
        await pins.look()
    assert pins.visible("garden", [tool()]) == frozenset()
    assert "cannot be written" in pins.problem
    assert len(caplog.records) == 1
    beside.rmdir()
    await pins.look()
    assert pins.problem == ""
    assert pins.visible("garden", [tool()]) == {"set_light"}


async def test_a_broken_file_lets_no_gateway_start(file: PinsFile) -> None:
    file.path.write_text("{")
    file.path.chmod(0o600)
    with pytest.raises(PinsFileError):
        pins_of(file)


async def test_a_file_that_breaks_meanwhile_changes_nothing_and_is_said(file: PinsFile) -> None:
    pins = pins_of(file)
    pins.visible("garden", [tool()])
    await pins.look()
    good = file.path.read_text()
    file.path.write_text(good.replace(tool().hash, "0" * 64))
    await pins.look()
    assert "is not as agent-gate writes it" in pins.problem
    assert pins.visible("garden", [tool()]) == {"set_light"}
    assert pins.visible("garden", [tool(), tool("lock")]) == {"set_light"}
    file.path.write_text(good)
    await pins.look()
    assert pins.problem == ""


async def test_the_log_says_what_to_look_at_and_shows_no_hidden_letter(
    file: PinsFile, caplog: pytest.LogCaptureFixture
) -> None:
    pins = pins_of(file)
    pins.visible("garden", [tool("a", "one"), tool("b", "two"), tool("c", "three")])
    with caplog.at_level(logging.WARNING):
        await pins.look()
        assert caplog.messages == []
        pins.visible("garden", [tool("a", "two"), tool("b", "one"), tool("d\u202e")])
        await pins.look()
    assert [message.split(";")[0] for message in caplog.messages] == [
        "MCP server garden: 2 tools are swapped: a (b), b (a)",
        "MCP server garden: 1 tool is new: d<U+202E>",
        "MCP server garden: 1 tool is gone: c",
    ]


async def test_a_server_with_many_new_tools_is_one_line_of_the_log(
    file: PinsFile, caplog: pytest.LogCaptureFixture
) -> None:
    pins = pins_of(file)
    pins.rules = {"garden": "review"}
    pins.visible("garden", [tool(f"t{number:02}") for number in range(12)])
    with caplog.at_level(logging.WARNING):
        await pins.look()
    names = ", ".join(f"t{number:02}" for number in range(10))
    (message,) = caplog.messages
    assert message.startswith(f"MCP server garden: 12 tools are new: {names} and 2 more; hidden")
    assert message.endswith("until accepted: see 'agent-gate mcp review'")


async def test_who_accepted_what_is_told_once(file: PinsFile) -> None:
    pins = pins_of(file)
    told: list[tuple[str, str, str, str]] = []
    pins.told = lambda alias, name, now: told.append(
        (alias, name, now.hash if now else "", now.by if now else "")
    )
    pins.visible("house", [tool(), tool("lock")])
    await pins.look()
    accept(file)
    await pins.look()
    await pins.look()
    assert told == [
        ("house", "lock", tool("lock").hash, "ann"),
        ("house", "set_light", tool().hash, "ann"),
    ]
    told.clear()
    pins.visible("house", [tool(description="Another.")])
    await pins.look()
    assert told == []
    accept(file)
    await pins.look()
    assert told == [
        ("house", "lock", "", ""),
        ("house", "set_light", tool(description="Another.").hash, "ann"),
    ]


async def test_a_look_without_news_reads_nothing(file: PinsFile) -> None:
    pins = pins_of(file)
    pins.visible("garden", [tool()])
    await pins.look()
    told: list[str] = []
    pins.changed = told.append
    pins.visible("garden", [tool()])
    stamp = file.stamp()
    await pins.look()
    assert (told, file.stamp()) == ([], stamp)


async def test_servers_that_are_not_configured_any_more_keep_their_pins(file: PinsFile) -> None:
    pins = pins_of(file)
    pins.visible("garden", [tool()])
    await pins.look()
    other = Pins(file, {"house": "review"})
    other.load()
    other.visible("house", [tool("lock")])
    await other.look()
    assert set(file.contents().servers) == {"garden", "house"}
    assert other.visible("garden", [tool()]) == frozenset()
