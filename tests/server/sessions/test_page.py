"""docs/sessions.md: what it shows of configurations and scripts can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import CallMade, Failed, Failure, ModelEvent, TextDelta
from agentgate_proto.models.request import (
    AssistantTurn,
    ModelRequest,
    ToolReturn,
    ToolTurn,
    ToolUse,
    Turn,
    UserTurn,
)
from agentgate_server.config import SessionsConfig, load_config
from agentgate_server.config.faces import FacesConfig
from agentgate_server.models.model import Model
from agentgate_server.models.prices import PriceBook
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.models import models_of

PAGE = Path(__file__).parents[3] / "docs" / "sessions.md"
EXAMPLES = re.findall(r"(?ms)^```yaml\n(.*?)^```", PAGE.read_text("utf-8"))
SCRIPT = next(text for text in EXAMPLES if "scenes:" in text)


def loaded(folder: Path, text: str) -> tuple[SessionsConfig, FacesConfig]:
    path = folder / "config.yaml"
    path.touch(0o600)
    path.write_text(text)
    config = load_config(path, environment={"ANTHROPIC_API_KEY": "sk-of-somebody"})
    assert config.warnings == ()
    return config.sessions, config.faces


def test_what_it_shows_of_sessions_and_faces_loads(tmp_path: Path) -> None:
    (sessions,) = (text for text in EXAMPLES if "workspace_roots" in text and "budgets" in text)
    config, _ = loaded(tmp_path, sessions)
    assert list(config.models) == ["claude-sonnet-4.5", "home"]
    assert config.budgets[0].limit_micros == 5_000_000
    (faces,) = (text for text in EXAMPLES if text.startswith("faces:"))
    _, both = loaded(tmp_path, faces)
    assert both.agentspace is not None
    assert both.universal_agent is not None


def test_what_it_shows_of_budgets_loads(tmp_path: Path) -> None:
    (budgets,) = (text for text in EXAMPLES if text.startswith("budgets:"))
    model = "models: {claude-opus-4.5: {backend: rehearsal}}"
    text = f"sessions:\n  {model}\n" + re.sub(r"(?m)^", "  ", budgets)
    config, _ = loaded(tmp_path, text.rstrip() + "\n")
    assert [each.name for each in config.budgets] == ["daily", "opus", "kitchen"]


async def said(model: Model, *turns: Turn) -> list[ModelEvent]:
    request = encode("rehearsal", ModelRequest(model_id="m", turns=turns))
    with anyio.fail_after(10):
        return [event async for event in model.stream(request)]


def words(events: list[ModelEvent]) -> str:
    return "".join(each.text for each in events if isinstance(each, TextDelta)).strip()


@pytest.mark.anyio
async def test_the_script_that_it_shows_does_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "scenes.yaml").write_text(SCRIPT.replace("pause_ms: 20", "pause_ms: 0"))
    form = "sessions: {models: {m: {backend: rehearsal, script: scenes.yaml}}}\n"
    config, _ = loaded(tmp_path, form)
    (model,) = models_of(config, Masker(), PriceBook(), tmp_path).values()

    asked = UserTurn("Turn on the kitchen light")
    events = await said(model, asked)
    (call,) = (each for each in events if isinstance(each, CallMade))
    assert (call.name, bytes(call.args)) == ("set_light", b'{"room":"kitchen light","on":true}')
    assert words(events) == "I'll turn on the kitchen light."

    wanted = ToolUse(id="c1", name=call.name, args=call.args)
    turn = AssistantTurn(text=words(events), calls=(wanted,))
    went_well = ToolTurn((ToolReturn(id="c1", text="on"),))
    assert words(await said(model, asked, turn, went_well)) == "The house says: on"
    denied = ToolTurn((ToolReturn(id="c1", text="denied", is_error=True),))
    assert words(await said(model, asked, turn, denied)) == "That did not work: denied"

    events = await said(model, UserTurn("How is the weather?"))
    assert isinstance(events[-1], Failed)
    assert events[-1].failure is Failure.TRUNCATED
    assert words(await said(model, UserTurn("How is the weather?"))) == "It is"
    assert words(await said(model, UserTurn("Good day"))) == "Good morning."
