"""Turns of clients that keep the conversation themselves, and bring it with each message.

Chat completions and AG-UI are such formats. What such a client says was said before is compared
with what the session knows, by what the client could see of that: the gateway's own tools are
hidden from it. Where both agree, the session's own is kept, with its tools; what the client has
otherwise (a message was edited, an answer is wanted anew) takes the place of what the session has
from there on. The client also brings tools of its own, which it runs itself: a run that wants one
ends, and the results come with the next turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    ToolUse,
    Turn,
    UserTurn,
)
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.session import EventKind
from agentgate_proto.rpc.session_methods import SendMessage
from agentgate_proto.sessions.history import NOT_RUN, Group, History, Retold
from agentgate_proto.sessions.material import Material

TOOLS_MAX = 128
"""Tools that a model is told of, those of its client included: OpenAI takes no more."""

NO_RESULT = "the client gave no result"
"""What a model is told of a call that its client should have answered."""


class ClientTurn(SendMessage, frozen=True, kw_only=True):
    """Say something, or bring the results of tools. No method of the protocol: for faces.

    Attributes:
        past: what the client says was said before ``text``, oldest first. With no ``text`` it ends
            with results, or with what is to be answered. None: it says nothing about that.
        tools: the client's own, which it runs itself.
        system: what the model is told besides the gateway's own prompt.
        own_tools: the gateway's tools are offered as well.
    """

    past: tuple[Turn, ...] | None = None
    tools: tuple[ToolSpec, ...] = ()
    system: str = ""
    own_tools: bool = True


@dataclass(frozen=True, slots=True)
class Compared:
    """What a client's past means for a session.

    Attributes:
        drop: how many of the newest groups count no more.
        turns: what takes their place.
        results: of calls that wait for the client, by their ids.
    """

    drop: int
    turns: tuple[Turn, ...]
    results: dict[str, ToolReturn]


def events_before(
    history: History, run: str, turn: ClientTurn | None
) -> list[tuple[EventKind, Any]]:
    """Return the events that stand between a message and the beginning of its run: what the client
    tells otherwise, and the results of all calls that are open.

    Args:
        history: of the session.
        run: which begins.
        turn: what the client brings; None: nothing but its message.
    """
    found = compare(history, turn) if turn is not None else Compared(0, (), {})
    events: list[tuple[EventKind, Any]] = []
    for call in history.open.values() if not found.drop else ():
        back = found.results.get(call.call)
        data: dict[str, Any] = {"run": run, "call": call.call, "tool": call.tool}
        if back is None:
            data |= {"status": NOT_RUN, "error": NO_RESULT}
        else:
            data |= {"status": Status.EXECUTED.value, "result": back.text}
        events.append((EventKind.TOOL_RESULT, data))
    if found.drop or found.turns:  # behind the results: calls that stay are the newest group's
        retold = Retold(run=run, drop=found.drop, turns=list(found.turns))
        events.append((EventKind.HISTORY, retold))
    return events


def compare(history: History, turn: ClientTurn) -> Compared:
    """Compare what a client says with what a session knows."""
    groups, told = history.groups, grouped(turn.past or ())
    was_cut = bool(history.dropped or history.oldest)
    if turn.past is None:
        return Compared(0, (), {})
    if not told:
        begins_anew = bool(groups) and not was_cut and says_same(groups[0], UserTurn(turn.text))
        return Compared(len(groups) if begins_anew else 0, (), {})
    turns = [each for each in turn.past if isinstance(each, ToolTurn)]
    results = {back.id: back for each in turns for back in each.returns}
    is_next = bool(turn.text) or any(back.id in history.open for back in last_returns(told))
    same = common(groups, told)
    if is_next and same == len(told) and (turn.text or same == len(groups)):
        return Compared(len(groups) - same, (), results)
    shorter = min(len(groups), len(told))
    is_rest = is_next and shorter and (shorter == len(told) or was_cut)
    if is_rest and common(groups[-shorter:], told[-shorter:]) == shorter:
        return Compared(0, (), results)  # one of the two has forgotten how it began
    same = min(same, len(told) - (not turn.text))  # the group that is to go on, as the client says
    return Compared(len(groups) - same, whole(told[same:]), results)


def common(groups: Sequence[Group], told: Sequence[Sequence[Turn]]) -> int:
    """Return how many groups are the same from the first on."""
    for number, (group, turns) in enumerate(zip(groups, told, strict=False)):
        if not is_same(group, turns):
            return number
    return min(len(groups), len(told))


def is_same(group: Group, turns: Sequence[Turn]) -> bool:
    """Whether a client tells a group as the session knows it. Of an answer that it has stopped the
    client may have the beginning."""
    answers = [turn for turn in group.turns if isinstance(turn, AssistantTurn)]
    told = [turn for turn in turns if isinstance(turn, AssistantTurn)]
    text, told_text = spoken(answers), spoken(told)
    calls = {use.id for answer in answers for use in answer.calls}
    return (
        says_same(group, turns[0])
        and (text == told_text or (told_text != "" and text.startswith(told_text)))
        and all(use.id in calls for answer in told for use in answer.calls)
    )


def says_same(group: Group, turn: Turn) -> bool:
    """Whether a message is what a group began with; something may have been told along with it."""
    first = group.turns[0]
    if not isinstance(first, UserTurn) or not isinstance(turn, UserTurn):
        return False
    return squeezed(first.text).endswith(squeezed(turn.text)) and bool(turn.text) == bool(
        first.text
    )


def spoken(answers: Iterable[AssistantTurn]) -> str:
    """Return what answers say, all together."""
    return squeezed("".join(answer.text for answer in answers))


def squeezed(text: str) -> str:
    """Return a text without blanks: clients strip them, and part answers by others."""
    return "".join(text.split())


def grouped(turns: Iterable[Turn]) -> list[list[Turn]]:
    """Divide turns into groups: each begins with what somebody said."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if isinstance(turn, UserTurn) or not groups:
            groups.append([])
        groups[-1].append(turn)
    return groups


def last_returns(told: Sequence[Sequence[Turn]]) -> tuple[ToolReturn, ...]:
    """Return the results that the client has brought last."""
    newest = [turn for turn in told[-1] if not isinstance(turn, AssistantTurn)] if told else []
    return newest[-1].returns if newest and isinstance(newest[-1], ToolTurn) else ()


def whole(told: Iterable[Iterable[Turn]]) -> tuple[Turn, ...]:
    """Return groups as turns that every model takes: each call has a result, and each result a
    call."""
    turns: list[Turn] = []
    for group in told:
        calls: tuple[ToolUse, ...] = ()
        for turn in group:
            if isinstance(turn, ToolTurn):
                turns += answered(calls, turn.returns)
                calls = ()
                continue
            turns += answered(calls, ())
            calls = turn.calls if isinstance(turn, AssistantTurn) else ()
            turns.append(turn)
        turns += answered(calls, ())
    return tuple(turns)


def answered(calls: Sequence[ToolUse], returns: Iterable[ToolReturn]) -> list[Turn]:
    """Return the turn that answers calls, if there are some; in their order."""
    found = {back.id: back for back in returns}
    none = [ToolReturn(id=use.id, text=NO_RESULT, is_error=True) for use in calls]
    return [ToolTurn(tuple(found.get(back.id, back) for back in none))] if none else []


def with_client(material: Material, turn: ClientTurn) -> Material:
    """Add the tools of a client to what a model is told of. One that has the name of a tool of ours
    stands in its place: nobody gets more by that than its client can do anyhow."""
    names = {tool.name for tool in turn.tools}
    room = TOOLS_MAX - len(names) if turn.own_tools else 0
    own = [tool for tool in material.tools if tool.name not in names][:room]
    return Material(
        memory=material.memory,
        skills=material.skills,
        tools=tuple(sorted((*own, *turn.tools), key=lambda tool: tool.name)),
        names={tool.name: material.names[tool.name] for tool in own},
        left_out=material.left_out,
    )


def unforced(params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters that force no tool upon a model: once it has had to call one it may
    answer."""
    return {name: value for name, value in params.items() if name != "tool_choice"}


def joined_prompts(own: str, turn: ClientTurn) -> str:
    """Return the gateway's own prompt, and what the client says besides it."""
    return "\n\n".join(filter(str.strip, (own, turn.system)))
