"""Static files: sent once, and then only if they have changed."""

from __future__ import annotations

import pytest

from agentgate_proto.faces.static import FOR_EVER, REVALIDATE, file_reply, static_file
from agentgate_proto.wire.headers import Headers

PAGE = static_file(b"<p>hello", "text/html; charset=utf-8")


def asked(*values: str) -> Headers:
    return Headers([("if-none-match", value) for value in values])


def test_a_file_comes_whole_with_its_tag_and_how_long_it_may_be_kept() -> None:
    reply = file_reply(PAGE, Headers())
    assert (reply.status, reply.body) == (200, b"<p>hello")
    assert reply.content_type == "text/html; charset=utf-8"
    headers = dict(reply.headers)
    assert headers["etag"] == PAGE.etag
    assert headers["cache-control"] == REVALIDATE
    assert headers["x-content-type-options"] == "nosniff"


def test_a_file_whose_name_changes_with_it_is_kept_for_ever() -> None:
    file = static_file(b"x", "text/css", is_immutable=True)
    assert dict(file_reply(file, Headers()).headers)["cache-control"] == FOR_EVER


@pytest.mark.parametrize(
    "values",
    [
        [PAGE.etag],
        [f"W/{PAGE.etag}"],
        [f'"other", {PAGE.etag}'],
        ['"other"', PAGE.etag],
        ["*"],
        [f" {PAGE.etag} ,"],
    ],
)
def test_who_has_a_file_is_told_that_it_is_still_so(values: list[str]) -> None:
    reply = file_reply(PAGE, asked(*values))
    assert (reply.status, reply.body, reply.content_type) == (304, b"", "")
    assert dict(reply.headers)["etag"] == PAGE.etag


@pytest.mark.parametrize(
    "values", [[], [""], ['"other"'], [PAGE.etag.strip('"')], ["w/" + PAGE.etag]]
)
def test_who_has_another_file_gets_this_one(values: list[str]) -> None:
    assert file_reply(PAGE, asked(*values)).status == 200


def test_tags_tell_contents_apart() -> None:
    tags = {static_file(body, "text/plain").etag for body in (b"", b"a", b"b", b"ab")}
    assert len(tags) == 4
    assert static_file(b"a", "text/css").etag == static_file(b"a", "text/plain").etag
