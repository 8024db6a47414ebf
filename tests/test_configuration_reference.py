"""The references are made from the forms of ``config.yaml`` and its files, and cannot drift.

``python -m tests.test_configuration_reference`` writes them anew.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest

from agentgate_proto.durations import format_duration
from agentgate_server.config import ConfigFile
from agentgate_server.documents.spans import UNIT
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.http.form import HttpFile

DOCS = Path(__file__).parent.parent / "docs"
REFERENCES: dict[str, type[msgspec.Struct]] = {
    "configuration.md": ConfigFile,
    "http-tools.md": HttpFile,
}
MARKERS = (
    "<!-- keys: made from the form by tests/test_configuration_reference.py -->\n",
    "<!-- end -->",
)
WORDS: dict[Any, str] = {bool: "true or false", Path: "path", Secret: "secret"}


def documented(form: type[msgspec.Struct]) -> dict[str, str]:
    """What is said of each key: the text below it in the source."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(form))).body
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    for key, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(key, ast.AnnAssign)
            and isinstance(key.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            texts[key.target.id] = " ".join(str(text.value.value).replace("``", "`").split())
    return texts


def alternatives(annotation: Any) -> list[Any]:
    """The members of a union without None; of any other type that type."""
    if get_origin(annotation) in (Union, UnionType):
        return [each for each in get_args(annotation) if each is not NoneType]
    return [annotation]


def forms_in(annotation: Any) -> Iterator[type[msgspec.Struct]]:
    """The forms that stand below a key."""
    for each in alternatives(annotation):
        inner = each
        if get_origin(each) in (Annotated, tuple, dict):
            inner = get_args(each)[1 if get_origin(each) is dict else 0]
        if get_origin(inner) in (Union, UnionType):
            yield from forms_in(inner)
        elif isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield inner


def bounds(meta: msgspec.Meta) -> str:
    """The bounds of a number, in words."""
    if unit_s := (meta.extra or {}).get(UNIT):
        return span(meta, unit_s)
    least = plain(meta.ge) if meta.ge is not None else ""
    if meta.gt is not None:
        least = f"above {plain(meta.gt)}"
    most = f"to {plain(meta.le)}" if meta.le is not None else ""
    return f"number, {least} {most}".strip() if least or most else "text"


def span(meta: msgspec.Meta, unit_s: float) -> str:
    """The bounds of a span of time, as durations."""
    least = format_duration(meta.ge * unit_s) if meta.ge else ""
    least = least or ("above 0" if meta.gt is not None else "0")
    most = f" to {format_duration(meta.le * unit_s)}" if meta.le is not None else ""
    return f"duration, {least}{most}"


def plain(number: float) -> str:
    """A number with its thousands parted, without a point that says nothing."""
    return f"{number:,.10f}".rstrip("0").rstrip(".")


def worded(annotation: Any) -> str:
    """A type, for the person who writes the file."""
    texts = []
    for each in alternatives(annotation):
        origin, inner = get_origin(each), get_args(each)
        if origin is Annotated:
            texts.append(bounds(inner[1]) if inner[0] in (int, float) else "text")
        elif origin is tuple:
            texts.append(f"list of {'sections' if any(forms_in(each)) else worded(inner[0])}")
        elif origin is dict:
            texts.append("sections by name" if any(forms_in(each)) else "keys and values")
        elif each is Any:
            texts.append("anything")
        elif origin is Literal:
            texts.append(" or ".join(f"`{value}`" for value in inner))
        elif isinstance(each, type) and issubclass(each, Enum):
            texts.append(" or ".join(f"`{member.value}`" for member in each))
        elif isinstance(each, type) and issubclass(each, msgspec.Struct):
            texts.append("section")
        else:
            texts.append(WORDS.get(each, "number" if each in (int, float) else "text"))
    return " or ".join(dict.fromkeys(texts))


def default_of(field: msgspec.structs.FieldInfo) -> str:
    """The default as it would be written."""
    if field.required:
        return "needed"
    value = field.default
    if value is msgspec.NODEFAULT:
        value = field.default_factory() if callable(field.default_factory) else None
    match value:
        case None | () | "" | {} | msgspec.UNSET:
            return "none"
        case msgspec.Struct():
            return "as below"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
        case Enum():
            return f"`{value.value}`"
        case tuple():
            return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`"


def span_of_default(field: msgspec.structs.FieldInfo, annotation: Any) -> str:
    """The default of a span of time once more, as a duration."""
    metas = [
        get_args(each)[1] for each in alternatives(annotation) if get_origin(each) is Annotated
    ]
    units = [meta.extra[UNIT] for meta in metas if meta.extra]
    value = field.default
    return f" (`{format_duration(value * units[0])}`)" if units and isinstance(value, float) else ""


def sections(form: type[msgspec.Struct], path: str) -> Iterator[str]:
    """The tables of a form and of all that stand below it."""
    texts = documented(form)
    hints = get_type_hints(form, include_extras=True)
    title = f"## `{path}`" if path else "## The file"
    about = inspect.cleandoc(form.__doc__ or "").replace("``", "`")
    rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    below: list[tuple[type[msgspec.Struct], str]] = []
    for field in msgspec.structs.fields(form):
        annotation = hints[field.name]
        missing = f"{form.__name__}.{field.name} says nothing to its user"
        assert field.name in texts, missing
        default = default_of(field) + span_of_default(field, annotation)
        cells = (f"`{field.encode_name}`", worded(annotation), default, texts[field.name])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        kinds = {get_origin(each) for each in alternatives(annotation)}
        many = "[]" if tuple in kinds else ".NAME" if dict in kinds else ""
        prefix = f"{path}." if path else ""
        below += [(each, f"{prefix}{field.encode_name}{many}") for each in forms_in(annotation)]
    yield "\n\n".join((title, about, "\n".join(rows)))
    for each, where in below:
        yield from sections(each, where)


def rendered(text: str, form: type[msgspec.Struct]) -> str:
    """A reference with its tables made anew."""
    head, rest = text.split(MARKERS[0])
    tail = rest.split(MARKERS[1])[1]
    tables = "\n\n".join(sections(form, ""))
    return f"{head}{MARKERS[0]}\n{tables}\n\n{MARKERS[1]}{tail}"


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_says_what_its_form_says(name: str) -> None:
    text = (DOCS / name).read_text()
    assert text == rendered(text, REFERENCES[name]), (
        "run: python -m tests.test_configuration_reference"
    )


@pytest.mark.parametrize("name", REFERENCES)
def test_every_key_of_a_form_is_in_its_reference(name: str) -> None:
    text = (DOCS / name).read_text()
    for field in msgspec.structs.fields(REFERENCES[name]):
        assert f"| `{field.encode_name}` |" in text


if __name__ == "__main__":
    for name, form in REFERENCES.items():
        (DOCS / name).write_text(rendered((DOCS / name).read_text(), form))
