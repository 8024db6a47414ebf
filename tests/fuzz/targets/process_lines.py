"""Target: what a command writes that speaks for a model, whole and in pieces."""

from __future__ import annotations

from tests.fuzz.targets.pieces import SIZES, cut

from agentgate_proto.models.events import Ended, Failed, TextDelta, ThinkingDelta
from agentgate_proto.models.process import Noise, ProcessTalk, Said

IDS = ("1", "2", "3")


def run(data: bytes) -> None:
    """Hear it; each answer ends once, and cuts change nothing."""
    if not data:
        return
    whole = heard([data[1:]])
    assert heard(cut(data[1:], SIZES[data[0] % len(SIZES)])) == whole
    for name in IDS:
        events = [each.event for each in whole if isinstance(each, Said) and each.id == name]
        ends = [isinstance(event, Ended | Failed) for event in events]
        assert ends == [False] * (len(events) - 1) + [True]
        for event in events:
            assert not isinstance(event, TextDelta | ThinkingDelta) or event.text


def heard(pieces: list[bytes]) -> list[Said | Noise]:
    """Return all that is understood, to the end of the command."""
    talk = ProcessTalk()
    for name in IDS:
        talk.ask(name, b"{}")
    said = [each for piece in pieces for each in talk.receive_data(piece)]
    assert not talk.problem or talk.under_way == 0
    return [*said, *talk.receive_eof("it exited")]
