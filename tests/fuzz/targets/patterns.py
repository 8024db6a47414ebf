"""Target: a pattern of a tool, in the first line, and a text that meets it."""

from __future__ import annotations

import re
import time

from agentgate_server.tools.patterns.cost import problem_of

TEXT_CHARS_MAX = 1_000
BOUND_S = 1.0


def run(data: bytes) -> None:
    """Judge it; it is refused in one line, or takes no time whatever the text."""
    pattern, _, text = data.decode("utf-8", "replace").partition("\n")
    text = (text * TEXT_CHARS_MAX)[:TEXT_CHARS_MAX]
    for whole, written in ((True, rf"^(?:{pattern})$(?!\n)"), (False, pattern)):
        if problem := problem_of(pattern, chars_max=TEXT_CHARS_MAX, whole=whole):
            assert problem.startswith("pattern ")
            assert "\n" not in problem
            continue
        began = time.thread_time()
        re.compile(written).search(text)
        assert time.thread_time() - began < BOUND_S, f"{pattern!r} takes long"
