"""URLs of backends are taken apart strictly."""

import pytest

from agentgate_server.backends.urls import Origin, follow, split_url


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://api.example", Origin("https", "api.example", 443), "/"),
        ("HTTP://API.Example:8080/v1/", Origin("http", "api.example", 8080), "/v1/"),
        ("http://[::1]:80/a?b=c#d", Origin("http", "::1", 80), "/a?b=c"),
        ("https://a.example?q", Origin("https", "a.example", 443), "/?q"),
    ],
)
def test_a_url_is_an_origin_and_a_target(url: str, origin: Origin, target: str) -> None:
    assert split_url(url) == (origin, target)


@pytest.mark.parametrize(
    "url",
    [
        *("", "api.example", "ftp://a.example", "file:///etc/passwd", "//a.example", "http://"),
        *("http://user@a.example", "http://user:secret@a.example", "http://a.example\\@b.example"),
        *("http://a.example:0", "http://a.example:99999", "http://a.example:8x", "http://[::1"),
        *("http://a.example/ b", "http://a.example/\r\nX: y", "http://ä.example", "http://a/ä"),
        *("http://[fe80::1%25eth0]/", "http://-a.example", "http://a/" + "x" * 9_000),
        *("http://[1:2]/", "http://a.example:", "http://.a.example"),
    ],
)
def test_what_could_be_read_in_two_ways_is_no_url(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_url(url)
    assert "secret" not in str(caught.value)


def test_an_authority_names_only_an_unusual_port() -> None:
    assert str(Origin("https", "a.example", 443)) == "https://a.example"
    assert str(Origin("http", "::1", 81)) == "http://[::1]:81"


def test_a_redirect_leads_on_from_where_it_was_met() -> None:
    here = Origin("https", "a.example", 443)
    assert follow(here, "/v1/x", "y?z") == (here, "/v1/y?z")
    assert follow(here, "/v1/x", "//b.example/") == (Origin("https", "b.example", 443), "/")
    assert follow(here, "/v1/x", "") == (here, "/v1/x")
    with pytest.raises(ValueError):
        follow(here, "/", "javascript:alert(1)")
