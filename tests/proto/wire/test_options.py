"""Requests to which the routes give but one answer."""

from __future__ import annotations

import json

import pytest

from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.heads import RequestHead
from agentgate_proto.wire.options import RuleAnswer, answer_by_rule
from agentgate_proto.wire.routes import Route, Routes

ROUTES = Routes(
    [
        Route(face="f", path="/a", methods=frozenset({"GET"}), cors=True),
        Route(face="f", path="/a", methods=frozenset({"POST"})),
        Route(face="f", path="/ws", websocket=True),
        Route(face="f", path="/both", methods=frozenset({"GET"}), websocket=True),
    ]
)


def request(method: str, target: str, *lines: tuple[str, str]) -> RequestHead:
    return RequestHead(method, target, Headers(lines), b"", b"1.1", ROUTES.find(target))


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "BREW"])
def test_what_is_nobodys_is_not_answered_here(method: str) -> None:
    assert answer_by_rule(request(method, "/nobodys")) is None
    assert answer_by_rule(request(method, "*")) is None


@pytest.mark.parametrize(("method", "target"), [("GET", "/a"), ("HEAD", "/a"), ("POST", "/a")])
def test_what_a_route_takes_its_face_answers(method: str, target: str) -> None:
    assert answer_by_rule(request(method, target)) is None


def test_options_are_told_without_a_body() -> None:
    assert answer_by_rule(request("OPTIONS", "/a")) == RuleAnswer(
        204, [("allow", "GET, HEAD, POST, OPTIONS")]
    )
    answer = answer_by_rule(request("OPTIONS", "/ws"))
    assert answer is not None
    assert (answer.status, answer.body, answer.content_type) == (204, b"", "")
    assert answer.headers == [("allow", "OPTIONS")]


def test_a_preflight_is_told_what_pages_may_do() -> None:
    origin = ("origin", "https://page.example")
    asked = answer_by_rule(
        request("OPTIONS", "/a", origin, ("access-control-request-method", "GET"))
    )
    assert asked is not None
    assert ("access-control-allow-methods", "GET, HEAD") in asked.headers
    forbidden = answer_by_rule(
        request("OPTIONS", "/a", origin, ("access-control-request-method", "POST"))
    )
    without = answer_by_rule(request("OPTIONS", "/a", ("access-control-request-method", "GET")))
    assert forbidden == without == answer_by_rule(request("OPTIONS", "/a"))


@pytest.mark.parametrize("method", ["DELETE", "get", "BREW", "Options"])
def test_another_method_is_told_which_ones_there_are(method: str) -> None:
    answer = answer_by_rule(request(method, "/a"))
    assert answer is not None
    assert (answer.status, answer.headers) == (405, [("allow", "GET, HEAD, POST, OPTIONS")])
    assert json.loads(answer.body) == {"error": "use GET, HEAD, POST, OPTIONS"}
    assert answer.content_type == "application/json"


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_a_path_for_websockets_says_so(method: str) -> None:
    answer = answer_by_rule(request(method, "/ws"))
    assert answer is not None
    assert (answer.status, ("upgrade", "websocket") in answer.headers) == (426, True)
    both = answer_by_rule(request("POST", "/both"))
    assert both is not None
    assert both.status == 405
