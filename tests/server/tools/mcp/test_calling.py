"""One call on its way: time does not count while somebody is asked."""

from __future__ import annotations

import anyio
import msgspec
import pytest
from tests.server.tools.mcp.behind import called, read, serving, stub, up

from agentgate_proto.faces.mcp_backend.events import Asked
from agentgate_proto.records.outcome import Status
from agentgate_server.tools import dialogue
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp import calling
from agentgate_server.tools.mcp.calling import ability_of

pytestmark = pytest.mark.anyio


class Slow:
    """Somebody who takes their time."""

    can = frozenset({dialogue.ELICITATION_FORM})

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s

    async def ask(
        self, method: str, params: msgspec.Raw, timeout_s: float, key: str = ""
    ) -> msgspec.Raw:
        await anyio.sleep(self.takes_s)
        return msgspec.Raw(b'{"action":"accept"}')

    def tell(self, method: str, params: msgspec.Raw) -> None: ...


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_time_of_people_does_not_count(era: str) -> None:
    dialogues = Dialogues()
    dialogues.find = lambda rid: [Slow(1.5)]
    async with serving(dialogues, s=stub(era, timeout_s=1)) as servers:
        await up(servers)
        outcome = await called(servers, "s.ask")
    assert outcome.status is Status.EXECUTED
    assert '"accept"' in read(outcome)["content"][0]["text"]


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_people_do_not_take_for_ever(era: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "QUESTION_S", 0.2)
    dialogues = Dialogues()
    dialogues.find = lambda rid: [Slow(3_600)]
    async with serving(dialogues, s=stub(era)) as servers:
        await up(servers)
        outcome = await called(servers, "s.ask")
    assert '"cancel"' in read(outcome)["content"][0]["text"]


@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_questions_put_the_end_off_only_for_so_long(
    era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "ASKING_S_MAX", 0.2)
    dialogues = Dialogues()
    dialogues.find = lambda rid: [Slow(3_600)]
    async with serving(dialogues, s=stub(era, timeout_s=1)) as servers:
        await up(servers)
        outcome = await called(servers, "s.ask")
    assert outcome.status is Status.UNKNOWN
    assert "did not answer within 1 s" in outcome.message


@pytest.mark.parametrize(
    ("method", "params", "ability"),
    [
        ("elicitation/create", b"{}", dialogue.ELICITATION_FORM),
        ("elicitation/create", b'{"mode":"url"}', dialogue.ELICITATION_URL),
        ("elicitation/create", b'{"mode":7}', dialogue.ELICITATION_FORM),
        ("sampling/createMessage", b"{}", dialogue.SAMPLING),
        ("sampling/createMessage", b'{"tools":[]}', dialogue.SAMPLING_TOOLS),
        ("roots/list", b"{}", dialogue.ROOTS),
    ],
)
def test_what_somebody_must_be_able_to_do(method: str, params: bytes, ability: str) -> None:
    asked = Asked(question=1, call=1, method=method, params=msgspec.Raw(params))
    assert ability_of(asked) == ability
