"""The process of an attack: ``python -m tests.pressure.attacks NAME PORT [CERT]``, until killed."""

from __future__ import annotations

import os
import resource
import sys

from tests.pressure.attacks.catalogue import attacks
from tests.pressure.wire import Target


def main() -> None:
    """Attack on the last core, with what of it nobody else wants: attackers have machines of their
    own, and what is measured is not who computes faster."""
    name, port, *cert = sys.argv[1:]
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    attacks()[name](Target(int(port), "".join(cert))).run()


if __name__ == "__main__":
    main()
