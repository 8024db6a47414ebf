"""One question at a terminal: yes, no, yes to something else, a grant with its terms, or later."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import click
import msgspec

from agentgate_cli.editing import difference_shown
from agentgate_cli.style import bad, bold, dim, say
from agentgate_cli.terminal import SETTLE_S, Terminal
from agentgate_cli.text import printable
from agentgate_client import (
    AgentGateError,
    ApprovalsClient,
    ApprovalView,
    EditTerms,
    GrantTerms,
)
from agentgate_proto.durations import parse_duration
from agentgate_proto.limits import WORDS_CHARS_MAX
from agentgate_proto.records.grant import GRANT_MINUTES_MAX, GRANT_USES_MAX

Choice = Literal["approve", "deny", "edit", "grant", "skip"]

QUESTION = "  approve? [y]es, [n]o, [e]dit, [g]rant, [s]kip: "
ANSWERS: dict[str, Choice] = {
    **dict.fromkeys(("y", "yes"), "approve"),
    **dict.fromkeys(("n", "no"), "deny"),
    **dict.fromkeys(("e", "edit"), "edit"),
    **dict.fromkeys(("g", "grant"), "grant"),
    **dict.fromkeys(("s", "skip"), "skip"),
}

TERMS_QUESTION = "  for how long? 15m, 2h, 1d (the longest), or 20x (times); Enter: no grant: "
ANY_QUESTION = "  which of them may differ? {names}; Enter: none: "
MEANT_QUESTION = "  do you mean that? [y]es, [n]o: "
MEANT = {"y": True, "yes": True, "n": False, "no": False, "": False}

USES = re.compile(r"([0-9]{1,6})\s*(?:x|times|uses)")
SECONDS = 60.0

ByHand = Callable[[ApprovalView], Awaitable[EditTerms]]

SEVERAL = "it takes several people, who say yes to the very same: say no, with a word"


@dataclass(frozen=True, slots=True)
class Given:
    """What a person answered.

    Attributes:
        decision: yes or no.
        code: their one-time code, or "".
        grant: what else a yes covers, if anything.
        word: what the agent is told with it, or "".
        edit: what a yes is to, instead of what was asked.
    """

    decision: Literal["approve", "deny"]
    code: str = ""
    grant: GrantTerms | None = None
    word: str = ""
    edit: EditTerms | None = None


class Question:
    """One approval that is asked about.

    Args:
        terminal: where the person is.
        view: the approval, all of it.
        client: says what a grant would allow, or an edit would make of it.
        by_hand: lets the person change the arguments; see ``editing.by_hand``.
    """

    def __init__(
        self, terminal: Terminal, view: ApprovalView, client: ApprovalsClient, by_hand: ByHand
    ) -> None:
        self.terminal = terminal
        self.view = view
        self._client = client
        self._by_hand = by_hand

    async def ask(self, quiet_s: float = SETTLE_S) -> Given | Literal["skip"] | None:
        """Ask until there is an answer; None: the person has closed the input.

        Args:
            quiet_s: for how long no key may have been pressed before it is asked.
        """
        terms = edit = None
        while True:
            line = await self.terminal.answer(QUESTION, quiet_s)
            if line is None:
                return None
            quiet_s = 0.0
            answer, word = read_answer(line)
            if answer == "skip":
                return answer
            if answer == "grant":
                terms, answer = await self._grant(), "approve"
                if terms is None:
                    continue
            if answer == "edit":
                edit, answer = await self._edit(), "approve"
                if edit is None:
                    continue
            if answer is not None:
                break
        code = ""
        if answer == "approve" and self.view.needs_code:
            code = await self.terminal.code()
        return Given(answer, code, terms, word, edit)

    async def _edit(self) -> EditTerms | None:
        """Let the person change the arguments, and ask whether the difference is meant; None: it
        is not, or it can't be had."""
        if self.view.approvers_needed > 1:
            say(f"  {bad('no edit')}: {SEVERAL}")
            return None
        try:
            edit = await self._by_hand(self.view)
            signature, *changes = await difference_shown(self._client, self.view.id, edit)
        except (AgentGateError, click.ClickException) as error:
            say(f"  {bad('no edit')}: {printable(error.message)}")
            return None
        say(f"  {bold(signature)}")
        for line in changes:
            say(f"    {line}")
        meant = await self.terminal.choice(MEANT_QUESTION, MEANT)
        return edit if meant else None

    async def _grant(self) -> GrantTerms | None:
        """Ask for the terms of a grant, and whether what they come to is meant; None: it is not."""
        terms = await self._bounds()
        if terms is None:
            return None
        names = await self._names()
        if names is None:
            return None
        terms = msgspec.structs.replace(terms, any_args=names)
        try:
            words = await self._client.preview_grant(self.view.id, terms)
        except AgentGateError as error:
            say(f"  {bad('no grant')}: {printable(error.message)}")
            return None
        say(f"  {bold(printable(words))}")
        meant = await self.terminal.choice(MEANT_QUESTION, MEANT)
        return terms if meant else None

    async def _bounds(self) -> GrantTerms | None:
        """Ask how long and how often."""
        while line := await self.terminal.answer(TERMS_QUESTION, 0.0):
            try:
                return bounds_of(line)
            except ValueError as error:
                say(f"  {bad('not taken')}: {error}")
        return None

    async def _names(self) -> Sequence[str] | None:
        """Ask which arguments may differ; None: the input was closed."""
        args: Any = msgspec.json.decode(self.view.args)
        if not isinstance(args, dict) or not args:
            return ()
        shown = ", ".join(map(printable, args))
        while (line := await self.terminal.answer(ANY_QUESTION.format(names=shown), 0.0)) != "":
            if line is None:
                return None
            wanted = line.replace(",", " ").split()
            if not (wrong := [name for name in wanted if name not in args]):
                return tuple(dict.fromkeys(wanted))
            say(dim(f"  there is no argument {', '.join(map(printable, wrong))}"))
        return ()


def read_answer(line: str) -> tuple[Choice | None, str]:
    """Return what a line answers, and the word to the agent that follows a yes, a no or an edit."""
    first, _, word = line.partition(" ")
    answer, word = ANSWERS.get(first.rstrip(",.:;!").lower()), word.strip()
    if word and answer not in ("approve", "deny", "edit"):
        return None, ""
    return answer, word[:WORDS_CHARS_MAX]


def bounds_of(text: str) -> GrantTerms:
    """Return the terms of ``15m``, ``20x``, or both.

    Raises:
        ValueError: they are none, or too wide.
    """
    minutes: float | None = None
    uses: int | None = None
    spelled = re.sub(r"([0-9])\s+(x|times|uses)\b", r"\1\2", text.lower())
    for word in spelled.replace(",", " ").split():
        if match := USES.fullmatch(word):
            uses = int(match[1])
        else:
            minutes = parse_duration(word) / SECONDS
    if minutes is not None and minutes > GRANT_MINUTES_MAX:
        raise ValueError("a grant ends after a day at the latest: 1d")
    if uses is not None and not 1 <= uses <= GRANT_USES_MAX:
        raise ValueError(f"a grant is for 1 to {GRANT_USES_MAX} times")
    return GrantTerms(minutes=minutes, uses=uses)
