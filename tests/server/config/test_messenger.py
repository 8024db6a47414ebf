"""The form of ``messenger``: what it takes, what it refuses, and what it warns of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgate_server.config import Config, config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def load(folder: Path | None = None, **telegram: Any) -> Config:
    form = {"token": TOKEN, "chat_id": 5, "allowed_users": [5], **telegram}
    return config_from_dict(
        {
            "gateway": {"port": 0},
            "agent": {"token": "agent-token-0123456789"},
            "principals": [
                {"name": "owner", "role": "approver", "token": "owner-token-0123456789"},
                {"name": "robot", "role": "agent", "token": "robot-token-0123456789"},
            ],
            "storage": {"path": str((folder or Path()) / "gate.db")},
            "messenger": {"type": "telegram", "telegram": form},
        }
    )


def names(config: Config) -> dict[int, str]:
    assert config.messenger is not None
    return config.messenger.telegram.names


def test_people_are_ids_or_ids_with_names() -> None:
    config = load(allowed_users=[5, {"id": 6, "name": "owner"}, {"id": 7}])
    assert names(config) == {5: "telegram:5", 6: "owner", 7: "telegram:7"}
    assert all(type(name) is str for name in names(config).values())
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"allowed_users": [5, {"id": 5}]}, "5 is there twice"),
        ({"allowed_users": [{"id": 5, "name": "robot"}]}, "'robot' is an agent"),
        ({"allowed_users": [{"id": 5, "name": "agent"}]}, "'agent' is an agent"),
        ({"allowed_users": [-5]}, "allowed_users"),
        ({"base_url": "ftp://host"}, "must be a URL"),
        ({"base_url": "https://user@host"}, "must be a URL"),
        ({"base_url": "https://host/?a=b"}, "must be a URL"),
        ({"base_ulr": "x"}, "did you mean 'base_url'"),
    ],
)
def test_what_cannot_work_stops_the_start(form: dict[str, Any], says: str) -> None:
    with pytest.raises(DocumentError, match=says):
        load(**form)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"chat_id": 0}, "nobody is asked yet"),
        ({"allowed_users": []}, "nobody may answer yet"),
        ({"base_url": "http://bots.example:8081"}, "clear text"),
    ],
)
def test_what_is_doubtful_is_warned_of(form: dict[str, Any], says: str) -> None:
    (warning,) = load(**form).warnings
    assert says in warning
    assert TOKEN not in warning


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8081", "http://localhost", "https://a.example/x/"]
)
def test_a_bot_api_of_ones_own_is_no_reason_to_warn(url: str) -> None:
    config = load(base_url=url)
    assert config.warnings == ()
    assert config.messenger is not None
    assert not config.messenger.telegram.base_url.endswith("/")


async def start(config: Config) -> None:
    async with Gateway(config, policy=Policy.parse("rules: []")):
        pytest.fail("it started")


def test_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if "telegram" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "telegram", None)
    with pytest.raises(DocumentError, match="pip install 'python-telegram-bot>=22'"):
        anyio.run(start, load(tmp_path))


def test_on_trio_it_says_that_it_needs_asyncio(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="telegram needs asyncio"):
        anyio.run(start, load(tmp_path), backend="trio")
