"""Files of HTTP tools: what is wrong is said with file, line and what to do, before the start."""

from pathlib import Path
from typing import Any

import pytest
from tests.server.tools.http.helpers import BACKEND, declare, file_of, made, refused

from agentgate_proto.records.request import Effects
from agentgate_server.config import load_config
from agentgate_server.documents import DocumentError
from agentgate_server.tools.http.files import read_http_files

EXAMPLE = Path(__file__).parents[4] / "examples" / "http_tools.yaml"
ENVIRONMENT = {"WEATHER_KEY": "weather-secret", "PRINTER_TOKEN": "printer-secret"}

GET: dict[str, Any] = {"request": {"path": "/"}}


def test_the_example_can_be_used() -> None:
    declared = read_http_files([EXAMPLE], ENVIRONMENT)
    assert [tool.name for tool in declared.tools] == ["get_weather", "print_text"]
    assert {secret.value for secret in declared.secrets} >= set(ENVIRONMENT.values())
    assert declared.tools[0].origin == f"{EXAMPLE}:19"


def test_a_tool_is_what_its_declaration_says(tmp_path: Path) -> None:
    args = {
        "a": {"description": "An a.", "min": 1, "max": 3},
        "b": {"type": "integer", "default": 2, "min": 0, "max": 9},
        "c": {"enum": ["x", "y"], "required": False},
        "d": {"pattern": "[a-z]+", "required": False},
        "e": {"pattern": r"\d+", "max": 9, "required": False},
    }
    request = {"path": "/{a}", "query": {"b": "{b}", "c": "{c}", "d": "{d}", "e": "{e}"}}
    tool = made(
        tmp_path,
        {"args": args, "request": request, "effects": "read", "timeout_s": 3},
        concurrency_max=2,
        queue_max=5,
    )
    assert (tool.name, tool.description, tool.backend) == ("ask", "Ask.", "http")
    assert {type(tool.name), type(tool.client.name)} == {str}
    assert tool.effects is Effects.READ
    assert (tool.timeout_s, tool.concurrency_max, tool.queue_max) == (3.0, 2, 5)
    assert tool.bulkhead == "backend api"
    assert tool.schema == {
        "type": "object",
        "properties": {
            "a": {"type": "string", "minLength": 1, "maxLength": 3, "description": "An a."},
            "b": {"type": "integer", "minimum": 0, "maximum": 9, "default": 2},
            "c": {"enum": ["x", "y"]},
            "d": {"type": "string", "pattern": r"^(?:[a-z]+)$(?!\n)", "maxLength": 8_192},
            "e": {"type": "string", "pattern": r"^(?:\d+)$(?!\n)", "maxLength": 9},
        },
        "required": ["a"],
        "additionalProperties": False,
    }


def test_a_tool_writes_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert made(tmp_path, GET).effects is Effects.WRITE


def test_tools_may_use_the_backends_of_other_files(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("backends: {api: {url: https://api.example}}\n")
    (tmp_path / "t.yaml").write_text(
        "tools: {ask: {description: Ask., backend: api, request: {path: /}}}\n"
    )
    declared = read_http_files([tmp_path / "t.yaml", tmp_path / "b.yaml"], {})
    assert declared.tools[0].form.backend == "api"


def test_a_name_is_given_once_in_all_files(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        declare(tmp_path, file_of(GET), name=name)
    with pytest.raises(DocumentError, match=r"b\.yaml:2: backends\.api: this name is taken by .*a"):
        read_http_files([tmp_path / "a.yaml", tmp_path / "b.yaml"], {})


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"backend": "apy", **GET}, "backend: no backend has this name; did you mean 'api'?"),
    ({"request": {"path": "/{x}"}}, "request.path: there is no argument 'x'; declare it"),
    (
        {"args": {"city": {}}, "request": {"path": "/{cite}"}},
        "request.path: there is no argument 'cite'; did you mean 'city'?",
    ),
    ({"args": {"x": {}}, **GET}, "args.x: is not used: write {x} somewhere in request"),
    (
        {"args": {"x": {"required": False}}, "request": {"path": "/{x}"}},
        "request.path: argument 'x' is needed here: make it required, or give it a default",
    ),
    (
        {"args": {"x": {"type": "array"}}, "request": {"path": "/{x}"}},
        "request.path: argument 'x' must be a text, a number or true or false here",
    ),
    (
        {"args": {"x": {"type": "object"}}, "request": {"path": "/", "query": {"x": "{x}"}}},
        "request.query.x: argument 'x' must be a text",
    ),
    (
        {
            "args": {"x": {"type": "array"}},
            "request": {"method": "POST", "path": "/", "json": ["a {x}"]},
        },
        "request.json: argument 'x' must be a text",
    ),
    ({"request": {"path": "/", "json": 1}}, "request: a GET has no body"),
    (
        {"request": {"method": "POST", "path": "/", "json": 1, "form": {"a": "b"}}},
        "request: has more than one body",
    ),
    ({"request": {"method": "POST", "path": "/", "text": "{a} b"}}, "request: text must be one"),
    ({"request": {"method": "POST", "path": "/", "json": ["{a"]}}, "json: write an argument as"),
    ({"request": {"path": "/a?b"}}, "request.path: has a character that a path can't have"),
    ({"request": {"path": "/", "query": {"a": "{"}}}, "request.query.a: write an argument as"),
    (
        {"request": {"path": "/", "headers": {"Host": "evil"}}},
        "request.headers.Host: is set by the gateway itself",
    ),
    ({"request": {"path": "/", "headers": {"a b": "x"}}}, "is no name for a header"),
    (
        {"request": {"path": "/", "headers": {"X": "a\r\nY: b"}}},
        "request.headers.X: must be printable ASCII",
    ),
    (
        {"effects": "read", "request": {"method": "POST", "path": "/"}},
        "tools.ask: a POST can't be declared read",
    ),
    (
        {"request": {"method": "HEAD", "path": "/"}, "response": {"take": "a"}},
        "tools.ask: the answer to a HEAD has no body",
    ),
    ({"request": {"method": "get", "path": "/"}}, "did you mean 'GET'?"),
    ({"request": {"path": "/"}, "responce": {}}, "unknown key 'responce'; did you mean 'response'"),
    ({**GET, "response": {"take": "a..b"}}, "response.take: is a path like current.days.0.temp"),
    ({**GET, "response": {"format": "text", "take": "a"}}, "response: a text has no places in it"),
    ({**GET, "response": {"error_if": [{}]}}, "response.error_if[0]: needs status or path"),
    ({**GET, "response": {"error_if": [{"status": [1]}]}}, "must be at least 100"),
    ({**GET, "response": {"error_if": [{"equals": 1, "status": [200]}]}}, "equals needs path"),
    (
        {**GET, "response": {"error_if": [{"path": ".a"}]}},
        "response.error_if[0].path: is a path like",
    ),
    ({"args": {"a b": {}}, **GET}, 'args["a b"]: must be up to 64 of'),
]


@pytest.mark.parametrize(("tool", "said"), WRONG)
def test_a_wrong_tool_is_told_where_and_what(
    tmp_path: Path, tool: dict[str, Any], said: str
) -> None:
    with refused(tmp_path, file_of(tool)) as errors:
        assert len(errors) >= 1
    assert said in errors[0]
    assert errors[0].startswith("api.yaml:")


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"required": True, "default": 1}, "it is required, so its default is never used"),
        ({"type": "integer", "pattern": "x"}, "pattern is for type string"),
        ({"type": "boolean", "min": 1}, "min and max are for numbers and texts"),
        ({"type": "integer", "enum": ["a"]}, "enum has a value that is no integer"),
        ({"enum": ["a"], "max": 3}, "enum says all"),
        ({"pattern": "("}, "pattern is no regular expression"),
        (
            {"pattern": "([a-zA-Z0-9]+)*@example.com", "max": 200},
            "pattern can read texts like 'aaaaaaaaaaaaaaaaaa' in so many ways that one could hold",
        ),
        ({"pattern": ".*foo.*"}, "let no two repeats beside or within each other take the same"),
        ({"pattern": "(?i)on|off"}, "pattern has '(?i': nobody can say then how long"),
        ({"default": 5}, "its default does not fit: Expected str, got int"),
        ({"enum": ["a"], "default": "b"}, "its default does not fit"),
        ({"type": "integer", "default": 5, "max": 4}, "its default does not fit"),
    ],
)
def test_a_wrong_argument_is_told_where_and_what(
    tmp_path: Path, argument: dict[str, Any], said: str
) -> None:
    tool = {"args": {"x": argument}, "request": {"path": "/", "query": {"x": "{x}"}}}
    with refused(tmp_path, file_of(tool)) as errors:
        assert "tools.ask.args.x: " in errors[0]
    assert said in errors[0]


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ({"url": "ftp://a.example"}, "backends.api.url: must be http:// or https://"),
        (
            {"url": "https://user:hunter2@a.example"},
            "backends.api.url: must be http:// or https://",
        ),
        ({"url": "https://a.example/?a=b"}, "backends.api.url: must not have a query"),
        (
            {"private": False},
            "is a loopback address, which is not reached unless it is allowed: add 'private: true",
        ),
        ({"url": "http://localhost", "private": False}, "is a loopback address"),
        ({"url": "http://169.254.169.254"}, "is a link-local address"),
        ({"headers": {"X": "{a}"}}, "backends.api.headers.X: takes no arguments"),
        ({"ca": "nowhere.pem"}, "backends.api.ca: file not found"),
        ({"allow": ["192.168.1.5/24"]}, "backends.api.allow[0]: must be a network"),
        ({"timeout_s": 0}, "backends.api.timeout_s: must be more than 0"),
        ({"circuit": {"failure_max": 1}}, "did you mean 'failures_max'?"),
        ({"redirects": "all"}, "'all' is not one of none, same_origin, any"),
    ],
)
def test_a_wrong_backend_is_told_where_and_what(
    tmp_path: Path, backend: dict[str, Any], said: str
) -> None:
    with refused(tmp_path, file_of(GET, **backend)) as errors:
        assert said in errors[0]
    assert "hunter2" not in errors[0]


@pytest.mark.parametrize(
    ("key", "said"), [("a b", "must be up to 128 of"), ("1a", "must be up to 128 of")]
)
def test_a_tool_is_named_so_that_policies_can_name_it(tmp_path: Path, key: str, said: str) -> None:
    file = {"backends": {"api": BACKEND}, "tools": {key: {"description": "x", **GET}}}
    with refused(tmp_path, file) as errors:
        assert any(said in error for error in errors)
    with refused(tmp_path, {"backends": {"a b": BACKEND}}) as errors:
        assert "must be up to 64 of" in errors[0]


def test_a_variable_that_is_not_set_is_named_and_none_is_shown(tmp_path: Path) -> None:
    with refused(tmp_path, file_of(GET, headers={"X": "${NOT_SET}"})) as errors:
        assert "environment variable NOT_SET is not set" in errors[0]


# Secrets


def test_secrets_are_what_variables_bring_in_and_headers_with_telling_names(tmp_path: Path) -> None:
    file = file_of(
        {
            "args": {"x": {}},
            "request": {
                "path": "/{x}/${IN_PATH}",
                "query": {
                    "units": "${UNITS:-metric}",
                    "k": "${IN_QUERY}",
                    "t": "${A_TOKEN:-none}",
                    "url": "${U}",
                },
                "headers": {"Cookie": "a={x}; literal-cookie", "X-Kind": "harmless"},
            },
        },
        url="http://${HOST}:1/${URL_TOKEN}",
        headers={"Authorization": "Bearer literal-token", "Accept": "application/json"},
    )
    environment = {
        "IN_PATH": "in-path-1",
        "IN_QUERY": "in-query-2",
        "HOST": "127.0.0.1",
        "URL_TOKEN": "url-token",
        "U": "under-url-3",
        "UNITS": "imperial",
    }
    found = {secret.value for secret in declare(tmp_path, file, environment).secrets}
    assert found == {
        *("in-path-1", "in-query-2", "url-token", "none", "literal-token", "literal-cookie"),
        "under-url-3",
    }


@pytest.mark.parametrize(
    ("value", "ordinary"),
    [
        *((value, True) for value in ("1", "default", "x" * 7, "20,261,129", "2026-11-29")),
        *((value, True) for value in ("production", "eu-central", "North Wing", "")),
        *((value, False) for value in ("hunter2!", "a1b2c3d4", "correct-horse-battery")),
        *((value, False) for value in ("abcdefghijklmnopq", "-front-door")),
    ],
)
def test_an_ordinary_value_is_a_secret_only_if_a_name_says_so(
    tmp_path: Path, value: str, ordinary: bool
) -> None:
    headers = {"X-Site": "${SITE}", "X-Old": "${SITE:-x}", "X-Api-Key": "${KEYED}"}
    request = {"path": "/", "query": {"pin": "${CODED}", "t": "${A_TOKEN}", "u": "${SITE}"}}
    environment = {"SITE": value} | {name: f"1{name}" for name in ("KEYED", "CODED", "A_TOKEN")}
    declared = declare(tmp_path, file_of({"request": request}, headers=headers), environment)
    named = {"1KEYED", "1CODED", "1A_TOKEN"}
    found = {secret.value for secret in declared.secrets}
    assert found == (named if ordinary else {*named, value})
    assert declared.ordinary == {tmp_path / "api.yaml": ("SITE",) if ordinary else ()}


def test_a_variable_that_is_not_masked_is_warned_of(tmp_path: Path) -> None:
    declare(tmp_path, file_of(GET, headers={"X-Org": "${ORG_ID}"}), {"ORG_ID": "1"})
    (tmp_path / "config.yaml").write_text("tools: {http: [api.yaml]}\n")
    (line,) = [
        line
        for line in load_config(tmp_path / "config.yaml", environment={"ORG_ID": "1"}).warnings
        if "ORG_ID" in line
    ]
    assert line == (
        f"{tmp_path / 'api.yaml'}: what ${{ORG_ID}} stands for is not masked, because it is short, "
        "a number or plain words: if it is a secret, let the name say so (${ORG_ID_TOKEN}); if "
        "not, give it a default (${ORG_ID:-…})"
    )


def test_a_secret_that_stands_in_the_file_itself_is_known_and_its_file_told(tmp_path: Path) -> None:
    body = {"method": "POST", "path": "/", "json": {"user": {"password": "hunter2-literal"}}}
    for headers, request, literal in (
        ({"Authorization": "Bearer ${KEY}"}, {"path": "/"}, False),
        ({"Accept": "text/plain"}, {"path": "/"}, False),
        ({"Authorization": "Bearer literal"}, {"path": "/"}, True),
        ({}, body, True),
        ({}, {"path": "/", "query": {"api_key": "literal"}}, True),
    ):
        file = file_of({"request": request}, headers=headers)
        declared = declare(tmp_path, file, {"KEY": "secret"})
        assert declared.literal == ((tmp_path / "api.yaml",) if literal else ())


def test_a_file_with_a_secret_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    declare(tmp_path, file_of(GET, headers={"Authorization": "Bearer literal"}))
    (tmp_path / "config.yaml").write_text("tools: {http: [api.yaml]}\n")
    file = tmp_path / "api.yaml"
    said = f"{file} holds a token and others can read it: chmod 600 {file}"
    for mode, warned in ((0o644, True), (0o600, False)):
        file.chmod(mode)
        warnings = load_config(tmp_path / "config.yaml", environment={}).warnings
        assert (said in warnings) is warned


def test_a_brace_in_a_secret_is_a_brace(tmp_path: Path) -> None:
    tool = made(
        tmp_path,
        {"request": {"path": "/", "query": {"k": "a{{b}}${KEY}"}}},
        {"KEY": "{x}}{"},
        headers={"X-Key": "${KEY}"},
    )
    assert tool.build({}).target == "/?k=a%7Bb%7D%7Bx%7D%7D%7B"
    assert tool.client.options.headers["X-Key"].value == "{x}}{"


def test_nothing_that_is_declared_shows_a_secret(tmp_path: Path) -> None:
    request = {"method": "POST", "path": "/", "json": {"k": "${KEY}"}, "headers": {"a": "${KEY}"}}
    file = file_of({"request": request}, headers={"X-Key": "${KEY}"})
    declared = declare(tmp_path, file, {"KEY": "hunter2-hunter2"})
    tool = made(tmp_path, {"request": request}, {"KEY": "hunter2-hunter2"})
    for thing in (declared, tool, tool.client.options, tool.request.path, tool.request.headers):
        assert "hunter2" not in repr(thing)
