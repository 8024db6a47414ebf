"""``make real-home``: the acceptance of Home Assistant, against a real one.

It installs Home Assistant into ``.real-home/``, an environment of its own on Python 3.13 or later,
runs it with its demo of a house, makes the first user by its onboarding API, and plays
``acceptance*.py``. Where there is no such Python it ends with an error.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.real_home.house import running
from tests.real_home.python import VERSION, install, python_of

FOLDER: Final = Path(".real-home").absolute()
ACCEPTANCE: Final = sorted(map(str, Path(__file__).parent.glob("acceptance*.py")))


def main() -> int:
    """Run it; not 0 if something is not as it must be."""
    parser = argparse.ArgumentParser(description="the acceptance against a real Home Assistant")
    parser.add_argument("--python", default="", help="Python 3.13 or later for Home Assistant")
    parser.add_argument("--version", default=VERSION, help=f"of Home Assistant ({VERSION})")
    given, more = parser.parse_known_args()
    command = install(python_of(given.python), FOLDER, given.version)
    with running(command, FOLDER / "config") as (url, token):
        # In a process of its own: what was imported here, pytest could not rewrite any more.
        tests = [sys.executable, "-m", "pytest", "-q", *ACCEPTANCE, *more]
        env = {**os.environ, "REAL_HOME_URL": url, "REAL_HOME_TOKEN": token}
        return subprocess.run(tests, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
