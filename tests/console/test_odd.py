"""Texts of others are shown by the page as the gateway shows them on its channels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.ports.node import node

import agentgate_console
from agentgate_proto.text.showing import one_line

SCRIPT = Path(__file__).parent / "scripts" / "odd.js"
MODULE = Path(agentgate_console.__file__).parent / "static" / "elements" / "odd.js"
LETTERS = 75_000
BOUND_S = 60.0

ALIKE = [
    "plain",
    "line\nnext\ttab",
    "a\u202eb",
    "a\u200bb",
    "a\u00a0b",
    "\u2028",
    "\ud800",
    "\ue000",
    "\U000e0041",
    "a\ufe0f",
    "\u3164",
    "\u115f",
    "\u2800",
    "\u00ad",
    "pay\u0440al",
    "\u0441\u043e\u0441",
    "\u0440\u0430\u0441\u0435",
    "\u043e\u043d \u0431\u044b\u043b \u0440\u043e\u0441",
    "\u03bf\u03bd\u03bf",
    "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1",
    "\uff41\uff42\uff43",
    "\U0001d41a",
    "of\ufb01ce",
    "\u2170",
    "\u2460",
    "\u00bd",
    "a\u2044b",
    "a\u2215b",
    "\u0251",
    "na\u00efve caf\u00e9",
    "e\u0301",
    "\u65e5\u672c\u8a9e",
    "\u05e9\u05dc\u05d5\u05dd",
    "\u05e9\u05dc\u05d5\u05dd abc",
    "\u0663",
    "\u0967",
    "\u092d\u093e\u0930\u0924",
    "\u0e44\u0e17\u0e22",
    "\u2764\ufe0f",
    "1\ufe0f\u20e3",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f1e9\U0001f1ea",
    "\u2019",
    "\u2026",
    "\u00d7",
]


def shown_by_the_page(texts: list[str]) -> list[str]:
    run = subprocess.run(
        [node(), str(SCRIPT), str(MODULE)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    told: list[str] = json.loads(run.stdout)
    return told


def test_what_is_not_seen_as_itself_is_told_by_number_as_the_gateway_does() -> None:
    assert shown_by_the_page(ALIKE) == [one_line(text) for text in ALIKE]


def test_long_texts_of_any_kind_come_back_in_bounded_time() -> None:
    """Patterns that look ahead, or back, could take the square of a text's length."""
    long = [
        "\u0430" * LETTERS + "b",
        "\u202e" * LETTERS,
        "\u0301" * LETTERS,
        "\U0001f468\u200d" * LETTERS,
    ]
    told = shown_by_the_page(long)
    assert [len(text) > LETTERS for text in told] == [True] * len(long)
