"""Browsers on other pages: who may connect, and who may read the answers (Fetch standard, CORS).

A browser says by ``Origin`` which page asks (RFC 6454); programs send none and are not concerned.
Our own page has the origin under which the browser reached us. No answer allows credentials, which
are for cookies: a page sends its token in ``Authorization``.
"""

from __future__ import annotations

from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Place, Route

USUAL_HEADERS = ("authorization", "content-type", "last-event-id")
"""What pages may send everywhere, besides what needs no leave."""

MAX_AGE_S = 600
"""How long a browser may remember the answer to a preflight."""


def is_own(origin: str, host: str) -> bool:
    """Whether it is the origin under which the browser reached us."""
    scheme, _, own = origin.lower().partition("://")  # nothing, for the opaque origin "null"
    return bool(own) and own == host.lower() and scheme in ("http", "https")


def is_preflight(method: str, headers: Headers) -> bool:
    """Whether a browser asks what a page may do."""
    return (
        method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers
    )


def shown_to(origin: str) -> list[tuple[str, str]]:
    """The headers by which a page of this origin may read the answer."""
    return [
        ("access-control-allow-origin", origin),
        ("vary", "origin"),
        ("access-control-expose-headers", "retry-after, www-authenticate"),
    ]


def preflight_answer(place: Place, headers: Headers) -> list[tuple[str, str]]:
    """The headers that say what a page may do here; none, if it may do nothing."""
    method = headers.get("access-control-request-method")
    route = place.by_method.get(method)
    if route is None or not route.cors:
        return []
    return [
        ("access-control-allow-methods", ", ".join(methods_for_pages(place))),
        ("access-control-allow-headers", ", ".join(USUAL_HEADERS + route.request_headers)),
        ("access-control-max-age", str(MAX_AGE_S)),
    ]


def methods_for_pages(place: Place) -> list[str]:
    """The methods of the routes that pages may use."""
    return [method for method, route in place.by_method.items() if route.cors]


def may_connect(origin: str, host: str, origins: frozenset[str], routes: list[Route]) -> bool:
    """Whether a page of this origin may ask at all (RFC 6455 section 10.2)."""
    return (
        origin in origins
        or any(origin in route.origins for route in routes)
        or is_own(origin, host)
    )
