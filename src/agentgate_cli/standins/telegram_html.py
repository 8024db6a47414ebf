"""The HTML that the Bot API takes, as a person then sees it: text without tags, and its styles.

As strict as the real one (https://core.telegram.org/bots/api#html-style): an unknown tag, one that
is not closed or a stray ``<`` refuses the whole message.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape

TAGS = {
    "a": "text_link",
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "s": "strikethrough",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
}
TOKEN = re.compile(
    r'<(/?)([a-z-]+)(?: href="[^"<>]*")?>'
    r"|&(lt|gt|amp|quot|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});|(<)|([^<&]+|&)"
)
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}


class HtmlError(ValueError):
    """The text is no such HTML; says so in the Bot API's words."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of the text in one style.

    Attributes:
        kind: as the Bot API calls it.
        text: what it covers.
    """

    kind: str
    text: str


def parse_html(html: str) -> tuple[str, list[Entity]]:
    """Return the text that is seen, and its styles in the order in which they end.

    Raises:
        HtmlError: the Bot API would refuse it.
    """
    text = ""
    open_tags: list[tuple[str, int]] = []
    entities: list[Entity] = []
    for token in TOKEN.finditer(html):
        closing, tag, name, stray, plain = token.groups()
        if stray or (tag and tag not in TAGS):
            raise HtmlError(f'Unsupported start tag "{tag or ""}" at byte offset {token.start()}')
        if name:
            text += NAMED.get(name) or unescape(f"&{name};")
        elif plain:
            text += plain
        elif not closing:
            open_tags.append((tag, len(text)))
        else:
            if not open_tags or open_tags[-1][0] != tag:
                raise HtmlError(f"Unexpected end tag at byte offset {token.start()}")
            entities.append(Entity(TAGS[tag], text[open_tags.pop()[1] :]))
    if open_tags:
        raise HtmlError(f"Can't find end tag corresponding to start tag {open_tags[-1][0]}")
    return text, entities


def length_of(text: str) -> int:
    """Count a text as Telegram counts: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
