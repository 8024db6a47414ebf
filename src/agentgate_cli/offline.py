"""A gateway's files, read without a gateway: the options that name them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agentgate_cli.exits import Failure
from agentgate_cli.serve import DEFAULT_CONFIG, document_failure

if TYPE_CHECKING:
    from agentgate_server.config import Config

Command = TypeVar("Command", bound=Callable[..., Any])

NO_CONFIG = "there is no config.yaml here: name one with --config, or 'agent-gate init' writes one"


def config_option(command: Command) -> Command:
    """Add ``--config``; the command gets ``config_file``."""
    return click.option(
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        default=DEFAULT_CONFIG,
        help="The configuration.  [default: config.yaml]",
    )(command)


def permissions_option(command: Command) -> Command:
    """Add ``--permissions``."""
    return click.option(
        "--permissions",
        type=click.Path(path_type=Path),
        help="The policy, instead of the one that the configuration names.",
    )(command)


def load(config_file: Path, permissions: Path | None = None) -> Config:
    """Load a configuration as ``serve`` does.

    Raises:
        DocumentError: it can't be used.
        Failure: there is none.
    """
    from agentgate_server.config import load_config, override

    if config_file == DEFAULT_CONFIG and not config_file.exists():
        raise Failure(NO_CONFIG)
    config = load_config(config_file, environment=os.environ)
    return override(config, permissions=permissions)


def load_or_fail(config_file: Path, permissions: Path | None = None) -> Config:
    """Load a configuration.

    Raises:
        Failure: it can't be used.
    """
    from agentgate_server.documents import DocumentError

    try:
        return load(config_file, permissions)
    except DocumentError as error:
        raise document_failure(error) from None
