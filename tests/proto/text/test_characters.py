"""Characters, each as what it is to a reader."""

from __future__ import annotations

import pytest

from agentgate_proto.text.characters import (
    CLASSES,
    DIGITS,
    GENUINE,
    PASSING,
    REMEMBERED_MAX,
    RIGHT,
    RIGHT_PASSING,
    SCRIPTS,
    Classes,
    is_blank,
    is_hidden,
    kind_of,
    marked,
)


@pytest.mark.parametrize(
    ("characters", "code"),
    [
        ("azAZ\u00e9\u00df\u0131", "l"),
        ("09", "d"),
        ("_", "_"),
        (" ", " "),
        ('()<>"=\\|`', "s"),
        (".,:?", "p"),
        ("-'", "h"),
        ("/@+", "q"),
        ("#*", "k"),
        ("\n", "n"),
        ("\t", "t"),
        ("\u00a0\u3000\u2003", "z"),
        ("\u200d", "J"),
        ("\u200c", "N"),
        ("\ufe0f", "V"),
        (
            "\x00\x7f\x9b\u200b\u202e\u2028\u00ad\u034f\u2800\u3164\ufffc\ufe0e\ue000\uffff\ud800",
            "X",
        ),
        ("\U000e0041\U000e0100\U0010ffff\U0001d159", "X"),
        ("\u0336\u20dd\U0001d41a\u2113\u2215\u0261\u2044", "Y"),
        ("\u0301\u093c\u05b8\u064e", "M"),
        ("\u2764\u00a9", "e"),
        ("\U0001f44d\u2795", "E"),
        ("\U0001f3fd", "m"),
        ("\u20e3", "K"),
        ("\u2014\u20ac\u3002\u00d7", "o"),
        ("\u02bc", "w"),
        ("\u0436", chr(GENUINE + SCRIPTS["Cyrl"])),
        ("\u0430\u041a", chr(PASSING + SCRIPTS["Cyrl"])),
        ("\u4e2d\u3042\uac00\u30fc", chr(GENUINE + SCRIPTS["Cjk"])),
        ("\uff41\u3007", chr(PASSING + SCRIPTS["Cjk"])),
        ("\uff10", chr(DIGITS + SCRIPTS["Cjk"])),
        ("\u05d0\u05be", chr(RIGHT + SCRIPTS["Hebr"])),
        ("\u05e1", chr(RIGHT_PASSING + SCRIPTS["Hebr"])),
        ("\u0628\u0640\ufdfc", chr(RIGHT + SCRIPTS["Arab"])),
        ("\u0660", chr(DIGITS + SCRIPTS["Arab"])),
        ("\u0967", chr(DIGITS + SCRIPTS["Deva"])),
        ("\u0589", chr(PASSING + SCRIPTS["Armn"])),
    ],
)
def test_a_character_is_one_of_the_classes(characters: str, code: str) -> None:
    assert {each: each.translate(CLASSES) for each in characters} == dict.fromkeys(characters, code)


def test_every_character_has_a_class_of_one_letter() -> None:
    assert all(len(Classes()[point]) == 1 for point in range(0, 0x110000, 61))
    assert kind_of(0x10FFFF) == "hidden"


def test_classes_are_remembered_up_to_a_cap() -> None:
    classes = Classes()
    for point in range(REMEMBERED_MAX + 1):
        assert classes[point]
    assert len(classes) == 1


def test_what_is_hidden_is_not_seen_or_not_as_itself() -> None:
    assert all(map(is_hidden, "\n\t\u00a0\u200b\u200d\ufe0f\u3164\U000e0041"))
    assert not any(map(is_hidden, " a\u0436\u0301\U0001f44d"))
    assert [is_blank(each) for each in "\u00a0 \n\u200b"] == [True, False, False, False]


def test_classes_are_marked_by_their_letters() -> None:
    assert marked("abcb", "bc") == "aXXX"
