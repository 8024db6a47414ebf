"""Credentials: what Home Assistant tells with a state, and opens more than the state.

With a camera's ``access_token``, or the ``token`` in its ``entity_picture``, whoever knows the
address of Home Assistant sees what the camera sees: past the policy, every approval and the audit.
Integrations write more of the kind into states: streams with passwords, signed paths, webhooks.
None of it goes to an agent.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from agentgate_server.policy.spelling import squeeze
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import hides
from agentgate_server.secrets.secret_names import NAMES_MAX, is_secret_name

DEPTH_MAX: Final = 64
"""Nesting, JSON in texts included; what is deeper is not passed on."""

KEYS: Final = frozenset({"streamsource", "webhookid"})
"""Squeezed keys of credentials that no secret's name tells."""

PARAMETERS: Final = ("authsig", "sig", "signature", "hmac", "key", "psw", "loginpas")
"""How squeezed names of parameters end that are credentials, though no secret's name tells."""

DECODINGS_MAX: Final = 3
"""Layers of percent-encoding that are looked through: an address within an address within one."""

USER_INFO: Final = re.compile(
    r"""(?ix) (\b [a-z][a-z0-9+.-]{0,30} ://)
    (?: [^\s/?\#"'<>\\]{1,500} @                    # user:password@, user@
      | [^\s/:@"'<>\\]{1,100} :                     # a password with a slash; no port
        (?! [0-9]{1,5} [/?\#]) [^\s"'<>\\]{1,500} @ )
    """
)
"""``user:password@`` before a host. Bounded, since texts may come from anywhere."""

STREAM: Final = re.compile(r"""(?i)(\b(?:rtsp|rtmp|srt)[a-z]{0,2}://[^\s/?#"'<>\\]+)[^\s"'<>\\]*""")
"""A camera's stream: what follows the host is often all that keeps strangers out."""

SECRET_PATH: Final = re.compile(
    r"""(?i)(/api/(?:hls|webhook|hassio_ingress)/|\bhooks\.nabu\.casa/)[^\s/?#"'<>\\]+"""
)
"""Paths that open without any token, because nobody can guess them."""

QUERY: Final = re.compile(r"""([?#])([^\s"'<>\\#]+)""")
SEPARATOR: Final = re.compile(r"(&amp;|[&;])")
BETWEEN_WORDS: Final = re.compile(r"""([\s"'<>\\]+)""")
JSON_STARTS: Final = ("{", "[", " ", "\t", "\r", "\n")
MARKS: Final = frozenset("/?#%")
"""One of them is in each text that has an address in it."""


def without_credentials(value: Any, depth: int = 0) -> Any:
    """Return decoded JSON of Home Assistant's without the credentials in it, at any depth.

    What stands under a secret's name is left out, and so are credentials in addresses. Nothing else
    changes.
    """
    if isinstance(value, str):
        return clean_text(value, depth)
    if not isinstance(value, dict | list):
        return value
    if depth == DEPTH_MAX:
        return MASK
    if isinstance(value, list):
        return [without_credentials(item, depth + 1) for item in value]
    kept = {}
    for key, item in value.items():
        role = role_of(key)
        if role is Role.SECRET or (role is Role.MAYBE and hides(key, item)):
            continue
        found = without_query(item) if role is Role.PICTURE else item
        kept[key] = without_credentials(found, depth + 1)
    return kept


class Role(Enum):
    """What a key tells of its value."""

    SECRET = auto()
    MAYBE = auto()
    """A secret, unless the value says otherwise: ``access_token: null``."""
    PICTURE = auto()
    PLAIN = auto()


@lru_cache(NAMES_MAX)
def role_of(key: str) -> Role:
    """Return what a key tells of its value."""
    squeezed = squeeze(key)
    if squeezed in KEYS:
        return Role.SECRET
    if is_secret_name(key):
        return Role.MAYBE
    return Role.PICTURE if squeezed.startswith("entitypicture") else Role.PLAIN


def without_query(value: Any) -> Any:
    """Return an address without its query, also without what in it is no credential by its name."""
    return re.split("[?#]", value, maxsplit=1)[0] if isinstance(value, str) else value


def clean_text(text: str, depth: int = 0) -> str:
    """Return a text without the credentials in addresses within it, and in it as JSON."""
    if text.startswith(JSON_STARTS) and text.lstrip().startswith(("{", "[")):
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            pass
        else:
            cleaned = without_credentials(found, depth)
            return text if cleaned == found else msgspec.json.encode(cleaned).decode()
    return clean_addresses(text, DECODINGS_MAX)


def clean_addresses(text: str, decodings: int) -> str:
    """Return a text without the credentials in addresses within it.

    Args:
        text: any text.
        decodings: how many layers of percent-encoding to look through.
    """
    if MARKS.isdisjoint(text):
        return text
    text = USER_INFO.sub(r"\1", text)
    text = STREAM.sub(r"\1", text)
    text = SECRET_PATH.sub(rf"\1{MASK}", text)
    text = QUERY.sub(lambda match: clean_query(match[1], match[2], decodings), text)
    if "%" not in text or decodings == 0:
        return text
    return "".join(clean_encoded(word, decodings - 1) for word in BETWEEN_WORDS.split(text))


def clean_query(mark: str, query: str, decodings: int) -> str:
    """Return a query with its mark, without the parameters that are credentials or hold some."""
    parts = SEPARATOR.split(query)
    kept = [
        at
        for at in range(0, len(parts), 2)
        if not is_credential(parts[at])
        and (decodings == 0 or clean_encoded(parts[at], decodings - 1) == parts[at])
    ]
    if not kept:
        return ""
    return mark + parts[kept[0]] + "".join(parts[at - 1] + parts[at] for at in kept[1:])


def clean_encoded(word: str, decodings: int) -> str:
    """Return a word, decoded and cleaned if there is a credential in it."""
    if "%" not in word:
        return word
    decoded = unquote(word)
    cleaned = clean_addresses(decoded, decodings)
    return word if cleaned == decoded else cleaned


def is_credential(parameter: str) -> bool:
    """Whether ``name=value`` is a credential by its name."""
    name, mark, value = parameter.partition("=")
    name = unquote(name)
    return bool(mark) and (hides(name, value) or squeeze(name).endswith(PARAMETERS))
