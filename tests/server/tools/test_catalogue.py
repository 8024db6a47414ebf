"""The catalogue: tools by name, from code and from modules, and every way that can go wrong."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentgate_proto.records.request import Effects
from agentgate_server import ToolError, tool
from agentgate_server.assembly import catalogue_of
from agentgate_server.config import config_from_dict
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.tool import AsyncTool, Tool

HEAD = "from agentgate_server import tool\n\n"
ONE = HEAD + "@tool\ndef {name}(a: int) -> int:\n    return a\n"


@pytest.fixture(autouse=True)
def restored_imports() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@tool
def first(a: int) -> int:
    return a


@tool(effects="read")
async def second() -> int:
    return 2


def undecorated() -> None: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Elsewhere(AsyncTool):
    """Another backend, to see that there is room for it."""

    def check(self, args: dict[str, Any]) -> None: ...

    async def run(self, args: dict[str, Any]) -> Any:
        return args


def elsewhere(name: str) -> Elsewhere:
    return Elsewhere(
        name=name,
        description="",
        effects=Effects.READ,
        schema={"type": "object"},
        backend="test",
        origin="here",
    )


def refused(modules: list[str], base: Path) -> str:
    with pytest.raises(ToolError) as caught:
        Catalogue.load(modules, base)
    text = str(caught.value)
    assert "\n" not in text
    return text


# From code


def test_tools_are_found_by_exactly_their_name() -> None:
    catalogue = Catalogue.of(first, second)
    found = catalogue.get("second")
    assert found is not None
    assert found.name == "second"
    assert catalogue.get("Second") is None
    assert catalogue.get("second ") is None
    assert catalogue.names == ("first", "second")
    assert [item.name for item in catalogue] == ["first", "second"]
    assert len(catalogue) == 2
    assert "first" in catalogue
    assert "third" not in catalogue


def test_tools_of_other_backends_stand_beside_python_functions() -> None:
    catalogue = Catalogue.of(first, elsewhere("other"))
    assert catalogue.names == ("first", "other")
    assert {item.backend for item in catalogue} == {"python", "test"}


def test_two_catalogues_can_be_joined() -> None:
    joined = Catalogue([*Catalogue.of(first), *Catalogue.of(second, first)])
    assert joined.names == ("first", "second")


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ToolError, match=r"two tools are named 'first': .*first and here; rename"):
        Catalogue.of(first, elsewhere("first"))


@pytest.mark.parametrize(
    ("thing", "text"),
    [(undecorated, "undecorated is no tool: put @tool above"), (3, "a int is no tool")],
)
def test_what_is_no_tool_is_refused(thing: Any, text: str) -> None:
    with pytest.raises(ToolError, match=text):
        Catalogue.of(thing)


def test_no_tools_are_an_empty_catalogue(tmp_path: Path) -> None:
    assert len(Catalogue()) == 0
    assert len(Catalogue.load([], tmp_path)) == 0


# From modules


def test_a_file_beside_the_configuration_is_loaded_by_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "lights.py").write_text(ONE.format(name="lamp"))
    assert Catalogue.load(["sub/lights.py"], tmp_path).names == ("lamp",)
    assert Catalogue.load([str(tmp_path / "sub" / "lights.py")], Path("/")).names == ("lamp",)


def test_a_module_beside_the_configuration_is_loaded_by_name(tmp_path: Path) -> None:
    (tmp_path / "lamps_of_ours.py").write_text(ONE.format(name="lamp"))
    assert Catalogue.load(["lamps_of_ours"], tmp_path).names == ("lamp",)


def test_a_file_with_the_name_of_a_standard_module_does_not_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "tabnanny.py").write_text(ONE.format(name="entry"))
    text = refused(["tabnanny"], tmp_path)
    assert text.startswith("module tabnanny (")
    assert "write its path, ending in .py" in text
    assert Catalogue.load(["tabnanny.py"], tmp_path).names == ("entry",)


def test_two_files_of_one_name_are_two_modules(tmp_path: Path) -> None:
    for part in ("a", "b"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "tools.py").write_text(ONE.format(name=f"lamp_{part}"))
    assert Catalogue.load(["a/tools.py", "b/tools.py"], tmp_path).names == ("lamp_a", "lamp_b")


def test_a_file_is_run_once_however_often_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "once.py").write_text(ONE.format(name="lamp"))
    one, two = (Catalogue.load(["once.py", "once.py"], tmp_path) for _ in range(2))
    assert one.get("lamp") is two.get("lamp")


def test_a_file_may_use_dataclasses_late_hints_and_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_ours.py").write_text("ROOMS = ['hall']\n")
    (tmp_path / "house.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour_of_ours import ROOMS\n" + HEAD + "@dataclass\n"
        "class Light:\n    room: str\n    next: Light | None = None\n\n"
        "@tool\ndef switch(light: Light) -> list[str]:\n    return ROOMS\n"
    )
    found = Catalogue.load(["house.py"], tmp_path).get("switch")
    assert found is not None
    found.check({"light": {"room": "hall", "next": {"room": "attic"}}})


def test_what_a_module_merely_imports_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "base_of_ours.py").write_text(ONE.format(name="secret"))
    (tmp_path / "user_of_ours.py").write_text(
        "from base_of_ours import secret\n" + ONE.format(name="public")
    )
    (tmp_path / "importer_of_ours.py").write_text("from base_of_ours import secret\n")
    assert Catalogue.load(["user_of_ours"], tmp_path).names == ("public",)
    text = refused(["importer_of_ours"], tmp_path)
    assert "only imports its tools: name the module of base_of_ours.secret" in text


def test_a_package_offers_what_it_imports_from_its_own_parts(tmp_path: Path) -> None:
    package = tmp_path / "package_of_ours"
    package.mkdir()
    (package / "__init__.py").write_text("from package_of_ours.lights import lamp\nalias = lamp\n")
    (package / "lights.py").write_text(ONE.format(name="lamp"))
    assert Catalogue.load(["package_of_ours"], tmp_path).names == ("lamp",)
    assert Catalogue.load(["package_of_ours.lights"], tmp_path).names == ("lamp",)


def test_a_module_that_is_not_there_is_named_with_its_nearest(tmp_path: Path) -> None:
    (tmp_path / "house_tools.py").write_text(ONE.format(name="lamp"))
    assert refused(["huose_tools"], tmp_path) == (
        "there is no module 'huose_tools', which tools.python names; did you mean house_tools?"
    )
    assert refused(["zzz"], tmp_path).startswith(
        "there is no module 'zzz', which tools.python names (l"
    )
    assert refused(["zzz.sub"], tmp_path).startswith("there is no module 'zzz.sub', ")
    missing = refused(["huose_tools.py"], tmp_path)
    named = f"there is no file {tmp_path}/huose_tools.py, which tools.python names"
    assert missing == f"{named}; did you mean house_tools?"
    assert "there is no file" in refused(["nowhere/tools.py"], tmp_path)


@pytest.mark.parametrize("name", ["", "house tools", ".house", "house-tools", "a..b"])
def test_a_name_that_no_module_can_have_is_refused(name: str, tmp_path: Path) -> None:
    assert "is no module: write package.module, or a path" in refused([name], tmp_path)


def test_a_path_that_is_no_python_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tools.txt").write_text("x")
    assert "its name must end in .py" in refused(["./tools.txt"], tmp_path)


def test_a_module_that_raises_says_what_and_where(tmp_path: Path) -> None:
    path = tmp_path / "broken_of_ours.py"
    path.write_text("x = 1\nraise ValueError('no\\nhub')\n")
    expected = f"can't be imported: ValueError: no hub ({path}:2)"
    assert refused(["broken_of_ours"], tmp_path) == f"module broken_of_ours {expected}"
    assert refused(["broken_of_ours.py"], tmp_path) == f"module broken_of_ours.py {expected}"
    path.write_text(ONE.format(name="mended"))
    assert Catalogue.load(["broken_of_ours.py"], tmp_path).names == ("mended",)


def test_a_module_that_exits_does_not_end_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "exiting_of_ours.py").write_text("import sys\nsys.exit(3)\n")
    assert "SystemExit: 3" in refused(["exiting_of_ours"], tmp_path)
    assert "SystemExit: 3" in refused(["exiting_of_ours.py"], tmp_path)


def test_a_module_that_needs_another_one_names_that(tmp_path: Path) -> None:
    path = tmp_path / "needy_of_ours.py"
    path.write_text("import a_library_that_is_not_installed\n")
    assert refused(["needy_of_ours"], tmp_path) == (
        "module needy_of_ours can't be imported: ModuleNotFoundError: "
        f"No module named 'a_library_that_is_not_installed' ({path}:1)"
    )


def test_a_syntax_error_says_its_line(tmp_path: Path) -> None:
    (tmp_path / "wrong_of_ours.py").write_text("def f(:\n")
    text = refused(["wrong_of_ours"], tmp_path)
    assert "SyntaxError" in text
    assert "wrong_of_ours.py, line 1" in text


def test_a_wrong_declaration_says_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad_of_ours.py"
    path.write_text(HEAD + "@tool\ndef switch(room):\n    return room\n")
    assert refused(["bad_of_ours"], tmp_path) == (
        "tool bad_of_ours.switch: argument 'room' has no type hint: "
        f"write for instance 'room: str' ({path}:3)"
    )
    assert refused(["bad_of_ours.py"], tmp_path) == (
        f"tool switch: argument 'room' has no type hint: write for instance 'room: str' ({path}:3)"
    )


def test_a_module_without_any_tool_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty_of_ours.py").write_text("def f() -> None: ...\n")
    text = refused(["empty_of_ours"], tmp_path)
    assert text.startswith(f"module empty_of_ours ({tmp_path}/empty_of_ours.py) defines no tool")


def test_two_modules_with_tools_of_one_name_are_refused(tmp_path: Path) -> None:
    for part in ("one_of_ours", "two_of_ours"):
        (tmp_path / f"{part}.py").write_text(ONE.format(name="lamp"))
    text = refused(["one_of_ours", "two_of_ours"], tmp_path)
    assert "two tools are named 'lamp': one_of_ours.lamp and two_of_ours.lamp" in text


def test_modules_of_an_embedded_gateway_are_beside_its_folder_of_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "embedded"
    folder.mkdir()
    for name in ("embedded_by_name", "by_file"):
        text = f'from agentgate_server import tool\n\n@tool\ndef {name}() -> None:\n    """X."""\n'
        (folder / f"{name}.py").write_text(text)
    data = {"tools": {"python": ["embedded_by_name", "by_file.py"]}}
    config = config_from_dict(data, folder=Path("embedded"))
    assert catalogue_of(config).names == ("embedded_by_name", "by_file")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("lamp.on", "Lamp/on"), "MCP clients would see Lamp/on and lamp.on as one tool lamp_on"),
        (("gate.result",), "gate.result: MCP clients have another tool gate_result"),
    ],
)
def test_tools_that_mcp_clients_could_not_tell_apart_are_refused(
    names: tuple[str, ...], message: str
) -> None:
    tools = [tool(name=name)(lambda: None) for name in names]
    assert catalogue_of(config_from_dict({}), tools).names == names
    with pytest.raises(ToolError, match=message):
        catalogue_of(config_from_dict({"faces": {"mcp": {}}}), tools)


# Tools that come and go


class Visitors:
    """A source of live tools."""

    def __init__(self, *tools: Tool) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self.asked: list[tuple[str, Effects, str]] = []

    def owns(self, name: str) -> bool:
        return name.startswith("guest.")

    def get(self, name: str) -> Tool | None:
        return self.tools.get(name)

    def to_run(self, name: str, effects: Effects, call: str) -> Tool | None:
        self.asked.append((name, effects, call))
        return self.tools.get(name)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools.values())


def named(name: str) -> Tool:
    def act() -> None: ...

    return python_tool(act, name=name)


def test_live_tools_come_after_the_fixed_ones_and_are_what_they_are_at_the_moment() -> None:
    here, there, other = named("here"), named("guest.a"), named("guest.b")
    visitors, more = Visitors(there), Visitors()
    fixed = Catalogue([here])
    catalogue = fixed.with_live(visitors, more)
    assert list(catalogue) == [here, there]
    more.tools["guest.b"] = other
    assert list(catalogue) == [here, there, other]
    assert (catalogue.get("guest.b"), len(catalogue), "guest.b" in catalogue) == (other, 3, True)
    visitors.tools.clear()
    assert catalogue.get("guest.a") is None
    assert "guest.a" not in catalogue
    assert 7 not in catalogue
    assert catalogue.names == ("here",)
    assert list(fixed) == [here]


def test_a_request_is_run_by_the_fixed_tool_or_by_who_may_have_it() -> None:
    here, there = named("here"), named("guest.a")
    visitors = Visitors(there)
    catalogue = Catalogue([here]).with_live(Visitors(), visitors)
    assert catalogue.to_run("here", Effects.READ, "r1") is here
    assert visitors.asked == []
    assert catalogue.to_run("guest.a", Effects.READ, "r2") is there
    assert catalogue.to_run("nobody.s", Effects.READ, "r3") is None
    assert visitors.asked == [("guest.a", Effects.READ, "r2"), ("nobody.s", Effects.READ, "r3")]


def test_a_name_that_is_somebody_s_is_taken_also_while_there_is_no_such_tool() -> None:
    catalogue = Catalogue([named("here")]).with_live(Visitors())
    taken = [name for name in ("here", "guest.a", "guests.a", "other") if catalogue.is_taken(name)]
    assert taken == ["here", "guest.a"]
