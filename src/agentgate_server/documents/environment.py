"""Environment variables in documents: ``${VAR}`` and ``.env`` files.

Substitution works on parsed scalars, never on the text of the document: a value that contains
``: `` or a newline stays one value and cannot add keys. Neither values nor lines of ``.env`` are
ever quoted in an error, because most of them are secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from agentgate_server.documents.errors import DocumentError

DOTENV_BYTES_MAX = 262_144
"""A ``.env`` file. Real ones hold a few secrets; a larger one is some other file."""

TOKEN = re.compile(r"\$\$|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(?P<value>\S.*|)")
BARE = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*")
"""A name alone: Docker Compose then takes what its own environment has, as we do anyway."""

DOUBLE_QUOTED = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"\s*(?:#.*)?')
SINGLE_QUOTED = re.compile(r"'(?P<text>[^']*)'\s*(?:#.*)?")
COMMENT = re.compile(r"(?:^|\s)#.*$")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class VariableName(str):
    """The name of an environment variable."""

    __slots__ = ()

    def __new__(cls, text: str) -> VariableName:
        """Check the text."""
        if not VARIABLE_NAME.fullmatch(text):
            raise ValueError("must be letters, digits and underscores, not beginning with a digit")
        return super().__new__(cls, text)


class Variables(Mapping[str, str]):
    """What ``${VAR}`` stands for: the environment wins over ``.env``.

    Args:
        dotenv: as :func:`read_dotenv` returns them.
        environment: usually ``os.environ``.

    Attributes:
        asked: names that were looked up.
    """

    def __init__(self, dotenv: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self.asked: set[str] = set()
        self._dotenv = dotenv
        self._values = {**dotenv, **environment}

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def hidden(self) -> tuple[str, ...]:
        """Those that were looked up and have another value in ``.env``, which does not count."""
        return tuple(
            name
            for name, value in self._dotenv.items()
            if name in self.asked and self._values[name] != value
        )


class SubstitutionError(ValueError):
    """A ``${...}`` cannot be replaced; the text says why, without any value."""


def substitute(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``${VAR}`` and ``${VAR:-default}``; ``$$`` becomes ``$``, a lone ``$`` stays.

    As in a shell, the default also stands in for a variable that is set but empty.

    Raises:
        SubstitutionError: a variable is not set and has no default, or the form is wrong.
    """

    def value_of(token: re.Match[str]) -> str:
        if token[0] == "$$":
            return "$"
        inside = INSIDE.fullmatch(token["inside"])
        if not token["end"] or inside is None:
            raise SubstitutionError(
                "write a variable as ${NAME} or ${NAME:-default}, and a plain dollar as $$"
            )
        name, default = inside["name"], inside["default"]
        value = environment.get(name)
        if default is not None:
            return value or default
        if value is None:
            raise SubstitutionError(
                f"environment variable {name} is not set: export it or put it into .env"
            )
        return value

    return TOKEN.sub(value_of, text)


def read_dotenv(path: Path) -> dict[str, str]:
    """Read a ``.env`` file: ``NAME=value`` lines, quotes, comments, an optional ``export``.
    A name may have dots, for others who read the file, and may stand alone; then it says nothing.

    The caller lets the real environment win: ``{**read_dotenv(path), **os.environ}``. Single
    quotes take the text as it is, double quotes know ``\\n``, ``\\t``, ``\\r`` and ``\\x`` for any
    other ``x``; without quotes a ``#`` after a space starts a comment. No variables inside.

    Returns:
        the variables; none if there is no such file (a folder ``.env`` is a virtual environment).

    Raises:
        DocumentError: the file cannot be read, or a line is not of this form.
    """
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            raw = file.read(DOTENV_BYTES_MAX + 1)
        if len(raw) > DOTENV_BYTES_MAX:
            raise DocumentError(str(path), f"is larger than {DOTENV_BYTES_MAX} bytes")
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise DocumentError(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DocumentError(str(path), "is not UTF-8: save it as UTF-8") from error
    variables = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#") or BARE.fullmatch(stripped):
            continue
        assignment = ASSIGNMENT.fullmatch(stripped)
        if assignment is None:
            raise DocumentError(str(path), "needs NAME=value", line=number)
        name = assignment["name"]
        value = unquote(assignment["value"])
        if value is None:
            message = "the quote does not end on this line, or text follows it"
            raise DocumentError(str(path), message, line=number, path=name)
        variables[name] = value
    return variables


def unquote(value: str) -> str | None:
    """Return what a value in ``.env`` stands for, or None if its quotes do not match."""
    if value.startswith('"'):
        quoted = DOUBLE_QUOTED.fullmatch(value)
        return quoted and re.sub(
            r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), quoted["text"]
        )
    if value.startswith("'"):
        quoted = SINGLE_QUOTED.fullmatch(value)
        return quoted and quoted["text"]
    return COMMENT.sub("", value).rstrip()
