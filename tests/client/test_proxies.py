"""Which proxy leads to a gateway: an argument, or the environment as curl reads it."""

from __future__ import annotations

import pytest

from agentgate_client.address import parse_url
from agentgate_client.proxies import Proxy, is_excepted, parse_proxy, proxy_for

HTTPS = {"HTTPS_PROXY": "http://proxy.example:3128"}
WSS = "wss://hub.example:8443"


def found(url: str, environment: dict[str, str], given: str | None = None) -> str:
    """Name the proxy that is found."""
    proxy = proxy_for(parse_url(url), given, environment)
    return "" if proxy is None else f"{proxy.host}:{proxy.port} {proxy.source}"


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (WSS, {}, ""),
        (WSS, {"HTTPS_PROXY": "http://p:1"}, "p:1 HTTPS_PROXY"),
        (WSS, {"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2"}, "q:2 https_proxy"),
        (WSS, {"HTTP_PROXY": "http://p:1"}, ""),
        (WSS, {"ALL_PROXY": "http://p:1"}, "p:1 ALL_PROXY"),
        (WSS, {"ALL_PROXY": "http://p:1", "all_proxy": " q:2 "}, "q:2 all_proxy"),
        (WSS, {"ALL_PROXY": "http://p:1", "HTTPS_PROXY": "q:2"}, "q:2 HTTPS_PROXY"),
        (WSS, {"ALL_PROXY": "http://p:1", "HTTPS_PROXY": ""}, ""),
        (WSS, {"HTTPS_PROXY": "http://p:1", "https_proxy": ""}, ""),
        ("ws://hub", {"HTTP_PROXY": "http://p:1"}, "p:1 HTTP_PROXY"),
        ("ws://hub", {"http_proxy": "http://p:1"}, "p:1 http_proxy"),
        ("ws://hub", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("ws://hub", {"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, ""),
        ("ws://hub", {"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, "p:1 http_proxy"),
        (WSS, {"HTTPS_PROXY": "p:1", "NO_PROXY": "example"}, ""),
        (WSS, {"HTTPS_PROXY": "p:1", "NO_PROXY": "example", "no_proxy": ""}, "p:1 HTTPS_PROXY"),
        ("wss://localhost", {"HTTPS_PROXY": "http://p:1"}, ""),
        ("wss://[::1]", {"ALL_PROXY": "http://p:1"}, ""),
    ],
)
def test_the_environment_is_read_as_curl_reads_it(
    url: str, environment: dict[str, str], expected: str
) -> None:
    assert found(url, environment) == expected


def test_what_the_user_says_counts_before_the_environment() -> None:
    assert found(WSS, HTTPS, "http://q:2") == "q:2 the argument proxy"
    assert found(WSS, HTTPS | {"NO_PROXY": "*"}, "http://q:2") == "q:2 the argument proxy"
    assert found("wss://127.0.0.1", {}, "http://q:2") == "q:2 the argument proxy"
    assert found(WSS, HTTPS, "") == ""


@pytest.mark.parametrize(
    ("host", "exceptions", "is_it"),
    [
        ("hub.example", "*", True),
        ("hub.example", "hub.example", True),
        ("hub.example", "other,EXAMPLE", True),
        ("hub.example", " .example ", True),
        ("hub.example", "hub.example.", True),
        ("hub.example", "ub.example", False),
        ("hub.example", "b.hub.example", False),
        ("hub.example", "", False),
        ("hub.example", ", ,.", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.9.9.9/8 x", True),
        ("10.1.2.3", "11.0.0.0/8,1.2.3", False),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "[fd00::1]", True),
        ("fd00::1", "10.0.0.0/8", False),
    ],
)
def test_some_hosts_are_reached_without(host: str, exceptions: str, is_it: bool) -> None:
    assert is_excepted(host, exceptions) is is_it


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://p", Proxy("p", 1080, False, "X")),
        ("p", Proxy("p", 1080, False, "X")),
        ("p:3128", Proxy("p", 3128, False, "X")),
        ("https://p.example.", Proxy("p.example.", 443, True, "X")),
        ("HTTP://P:3128/", Proxy("p", 3128, False, "X")),
        ("http://[::1]:3128", Proxy("::1", 3128, False, "X")),
        ("http://me:p%40ss%3A@p:1", Proxy("p", 1, False, "X", "me:p@ss:")),
        ("me@p:1", Proxy("p", 1, False, "X", "me:")),
    ],
)
def test_the_url_of_a_proxy_is_taken_apart(url: str, proxy: Proxy) -> None:
    assert parse_proxy(url, "X") == proxy


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("socks5h://p:1080", "X: SOCKS is not spoken; name a proxy that speaks HTTP"),
        ("socks://me:s3cret@p", "SOCKS is not spoken"),
        ("ftp://p", "write the proxy as in http://proxy.example:3128"),
        ("http://", "write the proxy as in"),
        ("http://p:0", "write the proxy as in"),
        ("http://p:99999", "X: no URL of a proxy: Port out of range"),
        ("http://a b", "no URL of a proxy: 'a b' is no host name"),
        ("http://me:s3cret/x@p:1", "no URL of a proxy"),
        ("http://me:s3cret%ff@p:1", "%-escape what is special"),
    ],
)
def test_a_proxy_that_cannot_be_right_is_refused_with_the_name_of_who_named_it(
    url: str, words: str
) -> None:
    with pytest.raises(ValueError, match=r"^X: ") as caught:
        parse_proxy(url, "X")
    assert words in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_credentials_are_never_shown() -> None:
    proxy = parse_proxy("http://me:s3cret@[::1]:1", "HTTPS_PROXY")
    assert str(proxy) == "the proxy [::1]:1 (HTTPS_PROXY)"
    assert "s3cret" not in repr(proxy)
