"""What a prompt says, as one text: sessions take text alone.

Where a file is mentioned stands its link; the text of files that came along follows at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agentgate_proto.faces.acp.messages import Block

FENCE = "```"
"""Around the text of a file; longer where the text itself has so many or more."""

BACKTICKS = re.compile("`+")


class Unreadable(ValueError):
    """A prompt has a part that can't be told to a model here; the text says which."""


def prompt_text(blocks: Iterable[Block]) -> str:
    """Make one text of the blocks of a prompt.

    Raises:
        Unreadable: one of them is neither text nor a file.
    """
    said = ""
    files: list[str] = []
    was_text = False
    for block in blocks:
        is_text = block.type == "text"
        piece = block.text if is_text else mention(block)
        if is_text and was_text and said and piece and not touches_space(said, piece):
            said += "\n"
        said += piece
        was_text = is_text
        if block.resource is not None and block.resource.text is not None:
            files.append(quoted(block.resource.uri, block.resource.text))
    return "\n\n".join([said, *files])


def mention(block: Block) -> str:
    """Return the link that stands for a file.

    Raises:
        Unreadable: it is none.
    """
    match block.type:
        case "resource_link":
            return f"[{block.name or block.uri}]({block.uri})"
        case "resource" if block.resource is not None:
            is_known = block.resource.text is not None
            more = "" if is_known else " (no text, so its contents are not here)"
            return f"<{block.resource.uri}>{more}"
        case other:
            raise Unreadable(f"prompts take text and files, not {other[:50]!r}")


def quoted(uri: str, text: str) -> str:
    """Put a fence around a text that does not end within it."""
    longest = max((len(found) for found in BACKTICKS.findall(text)), default=0)
    fence = FENCE if longest < len(FENCE) else "`" * (longest + 1)
    return f"{uri}:\n{fence}\n{text}\n{fence}"


def touches_space(before: str, after: str) -> bool:
    """Whether there is white space where two texts meet."""
    return before[-1].isspace() or after[0].isspace()
