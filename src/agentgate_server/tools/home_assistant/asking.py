"""Asking: render the templates, page by page, as far as Home Assistant does it.

It refuses a page as a whole: for its length, for one row in it that can't be rendered, or because
it does not know a function. So of a page that is refused fewer rows are asked for, down to one;
that one then comes without what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from agentgate_server.errors import ToolFailed
from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.api import Api
from agentgate_server.tools.home_assistant.identifiers import shown
from agentgate_server.tools.home_assistant.reading import rows_of

QUESTIONS: Final = {
    "areas": templates.AREAS,
    "floors": templates.FLOORS,
    "labels": templates.LABELS,
    "devices": templates.DEVICES,
    "groups and scenes": templates.HOLDERS,
    "groups that are away": templates.GROUPS,
}

SHORT_MAX: Final = 10
"""Rows of one template that are asked for without what they hold; where more are refused, it is
not for a row's own sake."""

FORMER_MAX: Final = 1_000
"""Names of former groups that are asked for at once: each state is looked for among them."""

Pages = list[bytes]


async def ask(api: Api) -> tuple[dict[str, Pages], list[str]]:
    """Render the templates; return the pages that came, and what was refused.

    Raises:
        NotStarted, EffectUnknown: it does not answer.
    """
    rendered: dict[str, Pages] = {}
    refused: list[str] = []
    for name, template in QUESTIONS.items():
        try:
            rendered[template], short = await pages_of(api, template)
        except ToolFailed as error:
            refused.append(f"{name} can't be resolved: {error}")
        else:
            refused += [f"{name}: {shown(row)} can't be resolved: {why}" for row, why in short]
    return rendered, refused


async def ask_former(api: Api, names: Sequence[str]) -> list[str]:
    """Return those of some names that are there and hold nothing; none if Home Assistant does not
    say.

    Raises:
        NotStarted, EffectUnknown: it does not answer.
    """
    if not names:
        return []
    try:
        pages, _ = await pages_of(api, templates.FORMER, former=names[:FORMER_MAX])
    except ToolFailed:
        return []
    return [name for page in pages for name in ids_of(page)]


async def pages_of(
    api: Api, template: str, **variables: Sequence[str]
) -> tuple[Pages, list[tuple[str, ToolFailed]]]:
    """Render all pages of a template.

    Returns:
        The pages, and the ids of rows that came without what they hold, each with the reason.

    Raises:
        NotStarted, EffectUnknown: it does not answer.
        ToolFailed: it refuses, or there is no end.
    """
    after, count, refuses = "", templates.ROWS_MAX, False
    pages: Pages = []
    short: list[tuple[str, ToolFailed]] = []
    for _ in range(templates.RENDERS_MAX):
        asked = count
        try:
            page = await api.render(template, after=after, count=asked, **variables)
        except ToolFailed as error:
            # If it does not even list the rows, then not for the sake of one of them.
            known = refuses and count > 1
            page = b"" if known else await short_row(api, template, after, error)
            refuses = True
            if count > 1:
                count //= 2
                continue
            if len(short) == SHORT_MAX:
                raise
            short += [(row, error) for row in ids_of(page)]
        pages.append(page)
        ids = ids_of(page)
        if len(ids) < asked:
            return pages, short
        if ids[-1] <= after:
            raise ToolFailed("the rows that come after one are those before it")
        after, count = ids[-1], min(count * 2, templates.ROWS_MAX)
    raise ToolFailed(f"there are more than {templates.RENDERS_MAX} pages")


async def short_row(api: Api, template: str, after: str, error: ToolFailed) -> bytes:
    """Render the next row without what it holds.

    Raises:
        NotStarted, EffectUnknown: it does not answer.
        ToolFailed: it refuses that too, or there is no such template.
    """
    if template not in templates.SHORT:
        raise error
    try:
        return await api.render(templates.SHORT[template], after=after, count=1)
    except ToolFailed:
        raise error from None


def ids_of(page: bytes) -> list[str]:
    """Return the ids that rows begin with; none if the page is not understood: whoever reads it
    will say so."""
    try:
        return [row[0] for row in rows_of(page)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
