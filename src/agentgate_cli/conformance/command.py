"""``agent-gate conformance``: does a gateway, or a client, keep to the protocol?"""

from __future__ import annotations

from pathlib import Path

import click

from agentgate_cli.conformance.levels import PARTS
from agentgate_cli.conformance.listen.levels import LEVELS
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import note

PORT = 8_444
"""Where ``--listen`` listens, unless told otherwise: beside a gateway's own."""

PROFILE_PORT = 8_443


@click.command(epilog="Exit codes: 0 all passed, 1 one failed, 3 no gateway there, 4 usage.")
@click.argument("url", required=False)
@click.option(
    "--token", envvar="AGENT_GATE_TOKEN", help="An agent's token, or AGENT_GATE_TOKEN has it."
)
@click.option(
    "--tokens",
    "tokens_file",
    type=click.Path(path_type=Path),
    help="The principals.json that --profile wrote; more can be tested with it.",
)
@click.option("--slow", is_flag=True, help="Play also what takes long: time-outs and silence.")
@click.option(
    "--only", multiple=True, metavar="TEXT", help="Play those whose name contains this; repeatable."
)
@click.option(
    "--level",
    "levels",
    multiple=True,
    metavar="NAME",
    help=f"Play this level and what it builds on; repeatable: {', '.join(LEVELS)}; of a gateway "
    f"also {', '.join(part for part in PARTS if part not in LEVELS)}.",
)
@click.option(
    "--serve",
    default="",
    metavar="COMMAND",
    help="Start the gateway at URL by this; it is killed and started again to see what it keeps.",
)
@click.option("--listen", is_flag=True, help="Be a gateway that tests the client that connects.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"For --listen, and for the configuration of --profile.  [default: {PORT}, "
    f"{PROFILE_PORT}]",
)
@click.option(
    "--profile",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write configuration, policy, tools and tokens of a gateway under test.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object a line, as it goes; last the sums."
)
def conformance(
    url: str | None,
    token: str | None,
    tokens_file: Path | None,
    slow: bool,
    only: tuple[str, ...],
    levels: tuple[str, ...],
    serve: str,
    listen: bool,
    port: int | None,
    profile: Path | None,
    as_json: bool,
) -> int:
    """Test a gateway (URL), or a client (--listen), by the rules of the protocol.

    The gateway must offer certain tools: --profile writes all that it needs. What must outlive its
    process is tested if --serve says how it is started.

    \b
    The client is driven by a program of yours. With token conformance-token
    it asks for the tool "next", does what the task says that it returns
    (makes all of its calls at once), asks for the tool "report" with how
    they ended, and begins again. If its client is over, it opens another
    one. After a task that is the last it ends. What tasks and reports look
    like is in spec/testing.md, and --listen says it when it starts.

    \b
    Examples:
      agent-gate conformance --profile under-test
      agent-gate conformance ws://127.0.0.1:8443 --tokens under-test/principals.json \\
        --serve "agent-gate serve --config under-test/config.yaml"
      agent-gate conformance --listen --port 8444
    """
    if [bool(url), listen, profile is not None].count(True) != 1:
        raise click.UsageError("give the URL of a gateway, or --listen, or --profile DIR")
    if serve and not url:
        raise click.UsageError("--serve needs the URL where the gateway answers then: give it, too")
    if profile is not None:
        return make_profile(profile, PROFILE_PORT if port is None else port)
    if listen:
        from agentgate_cli.conformance.listen.command import test_client

        chosen = PORT if port is None else port
        return test_client(chosen, levels, only, slow=slow, as_json=as_json)
    from agentgate_cli.conformance.against import test_gateway

    assert url is not None, "one of the three is given"
    tokens = read(token, tokens_file)
    return test_gateway(url, tokens, levels, only, serve=serve, slow=slow, as_json=as_json)


def make_profile(folder: Path, port: int) -> int:
    """Write the profile and say how to go on."""
    from agentgate_cli.conformance.profile import write_profile

    try:
        write_profile(folder, port)
    except FileExistsError as error:
        raise Failure(f"{error.filename} is there already: name a new folder") from None
    except OSError as error:
        raise Failure(f"{folder} can't be written: {error.strerror}") from None
    note(f"serve it:  agent-gate serve --config {folder}/config.yaml")
    note(
        f"test it:   agent-gate conformance ws://127.0.0.1:{port} --tokens {folder}/principals.json"
    )
    note(f'or both:   the same with  --serve "agent-gate serve --config {folder}/config.yaml"')
    return Exit.OK


def read(token: str | None, tokens_file: Path | None) -> dict[str, str]:
    """The tokens by name."""
    import msgspec

    from agentgate_cli.conformance.profile import read_tokens

    if tokens_file is None:
        if not token:
            raise click.UsageError("give --tokens FILE (--profile writes one), or --token")
        return {"agent_token": token}
    try:
        return read_tokens(tokens_file)
    except OSError as error:
        raise Failure(f"{tokens_file} can't be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise Failure(f"{tokens_file} is no file of tokens: {error}") from None
