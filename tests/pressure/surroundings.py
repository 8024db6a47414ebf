"""How busy the machine is, with us and with others: what a latency is to be seen beside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """One moment.

    Attributes:
        total_s, idle_s: of all cores together.
        ours_s: of processor that the watched processes have had.
        waited_s: how long the threads of the first of them were ready, and did not run.
    """

    total_s: float
    idle_s: float
    ours_s: float
    waited_s: float


def look(first: int, *others: int) -> Look:
    """Look at the machine, and at some processes by their ids; the first one's waiting counts."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    ours = sum(cpu_s(pid) for pid in (first, *others))
    return Look(sum(fields) / TICKS_S, sum(fields[3:5]) / TICKS_S, ours, waited_s(first))


def cpu_s(pid: int) -> float:
    """Seconds of processor that a process has had; 0.0: it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def waited_s(pid: int) -> float:
    """How long the threads of a process have waited for a processor, one beside the other."""
    waited = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            waited += int(task.read_text().split()[1])
        except OSError:
            continue  # that thread is over
    return waited / 1e9


@dataclass(frozen=True)
class Busy:
    """What happened between two looks, as shares of the time: 1.0 is all of it.

    Attributes:
        others: of the machine, what processes had that are not ours.
        gateway_waited: for how much of the time a thread of the gateway was ready, and did not run.
    """

    others: float
    gateway_waited: float


def between(before: Look, after: Look) -> Busy:
    """Compare two looks."""
    total = after.total_s - before.total_s
    if total <= 0:
        return Busy(0.0, 0.0)
    used = total - (after.idle_s - before.idle_s)
    others = max(0.0, used - (after.ours_s - before.ours_s)) / total
    cores = os.cpu_count() or 1
    return Busy(others, (after.waited_s - before.waited_s) * cores / total)
