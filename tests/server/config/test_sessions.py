"""The form of ``sessions``: what it takes, what it fills in, what it refuses, what it warns of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentgate_server.config import Config, SessionsConfig, config_from_dict, load_config
from agentgate_server.config.texts import ModelName
from agentgate_server.documents import DocumentError
from agentgate_server.secrets.secret import Secret

KEY = "sk-a-key-of-somebodys-account"
VENDOR: dict[str, Any] = {"backend": "anthropic", "api_key": KEY}
OTHER: dict[str, Any] = {"backend": "rehearsal"}


def load(folder: Path | None = None, **sessions: Any) -> Config:
    return config_from_dict(
        {"storage": {"path": "data/gate.db"}, "sessions": sessions},
        folder=folder or Path("/etc/gate"),
    )


def written(folder: Path, text: str, **environment: str) -> Config:
    path = folder / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(text)
    return load_config(path, environment=environment)


def messages(error: DocumentError) -> Iterator[str]:
    yield from map(str, (error, *error.others))


def test_without_any_there_is_a_model_that_needs_no_account() -> None:
    config = config_from_dict({"storage": {"path": "data/gate.db"}}, folder=Path("/etc/gate"))
    sessions = config.sessions
    assert list(sessions.models) == [sessions.default_model] == ["rehearsal"]
    model = sessions.models[ModelName("rehearsal")]
    assert (model.backend, model.model) == ("rehearsal", "rehearsal")
    assert type(sessions.default_model) is type(model.model) is str, "they are sent and stored"
    assert sessions.system_prompt == "You are a helpful AI assistant."
    assert sessions.workspaces == Path("/etc/gate/data/workspaces")
    assert sessions.workspace_roots == ()
    assert config.warnings == ()


def test_what_is_left_out_is_filled_in() -> None:
    sessions = load(
        default_model="gpt-5.6",
        models={
            "claude-sonnet-4.5": VENDOR,
            "gpt-5.6": {"backend": "openai", "api_key": KEY},
            "home": {"backend": "openai", "model": "smollm2", "base_url": "http://localhost:8080/"},
            "own": {"backend": "process", "command": ["./bin/model", "./x", "--fast"]},
            "path": {"backend": "process", "command": ["python3"]},
            "scenes": {"backend": "rehearsal", "script": "scenes.yaml"},
        },
        workspaces="spaces",
        workspace_roots=["/srv/projects", "here"],
    ).sessions
    models = {str(name): model for name, model in sessions.models.items()}
    assert sessions.default_model == "gpt-5.6"
    assert {name: (each.model, each.base_url) for name, each in models.items()} == {
        "claude-sonnet-4.5": ("claude-sonnet-4.5", "https://api.anthropic.com"),
        "gpt-5.6": ("gpt-5.6", "https://api.openai.com/v1"),
        "home": ("smollm2", "http://localhost:8080"),
        "own": ("own", None),
        "path": ("path", None),
        "scenes": ("scenes", None),
    }
    assert models["own"].command == ("/etc/gate/bin/model", "./x", "--fast")
    assert models["path"].command == ("python3",)
    assert models["scenes"].script == Path("/etc/gate/scenes.yaml")
    assert sessions.workspaces == Path("/etc/gate/spaces")
    assert sessions.workspace_roots == (Path("/srv/projects"), Path("/etc/gate/here"))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({"backend": "antropic"}, r"backend: 'antropic' is not one of .*did you mean 'anthropic'"),
        ({"backend": "anthropic"}, r"api_key: is missing: https://api.anthropic.com wants a key"),
        ({"backend": "openai"}, r"api_key: is missing: https://api.openai.com/v1 wants a key"),
        (
            {"backend": "openai", "base_url": "https://api.openai.com/v1/"},
            r"api_key: is missing",
        ),
        (
            {"backend": "anthropic", "base_url": "https://API.anthropic.com:443/v1"},
            r"api_key: is missing",
        ),
        ({**VENDOR, "base_url": "api.anthropic.com"}, r"base_url: must be a URL"),
        ({**VENDOR, "base_url": "https://user@host"}, r"base_url: must be a URL"),
        ({**VENDOR, "api_key": " "}, r"api_key: the key is empty"),
        ({**VENDOR, "api_key": "two words"}, r"api_key: the key has spaces"),
        ({**VENDOR, "command": ["x"]}, r"command: means nothing with backend anthropic: remove"),
        ({**OTHER, "api_key": KEY}, r"api_key: means nothing with backend rehearsal"),
        ({**OTHER, "env": {"A": "b"}}, r"env: means nothing with backend rehearsal"),
        ({"backend": "process"}, r"command: is missing: a list of the program and its arguments"),
        ({"backend": "process", "command": "model --fast"}, r"command: needs a list"),
        ({"backend": "process", "command": ["a", ""]}, r"command\[1\]: must not be empty"),
        ({"backend": "process", "command": ["a\0b"]}, r"command: no program takes a NUL"),
        (
            {"backend": "process", "command": ["a"], "env": {"A": "\0"}},
            r"env\.A: no variable takes a NUL",
        ),
        ({"backend": "process", "command": ["a"], "env": {"1A": "b"}}, r"must be letters, digits"),
        ({**OTHER, "max_tokens": 5, "context_tokens": 5}, r"max_tokens: must be less than context"),
        ({**OTHER, "price": {"input": -1, "output": 1}}, r"price\.input: must be at least 0"),
        ({**OTHER, "price": {"input": 1}}, r"price\.output: is missing"),
        ({**OTHER, "modle": "x"}, r"did you mean 'model'"),
    ],
)
def test_a_model_that_cannot_work_stops_the_start(model: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        load(models={"m": model})


@pytest.mark.parametrize("name", ["", "a b", "a/b", "*", "ä", "m" * 65, "new\nline"])
def test_a_model_is_called_by_a_plain_name(name: str) -> None:
    with pytest.raises(DocumentError, match="must be 1 to 64 letters"):
        load(models={name: OTHER})


@pytest.mark.parametrize(
    ("sessions", "says"),
    [
        ({"default_model": "soon"}, r"default_model: no model has this name; there is rehearsal"),
        ({"default_model": "rehearsl"}, r"did you mean 'rehearsal'"),
        ({"models": {"a": OTHER, "b": OTHER}}, r"default_model: is missing: .*\(a, b\)"),
        ({"models": {"a": OTHER}, "default_model": "rehearsal"}, r"no model has this name"),
        ({"system_prompt": "x" * 200_001}, r"system_prompt: must have at most 200000"),
        ({"keep_days": 0}, r"keep_days: must be more than 0"),
        ({"keep_usage_days": 61}, r"keep_usage_days: must be at least 62"),
    ],
)
def test_what_does_not_fit_together_stops_the_start(sessions: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        load(**sessions)


def test_a_budget_is_kept_in_whole_millionths() -> None:
    (budget,) = load(budgets=[{"name": "day", "per": "day", "usd": 5.1}]).sessions.budgets
    assert budget.limit_micros == 5_100_000
    assert (budget.principal, budget.model, budget.over) == ("*", "*", "deny")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"usd": 0}, r"budgets\[0\]\.usd: must be at least 0.01"),
        ({"usd": -1}, r"usd: must be at least"),
        ({"per": "week"}, r"per: 'week' is not one of day, month"),
        ({"over": "warn"}, r"over: 'warn' is not one of ask, deny"),
        ({"model": "gpt"}, r"budgets\[0\]\.model: no model has this name; there is rehearsal"),
        ({"model": "rehersal"}, r"did you mean 'rehearsal'"),
        ({"principal": ""}, r"principal: must not be empty"),
        ({"name": ""}, r"name: must not be empty"),
    ],
)
def test_a_budget_that_counts_for_nothing_stops_the_start(
    changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(DocumentError, match=says):
        load(budgets=[{"name": "day", "per": "day", "usd": 5.0, **changes}])


def test_two_budgets_have_two_names() -> None:
    budget = {"name": "day", "per": "day", "usd": 5.0}
    with pytest.raises(DocumentError, match=r"budgets\[1\]\.name: 'day' is there twice"):
        load(budgets=[budget, {**budget, "per": "month"}])


def test_errors_name_the_lines(tmp_path: Path) -> None:
    text = (
        "sessions:\n"
        "  default_model: none\n"
        "  models:\n"
        "    claude:\n"
        "      backend: anthropic\n"
        "    mine:\n"
        "      backend: process\n"
        "      command: [run]\n"
        "      base_url: https://a.example\n"
        "  budgets:\n"
        "  - {name: day, per: day, usd: 1, model: claud}\n"
    )
    with pytest.raises(DocumentError) as caught:
        written(tmp_path, text)
    places = [each.replace(f"{tmp_path}/", "").split(": ")[:2] for each in messages(caught.value)]
    assert places == [
        ["config.yaml:2", "sessions.default_model"],
        ["config.yaml:4", "sessions.models.claude.api_key"],
        ["config.yaml:9", "sessions.models.mine.base_url"],
        ["config.yaml:11", "sessions.budgets[0].model"],
    ]


# Secrets


CLAUDE = "sessions: {models: {claude: {backend: anthropic, api_key: '%s'}}}\n"


def test_a_key_from_the_environment_is_a_secret_of_the_configuration(tmp_path: Path) -> None:
    config = written(tmp_path, CLAUDE % "${ANTHROPIC_API_KEY}", ANTHROPIC_API_KEY=KEY)
    (model,) = config.sessions.models.values()
    assert model.api_key == Secret(KEY)
    assert config.secrets == (Secret(KEY),)
    assert config.warnings == ()
    assert KEY not in repr(config)


def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    assert written(tmp_path, CLAUDE % KEY).warnings == ()
    (tmp_path / "config.yaml").chmod(0o644)
    (warning,) = written(tmp_path, CLAUDE % KEY).warnings
    assert "holds a token and others can read it" in warning
    assert written(tmp_path, CLAUDE % "${KEY}", KEY=KEY).warnings == ()


def test_of_the_variables_of_a_command_those_are_secrets_that_are_named_so(tmp_path: Path) -> None:
    env = {"MODEL_API_KEY": KEY, "WORKERS": "4", "MODE": "fast"}
    config = load(models={"own": {"backend": "process", "command": ["run"], "env": env}})
    (model,) = config.sessions.models.values()
    assert {name: value.value for name, value in model.env.items()} == env
    assert config.secrets == (Secret(KEY),), "masking each 4 would tear holes into results"
    assert "fast" not in repr(model)


# Doubts


def test_a_key_in_clear_text_is_warned_of() -> None:
    model = {**VENDOR, "base_url": "http://models.example/v1"}
    (warning,) = load(models={"m": model}).warnings
    assert "sessions.models.m.base_url: the key, and what is said, travels in clear" in warning
    assert load(models={"m": {**model, "base_url": "http://127.0.0.1:1"}}).warnings == ()
    del model["api_key"]
    (warning,) = load(models={"m": model}).warnings
    assert "base_url: what is said travels in clear text" in warning


def test_the_whole_machine_as_a_root_is_warned_of() -> None:
    (warning,) = load(workspace_roots=["/srv", "/"]).warnings
    assert "workspace_roots[1]: every folder of this machine may be a workspace" in warning


def test_what_was_checked_is_checked_alike_again() -> None:
    first = load(models={"m": VENDOR}, workspace_roots=["~/x"]).sessions
    assert isinstance(first, SessionsConfig)
    assert first == load(models={"m": VENDOR}, workspace_roots=["~/x"]).sessions
    assert first.workspace_roots == (Path.home() / "x",)
