"""How long a client waits before it tries again, seen from the gateway."""

from __future__ import annotations

from agentgate_cli.conformance.listen.broken import Broken

FIRST_S = 1.0
CAP_S = 30.0

EARLY_S = 0.15
"""A pause may be shorter by so much: clocks differ, and the client sees the end later than we."""

LATE_S = 2.0
"""It may be longer by so much: machines are busy."""

VARIES_S = 0.25
"""First pauses that differ by more than this are drawn at random."""

SAMPLES = 6
"""So many random pauses are as good as never all alike."""

SAMPLES_MIN = 3
"""So few random pauses are all as long as they may be in one of 300 runs; one often is."""

TOGETHER_S = 1.5
"""Four random pauses of 1, 2, 4 and 8 s are shorter together in one of 300 runs."""


class Pauses:
    """Notes pauses, and judges them.

    Attributes:
        firsts: the first pause after each connection that had been reconciled, in seconds.
    """

    def __init__(self) -> None:
        self.firsts: list[float] = []

    @property
    def are_random(self) -> bool:
        """Whether the client draws its pauses at random (B3)."""
        return len(self.firsts) > 1 and max(self.firsts) - min(self.firsts) > VARIES_S

    @property
    def are_in_question(self) -> bool:
        """Whether more first pauses would tell if they are drawn at random: there are few, or the
        last one was too short."""
        count = len(self.firsts)
        too_short = count > 0 and self.firsts[-1] < FIRST_S - EARLY_S
        return not self.are_random and (count < SAMPLES_MIN or (too_short and count < SAMPLES))

    def note_first(self, pause_s: float) -> None:
        """Note the first pause after a connection that was used; we may have looked late."""
        self.firsts.append(min(pause_s, FIRST_S))

    def check(self, pause_s: float, failures: int, at_least_s: float = 0.0) -> None:
        """Judge a pause.

        Args:
            pause_s: how long it was.
            failures: the connection or attempt before it was the how manieth in a row to fail.
            at_least_s: what the gateway asked for.

        Raises:
            Broken: it is too short or too long.
        """
        full_s = min(FIRST_S * 2.0 ** (failures - 1), CAP_S)
        rules = ("B2", "B5", "B9") if at_least_s else ("B2", "B4")
        least_s = max(at_least_s, 0.0 if self.are_random else full_s)
        most_s = max(at_least_s, full_s)
        what = f"after {failures} failures in a row the client tried again after {pause_s:.1f} s"
        if pause_s < least_s - EARLY_S:
            raise Broken(f"{what}, which is too early: {least_s:g} s", *rules)
        if pause_s > most_s + LATE_S:
            raise Broken(f"{what}, which is too late: {most_s:g} s", *rules)

    def check_together(self, pauses_s: float) -> None:
        """Judge four pauses after each other, which have 15 s, or are drawn at random below that.

        Raises:
            Broken: they are too short even for a client that draws them.
        """
        if pauses_s < TOGETHER_S:
            text = f"four pauses took {pauses_s:.1f} s together"
            raise Broken(f"{text}, which is less than chance makes of 1, 2, 4 and 8 s", "B2", "B3")
