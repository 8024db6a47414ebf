"""YAML documents: what they mean, where their values stand, and what is refused how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentgate_server.documents import (
    Document,
    DocumentError,
    format_path,
    nodes,
    parse_document,
    read_document,
    read_dotenv,
)
from agentgate_server.documents.document import DOCUMENT_BYTES_MAX
from agentgate_server.documents.spans import DAYS, SECONDS


class Action(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    pattern: str
    action: Action
    description: str = ""
    values: dict[str, str | int | bool | list[str | int]] = {}
    tools: frozenset[str] = frozenset()
    uses: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5
    quiet: bool = False
    level: Literal["low", "high", 3] = "low"
    until: str | None = None

    def __post_init__(self) -> None:
        if self.pattern == "impossible":
            raise ValueError("the pattern can never match")


class Even:
    def __init__(self, text: str) -> None:
        if len(text) % 2:
            raise ValueError("must have an even number of characters")
        self.text = text


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    rules: tuple[Rule, ...] = ()
    extra: Any = None


@pytest.fixture(params=["libyaml", "python"])
def any_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(nodes, "LOADER", yaml.SafeLoader)


def parse(text: str, **environment: str) -> Document:
    return parse_document(text, name="p.yaml", environment=environment)


def refusal(text: str, kind: type = Policy, **environment: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse(text, **environment).decode(kind)
    error = caught.value
    assert "\n" not in str(error)
    return error


RULE = "rules:\n- pattern: x\n  action: ask\n"


# -- What a document means ------------------------------------------------------------------------


@pytest.mark.usefixtures("any_parser")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("FALSE", False),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("0755", "0755"),
        ("0o755", 0o755),
        ("0x1F", 31),
        ("-7", -7),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("9" * 5000, "9" * 5000),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("[a, 1, {b: c}]", ["a", 1, {"b": "c"}]),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("ü🔒", "ü🔒"),
    ],
)
def test_scalars_follow_yaml_1_2_and_a_leading_zero_stays_text(text: str, value: object) -> None:
    assert parse(f"key: {text}").data == {"key": value}


@pytest.mark.usefixtures("any_parser")
def test_keys_are_the_text_that_stands_there() -> None:
    assert parse("on: 1\n2: 2\n'': 3\n\"<<\": 4").data == {"on": 1, "2": 2, "": 3, "<<": 4}


@pytest.mark.usefixtures("any_parser")
def test_an_alias_stands_for_a_copy_of_its_anchor() -> None:
    data = parse("&k a: &x [1, {b: &y z}]\nc: *x\nd: *y\ne: *k").data
    assert data == {"a": [1, {"b": "z"}], "c": [1, {"b": "z"}], "d": "z", "e": "a"}
    assert data["a"] is not data["c"]


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbfkey: 1\r\nother: 2\r\n")
    assert read_document(tmp_path / "p.yaml").data == {"key": 1, "other": 2}


# -- Where values stand ---------------------------------------------------------------------------


@pytest.mark.usefixtures("any_parser")
def test_a_line_is_that_of_the_key_or_item_or_of_the_nearest_enclosing_one() -> None:
    document = parse("# comment\na:\n  b:\n    - x\n    - c: 1\n      d:\n        long\n")
    lines = {
        (): 2,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 0): 4,
        ("a", "b", 1): 5,
        ("a", "b", 1, "d"): 6,
        ("a", "b", 1, "nothing", "here"): 5,
        ("a", "b", 7): 3,
        ("a", "b", -1): 3,
        ("z",): 2,
    }
    assert {path: document.line_of(path) for path in lines} == lines


def test_a_path_is_written_as_people_write_it() -> None:
    assert format_path(("rules", 0, "args", "entity-id")) == "rules[0].args.entity-id"
    assert format_path(("odd key\n",)) == '["odd key\\n"]'
    assert format_path(()) == ""


def test_data_of_a_program_is_decoded_with_paths_but_without_lines() -> None:
    rules = {"rules": ({"pattern": "x", "action": "ask", "uses": 0},)}
    with pytest.raises(DocumentError) as caught:
        Document.from_data(rules, name="policy").decode(Policy)
    assert str(caught.value) == "policy: rules[0].uses: must be at least 1, found the number 0"
    assert caught.value.line is None


@pytest.mark.parametrize("data", [{1: 2}, {"a": [{3}]}, {"a": object()}, {"a": b"bytes"}])
def test_data_of_a_program_may_hold_only_what_yaml_can_say(data: object) -> None:
    with pytest.raises(DocumentError, match="needs a dict with string keys, a list or a scalar"):
        Document.from_data(data, name="policy")


def test_data_of_a_program_that_contains_itself_is_refused() -> None:
    data: list[object] = []
    data.append(data)
    with pytest.raises(DocumentError, match="more than 64 levels deep"):
        Document.from_data(data, name="policy")


# -- Decoding -------------------------------------------------------------------------------------


def test_a_document_becomes_structs() -> None:
    text = (
        RULE + "  values: {a: 1, b: 'no', c: [d, 2], e: true}\n  tools: [t, u]\n  uses: 10\n"
        "  share: .25\n  quiet: yes\n  level: 3\n  until: 12:30\nextra: {any: [thing]}\n"
    )
    (rule,) = parse(text).decode(Policy).rules
    assert rule == Rule(
        pattern="x",
        action=Action.ASK,
        values={"a": 1, "b": "no", "c": ["d", 2], "e": True},
        tools=frozenset({"t", "u"}),
        uses=10,
        share=0.25,
        quiet=True,
        level=3,
        until="12:30",
    )
    assert rule.action is Action.ASK
    assert parse(text).decode(Policy).extra == {"any": ["thing"]}


def test_dataclasses_lists_sets_and_none_are_decoded_too() -> None:
    @dataclass
    class Part:
        numbers: list[int]
        words: set[str]
        nothing: None = None

    part = parse("numbers: [1, 2]\nwords: [a, a]\nnothing: ~").decode(Part)
    assert part == Part([1, 2], {"a"}, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("action: permit", "rules[0].action: 'permit' is not one of allow, deny, ask"),
        ("action: dney", "'dney' is not one of allow, deny, ask; did you mean 'deny'?"),
        ("action: Allow", "'Allow' is not one of allow, deny, ask; did you mean 'allow'?"),
        ("action: 1", "needs one of allow, deny, ask, found the number 1"),
        ("action: [ask]", "needs one of allow, deny, ask, found a list"),
        ("action:", "needs one of allow, deny, ask, found nothing"),
        ("level: 3.0", "needs one of 3, high, low, found the number 3.0"),
        ("uses: 0", "must be at least 1, found the number 0"),
        ("uses: 11", "must be at most 10, found the number 11"),
        ("uses: 1.0", "needs a whole number, found the number 1.0"),
        ("uses: '3'", "needs a whole number, found the text '3'"),
        ("uses: true", "needs a whole number, found true"),
        ("uses: 0755", "needs a whole number, found the text '0755'"),
        ("share: 0", "must be more than 0, found the number 0"),
        ("share: 1", "must be less than 1, found the number 1"),
        ("share: .nan", "needs a number, found the number .nan"),
        ("share: .inf", "needs a number, found the number .inf"),
        ("quiet: 1", "needs true or false, found the number 1"),
        ("quiet: 'yes'", "needs true or false, found the text 'yes'"),
        ("description: 5", "needs text, found the number 5: put it in quotes"),
        ("description: true", "needs text, found true: put it in quotes"),
        ("description:", "needs text, found nothing"),
        ("description: {a: b}", "needs text, found keys and values"),
        ("until: 5", "needs text, found the number 5: put it in quotes"),
        ("tools: lock", "needs a list, found text"),
        ("tools: [a, 1]", "rules[0].tools[1]: needs text, found the number 1: put it in quotes"),
        ("values: [a]", "needs keys and values, found a list"),
        ("values: {a: {b: c}}", "values.a: needs text or a whole number or true or false or a"),
        ("values: {a: [b, ~]}", "values.a[1]: needs text or a whole number, found nothing"),
        ("pattrn: y", "unknown key 'pattrn'; did you mean 'pattern'?"),
        ("zzz: y", "unknown key 'zzz'; the keys here are pattern, action, description"),
    ],
)
def test_a_wrong_value_is_refused_by_file_line_path_and_what_would_be_right(
    line: str, message: str
) -> None:
    text = RULE.replace("  action: ask\n", "") if line.startswith("action") else RULE
    error = refusal(f"{text}  {line}\n")
    assert message in str(error)
    assert str(error).startswith(f"p.yaml:{3 if line.startswith('action') else 4}: rules[0].")


def test_the_first_error_by_line_is_raised_and_carries_the_others() -> None:
    error = refusal("rules:\n- action: ask\n- action: no\n  pattern: 1\n  foo: 2\nrulez: []\n")
    assert [str(e) for e in (error, *error.others)] == [
        "p.yaml:2: rules[0].pattern: is missing: add 'pattern'",
        "p.yaml:3: rules[1].action: 'no' is not one of allow, deny, ask",
        "p.yaml:4: rules[1].pattern: needs text, found the number 1: put it in quotes",
        (
            "p.yaml:5: rules[1].foo: unknown key 'foo'; the keys here are pattern, action, "
            "description, values, tools, uses, share, quiet, level, until"
        ),
        "p.yaml:6: rulez: unknown key 'rulez'; did you mean 'rules'?",
    ]
    assert (error.file, error.line, error.path) == ("p.yaml", 2, "rules[0].pattern")
    assert error.message == "is missing: add 'pattern'"


def test_what_a_struct_refuses_is_reported_where_it_stands() -> None:
    error = refusal(RULE + "- {pattern: impossible, action: ask}\n")
    assert str(error) == "p.yaml:4: rules[1]: the pattern can never match"


def test_a_document_of_another_shape_is_refused_without_quoting_it() -> None:
    assert str(refusal("- a")) == "p.yaml:1: needs keys (rules, extra), found a list"
    assert "my-secret" not in str(refusal("my-secret"))
    assert "my-secret" not in str(refusal("rules: my-secret"))


def test_a_class_is_made_from_text_and_says_itself_what_it_refuses() -> None:
    class Holder(msgspec.Struct):
        even: Even

    assert parse("even: ab").decode(Holder).even.text == "ab"
    assert str(refusal("even: abc", Holder)) == (
        "p.yaml:1: even: must have an even number of characters"
    )
    assert str(refusal("even: 1234", Holder)) == "p.yaml:1: even: needs text: put it in quotes"
    assert str(refusal("even: ", Holder)) == "p.yaml:1: even: needs text, found nothing"


def test_lengths_and_patterns_are_kept_to() -> None:
    class Limited(msgspec.Struct):
        word: Annotated[str, msgspec.Meta(min_length=1, max_length=3, pattern="^[a-z]*$")] = "a"
        some: Annotated[list[int], msgspec.Meta(min_length=1, max_length=2)] = []
        table: Annotated[dict[str, int], msgspec.Meta(min_length=1)] = {}
        even: Annotated[int, msgspec.Meta(multiple_of=2)] = 2

    messages = {
        "word: ''": "word: must not be empty",
        "word: abcd": "word: must have at most 3 characters",
        "word: A": "word: must match ^[a-z]*$",
        "some: []": "some: must have 1 entries or more",
        "some: [1, 2, 3]": "some: must have at most 2 entries",
        "table: {}": "table: must have 1 entries or more",
        "even: 3": "even: must be a multiple of 2",
    }
    for text, message in messages.items():
        assert message in str(refusal(text, Limited))


def test_a_description_on_a_type_changes_nothing() -> None:
    class Described(msgspec.Struct):
        one: Annotated[int, msgspec.Meta(description="a number")]
        two: Annotated[int | None, msgspec.Meta(description="a number")] = None
        three: Literal[1, 2] | list[Literal[1, 2]] = 1
        four: Annotated[list[int], msgspec.Meta(description="a list")] | int = 4

    assert parse("one: 1\ntwo: 2\nfour: [1]").decode(Described) == Described(1, 2, 1, [1])
    assert "one: needs a whole number, found a list" in str(refusal("one: []", Described))
    assert "three: needs one of 1, 2 or a list, found keys and values" in str(
        refusal("one: 1\nthree: {}", Described)
    )
    assert "four[0]: needs a whole number" in str(refusal("one: 1\nfour: [x]", Described))


def test_the_keys_of_a_dict_may_be_an_enum() -> None:
    kind = dict[Action, int]
    assert parse("ask: 1").decode(kind) == {Action.ASK: 1}
    assert "'aks' is not one of allow, deny, ask; did you mean" in str(refusal("aks: 1", kind))


def test_a_type_that_documents_cannot_hold_is_the_programs_error() -> None:
    with pytest.raises(TypeError, match="cannot be decoded"):
        parse("a: 1").decode(dict[str, bytes])


# -- What is refused ------------------------------------------------------------------------------


@pytest.mark.usefixtures("any_parser")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml: the document is empty: 'agent-gate init' writes one to begin with"),
        (
            "# nothing\n",
            "p.yaml: the document is empty: 'agent-gate init' writes one to begin with",
        ),
        ("---\n~\n", "p.yaml: the document is empty: 'agent-gate init' writes one to begin with"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "p.yaml:4: b.c: key 'c' is given twice, first in line 3"),
        ("1: a\n'1': b", "p.yaml:2: 1: key '1' is given twice, first in line 1"),
        ("a: 1\n---\nb: 2", "p.yaml:2: a second document starts here"),
        ("a: !!python/object/apply:os.system [ls]", "p.yaml:1: a: the tag !!python/object/ap"),
        ("a: !secret x", "p.yaml:1: a: the tag !secret is not supported"),
        ("a: !!set {b}", "p.yaml:1: a: the tag !!set is not supported"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "p.yaml:3: c: merge keys (<<) are not supported"),
        ("? [a, b]\n: c", "p.yaml:1: a key must be text"),
        ("a: &x b\n*x : c", "p.yaml:2: a key must be text"),
        ("a: 1\n~: a", "p.yaml:2: a key is missing before ':'"),
        ("a:\n- [1\n- 2\nb: 3", "that starts in line 2)"),
        ("a: *nowhere", "p.yaml:1: a: *nowhere is used, but no &nowhere is set"),
        ("a: [b, &x [c, *x]]", "p.yaml:1: a[1][1]: *x contains itself"),
        ("a: [1", "p.yaml:1: not valid YAML: "),
        ("a: 1\n\tb: 2", "; indent with spaces, not tabs"),
        ("a: @home", "; a text that begins with @ needs quotes around it"),
        ("a: `x`", "; a text that begins with ` needs quotes around it"),
        ("a: 1\nb: [x, %y]", "; a text that begins with % needs quotes around it"),
        ("a: *", "; a text that begins with * needs quotes around it"),
        ("a: & b", "; a text that begins with & needs quotes around it"),
        ("a: {b: ${C}}", '; inside { } and [ ] put "${...}" in quotes'),
        ("a: 1\nb: \a", "p.yaml:2: the character U+0007 is not allowed"),
        ('a: "\\UFFFFFFFF"', "not valid YAML"),
        ("[" * 1000, "more than 64 levels deep"),
        ("a: \ud800", "half of a surrogate pair"),
        ("a: " + "x" * DOCUMENT_BYTES_MAX, f"is larger than {DOCUMENT_BYTES_MAX} bytes"),
        ("a: " + "ü" * (DOCUMENT_BYTES_MAX // 2), f"is larger than {DOCUMENT_BYTES_MAX} bytes"),
    ],
)
def test_a_text_that_is_not_one_plain_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("any_parser")
def test_an_escaped_half_of_a_surrogate_pair_is_refused() -> None:
    for text in ('a: "\\uD800"', '"\\uD800": a'):
        with pytest.raises(DocumentError):
            parse(text)


@pytest.mark.usefixtures("any_parser")
def test_aliases_that_multiply_are_refused_before_they_take_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 30)]
    with pytest.raises(DocumentError, match=r"p\.yaml:6: a5\[\d\]: more than 200000 values"):
        parse("\n".join(lines))


@pytest.mark.usefixtures("any_parser")
def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 100)]
    with pytest.raises(DocumentError, match="more than 64 levels deep"):
        parse("\n".join(lines))
    assert parse("a: " + "[" * 63 + "]" * 63).decode(Any) is not None


def test_a_value_that_is_quoted_in_an_error_is_cut() -> None:
    assert len(str(refusal(RULE + f"  uses: {'x' * 5000}\n"))) < 200
    assert len(str(refusal(RULE + f"  {'x' * 500}: 1\n"))) < 400


@given(
    st.text(alphabet=st.characters()) | st.text("ab:-[]{}&*#'\"|>!%@\n \t,?~$<0123.", max_size=60)
)
def test_any_text_gives_a_document_or_a_document_error(text: str) -> None:
    lines = []
    for environment in (None, {"a": "b"}):
        try:
            parse_document(text, name="p.yaml", environment=environment).decode(Policy)
        except DocumentError as error:
            lines.append(str(error))
    assert not any("\n" in line for line in lines)


def as_yaml_1_2(value: Any) -> bool:
    """Whether PyYAML writes the text without quotes although YAML 1.2 reads something else."""
    return nodes.resolve(value) == value


plain_texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)


@given(
    st.dictionaries(
        plain_texts.filter(bool),
        st.recursive(
            st.none() | st.booleans() | st.integers() | plain_texts.filter(as_yaml_1_2),
            lambda inner: st.lists(inner) | st.dictionaries(plain_texts.filter(bool), inner),
            max_leaves=10,
        ),
        min_size=1,
    )
)
def test_what_another_program_writes_as_yaml_is_read_back(data: dict[str, Any]) -> None:
    assert parse_document(yaml.safe_dump(data), name="p.yaml").data == data


# -- Environment variables ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${A}", "one"),
        ("'${A}'", "one"),
        ('"<${A}-${B}>"', "<one-two: [3]\n- x>"),
        ("x${A}y", "xoney"),
        ("${B}", "two: [3]\n- x"),
        ("${NONE:-default}", "default"),
        ("${NONE:-}", ""),
        ("${EMPTY:-default}", "default"),
        ("${A:-default}", "one"),
        ("${EMPTY}", ""),
        ("$${A}", "${A}"),
        ("$$${A}", "$one"),
        ("$A $ 5$", "$A $ 5$"),
        ("${NUMBER}", "12"),
    ],
)
def test_a_variable_is_put_into_a_value_after_parsing(written: str, value: str) -> None:
    environment = {"A": "one", "B": "two: [3]\n- x", "EMPTY": "", "NUMBER": "12"}
    document = parse_document(f"key: {written}", name="p.yaml", environment=environment)
    assert document.data == {"key": value}


def test_without_an_environment_a_dollar_means_nothing() -> None:
    assert parse_document("key: ${A} $$", name="p.yaml").data == {"key": "${A} $$"}


def test_keys_and_comments_hold_no_variables() -> None:
    assert parse("${A}: 1 # ${B}").data == {"${A}": 1}


def test_every_variable_that_is_not_set_is_named_with_its_line() -> None:
    error = refusal("rules: []\nextra:\n- ${AGENT_TOKEN}\n- b: ${OTHER}\n")
    hint = "export it or put it into .env"
    assert [str(e) for e in (error, *error.others)] == [
        f"p.yaml:3: extra[0]: environment variable AGENT_TOKEN is not set: {hint}",
        f"p.yaml:4: extra[1].b: environment variable OTHER is not set: {hint}",
    ]


@pytest.mark.parametrize("written", ["${A", "${}", "${A B}", "${1A}", "${A:?no}", "${A-b}"])
def test_a_variable_in_another_form_is_refused(written: str) -> None:
    error = refusal(f"extra: '{written}'", A="one")
    assert "write a variable as ${NAME} or ${NAME:-default}, and a plain dollar as $$" in str(error)


def test_a_variable_may_be_the_number_or_truth_value_that_is_wanted() -> None:
    text = RULE + "  uses: ${N}\n  share: '${S}'\n  quiet: ${Q:-off}\n  values: {n: '${N}'}\n"
    (rule,) = parse(text, N="8", S="2.5e-1").decode(Policy).rules
    assert (rule.uses, rule.share, rule.quiet) == (8, 0.25, False)
    assert rule.values == {"n": "8"}, "where text is welcome, text stays"
    assert parse("${A:-x}: ${N}", N="5").decode(dict[str, int | None]) == {"${A:-x}": 5}


@pytest.mark.parametrize("line", ["uses: ${X}", "share: ${X}", "quiet: ${X}", "action: ${X}"])
def test_the_value_of_a_variable_is_never_shown(line: str) -> None:
    text = RULE.replace("  action: ask\n", "") if line.startswith("action") else RULE
    error = refusal(f"{text}  {line}\n", X="s3cret")
    assert "${X}" in str(error)
    assert "s3cret" not in str(error)


def test_a_number_from_a_variable_is_bounded_and_not_shown_either() -> None:
    assert str(refusal(RULE + "  uses: ${X}\n", X="4711")) == (
        "p.yaml:4: rules[0].uses: must be at most 10"
    )
    assert "needs a whole number" in str(refusal(RULE + "  uses: ${X}\n", X="1" * 5000))
    assert "needs a number" in str(refusal(RULE + "  share: ${X}\n", X="1e999"))


# -- Files ----------------------------------------------------------------------------------------


def file_refusal(path: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_document(path, name=path.name)
    return str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(Path("no-such/permissions.yaml"))
    assert str(caught.value) == (
        "no-such/permissions.yaml: file not found: create it, or give the path of an existing one"
    )


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    folder = tmp_path / "p.yaml"
    folder.mkdir()
    assert file_refusal(folder) == "p.yaml: is a folder: give the path of a file in it"


def test_a_file_in_another_encoding_is_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes("a: 1\nb: ü\n".encode("latin-1"))
    assert file_refusal(file) == "p.yaml:2: is not UTF-8: save it as UTF-8"


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    with file.open("wb") as out:
        out.truncate(1 << 40)  # Sparse.
    assert file_refusal(file) == f"p.yaml: is larger than {DOCUMENT_BYTES_MAX} bytes"


def test_a_path_through_a_file_or_with_a_null_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert file_refusal(tmp_path / "file" / "p.yaml") == "p.yaml: cannot be read: Not a directory"
    assert "cannot be read: embedded null byte" in file_refusal(tmp_path / "p\0.yaml")


# -- .env -----------------------------------------------------------------------------------------


def dotenv(folder: Path, text: str) -> dict[str, str]:
    (folder / ".env").write_text(text, encoding="utf-8")
    return read_dotenv(folder / ".env")


def test_a_dotenv_file_has_names_values_quotes_and_comments(tmp_path: Path) -> None:
    text = (
        "# comment\n\nPLAIN=value # comment\nexport EXPORTED=x\n SPACED = a b \n"
        "HASH=a#b\nEMPTY=\nONLY_COMMENT= # none\nSINGLE='a \\n $B # \"c\"' # comment\n"
        'DOUBLE="a\\n\\"b\\" \\\\ #c"\r\nURL=https://x/?a=b&c=d\nexport=odd\nPLAIN=again\n'
    )
    assert dotenv(tmp_path, text) == {
        "PLAIN": "again",
        "EXPORTED": "x",
        "SPACED": "a b",
        "HASH": "a#b",
        "EMPTY": "",
        "ONLY_COMMENT": "",
        "SINGLE": 'a \\n $B # "c"',
        "DOUBLE": 'a\n"b" \\ #c',
        "URL": "https://x/?a=b&c=d",
        "export": "odd",
    }


def test_a_dotenv_may_have_what_others_read_it_for(tmp_path: Path) -> None:
    """Docker Compose takes names alone, and names with dots."""
    text = "A=1\nHOME\nexport PATH\nspring.profile = x\nB=2\n"
    assert dotenv(tmp_path, text) == {"A": "1", "spring.profile": "x", "B": "2"}


def test_a_missing_dotenv_or_a_virtual_environment_of_that_name_is_empty(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path / ".env") == {}
    (tmp_path / ".env").mkdir()
    assert read_dotenv(tmp_path / ".env") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nmy-s3cret", ":2: needs NAME=value"),
        ("A=1\nmy s3cret", ":2: needs NAME=value"),
        ("1A=s3cret", ":1: needs NAME=value"),
        ("A='s3cret", ":1: A: the quote does not end on this line"),
        ('A="s3cret\\"', ":1: A: the quote does not end on this line"),
        ("A='x' s3cret", ":1: A: the quote does not end on this line, or text follows it"),
    ],
)
def test_a_wrong_line_in_dotenv_is_named_but_not_quoted(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DocumentError) as caught:
        dotenv(tmp_path, text)
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_dotenv_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(DocumentError, match="is not UTF-8"):
        read_dotenv(tmp_path / ".env")
    (tmp_path / ".env").write_bytes(b"#" * 300_000)
    with pytest.raises(DocumentError, match="is larger than"):
        read_dotenv(tmp_path / ".env")


@given(st.text(max_size=60))
def test_any_text_as_dotenv_gives_variables_or_a_document_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    try:
        variables = dotenv(tmp_path_factory.getbasetemp(), text)
    except DocumentError:
        return
    assert all(name.isidentifier() for name in variables)


class Spans(msgspec.Struct, frozen=True, kw_only=True):
    """Spans of time, in two units."""

    wait: Annotated[float, msgspec.Meta(gt=0, le=600, extra=SECONDS)] = 1.0
    keep: Annotated[float, msgspec.Meta(ge=1, le=30, extra=DAYS)] | None = None
    by_name: dict[str, Annotated[float, msgspec.Meta(ge=0, le=60, extra=SECONDS)]] = {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("wait: 90", Spans(wait=90.0)),
        ("wait: 1m30s", Spans(wait=90.0)),
        ("wait: ${WAIT}", Spans(wait=300.0)),
        ("keep: 36h", Spans(keep=1.5)),
        ("keep: 2d", Spans(keep=2.0)),
        ("keep: 3", Spans(keep=3.0)),
        ("keep:", Spans()),
        ("by_name: {a: 1m, b: 2}", Spans(by_name={"a": 60.0, "b": 2.0})),
    ],
)
def test_a_span_of_time_is_a_number_or_says_its_unit(text: str, value: Spans) -> None:
    document = parse_document(text, name="c.yaml", environment={"WAIT": "5m"})
    assert document.decode(Spans) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wait: 15 min", "wait: needs a number of seconds or a duration as in 90s, 15m, 1h30m or"),
        ("wait: '90'", "wait: needs a number of seconds or a duration"),
        ("wait: 11m", "wait: must be at most 600 (10m), found the text '11m'"),
        ("wait: 0s", "wait: must be more than 0, found the text '0s'"),
        ("wait: [1m]", "wait: needs a number, found a list"),
        ("keep: 12h", "keep: must be at least 1 (1d), found the text '12h'"),
        ("keep: 31", "keep: must be at most 30 (30d), found the number 31"),
        ("by_name: {a: 2m}", "by_name.a: must be at most 60 (1m), found the text '2m'"),
    ],
)
def test_a_span_that_is_none_is_told_the_form_and_the_bounds(text: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, name="c.yaml").decode(Spans)
    assert words in str(caught.value)
