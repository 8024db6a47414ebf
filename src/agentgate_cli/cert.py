"""``agent-gate cert``: a certificate for a gateway at home, that phones can be told to trust."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentgate_cli.exits import Exit, Failure
from agentgate_cli.style import bold, say, say_json
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from agentgate_cli.authority import Made

NAMES_MAX = 50
"""Names of one certificate."""

PHONE = """\
On each phone or computer that opens the console, once:
  1. Bring {authority} there: by cable, by AirDrop, or by a message to yourself.
     It is no secret. Never pass on authority.key: who has it can pass for your gateway.
  2. Android: Settings, "Install a certificate", "CA certificate", and choose it.
     iPhone, iPad: open it, then Settings, "Profile Downloaded", Install; then General, About,
     "Certificate Trust Settings", and switch it on.
     Linux, Windows, macOS: your browser's settings, "Manage certificates", Authorities, Import.
  3. See that its SHA-256 begins with {short}.
  4. Open https://{name}{port}/console. Passkeys and push need a name: an address won't do.
"""


@click.command(
    epilog="Exit codes: 0 done, 1 the files can't be written, 4 what was asked for can't be."
)
@click.argument("names", nargs=-1)
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("certs"),
    show_default=True,
    help="Where the files are.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def cert(names: tuple[str, ...], folder: Path, as_json: bool) -> int:
    """Make a certificate for NAMES: names and addresses by which the gateway is reached.

    Browsers let a page be installed, be offline, notify, and use passkeys only where they trust its
    certificate. This makes an authority of your own, once, and with it a certificate for 397 days;
    run it again to renew that. Your devices must be told to trust the authority, which can sign for
    NAMES, for names at home (.lan, .local, …) and for private addresses only.

    Without NAMES it is for this machine's name and localhost.

    \b
    Examples:
      agent-gate cert gate.lan 192.168.1.5
    """
    try:
        from agentgate_cli.authority import AuthorityError, make_certificate
    except ModuleNotFoundError as error:
        if error.name != "cryptography":
            raise
        from agentgate_server.extras import how_to_install

        text = f"this needs a package that is not installed: {how_to_install('cert')}"
        raise Failure(text) from None
    from agentgate_server.store.files import make_folder

    names = tuple(dict.fromkeys(names or names_of_machine()))
    if len(names) > NAMES_MAX:
        raise Failure(f"a certificate has at most {NAMES_MAX} names", Exit.USAGE)
    try:
        make_folder(folder.absolute())
        made = make_certificate(folder, names)
    except AuthorityError as error:
        raise Failure(str(error), Exit.USAGE) from None
    except OSError as error:
        raise Failure(f"{folder} can't be written: {error.strerror or error}") from None
    if as_json:
        say_json(document_of(made))
    else:
        show(made)
    return Exit.OK


def names_of_machine() -> tuple[str, ...]:
    """By which names this machine is likely reached."""
    host = socket.gethostname().lower()
    return (host if "." in host else f"{host}.local", "localhost")


def document_of(made: Made) -> dict[str, object]:
    """Make the JSON."""
    return {
        "authority": str(made.authority),
        "cert": str(made.certificate),
        "key": str(made.key),
        "names": list(made.names),
        "fingerprint": made.fingerprint,
        "ends_at": made.ends_at.isoformat(timespec="seconds"),
        "authority_is_new": made.is_new,
    }


def show(made: Made) -> None:
    """Say what was made, and what to do with it."""
    say(f"{bold(printable(str(made.certificate)))} is for {printable(', '.join(made.names))}")
    say(f"until {made.ends_at:%Y-%m-%d}. In config.yaml:")
    say("")
    say("  gateway:")
    say("    tls:")
    say(f"      cert: {printable(str(made.certificate))}")
    say(f"      key: {printable(str(made.key))}")
    say("")
    if not made.is_new:
        say("Your devices trust the authority already, if they were told before. Else:")
    short = made.fingerprint[:23]
    name = printable(made.names[0])
    say(
        PHONE.format(authority=printable(str(made.authority)), short=short, name=name, port=":8443")
    )
