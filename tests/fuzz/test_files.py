"""Small files beside the configuration, whatever stands in them: read, or refused in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st
from tests.fuzz.targets.errors import check_error
from tests.proto.support import quick

from agentgate_proto.principal import Role
from agentgate_server.audit.heads import read_head, read_heads
from agentgate_server.documents import DocumentError, read_dotenv
from agentgate_server.identity.token_file import TokenFile, TokenFileError
from agentgate_server.identity.tokens import hash_token

LINES = st.sampled_from(
    ["A=b", "export A = 'b'", 'A="b\\n"', "A='", '"', "A=b # c", "=b", "# c", "", "A==b", "É=b"]
)
ANY_FILE = st.binary(max_size=60) | st.lists(LINES | st.text(max_size=10), max_size=5).map(
    lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
TOKENS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "", "a b", "\u202e"]) | VALUES,
        "role": st.sampled_from([*(role.value for role in Role), "king"]) | VALUES,
        "token_hash": st.sampled_from([hash_token("x"), hash_token("y").upper(), ""]) | VALUES,
        "created_at": st.sampled_from(["2026-11-20T10:00:00Z", ""]) | VALUES,
    },
    optional={"more": VALUES},
)
TOKEN_FILES = st.fixed_dictionaries(
    {}, optional={"version": st.sampled_from([1, 2, "1"]), "tokens": st.lists(TOKENS, max_size=3)}
).map(lambda content: json.dumps(content).encode())


@contextmanager
def file_of(data: bytes) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        path.chmod(0o600)
        yield path


def check_words(error: Exception) -> None:
    assert str(error)
    assert "\n" not in str(error)


@given(ANY_FILE)
@example(b"A=" + b"b" * 300_000)
@example(b'A="' + b"\\" * 50_000)
@example(b"A='" + b"x" * 50_000 + b"' y")
@quick
def test_any_dotenv_is_variables_or_an_error_that_quotes_none(data: bytes) -> None:
    with file_of(data) as path:
        try:
            variables = read_dotenv(path)
        except DocumentError as error:
            check_error(error)
        else:
            assert all(
                name.isascii() and isinstance(value, str) for name, value in variables.items()
            )


@given(ANY_FILE | TOKEN_FILES)
@example(b'{"tokens":' + b"[" * 100_000)
@example(b"[" * 100_000)
@example(b'{"version":' + b"9" * 5_000 + b"}")
@example(b'{"tokens":[{"name":"\\ud800"}]}')
@quick
def test_any_token_file_is_tokens_or_an_error(data: bytes) -> None:
    with file_of(data) as path:
        try:
            tokens = TokenFile(path).read()
        except TokenFileError as error:
            check_words(error)
        else:
            assert len({token.name for token in tokens}) == len(tokens)


@given(ANY_FILE)
@example(b"7-" + b"0" * 64)
@example(b"9" * 19 + b"-" + b"0" * 64)
@example(b"7-" + b"0" * 64 + b"\n8-" + b"1" * 64 + b"\n9-22")
@quick
def test_any_head_file_is_a_head_or_none(data: bytes) -> None:
    with file_of(data) as path:
        try:
            head = read_head(path)
            assert head in list(read_heads(path))
        except FileNotFoundError:
            assert data == b""
        except ValueError as error:
            check_words(error)
        else:
            assert str(head).endswith(head.hash)
