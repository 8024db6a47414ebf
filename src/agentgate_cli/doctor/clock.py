"""This machine's clock, beside those of others that have answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agentgate_cli.doctor.probe import Patient, Report, broken
from agentgate_cli.text import duration

if TYPE_CHECKING:
    from agentgate_server.config import Config

OFF_S = 90.0
"""Three steps of one-time codes, of which both neighbours are taken as a rule."""


async def reach_clock(patient: Patient, config: Config) -> Report:
    """Compare it with what time it is for Telegram and Home Assistant."""
    now = time.time()
    return compare(now, patient.dates)


def compare(now: float, dates: dict[str, float]) -> Report:
    """Say whose clock is another one."""
    if not dates:
        return Report()
    findings = tuple(
        broken(
            f"this machine's clock is {duration(abs(now - date))} "
            f"{'ahead of' if now > date else 'behind'} that of {who}: one-time codes, deadlines "
            "and certificates go by it",
            "set it: 'sudo timedatectl set-ntp true'; it may be the other one that is wrong",
        )
        for who, date in dates.items()
        if abs(now - date) > OFF_S
    )
    return Report(f"as that of {' and '.join(dates)}", findings)
