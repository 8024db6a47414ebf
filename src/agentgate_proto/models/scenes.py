"""The form of a script that the rehearsal model plays: every key, and what it means.

A docstring here speaks to the person who writes the YAML. A key that is not here stops the start.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from agentgate_proto.models.patterns import Pattern, places_in

SCENES_MAX = 1_000
"""Scenes of a script: each message is compared with all of them."""

BEATS_MAX = 100
"""How often one scene may call tools: more than a run may ask a model by default."""

PATTERN_CHARS_MAX = 500
"""A pattern: a sentence or two. Comparing costs its length times that of the text, at the worst."""

COMPARED_CHARS_MAX = 20_000
"""Of a message, what a pattern is compared with, and what an answer without a script goes by: the
rest would cost time that others want."""

PAUSE_MS_MAX = 600_000

PauseMs = Annotated[int, Meta(ge=0, le=PAUSE_MS_MAX)]
ToolName = Annotated[str, Meta(min_length=1, max_length=256)]


class ToolToCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model calls."""

    tool: ToolName
    """As the model is told it: what is not a letter, a digit, ``_`` or ``-`` in its name is
    written as ``_`` there. It need not exist: a model may be wrong about that as well."""

    args: dict[str, Any] = {}
    """Its arguments. In texts, places such as ``{lamp}`` are filled."""


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that goes wrong, so that an agent can be rehearsed that copes with it."""

    kind: Literal["truncated", "retryable", "fatal", "stall"]
    """``truncated``: the stream breaks off. ``retryable``: the model is overloaded, and the gateway
    asks again. ``fatal``: it refuses the request. ``stall``: it goes silent, until its time-out."""

    after: Annotated[int, Meta(ge=0)] = 0
    """How many words of ``think`` and ``say`` come before it."""

    message: str = "rehearsed"
    """What the model's server says."""

    retry_after_s: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """How long it wants to be left alone, if it says so."""

    times: Annotated[int, Meta(ge=1)] | Literal["always"] = 1
    """How often in a row the same request fails before it goes well."""


class Beat(msgspec.Struct, frozen=True, kw_only=True):
    """What the model does when it is asked once: it thinks, speaks, and may call tools.

    Texts may have places: ``{text}`` is what was said to the model, ``{result}`` what its tools
    answered, and the others are named in ``when``. ``{{lamp}}`` is written as ``{lamp}``.
    """

    think: str = ""
    """What it thinks first."""

    say: str = ""
    """What it says, word by word."""

    if_failed: str = ""
    """What it says instead where a tool has no result: it was denied, it failed, nobody knows."""

    call: ToolToCall | tuple[ToolToCall, ...] = ()
    """The tool that it calls then, or a list of tools that it calls together."""

    pause_ms: PauseMs | None = None
    """Milliseconds before each word; unless said, those of the script."""

    fail: Trouble | None = None
    """What goes wrong."""

    @property
    def calls(self) -> tuple[ToolToCall, ...]:
        """The tools that it calls."""
        return (self.call,) if isinstance(self.call, ToolToCall) else self.call

    @property
    def is_empty(self) -> bool:
        """Whether nothing would happen."""
        return not (self.think or self.say or self.calls or self.fail is not None)

    def places(self) -> set[str]:
        """Return the names of all places in its texts."""
        texts = [self.think, self.say, self.if_failed, *(call.args for call in self.calls)]
        return set(places_in([*texts, *(call.tool for call in self.calls)]))


class Scene(Beat, frozen=True, kw_only=True):
    """What the model answers to one message, tools and all.

    Where ``when`` fits, the first such scene is played. A message that no ``when`` fits gets the
    scenes without one: the first of them for the first such message of the session, and so on.
    """

    name: str = ""
    """For people."""

    when: Annotated[str, Meta(min_length=1, max_length=PATTERN_CHARS_MAX)] | None = None
    """What the message is like: ``*`` stands for anything, ``{lamp}`` for anything that is wanted
    in a text, as in ``turn {state} the {lamp}``. Large and small letters are the same."""

    then: Annotated[tuple[Beat, ...], Meta(max_length=BEATS_MAX)] = ()
    """What it does when the tools have answered, and so on, each after tools of the one before.
    Left out, it says what they answered."""

    @property
    def beats(self) -> tuple[Beat, ...]:
        """All of it, in order."""
        return (self, *self.then)

    def __post_init__(self) -> None:
        """Check that it can be played.

        Raises:
            ValueError: it can't; the text says why and what to do.
        """
        names = set() if self.when is None else {*Pattern(self.when).names}
        if self.is_empty:
            raise ValueError("nothing happens in it: add 'say' or 'call'")
        if self.if_failed:
            raise ValueError("'if_failed' comes after tools: put it into 'then'")
        for index, beat in enumerate(self.beats):
            known = names | ({"text", "result"} if index else {"text"})
            if strange := sorted(beat.places() - known):
                places = ", ".join(f"{{{name}}}" for name in sorted(known))
                raise ValueError(
                    f"nothing is known of {{{strange[0]}}} here: there is {places}; "
                    f"for the braces themselves write {{{{{strange[0]}}}}}"
                )
            if beat.is_empty and not beat.if_failed:
                raise ValueError("nothing happens in a part of 'then': add 'say' or 'call'")
            if index < len(self.then) and not beat.calls:
                raise ValueError("no tool is called before a part of 'then': nothing leads to it")


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What the rehearsal model does.

    What no scene is for is answered as without a script: from what the model was sent.
    """

    pause_ms: PauseMs = 20
    """Milliseconds before each word, so that one can watch it: fifty words in a second."""

    scenes: Annotated[tuple[Scene, ...], Meta(max_length=SCENES_MAX)] = ()
    """The first that fits is played."""
