"""How much of a body may come, and whether anybody has to be asked for it."""

import pytest

from agentgate_proto.wire.bodies import STRANGER_BYTES_MAX, IncomingBody
from agentgate_proto.wire.headers import Headers


def headers(**values: str) -> Headers:
    lines = [(name.replace("_", "-").encode(), text.encode()) for name, text in values.items()]
    return Headers.from_bytes(lines)


@pytest.mark.parametrize(
    ("given", "is_offered"),
    [
        (headers(), False),
        (headers(content_length=str(STRANGER_BYTES_MAX)), False),
        (headers(content_length=str(STRANGER_BYTES_MAX + 1)), True),
        (headers(transfer_encoding="chunked"), True),
    ],
    ids=["none", "small", "large", "of unknown length"],
)
def test_only_a_large_body_is_offered_first(given: Headers, is_offered: bool) -> None:
    body = IncomingBody()
    body.begin(given, 100_000, offer_large=True)
    assert body.is_offered is is_offered
    body.begin(given, 100_000, offer_large=False)
    assert not body.is_offered


def test_what_has_come_is_taken_once() -> None:
    body = IncomingBody()
    body.begin(headers(content_length="3"), 100, offer_large=False)
    assert (body.left, body.chunks) == (3, None)
    body.data += b"abc"
    assert body.take() == b"abc"
    assert body.take() == b""
