"""What the rehearsal model says where no script tells it: only what it can know.

It has been sent a conversation, and goes by that: it repeats what was said, tells earlier messages,
the memory, the skills and the tools that came along, calls a tool where it is told to, calculates
and counts. So what it answers shows whether the right things were sent, without a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Final

import msgspec

from agentgate_proto.models.plain import PlainAssistant, PlainRequest, PlainTool, PlainUser
from agentgate_proto.models.scenes import COMPARED_CHARS_MAX, Beat, ToolToCall

HELP = """\
I am the rehearsal model: I go by what I am sent, and ask nobody. What I can do:
- call TOOL {"argument": "value"}: call a tool through the gate, one on each line
- What is 17 * 3? · Count to 100 · Think about something
- What was my previous question? · What is in your memory? · your skills? · Which tools have you?
Anything else I say back to you. A script makes me play scenes of your own."""

COUNT_MAX = 10_000
"""How far it counts: long enough to be interrupted."""

CALLS_MAX: Final = 100
"""Tools that it calls at once."""

LINES_MAX: Final = 1_000
"""Lines of a message that may say so: whoever sends more has pasted a text."""

PARTS_MAX = 41
"""Numbers and signs of a sum: of more, the product might be larger than a float."""

CALL = re.compile(r"(?i)[ \t]*call[ \t]+([\w.:/-]{1,256})[ \t]*(\{.*)?")
EARLIER = re.compile(
    r"(?i)\b(?:previous|earlier|last|first)\s+(?:question|message)s?\b"
    r"|\bdid i (?:just )?(?:ask|say|tell)\b"
)
MEMORY = re.compile(r"(?i)\b(?:your|the) memory\b|\byou remember\b")
SKILLS = re.compile(r"(?i)\b(?:your|the|what|which) skills\b")
TOOLS = re.compile(r"(?i)\b(?:your|the|what|which) tools\b")
COUNT = re.compile(r"(?i)\bcount (?:up )?to (\d{1,9})\b")
THINK = re.compile(r"(?i)\s*think(?: hard)? about ([\s\S]+)")
WANTS_HELP = re.compile(r"(?i)^\W*(?:help|what can you do)\W*$")
WANTS_SUM = re.compile(r"(?i)\b(?:what|how much|calculate|compute)\b|=\s*(?:\?\s*)?$")

NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
SUM = re.compile(rf"(?<![\w.]){NUMBER}(?:\s*[-+*/]\s*{NUMBER})+(?!\w|\.\d)")
TOKEN = re.compile(rf"{NUMBER}|[-+*/]")


def improvise(request: PlainRequest) -> Beat:
    """Return what to do: a function of what was sent, and of nothing else."""
    last = request.turns[-1] if request.turns else None
    if isinstance(last, PlainTool):
        return Beat(say=what_tools_answered(request, last))
    said = [turn.text for turn in request.turns if isinstance(turn, PlainUser)]
    text = said.pop() if said else ""
    if (beat := call_tools(text)) is not None:
        return beat
    for answer in ANSWERS:
        beat = answer(text[:COMPARED_CHARS_MAX], said, request)
        if beat is not None:
            return beat
    return echo(text, said)


def what_tools_answered(request: PlainRequest, turn: PlainTool) -> str:
    """Say what each tool answered, by its name."""
    before = (each for each in reversed(request.turns) if isinstance(each, PlainAssistant))
    names = {call.id: call.name for call in next(before, PlainAssistant(text="")).calls}
    return "\n".join(
        f"{names.get(each.id, 'A tool')} {'has no result' if each.is_error else 'answered'}: "
        f"{each.text}"
        for each in turn.returns
    )


def call_tools(text: str) -> Beat | None:
    """``call TOOL {…}``, as often as it is said."""
    calls = []
    found = map(CALL.fullmatch, text.split("\n", LINES_MAX)[:LINES_MAX])
    for name, args in islice((one.groups() for one in found if one), CALLS_MAX):
        try:
            decoded = msgspec.json.decode(args or "{}", type=dict)
        except (msgspec.DecodeError, RecursionError):
            return Beat(say=f"I can't call {name}: what stands after its name is no JSON object.")
        calls.append(ToolToCall(tool=name, args=decoded))
    return Beat(call=tuple(calls)) if calls else None


def give_help(text: str, said: list[str], request: PlainRequest) -> Beat | None:
    """``help``."""
    return Beat(say=HELP) if WANTS_HELP.search(text) else None


def tell_earlier(text: str, said: list[str], request: PlainRequest) -> Beat | None:
    """``What was my previous question?``, from the history."""
    if not EARLIER.search(text):
        return None
    if not said:
        return Beat(say="This is the first message that I was sent.")
    *before, previous = said
    answer = f'Your previous message was: "{previous}"'
    if before:
        answer += "\nBefore that you said:" + "".join(f"\n- {each}" for each in reversed(before))
    return Beat(say=answer)


def tell_sections(text: str, said: list[str], request: PlainRequest) -> Beat | None:
    """``What is in your memory?``, your skills, your tools."""
    if MEMORY.search(text):
        return Beat(say=request.memory or "My memory is empty.")
    if SKILLS.search(text):
        return Beat(say=request.skills or "I was given no skills.")
    if TOOLS.search(text):
        tools = "".join(f"\n- {tool.name}: {tool.description}" for tool in request.tools)
        return Beat(say=f"My tools are:{tools}" if tools else "I was given no tools.")
    return None


def count(text: str, said: list[str], request: PlainRequest) -> Beat | None:
    """``Count to 100``."""
    found = COUNT.search(text)
    if found is None:
        return None
    last = min(int(found[1]), COUNT_MAX)
    return Beat(say=", ".join(str(number) for number in range(1, last + 1)) + ".")


def think(text: str, said: list[str], request: PlainRequest) -> Beat | None:
    """``Think about something``."""
    found = THINK.match(text)
    if found is None:
        return None
    return Beat(
        think=f"What do I know of this? Only what was said: {found[1]}",
        say=f"I have thought about {found[1]}",
    )


def calculate(text: str, said: list[str], request: PlainRequest) -> Beat | None:
    """``What is 17 * 3?``."""
    found = SUM.search(text)
    if found is None or not (WANTS_SUM.search(text) or found[0] == text.strip()):
        return None
    parts = TOKEN.findall(found[0])
    if len(parts) > PARTS_MAX:
        return None
    value = value_of(parts)
    if value is None:
        return Beat(say=f"{' '.join(parts)} has no value: nothing can be divided by zero.")
    shown = str(value) if isinstance(value, int) else f"{value:.12g}"
    return Beat(say=f"{' '.join(parts)} = {shown}.")


def value_of(parts: list[str]) -> int | float | None:
    """Calculate: a number, a sign, a number and so on. None: it divides by zero."""
    terms: list[int | float] = [number_of(parts[0])]
    for sign, text in zip(parts[1::2], parts[2::2], strict=True):
        number = number_of(text)
        if sign in "+-":
            terms.append(number if sign == "+" else -number)
        elif sign == "*":
            terms[-1] *= number
        elif number == 0:
            return None
        else:
            quotient, rest = divmod(terms[-1], number)
            terms[-1] = quotient if rest == 0 else terms[-1] / number
    return sum(terms)


def number_of(text: str) -> int | float:
    """Read a number."""
    return float(text) if "." in text else int(text)


def echo(text: str, said: list[str]) -> Beat:
    """Say back what was said; the first time, also who speaks."""
    answer = f"You said: {text}" if text else "You said nothing."
    if not said:
        answer += '\n\n(A rehearsal: no model was asked. Say "help" to see what I can do.)'
    return Beat(say=answer)


Answer = Callable[[str, list[str], PlainRequest], Beat | None]
ANSWERS: Final[tuple[Answer, ...]] = (
    give_help,
    tell_earlier,
    tell_sections,
    count,
    think,
    calculate,
)
"""Asked in this order, when no tool is to be called; the first that has an answer gives it. They
are told the beginning of the text, what was said before, and all that was sent."""
