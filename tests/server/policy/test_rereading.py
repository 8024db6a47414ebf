"""What a tool may take a text for: names between blanks, paths and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy
from agentgate_server.policy.rereading import (
    WORDS_MAX,
    addresses_of,
    is_unresolved,
    rereadings,
)

METADATA = "169.254.169.254"


def decided(rule: str, text: str) -> str:
    policy = Policy.parse(f'rules: [{{{rule}}}]\ndefaults: [{{pattern: "*", action: ask}}]')
    return policy.decide(
        agent="a", tool="t", effects=Effects.WRITE, args={"x": text}, now=0.0
    ).action.value


@pytest.mark.parametrize(
    "text",
    [
        "dev kube-system",
        "kube-system dev",
        "a,b kube-system",
        "[dev kube-system]",
        "dev%20kube-system",
    ],
)
@pytest.mark.parametrize("rule", ["tool: t, args: {x: kube-system}", "pattern: t(kube-system)"])
def test_blanks_separate_names_for_deny_rules_and_not_for_allow_rules(rule: str, text: str) -> None:
    assert decided(f"{rule}, action: deny", text) == "deny"
    assert decided(f"{rule.replace('kube-system', 'dev')}, action: allow", text) == "ask"


def test_who_allows_words_allows_what_they_say() -> None:
    for rule in ("tool: t, args: {x: good morning}", "pattern: t(good *)"):
        assert decided(f"{rule}, action: allow", "good morning") == "allow"


def test_a_condition_that_excepts_a_text_is_about_the_text_as_a_whole() -> None:
    rule = "tool: t, args: {x: {not_in: [bob smith]}}, action: deny"
    assert decided(rule, "bob smith") == "ask"
    assert decided(rule, "bob") == "deny"


@pytest.mark.parametrize(
    "text",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "file:/etc/passwd",
        "file://localhost/etc/passwd",
        "/proc/self/root/etc/passwd",
        "/proc/1/root/etc/passwd",
        "../../etc/passwd",
        "a/../../etc/passwd",
        "..\\..\\etc\\passwd",
        "~/passwd",
        "~root/passwd",
        "/proc/self/cwd/passwd",
        "/dev/fd/3",
        "jar:file:/etc/x.jar!/y",
        "cat /etc/passwd",
    ],
)
@pytest.mark.parametrize("rule", ['tool: t, args: {x: "/etc/*"}', 'pattern: "t(/etc/*)"'])
def test_a_path_that_is_or_may_be_denied_is_denied(rule: str, text: str) -> None:
    assert decided(f"{rule}, action: deny", text) == "deny"


@pytest.mark.parametrize(
    "text", ["/srv/etc/x", "etc/x", "a/../b", "...", "5 ..", "~5", "file", "/dev/null"]
)
def test_a_path_that_leads_elsewhere_is_not(text: str) -> None:
    assert decided('tool: t, args: {x: "/etc/*"}, action: deny', text) == "ask"


@pytest.mark.parametrize("text", ["../x.md", "~/x.md"])
def test_what_leads_out_of_sight_is_allowed_by_no_rule_on_it(text: str) -> None:
    assert decided('tool: t, args: {x: "*.md"}, action: allow', text) == "ask"
    assert decided('tool: t, args: {x: "*.md"}, action: allow', "x.md") == "allow"


@pytest.mark.parametrize("text", ["c:/secret/a", "c:\\x\\..\\secret\\a", "file:///c:/secret/a"])
def test_a_path_with_a_drive_is_one_with_either_slash(text: str) -> None:
    for pattern in ("'c:\\secret\\*'", "'c:/secret/*'"):
        assert decided(f"tool: t, args: {{x: {pattern}}}, action: deny", text) == "deny"


@pytest.mark.parametrize(
    "text",
    [
        METADATA,
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "169.16689662",
        "0251.0376.0251.0376",
        "0xa9.254.169.254",
        "[::ffff:a9fe:a9fe]",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "http://2852039166/latest",
        "//2852039166/latest",
        "http://me:pw@0xa9fea9fe:80/latest",
        "http://[::ffff:a9fe:a9fe]:80/latest",
        "http://169.254.169.254./latest",
        "http://169\u3002254\u3002169\u3002254/latest",
        "2852039166:80/latest",
        "curl 2852039166",
    ],
)
def test_an_address_is_one_however_it_is_written(text: str) -> None:
    for pattern in (f"*{METADATA}*", METADATA, f"{METADATA}*"):
        assert decided(f'tool: t, args: {{x: "{pattern}"}}, action: deny', text) == "deny"


def test_a_url_is_found_without_port_and_name() -> None:
    rule = 'tool: t, args: {x: "http://169.254.169.254/*"}, action: deny'
    for text in ("http://me@2852039166:80/x", "http://0xa9.0xfe.43518:/x"):
        assert decided(rule, text) == "deny"


@pytest.mark.parametrize(
    "host",
    [
        "a.b",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.256",
        "4294967296",
        "",
        "0x",
        "1..2",
        "[x]",
        "[::x]",
        "-1",
    ],
)
def test_a_name_is_no_address(host: str) -> None:
    assert [*addresses_of(host)] == []


def test_a_part_with_a_nought_in_front_may_be_octal_or_not() -> None:
    assert [*addresses_of("010.0.0.1")] == ["8.0.0.1", "10.0.0.1"]
    assert [*addresses_of("08.0.0.1")] == ["8.0.0.1"]
    assert [*addresses_of("[::1]")] == ["::1"]
    assert [*addresses_of("[fe80::1%eth0]")] == ["fe80::1"]


def test_of_more_words_than_are_looked_at_any_may_be_meant() -> None:
    words = [f"w{number}" for number in range(WORDS_MAX + 1)]
    assert rereadings([" ".join(words[1:])])[1]
    assert not rereadings([" ".join(words)])[1]
    rule = "tool: t, args: {x: kube-system}, action: deny"
    assert decided(rule, " ".join(words)) == "deny"
    assert decided(rule, " ".join(words[1:])) == "ask"


@given(st.text("./~\\:abc0x 1[]%@file", max_size=30))
def test_any_text_is_reread(text: str) -> None:
    found, _ = rereadings([text])
    assert text not in found
    assert is_unresolved(text) in (True, False)
