"""``agent-gate schema``: the JSON Schema of the files that people write, for their editors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentgate_cli.exits import Exit, Failure

FILES = {
    "config": "config.yaml of agent-gate",
    "permissions": "permissions.yaml of agent-gate",
    "tools": "HTTP tools of agent-gate",
    "edge": "edge.yaml of agent-gate",
}
"""What there are schemas of, and what editors call them."""

FOLDER = ".schema"
"""Where ``init`` puts them, beside the files that name them."""


@click.command(
    epilog="Editors with the YAML language server take a schema that the first line of a file "
    "names: '# yaml-language-server: $schema=.schema/config.json'. 'agent-gate init' writes it."
)
@click.argument("name", type=click.Choice(list(FILES)), required=False)
@click.option(
    "--write",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write all of them into this folder, as config.json, permissions.json and so on.",
)
def schema(name: str | None, folder: Path | None) -> int:
    """Print the JSON Schema of a file: which keys it may have, of what type, and what they mean.

    \b
    Examples:
      agent-gate schema config > config.schema.json
      agent-gate schema --write .schema
    """
    import msgspec

    if (name is None) == (folder is None):
        raise click.UsageError(f"name one of {', '.join(FILES)}, or give --write FOLDER")
    if folder is None:
        assert name is not None, "one of them is given"
        click.echo(msgspec.json.format(msgspec.json.encode(made(name)), indent=2))
        return Exit.OK
    try:
        for path in write_schemas(folder):
            click.echo(f"wrote {path}")
    except OSError as error:
        raise Failure(f"cannot write to {folder}: {error.strerror}") from None
    return Exit.OK


def write_schemas(folder: Path, names: tuple[str, ...] = tuple(FILES)) -> list[Path]:
    """Write schemas into a folder, in the place of those of another version.

    Raises:
        OSError: they can't be written.
    """
    import msgspec

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names:
        path = folder / f"{name}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(made(name)), indent=2) + b"\n")
        paths.append(path)
    return paths


def made(name: str) -> dict[str, Any]:
    """Make the schema of one of ``FILES``, of the form that validates it."""
    from agentgate_server.documents.schema import schema_of

    return schema_of(form_of(name), FILES[name], has_variables=name != "permissions")


def form_of(name: str) -> type[Any]:
    """Return the form of one of ``FILES``."""
    match name:
        case "config":
            from agentgate_server.config import ConfigFile

            return ConfigFile
        case "permissions":
            from agentgate_server.policy.form import PolicyForm

            return PolicyForm
        case "tools":
            from agentgate_server.tools.http.form import HttpFile

            return HttpFile
        case _:
            from agentgate_cli.edge.form import EdgeFile

            return EdgeFile
