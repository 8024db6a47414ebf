"""Makes the small table of prices from genai-prices' data: ``python -m tests.price_table``.

The base install prices the current models of the large vendors by it; others need the extra
``prices``. Models for speech, pictures or vectors are left out, and so are those that their vendor
gives up. Where a price depends on the hour it is the highest, so that no budget is exceeded.

``python -m tests.price_table FILE`` compares the table with recorded usages instead: with
``tests/dataset/usages.json`` of the repository of genai-prices.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import msgspec
from genai_prices import types
from genai_prices.data import providers

from agentgate_proto.models.prices import (
    DATED,
    Price,
    PricedModel,
    PriceList,
    PriceTable,
    cost,
    key_of,
)
from agentgate_proto.records.usage import Usage
from agentgate_server.models.genai import micros, price_of
from agentgate_server.models.prices import TABLE

MODELS_OF = {
    "anthropic": r"claude-(?!2|v1|3-)",
    "openai": r"(?:gpt-(?!3|4-|4$|oss)|o\d|codex)",
    "google": r"gemini-(?!1|pro|flash|2\.0|nano|omni|robotics)",
    "mistral": r"(?:mi|mini|magi|code|dev)stral",
    "deepseek": r"deepseek",
    "x-ai": r"grok-(?!2|voice)",
    "groq": r"(?:llama-3\.[13]|meta-llama/|openai/|qwen/|moonshotai/)",
    "moonshotai": r"kimi",
    "cohere": r"command",
}
"""Which models of which vendors: those that somebody would name today."""

OTHER_USES = re.compile(
    r"audio|image|tts|realtime|transcribe|live|embed|vision|ocr|guard|search|whisper|\.ft-"
    r"|:free|:extended|instruct-?\d|-instruct$|rosalind"
)
"""What is in the names of models that are for something else, or are run by others."""

WHOLE_NAME = re.compile(r"(?!.*-20\d\d$).*[a-z0-9]")
"""Of the beginnings of names by which models are found, those that are names themselves."""


def hours_of(day: datetime) -> list[datetime]:
    """Return times of a day, one in each hour."""
    return [datetime.combine(day.date(), time(hour, 30), UTC) for hour in range(24)]


def price_on(model: types.ModelInfo, day: datetime) -> Price | None:
    """Return what a model costs on a day, at its dearest hour; None: it does not speak."""
    prices = [price_of(model.get_prices(hour)) for hour in hours_of(day)]
    known = [price for price in prices if price is not None]
    return max(known, key=lambda price: price.output) if known else None


def names(match: types.MatchLogic) -> Iterator[str]:
    """Yield the names by which a model is known, of those that are plain ones."""
    match match:
        case types.ClauseOr():
            for each in match.or_:
                yield from names(each)
        case types.ClauseEquals():
            yield match.equals
        case types.ClauseStartsWith():
            yield match.starts_with
        case _:
            pass


def others(provider: types.Provider, model: types.ModelInfo) -> tuple[str, ...]:
    """Return the further names of a model, without those that differ by a date or in spelling."""
    keys = {key_of(name) for name in names(model.match) if WHOLE_NAME.fullmatch(name)}
    # A vendor's list is searched in order: what an earlier model takes is not this one's.
    its = {key for key in keys if provider.find_model(key) in (None, model)}
    own = key_of(model.id)
    return tuple(sorted(key for key in its if key != own and DATED.sub("", key) not in its - {key}))


def made(day: datetime) -> PriceTable:
    """Make the table of a day."""
    rows = []
    for vendor, pattern in MODELS_OF.items():
        provider = next(each for each in providers if each.id == vendor)
        for model in provider.models:
            fits = re.match(pattern, model.id) and not OTHER_USES.search(model.id)
            price = price_on(model, day) if fits and not model.deprecated else None
            if price is not None:
                fields = msgspec.structs.asdict(price)
                rows.append(PricedModel(id=model.id, also=others(provider, model), **fields))
    return PriceTable(
        version=day.date().isoformat(),
        source=f"genai-prices {version('genai-prices')}",
        models=tuple(rows),
    )


def rendered(table: PriceTable) -> str:
    """Write a table, each model on a line of its own."""
    lines = []
    for model in table.models:
        fields = msgspec.to_builtins(model)
        row = {name: fields.pop(name) for name in ("id", "also") if name in fields} | fields
        lines.append(f"  {msgspec.json.encode(row).decode()}")
    head = f'"version": "{table.version}",\n"source": "{table.source}"'
    rows = ",\n".join(lines)
    return f'{{{head},\n"models": [\n{rows}\n]}}\n'


OF_TEXT = re.compile(r"(?:input|output|cache_read|cache_write(?:_1h)?)_tokens")
"""The counts that our usage has."""


class Compared(msgspec.Struct):
    """What came of a comparison with recorded usages.

    Attributes:
        known: answers of models that the table has, asked at their vendors.
        as_recorded: of them, those that cost what the recording says, rounded up.
        as_of_today: those that cost something else now, and that by genai-prices as well.
        differences: the others.
    """

    known: int = 0
    as_recorded: int = 0
    as_of_today: int = 0
    differences: list[str] = []


def compare(path: Path) -> Compared:
    """Compare the table with what genai-prices made of recorded answers of vendors."""
    prices = PriceList(msgspec.json.decode(TABLE.read_bytes(), type=PriceTable))
    compared = Compared()
    for row in msgspec.json.decode(path.read_bytes()):
        for extracted in row["extracted"]:
            for extractor in extracted["extractors"]:
                name = row.get("model", "")
                vendor = next(each for each in providers if each.id == extractor["provider_id"])
                model = vendor.find_model(name) if vendor.id in MODELS_OF else None
                price = prices.find(name)
                is_its = model is not None and re.match(MODELS_OF[vendor.id], model.id)
                if price is None or model is None or not is_its or "input_price" not in extractor:
                    continue
                compared.known += 1
                ours = cost(usage_of(extracted["usage"]), price)
                then = sum(Decimal(extractor[each]) for each in ("input_price", "output_price"))
                now = priced_by_them(model, vendor, extracted["usage"], prices.version)
                if ours == micros(then, 0):
                    compared.as_recorded += 1
                elif ours == micros(now, 0):
                    compared.as_of_today += 1
                else:
                    words = f"{name} {extracted['usage']}: {ours}, not {then} or {now}"
                    compared.differences.append(words)
    return compared


def usage_of(recorded: dict[str, int]) -> Usage:
    """Return a recorded usage in our form; theirs counts what is written for an hour twice."""
    write_1h = recorded.get("cache_write_1h_tokens", 0)
    return Usage(
        input=recorded.get("input_tokens", 0),
        output=recorded.get("output_tokens", 0),
        cache_read=recorded.get("cache_read_tokens", 0),
        cache_write=recorded.get("cache_write_tokens", 0) - write_1h,
        cache_write_1h=write_1h,
    )


def priced_by_them(
    model: types.ModelInfo, vendor: types.Provider, recorded: dict[str, int], day: str
) -> Decimal:
    """Return what the texts of a request cost on a day, at its dearest hour."""
    counted = {name: count for name, count in recorded.items() if OF_TEXT.fullmatch(name)}
    usage = types.Usage(**counted)
    return max(
        model.calc_price(usage, vendor, genai_request_timestamp=hour).total_price
        for hour in hours_of(datetime.fromisoformat(day))
    )


def main(paths: list[str]) -> None:
    """Make the table, or compare it with a file of recorded usages."""
    if not paths:
        TABLE.write_text(rendered(made(datetime.now(UTC))), "utf-8")
        return
    compared = compare(Path(paths[0]))
    print(
        f"{compared.known} answers of models in the table: {compared.as_recorded} cost what was "
        f"recorded, {compared.as_of_today} what genai-prices says now, "
        f"{len(compared.differences)} something else",
        *compared.differences,
        sep="\n",
    )
    sys.exit(bool(compared.differences or not compared.known))


if __name__ == "__main__":
    main(sys.argv[1:])
