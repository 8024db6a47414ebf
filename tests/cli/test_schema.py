"""The schemas that editors get: they take what the program takes, and refuse what its form does."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.cli.support import run
from tests.server.config import test_config

from agentgate_cli.schema import FILES, FOLDER, form_of, made, write_schemas
from agentgate_server.documents import Document, DocumentError, parse_document

ROOT = Path(__file__).parents[2]
STARTER = ROOT / "src" / "agentgate_cli" / "starter"
EXAMPLES = [
    ("config", ROOT / "config.example.yaml"),
    ("config", STARTER / "config.yaml"),
    *(("permissions", STARTER / f"{name}.yaml") for name in ("closed", "house", "permissions")),
    ("permissions", ROOT / "permissions.example.yaml"),
    ("tools", ROOT / "examples" / "http_tools.yaml"),
    ("edge", ROOT / "examples" / "edge" / "edge.yaml"),
]
SAYS_TOO_LITTLE = re.compile(
    r"must be an? |must not be every|needs exactly|is for the role|must be .*, found the text '15m'"
)
"""Errors of which a schema knows nothing: forms of texts, bounds of durations, and what several
keys say together."""

OF_FORM = re.compile(
    r"unknown key|is missing: add|needs (a |keys|true|text|one of|nothing|the key)|is not one of|"
    r"must be (at least|at most|more than)"
)
PROBES: tuple[Any, ...] = (None, True, "zz zz", "15m", -1, 10**14, [{}], {"zz": 1})


@cache
def validator(name: str) -> jsonschema.Draft7Validator:
    schema = made(name)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(json.loads(json.dumps(schema)))


def data_of(path: Path) -> Any:
    """What stands in a file, variables as they are written."""
    return parse_document(path.read_text("utf-8"), name=path.name).data


def test_editors_can_read_them(tmp_path: Path) -> None:
    for path in write_schemas(tmp_path / FOLDER):
        jsonschema.Draft7Validator.check_schema(json.loads(path.read_text("utf-8")))
    assert sorted(each.stem for each in (tmp_path / FOLDER).iterdir()) == sorted(FILES)


@pytest.mark.parametrize(("name", "path"), EXAMPLES, ids=lambda each: getattr(each, "name", each))
def test_every_example_is_valid(name: str, path: Path) -> None:
    assert [error.message for error in validator(name).iter_errors(data_of(path))] == []


def broken() -> list[tuple[str, str]]:
    (mark,) = test_config.test_a_wrong_key_or_value_stops_the_start_with_its_line.pytestmark
    rows: list[tuple[str, str]] = mark.args[1]
    return [row for row in rows if not SAYS_TOO_LITTLE.search(row[1]) or "must be at" in row[1]]


@pytest.mark.parametrize("text", [text for text, _ in broken()])
def test_what_the_form_of_the_configuration_refuses_is_refused(text: str) -> None:
    document = parse_document(text, name="config.yaml")
    with pytest.raises(DocumentError):
        document.decode(form_of("config"))
    assert not validator("config").is_valid(document.data)


@pytest.mark.parametrize(
    "text",
    [
        "rules: {}",
        "rules: [{action: alow}]",
        "rules: [{tool: f}]",
        "rules: [{action: ask, approval: {approvers: 0}}]",
        "rules: [{action: ask, approval: {approvers: 11}}]",
        "rules: [{action: ask, tool: []}]",
        "rules: [{action: ask, tool: ''}]",
        "rulez: []",
        "rules: [{action: ask, other_args: 3}]",
    ],
)
def test_what_the_form_of_a_policy_refuses_is_refused(text: str) -> None:
    document = parse_document(text, name="p.yaml")
    with pytest.raises(DocumentError):
        document.decode(form_of("permissions"))
    assert not validator("permissions").is_valid(document.data)


def places(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document but its root."""
    items: Any = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def with_value(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    changed = copy.deepcopy(data)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("name", "path"), [EXAMPLES[0], *EXAMPLES[5:]], ids=lambda each: str(each)[-20:]
)
def test_at_every_place_they_say_what_the_form_says(name: str, path: Path) -> None:
    data, form = data_of(path), form_of(name)
    for place in places(data):
        for probe in PROBES:
            changed = with_value(data, place, probe)
            is_valid = validator(name).is_valid(changed)
            try:
                Document.from_data(changed, name="").decode(form)
            except DocumentError as error:
                texts = [str(each) for each in (error, *error.others)]
                of_form = all(
                    OF_FORM.search(text) and not SAYS_TOO_LITTLE.search(text) for text in texts
                )
                assert not (is_valid and of_form), (place, probe, texts)
            else:
                assert is_valid, f"{place}: {probe!r} is taken"


def test_what_keys_mean_is_said_where_they_are() -> None:
    schema = made("config")
    approval = schema["properties"]["approval_timeout"]
    assert approval["description"].startswith("Seconds that an approval waits for a person")
    assert approval["default"] == 900.0
    rule = made("permissions")["definitions"]["RuleForm"]["properties"]
    assert rule["rate"]["description"] == "allow only so often, as in `10/min`."
    assert rule["ask_again_after_unknown"]["description"].endswith("whose outcome is unknown.")


def test_durations_are_numbers_or_texts_of_their_form() -> None:
    valid = validator("config").is_valid
    for good in (900, "15m", "1h30m", "${WAIT}", "${WAIT:-15m}"):
        assert valid({"approval_timeout": good}), good
    for bad in ("15 min", "soon", "", -1, True, "m"):
        assert not valid({"approval_timeout": bad}), bad


def test_the_command_prints_one_or_writes_all(tmp_path: Path) -> None:
    done = run("schema", "permissions", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads(json.dumps(made("permissions")))
    written = run("schema", "--write", FOLDER, cwd=tmp_path)
    assert written.returncode == 0
    assert (tmp_path / FOLDER / "config.json").is_file()
    assert run("schema", cwd=tmp_path).returncode == 4
