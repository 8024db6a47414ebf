"""The frames that pages show as examples are messages of the schema, as far as they are shown."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.spec.files import SPEC
from tests.spec.rules import pages
from tests.spec.schema import schema

from agentgate_proto.rpc.messages import METHODS

ARROW = re.compile(r"^[→←] (?=\{)", re.MULTILINE)


def blocks() -> list[tuple[str, str]]:
    """Each example: its page, and the text of its frames."""
    found = []
    for page in [SPEC / "README.md", *pages()]:
        if page.name != "exchanges.md":  # those are whole, and have a test of their own
            text = page.read_text("utf-8")
            examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
            found += [(page.name, example) for example in examples if ARROW.search(example)]
    return found


BLOCKS = blocks()


def frames(block: str) -> list[dict[str, Any]]:
    """The messages of an example. An object that ends in ``…`` is not whole."""
    spoken = re.sub(r"^[→←] close.*$", "", block, flags=re.MULTILINE)
    whole = re.sub(r"(?:, )?…(?=[}\]])", "", spoken)
    return [json.loads(text) for text in ARROW.split(whole) if text.strip()]


def undemanding(part: Any) -> Any:
    """A schema in which nothing is required."""
    if isinstance(part, dict):
        return {name: undemanding(each) for name, each in part.items() if name != "required"}
    return [undemanding(each) for each in part] if isinstance(part, list) else part


def properties(name: str) -> set[str]:
    return set(schema()["$defs"][name]["properties"])


@pytest.mark.parametrize(("page", "block"), BLOCKS, ids=[page for page, _ in BLOCKS])
def test_an_example_has_messages_of_the_schema(page: str, block: str) -> None:
    whole = schema()
    parts = undemanding(copy.deepcopy(whole["$defs"]))
    asked: dict[Any, str] = {}
    assert frames(block)
    for message in frames(block):
        if "method" in message:
            name = message["method"]
            asked[message.get("id")] = name
            kind, value = METHODS[name].params.__name__, message.get("params", {})
        elif "result" in message and message["id"] in asked:
            result = METHODS[asked[message["id"]]].result
            assert result is not None, message
            kind, value = result.__name__, message["result"]
        else:
            assert message.get("error", {}).get("code", 0) < 0 or message["id"] in asked, message
            continue
        assert set(value) <= properties(kind), f"{page}: {kind} has no {set(value)}"
        Draft202012Validator({"$defs": parts, "$ref": f"#/$defs/{kind}"}).validate(value)


def test_there_are_examples_on_the_page_of_every_level() -> None:
    named = {page for page, _ in BLOCKS}
    assert {"minimal.md", "reconnect.md", "withdrawing.md", "sessions.md", "providing.md"} <= named
