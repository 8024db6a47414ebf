"""Target: one text of anybody, as it is shown on each channel."""

from __future__ import annotations

import time

from agentgate_proto.text.showing import PAIRS, POINTS, document, one_line, prose, straight

LONGER = 12
"""A pair of numbers takes as many characters."""

CHAR_S = 20e-6
"""Of processor time; and a tenth of a second, in which patterns for a script are made."""


def run(data: bytes) -> None:
    """Show it: what is shown stays as it is when it is shown again, and takes linear time."""
    text = data.decode("utf-8", "surrogatepass" if is_odd(data) else "replace")
    began = time.thread_time()
    line = one_line(text)
    shown = [line, one_line(text, POINTS), document(text), prose(text), straight(text)]
    assert time.thread_time() - began < 5 * (1.0 + CHAR_S * len(text))
    assert one_line(line) == line
    assert "\n" not in line
    assert "\r" not in line
    assert document(shown[2], PAIRS) == shown[2]
    assert all(len(each) <= LONGER * max(len(text), 1) for each in shown)
    for each in shown:
        each.encode()  # half a pair is nothing that can be shown


def is_odd(data: bytes) -> bool:
    """Whether it is UTF-8 but for halves of pairs."""
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
