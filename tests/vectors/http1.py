"""HTTP/1.1 requests as they may arrive: which are taken, and as what; which are refused, and how.

The refusals follow RFC 9112; the numbers are the statuses.
"""

from __future__ import annotations

from agentgate_proto.wire.routes import Route

HEAD_MAX = 2_000
BODY_MAX = 300
ALLOWED = "https://console.example"
"""The caps and the foreign origin that the vectors assume."""


def get(
    *lines: str, target: str = "/health", version: str = "1.1", host: str = "gate:8443"
) -> bytes:
    head = [f"GET {target} HTTP/{version}", f"Host: {host}", *lines, "", ""]
    return "\r\n".join(head).encode("latin-1")


def post(body: bytes, *lines: str, target: str = "/api") -> bytes:
    head = [f"POST {target} HTTP/1.1", "Host: gate:8443", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def sized(body: bytes, *lines: str) -> bytes:
    return post(body, f"Content-Length: {len(body)}", *lines)


def chunked(body: bytes, *, times: int = 1, line: str = "chunked") -> bytes:
    return post(body * times, f"Transfer-Encoding: {line}")


GOOD: dict[str, tuple[bytes, list[tuple[str, str, bytes]]]] = {
    "a request": (get(), [("GET", "/health", b"")]),
    "a query": (get(target="/x?a=%20&b"), [("GET", "/x?a=%20&b", b"")]),
    "a whole URL": (get(target="http://gate:8443/a"), [("GET", "/a", b"")]),
    "a whole URL without a path": (get(target="HTTP://gate:8443"), [("GET", "/", b"")]),
    "a whole URL with a query": (get(target="https://gate:8443?a=/"), [("GET", "/?a=/", b"")]),
    "a whole URL, whose host counts": (
        get("Origin: http://gate:8443", target="http://gate:8443/a", host="other"),
        [("GET", "/a", b"")],
    ),
    "a newer minor version": (get(version="1.2"), [("GET", "/health", b"")]),
    "no host named": (get(host=""), [("GET", "/health", b"")]),
    "an IPv6 host": (get(host="[::1]:8443"), [("GET", "/health", b"")]),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: g\r\n\r\n", [("OPTIONS", "*", b"")]),
    "an odd method": (b"!x / HTTP/1.1\r\nHost: g\r\n\r\n", [("!x", "/", b"")]),
    "a body": (sized(b'{"decision":"deny"}'), [("POST", "/api", b'{"decision":"deny"}')]),
    "an empty body": (sized(b""), [("POST", "/api", b"")]),
    "the largest body": (sized(b"x" * BODY_MAX), [("POST", "/api", b"x" * BODY_MAX)]),
    "a body that looks like a request": (sized(get()), [("POST", "/api", get())]),
    "a body of blanks": (sized(b" " * 200), [("POST", "/api", b" " * 200)]),
    "the same length twice": (
        post(b"abc", "Content-Length: 3", "Content-Length: 3"),
        [("POST", "/api", b"abc")],
    ),
    "chunks": (chunked(b"5\r\nabcde\r\n1\r\nf\r\n0\r\n\r\n"), [("POST", "/api", b"abcdef")]),
    "no chunk but the last": (chunked(b"0\r\n\r\n"), [("POST", "/api", b"")]),
    "chunks in capitals": (
        chunked(b"A\r\n0123456789\r\n0\r\n\r\n", line="ChunKed"),
        [("POST", "/api", b"0123456789")],
    ),
    "chunks with an extension and a trailer": (
        chunked(b"5;a=b\r\nabcde\r\n0\r\nX-Sum: 1\r\n\r\n"),
        [("POST", "/api", b"abcde")],
    ),
    "a body in chunks, and two requests": (
        chunked(b"3\r\nabc\r\n0\r\n\r\n") + get() + sized(b"b"),
        [("POST", "/api", b"abc"), ("GET", "/health", b""), ("POST", "/api", b"b")],
    ),
    "chunks whose sizes have leading zeros": (
        chunked(b"0003\r\nabc\r\n00\r\n\r\n"),
        [("POST", "/api", b"abc")],
    ),
    "chunks that look like the end, and like a request": (
        chunked(b"5\r\n0\r\n\r\n\r\n12\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\n\r\n"),
        [("POST", "/api", b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n")],
    ),
    "trailers that are never headers": (
        chunked(b"0\r\nHost: evil\r\nContent-Length: 3\r\n\r\n") + get(),
        [("POST", "/api", b""), ("GET", "/health", b"")],
    ),
    "an announced body in chunks": (
        post(b"3\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Expect: 100-continue"),
        [("POST", "/api", b"abc")],
    ),
    "a hundred chunks": (
        chunked(b"1\r\nx\r\n", times=100) + b"0\r\n\r\n" + get(),
        [("POST", "/api", b"x" * 100), ("GET", "/health", b"")],
    ),
    "the largest body in chunks": (
        chunked(b"64\r\n" + b"x" * 100 + b"\r\n", times=3) + b"0\r\n\r\n",
        [("POST", "/api", b"x" * BODY_MAX)],
    ),
    "an announced body": (sized(b"abc", "Expect: 100-continue"), [("POST", "/api", b"abc")]),
    "lines that end in LF only": (b"GET /a HTTP/1.1\nHost: g\n\n", [("GET", "/a", b"")]),
    "two requests": (get() + sized(b"b"), [("GET", "/health", b""), ("POST", "/api", b"b")]),
    "three requests": (get() * 3, [("GET", "/health", b"")] * 3),
    "lengths that agree in one line": (
        post(b"abc", "Content-Length: 3, 3"),
        [("POST", "/api", b"abc")],
    ),
    "a body and a request in lines that end in LF": (
        b"POST / HTTP/1.1\nHost: g\nContent-Length: 3\n\nabc" + get(),
        [("POST", "/", b"abc"), ("GET", "/health", b"")],
    ),
    "a body behind GET": (
        get("Content-Length: 3") + b"abc" + get(),
        [("GET", "/health", b"abc"), ("GET", "/health", b"")],
    ),
    "the last request": (get("Connection: close"), [("GET", "/health", b"")]),
    "a request behind the last one": (get("Connection: close") + get(), [("GET", "/health", b"")]),
    "a request behind one of old": (get(version="1.0") + get(), [("GET", "/health", b"")]),
    "a request behind one of old that wants more": (
        get("Connection: keep-alive", version="1.0") + get(),
        [("GET", "/health", b"")],
    ),
    "a request of old": (get(version="1.0"), [("GET", "/health", b"")]),
    "another upgrade": (get("Upgrade: h2c", "Connection: upgrade"), [("GET", "/health", b"")]),
    "our own page": (get("Origin: http://gate:8443"), [("GET", "/health", b"")]),
    "our own page over TLS": (get("Origin: https://GATE:8443"), [("GET", "/health", b"")]),
    "an allowed page": (get(f"Origin: {ALLOWED}"), [("GET", "/health", b"")]),
    "63 blanks": (get("X:" + " " * 63 + "a"), [("GET", "/health", b"")]),
    "a thousand header lines": (
        b"GET / HTTP/1.1\nHost:g\n" + b"a:\n" * 600 + b"\n",
        [("GET", "/", b"")],
    ),
}

BAD: dict[str, tuple[bytes, int]] = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (get("Host: other"), 400),
    "a blank before the colon": (get("Content-Length : 5"), 400),
    "no colon": (get("nonsense"), 400),
    "a NUL in a value": (get("X: a\x00b"), 400),
    "a NUL in a name": (get("X\x00: a"), 400),
    "a NUL in the target": (get(target="/a\x00b"), 400),
    "a bare carriage return in a value": (get("X: a\rb"), 400),
    "a bare carriage return behind a name": (get("X\r: a"), 400),
    "a header without a name": (get(": a"), 400),
    "a host with a blank": (get(host="a, b"), 400),
    "a host with a path": (get(host="a/b"), 400),
    "a host with a user": (get(host="u@a"), 400),
    "a whole URL with a user": (get(target="http://u@gate:8443/a"), 400),
    "a whole URL of another scheme": (get(target="ftp://gate/a"), 400),
    "a whole URL without a host": (get(target="http:///a"), 400),
    "a target that is no path": (get(target="health"), 400),
    "a target for proxies": (get(target="gate:8443"), 400),
    "an asterisk to get": (get(target="*"), 400),
    "a fragment": (get(target="/a#b"), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2 as a client begins it": (b"PRI * HTTP/2.0\r\nHost: g\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/2 as it really begins": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a version of two digits": (get(version="1.10"), 400),
    "a protocol in small letters": (b"GET / http/1.1\r\nHost: g\r\n\r\n", 400),
    "two blanks in the request line": (b"GET  / HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a tab in the request line": (b"GET\t/ HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a blank behind the request line": (b"GET / HTTP/1.1 \r\nHost: g\r\n\r\n", 400),
    "a folded line": (get("X: a", " b"), 400),
    "a line folded by a tab": (get("X: a", "\tb"), 400),
    "a transfer coding behind a fold": (get("Transfer-Encoding:", " chunked"), 400),
    "a fold right after the request line": (b"GET / HTTP/1.1\r\n Host: g\r\n\r\n", 400),
    "many blanks": (get("X:" + " " * 64 + "a"), 400),
    "many tabs": (get("X:" + "\t" * 100 + "\x00"), 400),
    "a request line that is none": (b"HELLO\r\n\r\n", 400),
    "a method that is none": (b"G@T / HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a target with a blank": (b"GET /a b HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a target beyond ASCII": (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: g\r\n\r\n", 400),
    "another protocol": (b"GET / FTP/1.1\r\nHost: g\r\n\r\n", 400),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "a blank line first": (b"\r\n" + get(), 400),
    "a bare line feed first": (b"\n" + get(), 400),
    "both lengths": (post(b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"), 400),
    "both lengths, the other way round": (
        post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 5"),
        400,
    ),
    "two lengths": (post(b"abcde", "Content-Length: 5", "Content-Length: 4"), 400),
    "two lengths in one line": (post(b"abcde", "Content-Length: 5, 4"), 400),
    "a signed length": (post(b"abcde", "Content-Length: +5"), 400),
    "a negative length": (post(b"abcde", "Content-Length: -5"), 400),
    "a hexadecimal length": (post(b"abcde", "Content-Length: 0x5"), 400),
    "an empty length": (post(b"abcde", "Content-Length:"), 400),
    "a length with an underscore": (post(b"abcde", "Content-Length: 0_5"), 400),
    "a length with a vertical tab": (post(b"abcde", "Content-Length: 5\x0b"), 400),
    "lengths that agree, and a coding": (
        post(b"", "Content-Length: 0", "Content-Length: 0", "Transfer-Encoding: chunked"),
        400,
    ),
    "a length of 21 digits": (post(b"abcde", "Content-Length: " + "0" * 20 + "5"), 400),
    "bad chunks": (chunked(b"xyz\r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk that is longer than it says": (chunked(b"3\r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk of negative length": (chunked(b"-5\r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk whose length has a prefix": (chunked(b"0x5\r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk whose length has 21 digits": (chunked(b"0" * 20 + b"5\r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk whose size ends with LF": (chunked(b"5\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk that ends with LF": (chunked(b"5\r\nabcde\n0\r\n\r\n"), 400),
    "a chunk whose extension ends with LF": (chunked(b"5;a\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk whose extension has a bare CR": (chunked(b"5;a\rb\r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk whose size has a blank": (chunked(b"5 \r\nabcde\r\n0\r\n\r\n"), 400),
    "a chunk that is shorter than it says": (chunked(b"7\r\nabcde\r\n0\r\n\r\n" + get()), 400),
    "a last chunk that ends with LF": (chunked(b"0\n\n") + get(), 400),
    "a request in the place of a trailer": (chunked(b"0\r\n" + get()), 400),
    "a trailer that is folded": (chunked(b"0\r\nX: a\r\n b\r\n\r\n"), 400),
    "many blanks in a trailer": (chunked(b"0\r\nX:" + b" " * 1_000 + b"\x00\r\n\r\n"), 400),
    "many blanks in an extension": (chunked(b"5;" + b" " * 1_000 + b"\nabcde\r\n"), 400),
    "a chunk of sixteen digits": (chunked(b"ffffffffffffffff\r\nabcde"), 413),
    "a chunk larger than the body may be": (chunked(b"12d\r\n"), 413),
    "a coding whose name is in two lines": (
        post(b"0\r\n\r\n", "Transfer-Encoding: chun", "Transfer-Encoding: ked"),
        501,
    ),
    "a coding with a parameter": (post(b"0\r\n\r\n", "Transfer-Encoding: chunked;q=1"), 501),
    "chunks in a request of old": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a large body in chunks": (chunked(b"64\r\n" + b"x" * 100 + b"\r\n", times=4), 413),
    "two origins": (get(f"Origin: {ALLOWED}", "Origin: http://gate:8443"), 400),
    "two tokens": (get("Authorization: Bearer a", "Authorization: Bearer b"), 400),
    "a blank before the colon of a coding": (
        post(b"0\r\n\r\n", "Transfer-Encoding : chunked"),
        400,
    ),
    "a vertical tab before a coding": (post(b"0\r\n\r\n", "Transfer-Encoding: \x0bchunked"), 400),
    "a coding in quotes": (post(b"0\r\n\r\n", 'Transfer-Encoding: "chunked"'), 501),
    "an empty coding": (post(b"", "Transfer-Encoding:"), 501),
    "no coding by name": (post(b"", "Transfer-Encoding: identity"), 501),
    "chunks, and then no coding": (post(b"0\r\n\r\n", "Transfer-Encoding: chunked, identity"), 501),
    "another coding": (post(b"abcde", "Transfer-Encoding: gzip"), 501),
    "two codings": (post(b"0\r\n\r\n", "Transfer-Encoding: gzip, chunked"), 501),
    "chunked twice": (post(b"", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501),
    "a coding in disguise": (post(b"0\r\n\r\n", "Transfer-Encoding: xchunked"), 501),
    "a tunnel": (b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", 501),
    "a large body": (sized(b"x" * (BODY_MAX + 1)), 413),
    "a huge body, announced": (
        post(b"", "Content-Length: 99999999999999999999", "Expect: 100-continue"),
        413,
    ),
    "a large head": (get("X: " + "x" * HEAD_MAX), 431),
    "a large head without an end": (b"GET /" + b"x" * HEAD_MAX, 431),
    "a foreign page": (get("Origin: https://evil.example"), 403),
    "a foreign page that sends a body": (sized(b"abc", "Origin: https://evil.example"), 403),
    "a page of our host at another port": (get("Origin: http://gate:9999"), 403),
    "a page of our host with something before it": (get("Origin: http://evil.gate:8443"), 403),
    "a page without an origin of its own": (get("Origin: null"), 403),
    "the same, naming no host": (get("Origin: null", host=""), 403),
    "an empty origin": (get("Origin:", host=""), 403),
    "the same, in a request of old": (b"GET / HTTP/1.0\r\nOrigin: null\r\n\r\n", 403),
}


SMALL_MAX = 10
LARGE_MAX = 1_000
PAGE = "https://page.example"
ROUTES = (
    Route(face="f", path="/api", methods=frozenset({"GET", "POST"}), cors=True),
    Route(face="f", path="/small", methods=frozenset({"PUT"}), body_bytes_max=SMALL_MAX),
    Route(face="f", path="/large/{id}", methods=frozenset({"PUT"}), body_bytes_max=LARGE_MAX),
    Route(
        face="f",
        path="/shared",
        methods=frozenset({"GET"}),
        websocket=True,
        cors=True,
        origins=frozenset({PAGE}),
    ),
    Route(face="f", path="/shared", methods=frozenset({"POST"}), cors=True),
)
HOSTS = frozenset({"gate"})
"""The doors that the following vectors assume, besides ``ALLOWED``."""


def put(body: bytes, target: str, *lines: str) -> bytes:
    return sized(body, *lines).replace(b"POST /api", f"PUT {target}".encode(), 1)


def options(target: str, *lines: str) -> bytes:
    return get(*lines, target=target).replace(b"GET", b"OPTIONS", 1)


AT_DOORS: dict[str, tuple[bytes, int]] = {
    "our name": (get(), 200),
    "our name in capitals, with a dot": (get(host="GATE.:8443"), 200),
    "this machine": (get(host="localhost"), 200),
    "an address": (get(host="[::1]:8443"), 200),
    "a page's own name for our address": (
        get("Origin: http://evil.example", host="evil.example"),
        403,
    ),
    "a name behind ours": (get(host="gate.evil.example"), 403),
    "a name behind a port": (get(host="localhost:8443.evil.example"), 400),
    "two names joined": (get(host="gate,evil.example"), 403),
    "a whole URL of a stranger's": (get(target="http://evil.example/", host="gate"), 403),
    "a whole URL of ours to a stranger's host": (
        get(target="http://gate/", host="evil.example"),
        200,
    ),
    "two hosts, and a whole URL": (get("Host: gate", target="http://gate/", host="gate"), 400),
    "two origins that are the same": (get(f"Origin: {ALLOWED}", f"Origin: {ALLOWED}"), 400),
    "two origins in one line": (get(f"Origin: {ALLOWED}, {ALLOWED}"), 403),
    "two origins with a blank": (get(f"Origin: {ALLOWED} http://gate:8443"), 403),
    "the same token twice": (get("Authorization: Bearer a", "authorization: Bearer a"), 400),
    "the largest small body": (put(b"x" * SMALL_MAX, "/small"), 200),
    "a small body too large by one": (put(b"x" * (SMALL_MAX + 1), "/small"), 413),
    "a small body too large by one, in chunks": (
        chunked(b"b\r\n").replace(b"POST /api", b"PUT /small"),
        413,
    ),
    "the largest large body": (put(b"x" * LARGE_MAX, "/large/7?x=1"), 200),
    "a large body too large by one": (put(b"x" * (LARGE_MAX + 1), "/large/7"), 413),
    "a large body by a method that takes none": (
        sized(b"x" * (BODY_MAX + 1)).replace(b"/api", b"/large/7"),
        413,
    ),
    "a large body beside the path": (put(b"x" * (BODY_MAX + 1), "/large/7/"), 413),
    "a page at a route that is its own": (get(f"Origin: {PAGE}", target="/shared"), 200),
    "the same page at another route of the path": (
        sized(b"", f"Origin: {PAGE}").replace(b"/api", b"/shared"),
        403,
    ),
    "the same page at another path": (get(f"Origin: {PAGE}", target="/api"), 403),
    "no page in particular at that route": (get("Origin: null", target="/shared"), 403),
    "a preflight of that page": (
        options("/shared", f"Origin: {PAGE}", "Access-Control-Request-Method: GET"),
        200,
    ),
    "a preflight of a stranger": (
        options("/shared", "Origin: https://evil.example", "Access-Control-Request-Method: GET"),
        403,
    ),
    "a preflight of no page": (options("/shared", "Access-Control-Request-Method: GET"), 200),
}
"""What is sent, and the status of the first answer, where a request that is taken gets 200."""
