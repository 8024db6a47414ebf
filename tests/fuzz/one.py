"""One target under atheris: ``python -m tests.fuzz.one TARGET [libFuzzer's options]``.

Python 3.11 or newer with the extra ``fuzz``. What is instrumented must be imported here.
"""

from __future__ import annotations

import importlib
import sys

import atheris

INSTRUMENTED = [
    *("agentgate_proto", "agentgate_server", "tests.fuzz.targets"),
    *("h11", "wsproto", "yaml"),
]


def main() -> None:
    """Fuzz for as long as the options say; libFuzzer ends the process."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=INSTRUMENTED, enable_loader_override=False):
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
    atheris.Setup(sys.argv, target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
