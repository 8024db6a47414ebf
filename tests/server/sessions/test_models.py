"""Models of a configuration: each is asked where it is, with its key, and costs what was said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentgate_cli.standins.models import ModelServer, Reply, Say
from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import Ended, Failed, TextDelta
from agentgate_proto.models.request import ModelRequest, UserTurn
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.budgets import Budget
from agentgate_server.config import SessionsConfig, config_from_dict
from agentgate_server.documents import DocumentError
from agentgate_server.models.command import CAN_LIMIT_MEMORY
from agentgate_server.models.model import Model
from agentgate_server.models.prices import PriceBook
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.models import budgets_of, infos_of, models_of

KEY = "sk-a-key-of-somebodys-account"
DAY = 1_000_000


def config_of(folder: Path = Path("/etc/gate"), **sessions: Any) -> SessionsConfig:
    return config_from_dict({"sessions": sessions}, folder=folder).sessions


def made(config: SessionsConfig, folder: Path = Path("/")) -> dict[str, Model]:
    return models_of(config, Masker(), PriceBook(), folder)


async def answer(model: Model) -> tuple[str, Ended | Failed]:
    """Ask a model, and return what it says and how it ends."""
    request = ModelRequest(model_id=model.info.model_id, turns=(UserTurn("Hello"),))
    events = [event async for event in model.stream(encode(model.info.backend, request))]
    end = events[-1]
    assert isinstance(end, Ended | Failed)
    return "".join(each.text for each in events if isinstance(each, TextDelta)), end


@pytest.mark.anyio
@pytest.mark.parametrize("backend", ["anthropic", "openai"])
async def test_a_vendor_is_asked_where_it_is_with_its_key(backend: str) -> None:
    async with ModelServer(api_key=KEY) as server:
        url = server.url if backend == "anthropic" else server.openai_url
        server.replies.append(Reply(Say("Good "), Say("day.")))
        form = {"backend": backend, "model": "m-1", "base_url": url, "api_key": KEY}
        (model,) = made(config_of(models={"mine": form})).values()
        try:
            text, end = await answer(model)
        finally:
            await model.aclose()
    assert text == "Good day."
    assert isinstance(end, Ended)
    assert b'"m-1"' in server.bodies[0]


@pytest.mark.anyio
async def test_without_any_there_is_one_that_asks_nobody() -> None:
    models = made(config_of())
    assert list(models) == ["rehearsal"]
    text, end = await answer(models["rehearsal"])
    assert "Hello" in text
    assert isinstance(end, Ended)


@pytest.mark.anyio
async def test_a_script_is_played(tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text("scenes:\n- say: As rehearsed.\n  pause_ms: 0\n")
    models = made(
        config_of(tmp_path, models={"m": {"backend": "rehearsal", "script": "scenes.yaml"}})
    )
    text, _ = await answer(models["m"])
    assert text.strip() == "As rehearsed."


def test_a_script_that_cannot_be_played_stops_the_start_and_names_the_line(tmp_path: Path) -> None:
    config = config_of(tmp_path, models={"m": {"backend": "rehearsal", "script": "scenes.yaml"}})
    with pytest.raises(DocumentError, match="file not found"):
        made(config)
    (tmp_path / "scenes.yaml").write_text("scenes:\n- sya: Oh.\n")
    with pytest.raises(DocumentError, match=r"scenes\.yaml:2: .*did you mean 'say'"):
        made(config)


def test_what_is_known_of_a_model_is_what_was_said() -> None:
    price = {"input": 3, "output": 15.5, "cache_read": 0.3, "cache_write": 3.75}
    known = {"backend": "anthropic", "model": "claude-sonnet-4-5", "api_key": KEY}
    infos = infos_of(
        config_of(
            default_model="set",
            models={
                "set": {**known, "price": price, "max_tokens": 10, "context_tokens": 20},
                "known": known,
                "none": {**known, "model": "nobodys-9"},
                "played": {"backend": "rehearsal", "model": "claude-sonnet-4-5"},
                "free": {"backend": "rehearsal"},
            },
        ),
        PriceBook(),
    )
    info = infos["set"]
    assert (info.name, info.model_id, info.backend) == ("set", "claude-sonnet-4-5", "anthropic")
    assert (info.max_tokens, info.context_tokens) == (10, 20)
    usage = Usage(input=DAY, output=DAY, cache_read=100_000, cache_write=100_000)
    assert info.pricing.cost(usage, "") == 2_400_000 + 30_000 + 375_000 + 15_500_000
    assert info.pricing.version == "config"
    asked = Usage(input=1_000, output=1_000)
    costs = {name: each.pricing.cost(asked, "") for name, each in infos.items()}
    assert costs == {"set": 18_500, "known": 18_000, "none": None, "played": 18_000, "free": 0}


def test_budgets_are_the_cores() -> None:
    config = config_of(
        budgets=[
            {"name": "daily", "per": "day", "usd": 5.0},
            {
                "name": "own",
                "principal": "robot",
                "model": "rehearsal",
                "per": "month",
                "usd": 0.01,
                "over": "ask",
            },
        ]
    )
    assert budgets_of(config) == (
        Budget(name="daily", per="day", limit_micros=5_000_000),
        Budget(
            name="own",
            principal="robot",
            model="rehearsal",
            per="month",
            limit_micros=10_000,
            over="ask",
        ),
    )


@pytest.mark.anyio
async def test_a_command_is_run_in_its_folder_with_its_variables(tmp_path: Path) -> None:
    program = tmp_path / "answer.sh"
    said = '{"id":"1","type":"text","text":"\'$GREETING\'"}'
    said = said.replace("'$GREETING'", "'$GREETING $(ulimit -v)'")
    program.write_text(f'read line; echo \'{said}\'; echo \'{{"id":"1","type":"end"}}\'')
    form = {
        "backend": "process",
        "command": ["sh", "answer.sh"],
        "env": {"GREETING": "Good day."},
        "memory_mb": 64,
    }
    (model,) = made(config_of(models={"own": form}), tmp_path).values()
    try:
        text, end = await answer(model)
    finally:
        await model.aclose()
    assert text == f"Good day. {64 * 1_024 if CAN_LIMIT_MEMORY else 'unlimited'}"
    assert isinstance(end, Ended)
