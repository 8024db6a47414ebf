"""Material: what the context of a session is made of, besides its history.

What an adapter found in the workspace and in the catalogue, already within their caps; what did not
fit is named, so that the inspector can say it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from agentgate_proto.models.request import ToolSpec
from agentgate_proto.rpc.session_methods import LeftOut

MODEL_NAME_CHARS_MAX = 64
"""A tool's name, as a model is told it: what Anthropic and OpenAI take."""

DIGEST_CHARS = 8
"""Of the SHA-256 of a name that would be taken for another's, in its new one: two of a catalogue
are as good as never the same, and if they are, only one of them is offered."""

UNFIT = re.compile(r"[^a-zA-Z0-9_-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the context of a session is made of, besides its history.

    Attributes:
        memory, skills: texts of these sections; "": there are none. Equal files give equal bytes.
        tools: what the model may want, sorted by name.
        names: the name in the catalogue of each of them, by the name that the model is told.
        left_out: what is not in it, and why.
    """

    memory: str = ""
    skills: str = ""
    tools: tuple[ToolSpec, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()


def model_names(names: Iterable[str]) -> dict[str, str]:
    """Give each tool a name that every model takes.

    A name that fits stays as it is. In any other, what does not fit becomes ``_``; if another tool
    has that name, or would get it, it ends in a part of its digest. So a name stays the same in a
    catalogue that grows, unless a tool comes that would be taken for it.

    Args:
        names: the tools' names in the catalogue.

    Returns:
        The name in the catalogue by the name for models. A tool whose new name is taken even so is
        not in it.
    """
    known = set(names)
    told = {name: name for name in sorted(known) if fits(name)}
    changed = sorted(known.difference(told))
    spelled = Counter(map(simply_spelled, changed))
    for name in changed:
        simple = simply_spelled(name)
        is_clear = fits(simple) and simple not in told and spelled[simple] == 1
        told.setdefault(simple if is_clear else spelled_anew(name), name)
    return told


def fits(name: str) -> bool:
    """Whether every model takes a name."""
    return 0 < len(name) <= MODEL_NAME_CHARS_MAX and not UNFIT.search(name)


def simply_spelled(name: str) -> str:
    """Spell a name with what every model takes; several may be spelled the same."""
    return UNFIT.sub("_", name)


def spelled_anew(name: str) -> str:
    """Spell a name so that no other is spelled the same."""
    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_CHARS]
    return f"{simply_spelled(name)[: MODEL_NAME_CHARS_MAX - DIGEST_CHARS - 1]}_{digest}"
