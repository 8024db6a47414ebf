"""Heads of requests: what is wrong with them by themselves, at the doors, and with their bodies."""

from __future__ import annotations

import h11
import pytest

from agentgate_proto.wire.doors import OPEN_DOORS, Doors
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.heads import (
    ONCE,
    framing_objection,
    head_objection,
    in_origin_form,
)

OURS = Doors(hosts=frozenset({"gate"}))


def head(
    target: str, *lines: tuple[str, str], method: str = "GET", version: str = "1.1"
) -> h11.Request:
    return h11.Request(
        method=method, target=target, headers=[("Host", "gate"), *lines], http_version=version
    )


def objection(request: h11.Request, *, doors: Doors = OPEN_DOORS, host: str = "gate") -> str:
    others = [(name, value) for name, value in request.headers if name != b"host"]
    headers = Headers.from_bytes([(b"host", host.encode()), *others])
    found = head_objection(request, headers, doors)
    return "" if found is None else f"{found[0]} {found[1]}"


def test_nothing_is_wrong_with_an_ordinary_head() -> None:
    assert objection(head("/a?b")) == ""
    assert objection(head("/a?b"), doors=OURS) == ""
    assert objection(head("*", method="OPTIONS")) == ""
    assert objection(head("/", version="1.9")) == ""


@pytest.mark.parametrize(
    ("request_head", "said"),
    [
        (head("/", version="2.0"), "505 speak HTTP/1.1"),
        (head("/", version="0.9"), "505 speak HTTP/1.1"),
        (head("gate:1", method="CONNECT"), "501 this is no proxy"),
        (head("*"), "400 the target of a request"),
        (head("a"), "400 the target of a request"),
        (head("/a#b"), "400 a fragment"),
    ],
)
def test_what_is_wrong_with_a_head_is_said(request_head: h11.Request, said: str) -> None:
    assert objection(request_head).startswith(said)


@pytest.mark.parametrize("name", [name for name in ONCE if name != "host"])
def test_a_line_that_says_who_asks_whom_comes_once_even_if_it_is_the_same(name: str) -> None:
    assert objection(head("/", (name, "a"))) == ""
    said = objection(head("/", (name, "a"), (name.upper(), "a")))
    assert said == f"400 more than one header {name.capitalize()}"


def test_a_second_host_is_refused_even_if_it_is_empty() -> None:
    headers = Headers([("host", "gate"), ("host", "")])
    assert head_objection(head("/"), headers, OPEN_DOORS) == (400, "more than one header Host")


def test_a_host_is_looked_at_by_its_form_and_then_by_its_name() -> None:
    assert objection(head("/"), host="a b").startswith("400 ")
    assert objection(head("/"), host="evil.example") == ""
    said = "403 host evil.example is not in gateway.allowed_hosts"
    assert objection(head("/"), host="evil.example", doors=OURS) == said


@pytest.mark.parametrize(
    ("lines", "version", "status"),
    [
        ([], "1.1", 0),
        ([("content-length", "10")], "1.1", 0),
        ([("content-length", "11")], "1.1", 413),
        ([("transfer-encoding", "chunked")], "1.1", 0),
        ([("transfer-encoding", "chunked")], "1.0", 400),
        ([("transfer-encoding", "chunked"), ("content-length", "1")], "1.1", 400),
        ([("transfer-encoding", "chunked"), ("content-length", "1")], "1.0", 400),
    ],
)
def test_a_body_is_framed_in_one_way_and_no_larger_than_it_may_be(
    lines: list[tuple[str, str]], version: str, status: int
) -> None:
    found = framing_objection(head("/", version=version), Headers(lines), 10)
    assert (0 if found is None else found[0]) == status


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        ("http://other:1/a?b", "other:1", "/a?b"),
        ("HTTPS://Other", "Other", "/"),
        ("http://other?b", "other", "/?b"),
        ("http://other//a", "other", "//a"),
        ("http://[::1]:1/", "[::1]:1", "/"),
        ("http://u@other/", "u@other", "/"),
    ],
)
def test_of_a_whole_url_the_host_takes_the_place_of_the_header(
    target: str, host: str, path: str
) -> None:
    request = in_origin_form(head(target, ("x-a", "1")))
    assert request.target == path.encode()
    assert list(request.headers) == [(b"host", host.encode()), (b"x-a", b"1")]


@pytest.mark.parametrize("target", ["/a", "//other/a", "*", "ftp://other/a", "http:///a", "http:a"])
def test_what_is_no_whole_url_is_left_as_it_is(target: str) -> None:
    request = head(target)
    assert in_origin_form(request) is request
