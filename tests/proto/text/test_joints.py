"""What joins pictures, and what parts letters."""

from __future__ import annotations

import pytest

from agentgate_proto.text.characters import CLASSES
from agentgate_proto.text.joints import without_joints


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\u2764\ufe0f", ""),
        ("\u2764\ufe0f\ufe0f", "VV"),
        ("\U0001f600\ufe0f", "V"),
        ("a\ufe0f", "V"),
        ("1\ufe0f\u20e3", ""),
        ("1\u20e3", "K"),
        ("a\ufe0f\u20e3", "VK"),
        ("\U0001f469\u200d\U0001f4bb", ""),
        ("\U0001f469\U0001f3fd\u200d\U0001f4bb", ""),
        ("\u2764\ufe0f\u200d\U0001f525", ""),
        ("\U0001f44d\u200d\U0001f44e", "J"),
        ("\U0001f469\u200d\u200d\U0001f4bb", "JJ"),
        ("\U0001f469\u200d", "J"),
        ("a\u200db", "J"),
        ("\u0645\u06cc\u200c\u062e", ""),
        ("\u0627\u200c\u062e", "N"),
        ("\u0645\u200c\u0621", "N"),
        ("a\u200cb", "N"),
    ],
)
def test_what_is_not_seen_belongs_where_what_it_does_is_seen(text: str, left: str) -> None:
    classes = without_joints(text, text.translate(CLASSES))
    assert "".join(each for each in classes if each in "JNVK") == left
    assert len(classes) == len(text)
