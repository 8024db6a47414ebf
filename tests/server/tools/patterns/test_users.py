"""Patterns meet texts in Python tools, HTTP tools and policies; none can hold up anybody."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated, Any, TypedDict

import msgspec
import pytest
from msgspec import Meta
from tests.server.tools.http.helpers import declare, file_of, made

from agentgate_server.documents import DocumentError
from agentgate_server.errors import ArgumentError, ToolError
from agentgate_server.policy.globs import Glob
from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.docstring import Docstring

BOUND_S = 0.1

Bad = Annotated[str, Meta(pattern=r"^([a-zA-Z0-9]+)*@example\.com$")]
Open = Annotated[str, Meta(pattern="[a-z]+[0-9]")]
Short = Annotated[str, Meta(pattern="[a-z]+[0-9]", max_length=100)]
Good = Annotated[str, Meta(pattern=r"^[\w.+-]+@[\w-]+\.[\w.-]+$")]


class Node(msgspec.Struct):
    pattern: str
    names: tuple[Bad, int] | None = None
    children: list[Node] | None = None


@dataclasses.dataclass
class Entry:
    by_name: dict[Bad, int]


class Options(TypedDict, total=False):
    mails: list[Bad]


def arguments(hint: Any) -> Arguments:
    def tool(to: Any) -> None:
        """Do something."""

    tool.__annotations__["to"] = hint
    return Arguments.of(tool, Docstring())


@pytest.mark.parametrize("hint", [Bad, list[Bad], Bad | None, Node, list[Node], Entry, Options])
def test_a_type_of_a_python_tool_with_such_a_pattern_is_refused(hint: Any) -> None:
    with pytest.raises(ToolError, match=r"argument 'to': pattern can read texts like 'a+' in so"):
        arguments(hint)


def test_what_a_python_tool_takes_besides_is_looked_at_as_well() -> None:
    def tool(**others: Any) -> None:
        """Do something."""

    tool.__annotations__["others"] = Bad
    with pytest.raises(ToolError, match="argument 'others': pattern can read texts like"):
        Arguments.of(tool, Docstring())


def test_a_search_in_texts_of_any_length_is_refused_and_in_short_ones_is_not() -> None:
    with pytest.raises(ToolError, match=r"begin it with \^, let no two repeats .* only shorter"):
        arguments(Open)
    arguments(Short).bind({"to": "a1"})
    for hint in (Short, Good, Annotated[str, Meta(pattern="^[a-z]")], dict[str, Good]):
        began = time.thread_time()
        with pytest.raises(ArgumentError):
            arguments(hint).bind({"to": "A" * 1_000_000 + "!"})
        assert time.thread_time() - began < BOUND_S


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (
            r"[\w.+-]+@[\w-]+\.[\w.-]+",
            ("a" * 8_192, "a@" * 4_096, "a@" + "a." * 4_000, "a" * 10**6),
        ),
        (r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", ("a." * 4_096, "a-" * 4_096)),
        ("[^,]+(,[^,]+)*", ("a," * 4_096, "," * 8_192, "a," * 10**6)),
    ],
)
def test_no_argument_of_an_http_tool_takes_time(
    tmp_path: Path, pattern: str, texts: tuple[str, ...]
) -> None:
    request = {"method": "POST", "path": "/", "json": "{to}"}
    tool = made(tmp_path, {"args": {"to": {"pattern": pattern}}, "request": request})
    assert tool.schema["properties"]["to"] == {
        "type": "string",
        "pattern": rf"^(?:{pattern})$(?!\n)",
        "maxLength": 8_192,
    }
    for text in texts:
        began = time.thread_time()
        with pytest.raises(ArgumentError):
            tool.check({"to": text + "\n"})
        assert time.thread_time() - began < BOUND_S


def test_a_pattern_of_an_http_tool_is_judged_by_the_length_of_its_texts(tmp_path: Path) -> None:
    request = {"path": "/", "query": {"to": "{to}"}}
    for longest, good in ((200, True), (None, False), (8_000, False)):
        form = {"pattern": ".*foo.*", **({"max": longest} if longest else {})}
        file = file_of({"args": {"to": form}, "request": request})
        if good:
            declare(tmp_path, file)
        else:
            with pytest.raises(DocumentError, match=r"args\.to: pattern can read texts like 'foo"):
                declare(tmp_path, file)


@pytest.mark.parametrize("pattern", ["*a*a*a*a*a*a*a*b", "*?*?*?*?*?b", "*[ab]*[ab]*[!b]*[ab]*b"])
def test_a_pattern_of_a_policy_takes_no_more_time_than_its_text_is_long(pattern: str) -> None:
    glob = Glob(pattern)
    for text in ("a" * 100_000, "ab" * 50_000 + "a"):
        began = time.thread_time()
        assert not glob.matches(text)
        assert not glob.is_done(glob.step(glob.start, text))
        assert time.thread_time() - began < 1.0
