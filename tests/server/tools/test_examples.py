"""The house of the examples, and the snippets of the documentation, work as they stand."""

import re
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from agentgate_proto.records.outcome import Status
from agentgate_server.errors import ArgumentError
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.python import tool_of
from agentgate_server.tools.runner import Runner

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]


async def ask(runner: Runner, catalogue: Catalogue, name: str, **args: object) -> object:
    tool = catalogue.get(name)
    assert tool is not None
    tool.check(args)
    outcome = await runner.run(tool, args)
    if outcome.status is not Status.EXECUTED:
        return f"{outcome.status}: {outcome.message}"
    return msgspec.json.decode(outcome.data)


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
