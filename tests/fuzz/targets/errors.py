"""What every error about a document has in common."""

from __future__ import annotations

from agentgate_server.documents import DocumentError

LINE_CHARS_MAX = 2_000


def check_error(error: DocumentError, secret: str = "") -> None:
    """See that it can be printed as one line, and tells no secret."""
    for each in (error, *error.others):
        text = str(each)
        assert text
        assert text.isprintable(), "an error is one line"
        assert len(text) < LINE_CHARS_MAX
        assert not secret or secret not in text
