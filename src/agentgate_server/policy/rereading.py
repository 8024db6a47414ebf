"""Rereading: what a tool may take a text for, beside what it says.

``dev kube-system`` is two names to a shell, ``file:///etc/passwd`` a path, ``2852039166`` an
address. Nobody knows whether the tool reads a text so. Therefore only deny and ask rules look here:
an allow rule is about what a text says.

What leads out of sight is told apart (``is_unresolved``): where ``../x``, ``~/x`` or a link of the
system's ends depends on the tool's own place, so it may be anything, to every rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import islice
from posixpath import normpath

WORDS_MAX = 2_000
"""Different words of one text, each of which may be a name; of a longer text any may be."""

PARTS_MAX = 4
"""Parts of an address, each decimal, octal or hexadecimal; the last fills what is left."""

PART = re.compile(r"0x[0-9a-f]{1,8}|[0-9]{1,11}")
URL = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*:)?//(?:[^/?#@]*@)?(?P<host>\[[^\]/]*\]|[^/?#:@]*)")
BARE = re.compile(r"(?:[^/?#@ ]*@)?(?P<host>\[[^\]/]*\]|[^/?#:@]*)(?=$|[/:])")
PORT = re.compile(r":[0-9]{0,5}(?=$|[/?#])")
FILE_URL = re.compile(
    r"(?:[a-z]+:)*(?:file|local[_-]file|netdoc):(?://(?P<host>[^/]*))?(?P<path>/.*)"
)
NESTED_FILE = re.compile(r"[a-z][a-z-]*:(?:[a-z]+:)*(?:file|local[_-]file|netdoc):")
DRIVE = re.compile(r"(?:[a-z]:|\\)[\\/]")
LINK = re.compile(
    r"/(?:dev/fd|proc/(?:self|thread-self|[0-9]+)(?:/task/[0-9]+)?/(?:root|cwd|fd))(?:/|$)"
)
ROOT = re.compile(r"/proc/[a-z0-9-]+(?:/task/[0-9]+)?/root(?=/)")
HOME = re.compile(r"~[a-z0-9_.-]*/")
ENDS = "[](){}<>'\"`,;|"
WIDE_DOTS = str.maketrans("\u3002\uff61", "..")

NAT64 = int(IPv6Address("64:ff9b::"))
MAPPED = 0xFFFF << 32
LOW_32 = 2**32 - 1


def rereadings(texts: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """Return what folded texts may be taken for, without themselves, and whether that is all."""
    known = dict.fromkeys(texts)
    found: dict[str, None] = {}
    complete = True
    for text in known:
        if " " in text:
            words = list(islice(words_in(text), WORDS_MAX + 1))
            complete &= len(words) <= WORDS_MAX
            found.update(dict.fromkeys(words))
    for text in (*known, *found):
        if not text.isalpha():
            found.update(dict.fromkeys((*paths_in(text), *addresses_in(text))))
    return tuple(text for text in found if text not in known), complete


def words_in(text: str) -> Iterator[str]:
    """Yield the different words of a text, without brackets and commas around them."""
    for word in dict.fromkeys(text.split()):
        yield word.strip(ENDS) or word


def is_unresolved(text: str) -> bool:
    """Whether a folded text is a path of which nobody here knows where it leads."""
    if ".." in text:
        path = normpath(text.replace("\\", "/"))
        if path == ".." or path.startswith("../"):
            return True
    return bool(HOME.match(text) or LINK.match(text) or NESTED_FILE.match(text))


def paths_in(text: str) -> Iterator[str]:
    """Yield the paths that a text may be otherwise."""
    if found := FILE_URL.fullmatch(text):
        host, path = found["host"], normpath(re.sub(r"^/+", "/", found["path"]))
        yield path if host in (None, "", "localhost", "127.0.0.1") else f"//{host}{path}"
        if DRIVE.match(path[1:]):
            yield path[1:]
            yield from paths_in(path[1:])
    if DRIVE.match(text) or "..\\" in text:
        path = text.replace("\\", "/")
        yield path
        yield normpath(path)
        yield normpath(path).replace("/", "\\")
    if found := ROOT.match(text):
        yield text[found.end() :]


def addresses_in(text: str) -> Iterator[str]:
    """Yield a text with its host as addresses are usually written, and the address alone."""
    text = text.translate(WIDE_DOTS)
    found = URL.match(text) or BARE.match(text)
    host = found["host"] if found is not None else ""
    if text.count(":") > 1 and "/" not in text and not text.startswith("["):
        host, found = f"[{text}]", None
    for address in addresses_of(host):
        yield address
        if found is not None:
            rest = text[found.end() :]
            head = f"{found['head'] or ''}//" if found.re is URL else ""
            yield f"{head}{address}{rest}"
            yield f"{head}{address}{PORT.sub('', rest, count=1)}"


def addresses_of(host: str) -> Iterator[str]:
    """Yield the usual forms of a host that is an address; nothing if it is a name."""
    if host.startswith("["):
        try:
            number = int(IPv6Address(host[1:-1].partition("%")[0]))
        except AddressValueError:
            return
        yield str(IPv6Address(number))
        if number >> 32 in (MAPPED >> 32, NAT64 >> 32, 0) and number > 1:
            yield str(IPv4Address(number & LOW_32))
        elif number >> 112 == 0x2002:
            yield str(IPv4Address(number >> 80 & LOW_32))
        return
    parts = host.rstrip(".").split(".")
    if len(parts) > PARTS_MAX or not all(map(PART.fullmatch, parts)):
        return
    for is_octal in (True, False):
        numbers = [number_of(part, is_octal=is_octal) for part in parts]
        *first, last = numbers
        if all(0 <= each < 256 for each in first) and 0 <= last < 256 ** (5 - len(parts)):
            whole = sum(each << 8 * (3 - place) for place, each in enumerate(first)) + last
            yield str(IPv4Address(whole))


def number_of(part: str, *, is_octal: bool) -> int:
    """Return the number that a part of an address is; below 0: it is none."""
    if part.startswith("0x"):
        return int(part, 16)
    if is_octal and part.startswith("0") and len(part) > 1:
        return int(part, 8) if not {"8", "9"} & set(part) else -1
    return int(part)
