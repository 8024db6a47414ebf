"""``agent-gate usage``: what models took, in tokens and money, and what budgets have left."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from agentgate_cli.exits import Exit
from agentgate_cli.figures import Part, bar, dollars, packed, share
from agentgate_cli.inspect import width_of_terminal
from agentgate_cli.remote import connected, gateway_options, remote_of, run_remote
from agentgate_cli.style import bad, bold, dim, good, say, say_json, warn
from agentgate_cli.tables import Column, print_table
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_client import UsageReport
    from agentgate_proto.rpc.usage_methods import BudgetLine, UsageLine

BYS = ("model", "day", "principal", "session", "total")

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

NARROW_CHARS = 70
"""Below this width the table has no bars and fewer columns."""

BAR_CHARS = 16
BUDGET_BAR_CHARS = 20

ALMOST_SPENT = 0.8
"""From this share on a budget is shown in a colour that warns."""


@click.command()
@click.option(
    "--by", type=click.Choice(BYS), default="model", show_default=True, help="What rows are about."
)
@click.option("--since", default="", metavar="DAY", help="Only from this day on (UTC): 2026-11-29.")
@click.option("--session", default="", metavar="ID", help="Only of this session.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@gateway_options
def usage(by: str, since: str, session: str, as_json: bool, **options: Any) -> int:
    """Show what model requests took, yours, or with an operator's token everybody's.

    A cost that nobody knows is not zero: such requests are counted beside the sum. Money that is
    reserved for requests under way is part of it.

    \b
    Examples:
      agent-gate usage --by day --since 2026-11-01
      agent-gate usage --by session --json | jq '.rows[0].key'
    """
    if since and not DAY.fullmatch(since):
        raise click.UsageError(f"--since {since}: write a day, 2026-11-29")
    remote = remote_of(options)

    async def work() -> int:
        from agentgate_client import AgentGateClient

        async with connected(AgentGateClient, remote) as client:
            report = await client.sessions.usage(by, session=session, since=since)
        if as_json:
            say_json(report)
        else:
            show(report, by)
        return Exit.OK

    return run_remote(work)


def show(report: UsageReport, by: str) -> None:
    """Show a report."""
    width = width_of_terminal()
    is_wide = width >= NARROW_CHARS
    rows = report.rows if by == "total" else [*report.rows, report.total]
    most = max((weight(row, report) for row in report.rows), default=0)
    if not sys.stdout.isatty():
        print_table(COLUMNS, [plain_cells(row) for row in rows], "")
        return
    if not report.total.requests:
        say("no model was asked")
    elif is_wide:
        columns = (Column(by, "bold"), *COLUMNS[1:], Column(""))
        drawn = [(*cells(row), drawn_bar(row, report, most)) for row in rows]
        print_table(columns, drawn, "")
    else:
        narrow = (Column(by, "bold", wide=True), COLUMNS[1], COLUMNS[4])
        print_table(narrow, [(each[0], each[1], each[4]) for each in map(cells, rows)], "")
    if report.total.unknown:
        times = plural(report.total.unknown, "request")
        say(warn(f"{times} of unknown cost: set 'price' of the model, be it 0"))
    if report.total.reserved_micros:
        say(dim(f"of it {dollars(report.total.reserved_micros)} reserved for what is under way"))
    for budget in report.budgets:
        for line in budget_lines(budget, width):
            say(line)
    if report.prices:
        say(dim(f"prices {printable(report.prices)}"))


COLUMNS = (
    Column("key"),
    Column("requests"),
    Column("in"),
    Column("out"),
    Column("cost"),
)


def cells(row: UsageLine) -> tuple[str, ...]:
    """Make the cells of a row, for the eye."""
    usage = row.usage
    about = "~" if usage.is_estimate else ""
    return (
        printable(row.key),
        f"{row.requests:,}",
        f"{about}{usage.input:,}",
        f"{about}{usage.output:,}",
        cost_of(row),
    )


def plain_cells(row: UsageLine) -> tuple[str, ...]:
    """Make the cells of a row, for programs."""
    usage = row.usage
    return (
        printable(row.key),
        str(row.requests),
        str(usage.input),
        str(usage.output),
        cost_of(row),
    )


def cost_of(row: UsageLine) -> str:
    """Say what is known of a cost, and that there is more."""
    if not row.unknown:
        return dollars(row.cost_micros)
    if row.unknown >= row.requests:
        return dollars(None)
    return f"{dollars(row.cost_micros)} + unknown"


def weight(row: UsageLine, report: UsageReport) -> int:
    """What a row's bar is drawn by: money, or tokens where there is no money."""
    if report.total.cost_micros:
        return row.cost_micros
    return row.usage.input + row.usage.output


def drawn_bar(row: UsageLine, report: UsageReport, most: int) -> str:
    """Draw a row's share of the largest one; the sum has none."""
    if row is report.total or not most:
        return ""
    amount = weight(row, report)
    return "█" * max(round(BAR_CHARS * amount / most), 1 if amount else 0)


def budget_lines(budget: BudgetLine, width: int) -> list[str]:
    """Say how a budget stands."""
    spent, limit = budget.spent_micros, budget.limit_micros
    left = max(limit - spent, 0)
    colour = "red" if spent >= limit else "yellow" if spent >= ALMOST_SPENT * limit else "green"
    paint = {"red": bad, "yellow": warn, "green": good}[colour]
    over = "then a person is asked" if budget.over == "ask" else "then no more"
    about = "" if budget.model == "*" else f" on {printable(budget.model)}"
    head = f"budget {bold(printable(budget.name))}{about}, per {printable(budget.per)}"
    drawn = bar([Part(min(spent, limit), "█", colour)], limit, BUDGET_BAR_CHARS)
    left_of = f" {paint(dollars(left))} of {dollars(limit)} left ({share(spent, limit)} spent),"
    return packed([head, f" {drawn}", left_of, over], width)
