"""Texts of identities that must have a form; making one of a wrong text is a ValueError."""

from __future__ import annotations

from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.text.characters import is_hidden
from agentgate_server.identity.tokens import TOKEN_HASH


class PrincipalName(str):
    """A principal's name: people read it in prompts, so it must be readable."""

    __slots__ = ()

    def __new__(cls, text: str) -> PrincipalName:
        """Check the text."""
        if not text:
            raise ValueError("must not be empty")
        if any(map(is_hidden, text)) or text != text.strip():
            raise ValueError("must be printable characters, without spaces around them")
        if len(text) > NAME_CHARS_MAX:
            raise ValueError(f"must have at most {NAME_CHARS_MAX} characters")
        return super().__new__(cls, text)


class TokenHash(str):
    """What ``hash_token`` returns; upper-case digits are taken too."""

    __slots__ = ()

    def __new__(cls, text: str) -> TokenHash:
        """Check the text."""
        lower = text.lower()
        if not TOKEN_HASH.fullmatch(lower):
            raise ValueError("must be 'sha256:' and 64 hexadecimal digits")
        return super().__new__(cls, lower)
