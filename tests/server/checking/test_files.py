"""Looking at a gateway's files part by part: each finding stands with the part that it is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentgate_server.checking.files import CONFIGURATION, PARTS, Look, check
from agentgate_server.config import Config
from agentgate_server.config.load import config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.policy.linting import Level

RULES = "rules: [{tool: nothing_known, action: deny}]\n"


def config_in(folder: Path, **more: Any) -> Config:
    (folder / "permissions.yaml").write_text(RULES)
    data = {
        "agent": {"token": "t" * 20},
        "principals": [{"name": "ann", "role": "approver", "token": "a" * 20}],
        "storage": {"path": "gate.db"},
        **more,
    }
    return config_from_dict(data, folder=folder)


@pytest.mark.parametrize(
    ("more", "part", "text"),
    [
        ({"gateway": {"host": "0.0.0.0"}}, "listener", "reachable from other machines"),
        ({"storage": {"path": "permissions.yaml"}}, "database", "not a database"),
        ({"audit": {"head_file": "nowhere/head"}}, "database", "there is no folder"),
        ({"tools": {"python": ["none.py"]}}, "tools", "there is no file"),
        ({"sessions": {"budgets": [{"name": "b", "per": "day"}]}}, "configuration", ""),
        ({"gateway": {"tls": {"cert": "c.pem", "key": "k.pem"}}}, "listener", "c.pem"),
    ],
)
def test_a_finding_stands_with_its_part(
    tmp_path: Path, more: dict[str, Any], part: str, text: str
) -> None:
    look = Look(lambda: config_in(tmp_path, **more))
    found = {name: [each.message for each in look.at(name)] for name in PARTS}
    assert any(text in message for message in found[part]), found


def test_without_a_configuration_there_is_nothing_else_to_look_at() -> None:
    def load() -> Config:
        raise DocumentError("config.yaml", "is none")

    look = Look(load)
    (finding,) = look.at(CONFIGURATION)
    assert (finding.level, finding.message) == (Level.ERROR, "is none")
    assert all(look.at(name) == [] for name in PARTS if name != CONFIGURATION)
    assert check(load) == [finding]


def test_the_policy_is_looked_at_with_the_tools_that_were_loaded(tmp_path: Path) -> None:
    look = Look(lambda: config_in(tmp_path))
    for name in PARTS:
        look.at(name)
    assert look.catalogue is not None
    assert look.policy is not None
    assert [each.name for each in look.principals or ()] == ["agent", "ann"]
