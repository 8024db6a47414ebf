"""Sources: what a workspace tells the model: ``memory.md``, and the skills in ``skills/*.md``.

The text of a section depends on nothing but what the files say and how they are called, so that
equal files give equal bytes and the vendor's prompt cache is hit: files in the order of their
names, UTF-8 (what is none is U+FFFD), without a byte order mark and NUL, lines end with LF, blank
lines around a text are gone. Each skill stands under a heading, ``## NAME``. Secrets of the
configuration are hidden.

Whoever may write to the folder may be a stranger to the gateway: what is not an ordinary file of
this very folder is not opened, nothing is read beyond its cap, and what is left out is named.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial

from agentgate_proto.records.session_views import SectionName
from agentgate_proto.rpc.session_methods import LeftOut
from agentgate_server.sessions.folders import FOLDER, NoFile, read_file
from agentgate_server.sessions.workspaces import Workspaces

MEMORY = "memory.md"
SKILLS = "skills"
SUFFIX = ".md"
BETWEEN = "\n\n"

MEMORY_BYTES_MAX = 65_536
"""Of the memory, about 16,000 tokens, paid with each request. Of a longer one the beginning counts:
what is written at its end later leaves the bytes before it, and the prompt cache, alone."""

SKILL_BYTES_MAX = 65_536
"""A skill. A longer one is left out whole: half of an instruction can say the contrary."""

SKILLS_MAX = 64
"""Skills of one workspace."""

SKILLS_BYTES_MAX = 262_144
"""All skills together."""

ENTRIES_MAX = 4_096
"""Names in the folder of skills that are looked at; a folder of anything else has more."""

LEFT_OUT_MAX = 100
"""Rows that say what was left out; a person reads no more."""


@dataclass(slots=True)
class Found:
    """What a workspace says.

    Attributes:
        memory, skills: texts; "": there are none.
        left_out: what is not in them, and why.
    """

    memory: str = ""
    skills: str = ""
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, section: SectionName, what: str, size: int, why: str) -> None:
        """Note that something is not in it."""
        if len(self.left_out) < LEFT_OUT_MAX:
            row = LeftOut(section=section, what=shown(what), bytes=size, why=why)
            self.left_out.append(row)


async def read_sources(workspaces: Workspaces, session: str, workspace: str) -> Found:
    """Read what a session's workspace says.

    Args:
        workspaces: all of them.
        session: the session's id.
        workspace: its folder; "": it has none.

    Raises:
        WorkspaceRefused: the folder may not be read (any more).
    """
    if not workspace:
        return Found()
    return await workspaces.in_thread(partial(read_folder, workspaces, session, workspace))


def read_folder(workspaces: Workspaces, session: str, workspace: str) -> Found:
    """Do so; it blocks."""
    found = Found()
    try:
        with workspaces.opened(session, workspace) as handle:
            read_memory(handle, found)
            read_skills(handle, found)
    except FileNotFoundError:
        found.leave_out(SectionName.MEMORY, workspace, 0, "the workspace is gone")
    found.memory, found.skills = workspaces.hide(found.memory), workspaces.hide(found.skills)
    return found


def read_memory(folder: int, found: Found) -> None:
    """Read the memory, up to the last line that fits."""
    try:
        raw, size = read_file(folder, MEMORY, MEMORY_BYTES_MAX)
    except FileNotFoundError:
        return
    except NoFile as error:
        found.leave_out(SectionName.MEMORY, MEMORY, 0, str(error))
        return
    if size > len(raw):
        raw = raw[: raw.rfind(b"\n") + 1] or raw
        why = f"only the first {MEMORY_BYTES_MAX} bytes are sent"
        found.leave_out(SectionName.MEMORY, f"the end of {MEMORY}", size - len(raw), why)
    found.memory = text_of(raw)


def read_skills(workspace: int, found: Found) -> None:
    """Read the skills, in the order of their names."""
    try:
        folder = os.open(SKILLS, FOLDER, dir_fd=workspace)
    except FileNotFoundError:
        return
    except OSError as error:
        found.leave_out(SectionName.SKILLS, SKILLS, 0, f"is no folder to read: {error.strerror}")
        return
    try:
        texts: list[str] = []
        room = SKILLS_BYTES_MAX
        for name in names_in(folder, found):
            text = read_skill(folder, name, found, room if len(texts) < SKILLS_MAX else None)
            if text:
                texts.append(text)
                room -= len(text.encode()) + len(BETWEEN)
    finally:
        os.close(folder)
    found.skills = BETWEEN.join(texts)


def names_in(folder: int, found: Found) -> list[str]:
    """Return the names that skills may have, sorted; hidden ones are editors' own."""
    names: list[str] = []
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number == ENTRIES_MAX:
                why = f"only {ENTRIES_MAX} names are looked at, in no order"
                found.leave_out(SectionName.SKILLS, f"the rest of {SKILLS}", 0, why)
                break
            if entry.name.endswith(SUFFIX) and not entry.name.startswith("."):
                names.append(entry.name)
    return sorted(names)


def read_skill(folder: int, name: str, found: Found, room: int | None) -> str:
    """Return a skill under its heading, or "" after noting why it is left out.

    Args:
        folder: of the skills.
        name: of its file.
        found: where it is noted.
        room: bytes that it may have; None: there are too many skills.
    """
    size = 0
    try:
        if not name.isprintable():
            raise NoFile("its name is not printable")
        raw, size = read_file(folder, name, SKILL_BYTES_MAX + 1)
        size = max(size, len(raw))
        if size > SKILL_BYTES_MAX:
            raise NoFile(f"is larger than {SKILL_BYTES_MAX} bytes")
        if room is None:
            raise NoFile(f"there are more than {SKILLS_MAX} skills")
        text = text_of(raw)
        text = f"## {name.removesuffix(SUFFIX)}\n\n{text}" if text else ""
        if len(text.encode()) + len(BETWEEN) > room:
            raise NoFile(f"all skills together would have more than {SKILLS_BYTES_MAX} bytes")
    except FileNotFoundError:  # Removed since it was listed.
        return ""
    except NoFile as error:
        found.leave_out(SectionName.SKILLS, f"{SKILLS}/{name}", size, str(error))
        return ""
    return text


def text_of(raw: bytes) -> str:
    """Decode a file to its text, see the top of this module."""
    text = raw.decode("utf-8-sig", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    while lines and not lines[-1].strip():
        del lines[-1]
    return "\n".join(lines)


def shown(name: str) -> str:
    """Write a file's name for people, whatever stands in it."""
    if name.isprintable():
        return name
    return name.encode("unicode_escape", "backslashreplace").decode("ascii")
