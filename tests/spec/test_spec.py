"""The specification can't drift from the core: what is made is current, the rest names it all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.spec.files import FILES, PAGES, SPEC
from tests.spec.tables import LIMITS, MADE, places

from agentgate_cli.conformance.vectors import INPUTS, OUTPUTS, kind_of, load
from agentgate_proto.connection.base import (
    AUTH_FAILED,
    SERVICE_RESTART,
    TAKEN_OVER,
    TRY_AGAIN_LATER,
)
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import Limits
from agentgate_proto.records.outcome import Status
from agentgate_proto.rpc.messages import METHODS
from agentgate_proto.rpc.results import CancelStatus

TEXT = "".join(page.read_text("utf-8") for page in sorted(SPEC.glob("*.md")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_made_is_up_to_date(path: Path) -> None:
    assert path.read_text("utf-8") == FILES[path](), "run: python -m tests.spec.files"


def test_everything_that_is_made_has_its_place() -> None:
    assert {name for page in PAGES for name in places(page.read_text("utf-8"))} == set(MADE)


def test_every_method_code_and_status_is_explained() -> None:
    names = [*METHODS, *(status.value for status in (*Status, *CancelStatus))]
    assert [name for name in names if f"`{name}`" not in TEXT] == []
    codes = [*ErrorCode, AUTH_FAILED, SERVICE_RESTART, TAKEN_OVER, TRY_AGAIN_LATER]
    assert [code for code in codes if str(int(code)) not in TEXT] == []


def test_every_limit_of_a_connection_is_in_the_table() -> None:
    assert set(LIMITS) == set(Limits.__slots__)


def test_the_schema_is_a_schema_and_nothing_in_it_hangs_in_the_air() -> None:
    schema = json.loads((SPEC / "agentgate.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    names = [ref.removeprefix("#/$defs/") for ref in references(schema)]
    assert set(names) <= set(schema["$defs"])
    described = [name for name, part in schema["$defs"].items() if not part.get("description")]
    assert {name for name in described if "." not in name} <= {"error_response", "ListTools"}


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = yaml.safe_load((SPEC / "asyncapi.yaml").read_text("utf-8"))
    schema = json.loads((SPEC / "agentgate.schema.json").read_text("utf-8"))
    assert set(document["operations"]) == set(METHODS)
    for reference in references(document):
        path, _, pointer = reference.partition("#/")
        found: Any = schema if path else document
        for part in pointer.split("/"):
            found = found[part]


def test_every_vector_is_made_of_known_steps_and_has_a_name_of_its_own() -> None:
    for role in INPUTS:
        vectors = load(role)
        assert len({vector.name for vector in vectors}) == len(vectors)
        for vector in vectors:
            kinds = [kind_of(step, role) for step in vector.steps]
            assert any(is_output for _, is_output in kinds) or vector.name, vector.name
            assert set(vector.watch) <= OUTPUTS[role]


def test_the_readme_of_the_vectors_explains_every_kind_of_step() -> None:
    text = (SPEC / "vectors" / "README.md").read_text("utf-8")
    for role in INPUTS:
        for kind in INPUTS[role] | OUTPUTS[role]:
            assert f"`{kind}`" in text, kind


def references(part: Any) -> Iterator[str]:
    """Every ``$ref`` in a document."""
    if isinstance(part, dict):
        for name, item in part.items():
            if name == "$ref":
                yield item
            else:
                yield from references(item)
    elif isinstance(part, list):
        for item in part:
            yield from references(item)
