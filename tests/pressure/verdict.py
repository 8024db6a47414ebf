"""What was measured of one attack, what it may be, and how both are printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MB = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the honest may be asked to bear.

    Attributes:
        calm_p99_s: the 99th percentile of an honest call under attack, or ``times`` the
            undisturbed one of the same run, where that is more.
        times: see there.
        peak_bytes: of the gateway's memory.
        files_bytes: of what it keeps on disk: the results of a minute, in the file and in its log.
        entrance_s: until who comes with a good token is in; and until people see their lists.
        ask_s: until an ask is answered by a person who says yes at once.
    """

    calm_p99_s: float = 0.050
    times: float = 5.0
    peak_bytes: int = 256 * MB
    files_bytes: int = 160 * MB
    entrance_s: float = 2.0
    ask_s: float = 5.0


@dataclass(frozen=True)
class Crowd:
    """Many of one kind.

    Attributes:
        seconds: what each took, those that went well, in order.
        tried: how many there were.
    """

    seconds: list[float]
    tried: int

    def share(self, of: float) -> float:
        """The time within which this share of them was over; infinite if none was."""
        if not self.seconds:
            return float("inf")
        return self.seconds[min(len(self.seconds) - 1, int(len(self.seconds) * of))]

    @property
    def slowest(self) -> float:
        """The time within which all were over that went well."""
        return self.share(1.0)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one attack came to.

    Attributes:
        attack, kind: its name, and the file where it stands.
        calm, loud: the honest calls before it, on the same gateway, and under it.
        logins, views, asks: of the honest, under it.
        health: likewise; 429 counts as an answer where the attack shares the address.
        peak_bytes: of the gateway's memory, from its start to the end of the attack.
        files_bytes: what it kept on disk then.
        troubles: what the honest were refused or lost, and how often.
        lost: what was not there any more after the attack and a restart.
        found: what the attack was to get, and got.
        others: of the machine, what was busy with others meanwhile (1.0: all of it).
        waited: for how much of the time the gateway was ready and did not run.
    """

    attack: str
    kind: str
    calm: Crowd
    loud: Crowd
    logins: Crowd
    views: Crowd
    asks: Crowd
    health: Crowd
    peak_bytes: int
    files_bytes: int
    troubles: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    others: float = 0.0
    waited: float = 0.0

    def too_slow(self, bounds: Bounds) -> list[str]:
        """What took longer than it may."""
        bound = max(bounds.calm_p99_s, bounds.times * self.calm.share(0.99))
        found = []
        if self.loud.share(0.99) > bound:
            found.append(f"p99 {ms(self.loud.share(0.99))} > {ms(bound)}")
        for what, crowd, most in (
            ("login", self.logins, bounds.entrance_s),
            ("view", self.views, bounds.entrance_s),
            ("ask", self.asks, bounds.ask_s),
            ("health", self.health, bounds.entrance_s),
        ):
            if crowd.seconds and crowd.slowest > most:
                found.append(f"{what} {ms(crowd.slowest)} > {ms(most)}")
        return found

    def wrong(self, bounds: Bounds) -> list[str]:
        """What is not as it must be, however busy the machine is."""
        found = []
        if self.peak_bytes > bounds.peak_bytes:
            found.append(f"peak {self.peak_bytes / MB:.0f} MB > {bounds.peak_bytes / MB:.0f}")
        if self.files_bytes > bounds.files_bytes:
            found.append(f"disk {self.files_bytes / MB:.0f} MB > {bounds.files_bytes / MB:.0f}")
        for what, crowd in (
            ("logins", self.logins),
            ("views", self.views),
            ("asks", self.asks),
            ("health", self.health),
        ):
            if len(crowd.seconds) < crowd.tried:
                found.append(f"{what} {len(crowd.seconds)}/{crowd.tried}")
        found += [f"{words} ({times} times)" for words, times in self.troubles.items()]
        return found + self.lost + self.found

    def failures(self, bounds: Bounds) -> list[str]:
        """All of it."""
        return self.too_slow(bounds) + self.wrong(bounds)


def ms(seconds: float) -> str:
    """A time for people."""
    return "never" if seconds == float("inf") else f"{seconds * 1e3:.0f} ms"


HEADINGS = (
    f"{'attack':32} {'honest p50, p99':>15} {'under attack':>15} {'worst':>7} {'peak':>7} "
    f"{'logins':>7} {'slowest':>7} {'asks':>6} {'disk':>7} {'others':>6} {'waited':>6}"
)
UNITS = f"{'':32} {'ms':>15} {'ms':>15} {'ms':>7} {'MB':>7} {'':>7} {'ms':>7} {'':>6} {'MB':>7}"


def line(row: Row) -> str:
    """One row of the table."""
    return (
        f"{row.attack:32} {pair(row.calm):>15} {pair(row.loud):>15} "
        f"{number(row.loud.slowest):>7} {row.peak_bytes / MB:7.0f} {in_of(row.logins):>7} "
        f"{number(row.logins.slowest):>7} {in_of(row.asks):>6} {row.files_bytes / MB:7.1f} "
        f"{row.others:6.0%} {row.waited:6.0%}"
    )


def pair(crowd: Crowd) -> str:
    return f"{number(crowd.share(0.5))} {number(crowd.share(0.99)):>7}"


def number(seconds: float) -> str:
    if seconds == float("inf"):
        return "never"
    return f"{seconds * 1e3:.1f}" if seconds < 0.1 else f"{seconds * 1e3:,.0f}"


def in_of(crowd: Crowd) -> str:
    return f"{len(crowd.seconds)}/{crowd.tried}"


def as_json(row: Row, bounds: Bounds) -> dict[str, Any]:
    """A row for programs; times in seconds."""
    crowds = {
        name: {
            "tried": crowd.tried,
            "done": len(crowd.seconds),
            "p50_s": finite(crowd.share(0.5)),
            "p99_s": finite(crowd.share(0.99)),
            "max_s": finite(crowd.slowest),
        }
        for name, crowd in (
            ("calm", row.calm),
            ("loud", row.loud),
            ("logins", row.logins),
            ("views", row.views),
            ("asks", row.asks),
            ("health", row.health),
        )
    }
    return {
        "attack": row.attack,
        "kind": row.kind,
        **crowds,
        "peak_bytes": row.peak_bytes,
        "files_bytes": row.files_bytes,
        "troubles": row.troubles,
        "lost": row.lost,
        "found": row.found,
        "others": round(row.others, 3),
        "waited": round(row.waited, 3),
        "failures": row.failures(bounds),
    }


def finite(seconds: float) -> float | None:
    return None if seconds == float("inf") else round(seconds, 6)
