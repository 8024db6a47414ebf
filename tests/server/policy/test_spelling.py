from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_server.policy.confusables import CONFUSABLES, ENCLOSED, SAME_SHAPE
from agentgate_server.policy.patterns import fold_pattern
from agentgate_server.policy.spelling import (
    DISTINCT_CHARS_MAX,
    DIVERSE_CHARS_MAX,
    FOLDINGS,
    FOLDINGS_MAX,
    PERCENTS_MAX,
    SPELLINGS_MAX,
    fold,
    is_plain,
    number_text,
    regular_path,
    spellings,
    squeeze,
)


@pytest.mark.parametrize(
    "spelling",
    [
        "kube-system",
        "Kube-System",
        "KUBE-SYSTEM",
        " kube-system\t",
        "\u00a0kube-system\u3000",
        "".join(chr(ord(char) + 0xFEE0) for char in "kube-system"),
        "kub\u0435-system",
        "ku\u200bbe-system",
        "ku\u00adbe-system",
        "ku\u2060be-system",
        "k\u00fcbe-system",
        "ku\u0308be-system",
        "kube\u2010system",
        "kube\u2212system",
        "\u212aube-system",
        "\U0001d424\U0001d42e\U0001d41b\U0001d41e-system",
        "kube-\u017fystem",
        "\ufeffkube-system",
        "kube-\u3164system",
        "kube-s\u04afstem",
    ],
)
def test_one_name_folds_to_one_form(spelling: str) -> None:
    assert fold(spelling) == "kube-system"


@pytest.mark.parametrize(
    "spelling",
    [
        '"kube-system"',
        "'kube-system'",
        "[kube-system]",
        "['kube-system', 'dev']",
        "dev,kube-system",
        "dev; kube-system",
        "dev\nkube-system",
        "dev\uff0ckube-system",
        "kube\x00-system",
        "kube-\nsystem",
        "%6bube-system",
        "%256bube-system",
        "%25256bube%2dsystem",
        "(Kube-System)",
    ],
)
def test_a_name_is_found_in_its_wrapping(spelling: str) -> None:
    assert "kube-system" in spellings(spelling)[0]


@pytest.mark.parametrize(
    ("spelling", "path"),
    [
        ("/tmp/../etc/passwd", "/etc/passwd"),
        ("/etc//passwd", "/etc/passwd"),
        ("//etc/passwd", "/etc/passwd"),
        ("/etc/./passwd", "/etc/passwd"),
        ("/etc/passwd/", "/etc/passwd"),
        ("/tmp/%2e%2e/etc/passwd", "/etc/passwd"),
        ("x/../secret", "secret"),
        ("https://host/a/../admin", "https://host/admin"),
    ],
)
def test_a_path_is_found_behind_its_detours(spelling: str, path: str) -> None:
    forms, complete = spellings(spelling)
    assert path in forms
    assert complete


@pytest.mark.parametrize("spelling", ["5", "5.0", "05", "+5", "5e0", "\u0665", "\uff15", "0.5e1"])
def test_a_number_is_found_in_any_notation(spelling: str) -> None:
    assert "5" in spellings(spelling)[0]


@pytest.mark.parametrize("text", ["dev", "light.turn_on", "/tmp/a-b", "a@c.d:e", "x_1"])
def test_a_plain_text_has_one_form(text: str) -> None:
    assert is_plain(text)
    assert spellings(text) == ([text], True)


@pytest.mark.parametrize(
    "text", ["", "Dev", " dev", "a,b", "true", "null", "a  b", "..", "a/", "5"]
)
def test_other_texts_are_looked_at(text: str) -> None:
    assert not is_plain(text)


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_the_folded_text_is_the_first_form(text: str) -> None:
    forms, _ = spellings(text)
    assert forms[0] == fold(text)


@given(st.from_regex(r"/?[a-z_][a-z0-9_-]*([.:/@ ][a-z0-9_-]+)*", fullmatch=True))
def test_plain_texts_are_their_own_folding(text: str) -> None:
    if is_plain(text):
        assert fold(text) == text


@given(st.text())
def test_case_makes_no_difference(text: str) -> None:
    if text.isascii():
        assert fold(text.upper()) == fold(text.lower())


def test_every_lookalike_folds_to_what_it_passes_for() -> None:
    for plain, points in SAME_SHAPE.items():
        for point in points.split():
            assert fold(f"x{chr(int(point, 16))}x") == f"x{plain}x", point
    for first, count in ENCLOSED:
        assert fold(chr(first)) == "a"
        assert fold(chr(first + count - 1)) == "z"
    assert not any(point < 0x80 for point in CONFUSABLES)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("\ua4d1\ua4ee\ua4ec", "pay"),
        ("\u0440\u0430\u0443", "pay"),
        ("\u09ea", "4"),
        ("\u0660", "0"),
    ],
)
def test_what_people_are_told_passes_for_latin_does_so_for_rules(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_more_forms_than_we_follow_are_admitted() -> None:
    assert spellings(",".join(map(str, range(SPELLINGS_MAX + 1))))[1] is False
    assert spellings("%" + "25" * 6 + "41")[1] is False
    assert spellings("%41" * (PERCENTS_MAX + 1))[1] is False


def test_a_text_of_all_characters_is_not_folded() -> None:
    text = "".join(chr(0x10000 + n) for n in range(DISTINCT_CHARS_MAX + 1))
    assert spellings(text * (DIVERSE_CHARS_MAX // len(text) + 1)) == ([], False)
    assert spellings(text)[1] is True


def test_remembered_foldings_are_bounded() -> None:
    for first in range(0x20000, 0x20000 + FOLDINGS_MAX * 2, 1_000):
        fold("".join(map(chr, range(first, first + 1_000))))
    assert len(FOLDINGS) <= FOLDINGS_MAX


@pytest.mark.parametrize(
    "key", ["entity_id", "entityId", "ENTITY-ID", "entity id", "\uff45ntity_id", "entity_\u0456d"]
)
def test_keys_are_compared_without_their_writing(key: str) -> None:
    assert squeeze(key) == "entityid"


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (5.0, "5"), (0.5, "0.5"), (1e300, "1e+300"), (-0.0, "0"), (float("inf"), "inf")],
)
def test_numbers_have_one_text(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_number_of_any_length_has_a_text() -> None:
    assert number_text(10**5_000).startswith("0x")


def test_the_path_of_an_address_is_made_regular_and_not_its_host() -> None:
    assert regular_path("https://host//a/./b/") == "https://host/a/b"


@pytest.mark.parametrize(
    ("pattern", "folded"),
    [
        ("Lock.*", "lock.*"),
        ("[A-Z]?", "[a-z]?"),
        ("l\u043eck.*", "lock.*"),
        ("a\uff0ab", "a[*]b"),
        ("\uff1f", "[?]"),
        ("\u00fc*", "u*"),
    ],
)
def test_patterns_are_folded_and_stay_patterns(pattern: str, folded: str) -> None:
    assert fold_pattern(pattern) == folded
