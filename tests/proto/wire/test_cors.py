"""Pages of other origins: who may connect, who may read, and what a preflight is told."""

from __future__ import annotations

import pytest

from agentgate_proto.wire.cors import (
    is_own,
    is_preflight,
    may_connect,
    methods_for_pages,
    preflight_answer,
    shown_to,
)
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Place, Route, Routes

PAGE = "https://page.example"


def place_of(*routes: Route) -> Place:
    found = Routes(routes).find("/a")
    assert found is not None
    return found.place


READ = Route(face="f", path="/a", methods=frozenset({"GET"}), cors=True)
WRITE = Route(
    face="f",
    path="/a",
    methods=frozenset({"PUT"}),
    cors=True,
    request_headers=("x-one", "x-two"),
    origins=frozenset({PAGE}),
)
CLOSED = Route(face="f", path="/a", methods=frozenset({"DELETE"}))


def preflight(*methods: str, origin: str | None = PAGE) -> Headers:
    lines = [] if origin is None else [("origin", origin)]
    return Headers([*lines, *(("access-control-request-method", method) for method in methods)])


def test_an_app_s_own_scheme_is_no_page_of_ours() -> None:
    assert not is_own("capacitor://localhost", "localhost")
    assert may_connect("capacitor://localhost", "h", frozenset({"capacitor://localhost"}), [])
    assert not may_connect("capacitor://localhost", "localhost", frozenset(), [])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://gate:8443", "gate:8443"),
        ("http://gate:8443", "GATE:8443"),
        ("HTTPS://Gate", "gate"),
        ("http://[::1]:8443", "[::1]:8443"),
    ],
)
def test_our_own_page_has_the_origin_under_which_we_were_reached(origin: str, host: str) -> None:
    assert is_own(origin, host)
    assert may_connect(origin, host, frozenset(), [])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "gate"),
        ("null", ""),
        ("", ""),
        ("://", ""),
        ("https://", ""),
        ("https://gate", "gate:8443"),
        ("https://gate:8443", "gate"),
        ("https://gate.evil.example", "gate"),
        ("https://evil.example, https://gate", "gate"),
        ("https://gate, https://evil.example", "gate"),
        ("https://gate https://evil.example", "gate"),
        ("https://u@gate", "gate"),
        ("https://gate/", "gate"),
        ("https://gate.", "gate"),
        ("gate", "gate"),
    ],
)
def test_any_other_page_is_not_ours(origin: str, host: str) -> None:
    assert not is_own(origin, host)
    assert not may_connect(origin, host, frozenset(), [READ])


def test_a_page_may_connect_where_the_gateway_or_the_very_route_lets_it() -> None:
    assert may_connect(PAGE, "gate", frozenset({PAGE}), [])
    assert may_connect(PAGE, "gate", frozenset(), [WRITE])
    assert not may_connect(PAGE, "gate", frozenset(), [READ])
    assert not may_connect("https://PAGE.example", "gate", frozenset({PAGE}), [WRITE])
    assert not may_connect(f"{PAGE}, {PAGE}", "gate", frozenset({PAGE}), [WRITE])


def test_a_preflight_is_an_options_request_with_both_headers() -> None:
    assert is_preflight("OPTIONS", preflight("GET"))
    assert not is_preflight("GET", preflight("GET"))
    assert not is_preflight("OPTIONS", preflight("GET", origin=None))
    assert not is_preflight("OPTIONS", preflight())


def test_a_page_is_told_what_it_may_do_at_this_path() -> None:
    place = place_of(READ, WRITE, CLOSED)
    assert methods_for_pages(place) == ["GET", "HEAD", "PUT"]
    assert dict(preflight_answer(place, preflight("GET"))) == {
        "access-control-allow-methods": "GET, HEAD, PUT",
        "access-control-allow-headers": "authorization, content-type, last-event-id",
        "access-control-max-age": "600",
    }
    told = dict(preflight_answer(place, preflight("PUT")))
    assert told["access-control-allow-headers"].endswith(", last-event-id, x-one, x-two")


@pytest.mark.parametrize("methods", [["DELETE"], ["PATCH"], ["get"], [""], ["GET", "PUT"], ["*"]])
def test_what_a_page_may_not_do_it_is_told_nothing_of(methods: list[str]) -> None:
    assert preflight_answer(place_of(READ, WRITE, CLOSED), preflight(*methods)) == []


def test_an_answer_is_shown_to_one_page_and_never_with_credentials() -> None:
    shown = dict(shown_to(PAGE))
    assert shown["access-control-allow-origin"] == PAGE
    assert shown["vary"] == "origin"
    assert "access-control-allow-credentials" not in shown
