"""``python -m tests.conformance.wrong KIND``: prove that the conformance tests find mistakes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.change import why_stale
from tests.conformance.wrong.client_trial import try_client
from tests.conformance.wrong.clients import WRONG_CLIENTS
from tests.conformance.wrong.gateway_trial import try_gateway
from tests.conformance.wrong.gateways import WRONG_GATEWAYS
from tests.conformance.wrong.mutation import Mutation, with_words
from tests.conformance.wrong.trial import Trial

KINDS: dict[str, tuple[Sequence[Mutation], Callable[[Mutation], Trial]]] = {
    "clients": (WRONG_CLIENTS, try_client),
    "gateways": (WRONG_GATEWAYS, try_gateway),
}
"""What can be wrong: how, and what tries it."""

JOBS = 3
"""How many at once: they wait more than they compute."""


def main() -> int:
    """Try each mistake; return 1 if one of them is not found, or cannot be made any more."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.wrong", description=__doc__)
    parser.add_argument("words", nargs="*", help="only those with one of these in their names")
    parser.add_argument("--kind", choices=KINDS, action="append", help="what is wrong; all")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"how many at once; {JOBS}")
    parser.add_argument("--table", action="store_true", help="print a table in Markdown at the end")
    options = parser.parse_args()
    trials: list[Trial] = []
    stale = 0
    for kind in options.kind or KINDS:
        mutations, attempt = KINDS[kind]
        chosen = list(with_words(mutations, options.words))
        for mutation in chosen:
            if why := why_stale(mutation):
                stale += 1
                print(f"STALE   {mutation.name}: {why}", file=sys.stderr)
        with ThreadPoolExecutor(options.jobs) as pool:
            for trial in pool.map(attempt, [each for each in chosen if not why_stale(each)]):
                trials.append(trial)
                tell(trial)
    missed = sum(bool(trial.lacks) for trial in trials)
    print(
        f"{len(trials)} mistakes, {missed} not found as they must, {stale} stale", file=sys.stderr
    )
    if options.table:
        print(table_of(trials))
    return 1 if missed or stale or not trials else 0


def tell(trial: Trial) -> None:
    """Print a line for a trial that is over."""
    right = "passed" if trial.mutation.is_allowed else "found"
    verdict = "MISSED" if trial.lacks else right
    words = trial.lacks or "; ".join(each.why or each.case for each in trial.findings)
    print(
        f"{verdict:<7} {trial.seconds:5.1f} s  {trial.mutation.name}\n{'':17}{words}",
        file=sys.stderr,
        flush=True,
    )


def table_of(trials: Sequence[Trial]) -> str:
    """Make the table for people: what was wrong, what found it, and what that said."""
    lines = ["| mistake | rule | found by | said |", "| --- | --- | --- | --- |"]
    for trial in trials:
        for each in trial.findings:
            cells = (trial.mutation.name, trial.mutation.rule, each.case, each.why)
            lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
