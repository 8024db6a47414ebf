"""Run it: ``python -m tests.mcp.acceptance [--part NAME]``; ``make mcp-acceptance`` runs all."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.mcp.acceptance import bridges, client, conformance, inspector, sdks, servers

PARTS = {
    "conformance": conformance.run,
    "client": client.run,
    "inspector": inspector.run,
    "servers": servers.run,
    "bridges": bridges.run,
    "sdks": sdks.run,
}


def main() -> int:
    """Run what is wanted; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=sorted(PARTS))
    wanted = parser.parse_args().part or list(PARTS)
    failures = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        try:
            problems = PARTS[name]()
        except Exception:
            problems = [traceback.format_exc()]
        for problem in problems:
            print(f"FAILED {problem}", flush=True)
        failures += len(problems)
        print(f"== {name}: {len(problems)} problems, {time.monotonic() - began:.0f} s", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
