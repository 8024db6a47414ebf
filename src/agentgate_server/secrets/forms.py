"""Forms of a secret: the encodings in which one is likely to turn up in other people's words."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

ENCODED_CHARS_MIN = 8
"""Encoded forms of shorter secrets turn up by chance."""


def forms_of(secret: str) -> Iterator[str]:
    """Yield a secret in the encodings in which it is likely to turn up."""
    yield secret
    raw = utf8(secret)
    for text in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield text
        yield json.dumps(text)[1:-1]  # JSON within JSON
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    yield html.escape(secret, quote=False)
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    if len(secret) < ENCODED_CHARS_MIN:
        return
    yield from (raw.hex(), raw.hex().upper())
    for place in range(3):
        for encoder in (base64.b64encode, base64.urlsafe_b64encode):
            # The characters that only the secret decides, wherever in three bytes it begins.
            encoded = encoder(bytes(place) + raw).decode()
            yield encoded[(0, 2, 3)[place] : (place + len(raw)) * 8 // 6]


def utf8(text: str) -> bytes:
    """Encode a text; what is no UTF-8 in the environment is half surrogate pairs in Python."""
    return text.encode("utf-8", "surrogatepass")
