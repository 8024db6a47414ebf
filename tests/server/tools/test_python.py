"""@tool: what a declaration makes of a function, and which declarations are refused."""

import functools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import pytest

import agentgate_server
from agentgate_proto.records.request import Effects
from agentgate_server import ToolError, tool
from agentgate_server.tools.python import PythonAsyncTool, PythonSyncTool, python_tool, tool_of
from agentgate_server.tools.tool import Tool


def made(function: Callable[..., Any]) -> Tool:
    found = tool_of(function)
    assert found is not None
    return found


def test_a_bare_tool_is_a_write_tool_named_and_described_by_its_function() -> None:
    @tool
    def set_light(room: str) -> str:
        """Switch a light.

        Args:
            room: which room.
        """
        return room

    found = made(set_light)
    assert isinstance(found, PythonSyncTool)
    assert found.name == "set_light"
    assert found.description == "Switch a light."
    assert found.effects is Effects.WRITE
    assert found.backend == "python"
    assert found.origin.endswith("set_light")
    assert found.timeout_s is msgspec.UNSET
    assert found.concurrency_max is None
    assert not found.inline
    assert found.schema["required"] == ["room"]


def test_every_option_reaches_the_tool() -> None:
    @tool(
        effects="read",
        name="house.read",
        description="Read it.",
        timeout_s=5,
        concurrency_max=2,
    )
    async def read() -> int:
        """Not this text."""
        return 1

    found = made(read)
    assert isinstance(found, PythonAsyncTool)
    assert (found.name, found.description) == ("house.read", "Read it.")
    assert found.effects is Effects.READ
    assert (found.timeout_s, found.concurrency_max) == (5.0, 2)


def test_effects_may_be_given_as_the_enum() -> None:
    @tool(effects=Effects.READ)
    def read() -> int:
        return 1

    assert made(read).effects is Effects.READ


def test_no_time_limit_can_be_asked_for() -> None:
    @tool(timeout_s=None)
    def slow() -> int:
        return 1

    assert made(slow).timeout_s is None


def test_an_inline_tool_has_no_time_limit() -> None:
    @tool(inline=True)
    def now() -> int:
        return 1

    assert made(now).inline
    assert made(now).timeout_s is None


def test_a_decorated_function_is_called_as_before() -> None:
    @tool(effects="read")
    def add(a: int, b: int = 2) -> int:
        """Add."""
        return a + b

    assert add(1) == 3
    assert add("x", "y") == "xy"
    assert add.__doc__ == "Add."


@pytest.mark.anyio
async def test_a_decorated_coroutine_function_is_awaited_as_before() -> None:
    @tool
    async def double(a: int) -> int:
        return a * 2

    assert await double(2) == 4


def test_a_bound_method_becomes_a_tool() -> None:
    class Hub:
        def __init__(self) -> None:
            self.on = False

        def switch(self, on: bool) -> bool:
            """Switch it."""
            self.on = on
            return on

    hub = Hub()
    found = python_tool(hub.switch, name="hub.switch")
    assert isinstance(found, PythonSyncTool)
    assert found.call({"on": True}) is True
    assert hub.on


def test_the_module_offers_the_decorator() -> None:
    assert agentgate_server.tool is tool
    assert "tool" in agentgate_server.__all__


def yielding(a: int) -> Iterator[int]:
    yield a


async def yielding_later(a: int) -> AsyncIterator[int]:
    yield a


async def later(a: int) -> int:
    return a


def plain(a: int) -> int:
    return a


class Callable1:
    def __call__(self, a: int) -> int:
        return a


@pytest.mark.parametrize(
    ("function", "options", "text"),
    [
        (plain, {"effects": "raed"}, "effects must be 'read' or 'write', not 'raed'"),
        (plain, {"name": "set light"}, "'set light' is no name for a tool"),
        (plain, {"name": ""}, "'' is no name for a tool"),
        (plain, {"name": "x" * 129}, "is no name for a tool"),
        (plain, {"name": "unl\u043eck"}, "is no name for a tool"),
        (plain, {"name": "lock(*)"}, "is no name for a tool"),
        (plain, {"name": "lock\n"}, "is no name for a tool"),
        (plain, {"name": 3}, "3 is no name for a tool"),
        (plain, {"timeout_s": 0}, "timeout_s must be above 0, or None for no limit, not 0"),
        (plain, {"timeout_s": -1}, "timeout_s must be above 0"),
        (plain, {"timeout_s": math.inf}, "timeout_s must be above 0, or None for no limit"),
        (plain, {"timeout_s": math.nan}, "timeout_s must be above 0"),
        (plain, {"timeout_s": "5"}, "timeout_s must be a number of seconds, or None, not '5'"),
        (plain, {"timeout_s": True}, "timeout_s must be a number of seconds"),
        (plain, {"concurrency_max": 0}, "concurrency_max must be at least 1, not 0"),
        (plain, {"concurrency_max": 1.5}, "concurrency_max must be a whole number, not 1.5"),
        (plain, {"concurrency_max": True}, "concurrency_max must be a whole number"),
        (plain, {"inline": True, "timeout_s": 5}, "an inline tool can't be stopped"),
        (plain, {"inline": True, "concurrency_max": 1}, "inline tools run one at a time anyway"),
        (later, {"inline": True}, "inline is for plain functions"),
        (yielding, {}, "it yields, but a tool returns one value: return a list"),
        (yielding_later, {}, "it yields"),
        (lambda: 1, {}, "'<lambda>' is no name for a tool"),
    ],
)
def test_a_wrong_declaration_is_refused_when_it_is_made(
    function: Callable[..., Any], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ToolError) as caught:
        tool(**options)(function)
    assert text in str(caught.value)
    assert str(caught.value).startswith(f"tool {__name__}.{function.__qualname__}: ")
    assert "\n" not in str(caught.value).replace(repr(options.get("name")), "")


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="efects"):
        tool(efects="read")(plain)


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (Callable1, "the class Callable1"),
        (Callable1(), "a Callable1"),
        (functools.partial(plain, 1), "a partial"),
        (staticmethod(plain), "a staticmethod"),
    ],
)
def test_only_functions_are_decorated(thing: Any, text: str) -> None:
    with pytest.raises(ToolError, match=f"@tool goes on functions, not on {text}"):
        tool(thing)
    with pytest.raises(ToolError, match=f"a tool is made of a function, not of {text}"):
        python_tool(thing)


def test_a_tool_under_another_decorator_is_refused() -> None:
    @tool
    def inner(a: int) -> int:
        return a

    @functools.wraps(inner)
    def outer(a: int) -> int:
        return inner(a)

    with pytest.raises(ToolError, match="@tool must be the topmost decorator"):
        tool_of(outer)


def test_a_tool_in_a_cache_is_refused_and_not_overlooked() -> None:
    @tool
    def inner(a: int) -> int:
        return a

    with pytest.raises(ToolError, match="@tool must be the topmost decorator"):
        tool_of(functools.lru_cache(inner))


def test_looking_for_tools_runs_no_code_of_other_objects() -> None:
    class Lazy:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("not ready")

    assert tool_of(Lazy()) is None


def test_a_tool_above_another_decorator_calls_it_and_sees_the_inner_signature() -> None:
    calls: list[int] = []

    def counted(function: Callable[..., int]) -> Callable[..., int]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> int:
            calls.append(1)
            return function(*args, **kwargs)

        return wrapper

    @tool
    @counted
    def add(a: int) -> int:
        return a + 1

    found = made(add)
    assert isinstance(found, PythonSyncTool)
    assert found.schema["required"] == ["a"]
    assert found.call({"a": 1}) == 2
    assert calls == [1]


def test_things_that_are_no_tools_have_none() -> None:
    assert tool_of(plain) is None
    assert tool_of(None) is None
