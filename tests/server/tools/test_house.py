"""The make-believe house of the demo, the shorter one of the examples, and the documentation."""

import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from agentgate_cli.demo import house
from agentgate_proto.outcome import Status
from agentgate_proto.record import Effects
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.errors import ArgumentError
from agentgate_server.tools.python import tool_of
from agentgate_server.tools.runner import Runner

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    monkeypatch.setattr(house, "house", house.House())
    return Catalogue.load(["agentgate_cli.demo.house"], ROOT)


async def ask(runner: Runner, catalogue: Catalogue, name: str, **args: object) -> object:
    tool = catalogue.get(name)
    assert tool is not None
    tool.check(args)
    outcome = await runner.run(tool, args)
    if outcome.status is not Status.EXECUTED:
        return f"{outcome.status}: {outcome.message}"
    return msgspec.json.decode(outcome.data)


def journal(path: Path) -> list[object]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_the_house_offers_two_reads_and_three_writes(catalogue: Catalogue) -> None:
    assert {tool.name: tool.effects for tool in catalogue} == {
        "get_temperature": Effects.READ,
        "list_lights": Effects.READ,
        "set_light": Effects.WRITE,
        "unlock_door": Effects.WRITE,
        "set_thermostat": Effects.WRITE,
    }
    assert all(tool.description for tool in catalogue)
    assert all(
        "description" in entry for tool in catalogue for entry in tool.schema["properties"].values()
    )


async def test_the_house_remembers_what_was_done(runner: Runner, catalogue: Catalogue) -> None:
    assert await ask(runner, catalogue, "get_temperature", room="kitchen") == 21.0
    light = {"room": "kitchen", "on": True, "brightness": 40}
    assert await ask(runner, catalogue, "set_light", **light) == light
    lights = await ask(runner, catalogue, "list_lights")
    assert isinstance(lights, list)
    assert light in lights
    assert len(lights) == 3
    door = await ask(runner, catalogue, "unlock_door", door="front")
    assert door == "the front door is unlocked"
    assert house.house.locked == {"front": False, "back": True, "garage": True}
    target = await ask(runner, catalogue, "set_thermostat", celsius=22)
    assert target == {"target_celsius": 22.0}
    assert house.house.target_celsius == 22.0


async def test_every_effect_leaves_one_line_and_reads_and_failures_none(
    runner: Runner, catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal"
    monkeypatch.setenv("HOUSE_JOURNAL", str(path))
    monkeypatch.setenv("HOUSE_DELAY_S", "0.001")
    await ask(runner, catalogue, "set_light", room="bedroom", on=False)
    await ask(runner, catalogue, "get_temperature", room="bedroom")
    failed = await ask(runner, catalogue, "unlock_door", door="garage")
    await ask(runner, catalogue, "unlock_door", door="back")
    await ask(runner, catalogue, "set_thermostat", celsius=19.5)
    assert failed == "failed: RuntimeError: the battery of the garage lock is empty"
    assert journal(path) == [
        {"tool": "set_light", "args": {"room": "bedroom", "on": False, "brightness": 100}},
        {"tool": "unlock_door", "args": {"door": "back"}},
        {"tool": "set_thermostat", "args": {"celsius": 19.5}},
    ]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("get_temperature", {"room": "cellar"}),
        ("set_light", {"room": "kitchen", "on": True, "brightness": 0}),
        ("set_thermostat", {"celsius": 90}),
        ("unlock_door", {"door": "Front"}),
    ],
)
def test_nonsense_is_refused_before_anybody_is_asked(
    catalogue: Catalogue, name: str, args: dict[str, object]
) -> None:
    tool = catalogue.get(name)
    assert tool is not None
    with pytest.raises(ArgumentError):
        tool.check(args)


async def test_the_example_works_as_it_stands(runner: Runner) -> None:
    catalogue = Catalogue.load(["tools_house.py"], ROOT / "examples")
    assert catalogue.names == ("list_lights", "set_light", "unlock_door")
    assert await ask(runner, catalogue, "set_light", room="kitchen") == "the kitchen light is on"
    assert await ask(runner, catalogue, "list_lights") == {"bedroom": False, "kitchen": True}
    opened = await ask(runner, catalogue, "unlock_door", code=1234)
    assert opened == "the front door is unlocked"
    refused = await ask(runner, catalogue, "unlock_door", code=1)
    assert refused == "failed: ValueError: the lock did not accept the code for unlock"


async def test_the_snippets_of_the_documentation_run(runner: Runner) -> None:
    text = (ROOT / "docs" / "tools.md").read_text()
    module = ModuleType("snippets")
    for snippet in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(snippet, "docs/tools.md", "exec"), vars(module))
    made = [tool for tool in map(tool_of, vars(module).values()) if tool is not None]
    catalogue = Catalogue([*made, *module.catalogue])
    assert await ask(runner, catalogue, "get_temperature", room="kitchen") == 21.0
    assert await ask(runner, catalogue, "set_light", room="hall", on=True) == "hall: 100 %"
    assert await ask(runner, catalogue, "unlock_door", code=1) == "unlocked"
    assert await ask(runner, catalogue, "set_heating", celsius=21) == 21.0
    assert module.heating.target_celsius == 21.0
    light = catalogue.get("set_light")
    assert light is not None
    with pytest.raises(ArgumentError) as caught:
        light.check({"rom": "hall", "on": 1})
    assert str(caught.value) in text
