"""Checks: what would go wrong with sessions is said before anybody talks to a model."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentgate_proto.principal import Principal, Role
from agentgate_server.config import Config, config_from_dict
from agentgate_server.config.faces import AcpConfig, FacesConfig
from agentgate_server.models.prices import PriceBook
from agentgate_server.policy.linting import Finding, Level
from agentgate_server.sessions import checks
from agentgate_server.sessions.checks import (
    check_budgets,
    check_commands,
    check_folders,
    check_prices,
    unpriced,
)

AGENTS = [Principal(name="robot", role=Role.AGENT), Principal(name="owner", role=Role.APPROVER)]
BUDGET: dict[str, Any] = {"name": "daily", "per": "day", "usd": 1.0}


def config_of(folder: Path, **sessions: Any) -> Config:
    data = {"storage": {"path": "gate.db"}, "sessions": sessions}
    return config_from_dict(data, folder=folder)


def said(findings: Iterable[Finding]) -> list[tuple[Level, str]]:
    return [(finding.level, finding.message) for finding in findings]


def test_folders_that_will_do_are_not_spoken_of(tmp_path: Path) -> None:
    config = config_of(tmp_path, workspace_roots=[str(tmp_path)])
    assert said(check_folders(config)) == []
    assert not (tmp_path / "workspaces").exists()


def test_folders_that_will_not_do_are(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    config = config_of(tmp_path, workspaces="file/x", workspace_roots=[".", "none", "file"])
    assert said(check_folders(config)) == [
        (Level.ERROR, f"sessions.workspaces: {tmp_path / 'file'} is no folder"),
        (Level.WARNING, f"sessions.workspace_roots[1]: there is no folder {tmp_path / 'none'}"),
        (Level.WARNING, f"sessions.workspace_roots[2]: there is no folder {tmp_path / 'file'}"),
    ]


def test_a_command_must_be_there_and_may_be_run(tmp_path: Path) -> None:
    (tmp_path / "text").touch()
    commands = {"a": ["no-such-program"], "b": ["./text"], "c": [sys.executable, "x"], "d": ["sh"]}
    models = {name: {"backend": "process", "command": each} for name, each in commands.items()}
    config = config_of(tmp_path, models=models, default_model="a")
    assert said(check_commands(config)) == [
        (
            Level.ERROR,
            "sessions.models.a.command: there is no program no-such-program that can be run",
        ),
        (
            Level.ERROR,
            f"sessions.models.b.command: there is no program {tmp_path / 'text'} that can be run",
        ),
    ]


@pytest.mark.parametrize("can", [True, False])
def test_memory_must_be_a_thing_that_can_be_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    monkeypatch.setattr(checks, "CAN_LIMIT_MEMORY", can)
    model = {"backend": "process", "command": ["sh"], "memory_mb": 64}
    config = config_of(tmp_path, models={"a": model})
    text = "sessions.models.a.memory_mb: memory can be limited on Linux only"
    assert said(check_commands(config)) == ([] if can else [(Level.ERROR, text)])


@pytest.mark.parametrize("principal", ["*", "robot"])
def test_a_budget_of_somebody_is_not_spoken_of(tmp_path: Path, principal: str) -> None:
    config = config_of(tmp_path, budgets=[{**BUDGET, "principal": principal}])
    assert said(check_budgets(config, AGENTS)) == []


def test_a_budget_of_a_person_is_one_where_people_converse(tmp_path: Path) -> None:
    config = config_of(tmp_path, budgets=[{**BUDGET, "principal": "owner"}])
    config = replace(config, faces=FacesConfig(acp=AcpConfig()))
    assert said(check_budgets(config, AGENTS)) == []


@pytest.mark.parametrize(
    ("principal", "hint"),
    [("robt", "; did you mean 'robot'?"), ("owner", ": see principals and tokens")],
)
def test_a_budget_of_nobody_is_an_error(tmp_path: Path, principal: str, hint: str) -> None:
    config = config_of(tmp_path, budgets=[{**BUDGET, "principal": principal}])
    text = f'sessions.budgets: daily is for "{principal}", which is no agent{hint}'
    assert said(check_budgets(config, AGENTS)) == [(Level.ERROR, text)]


@pytest.mark.parametrize(
    ("budgets", "named"),
    [
        ([], False),
        ([BUDGET], True),
        ([{**BUDGET, "model": "odd"}], True),
        ([{**BUDGET, "model": "known"}], False),
    ],
)
def test_a_model_whose_cost_nobody_knows_is_named_where_a_budget_would_stop_it(
    tmp_path: Path, budgets: list[dict[str, Any]], named: bool
) -> None:
    key = {"api_key": "sk-of-somebody"}
    models = {
        "known": {"backend": "anthropic", "model": "claude-sonnet-4-5-20250929", **key},
        "odd": {"backend": "openai", "model": "nobodys-9", **key},
        "set": {"backend": "openai", **key, "price": {"input": 0, "output": 0}},
        "free": {"backend": "rehearsal"},
    }
    config = config_of(tmp_path, models=models, default_model="odd", budgets=budgets)
    text = "sessions.models.odd: nobody knows what nobodys-9 costs, so budget daily stops each run"
    found = said(check_prices(config, PriceBook()))
    assert found == ([(Level.WARNING, f"{text}: set its price")] if named else [])


def test_before_a_price_is_missed_all_tables_are_asked(tmp_path: Path) -> None:
    model = {"backend": "openai", "model": "gpt-3.5-turbo-instruct", "api_key": "sk-of-somebody"}
    config = config_of(tmp_path, models={"old": model}, budgets=[BUDGET])
    book = PriceBook()
    assert len(unpriced(config.sessions, book)) == 1
    assert said(check_prices(config, book)) == []
