"""Sentences that people write, in many languages: all of them are shown as they are."""

from __future__ import annotations

import re
from pathlib import Path

ESCAPE = re.compile(r"\\u([0-9a-f]{4})")
"""What is not seen, or is put together otherwise by editors, has its number in the file."""

HONEST = [
    ESCAPE.sub(lambda found: chr(int(found[1], 16)), row).split("|", 1)
    for row in Path(__file__).with_name("honest.txt").read_text("utf-8").splitlines()
]
"""Languages, and a sentence in each."""
