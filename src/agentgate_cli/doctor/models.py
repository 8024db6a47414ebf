"""Models behind vendors' APIs: is one there, is the key taken, and is the model known?

A list of models is asked for, which costs nothing. No model is asked anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import anyio
import msgspec

from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.doctor.reaching import all_at_once, unreached
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    import httpx2

    from agentgate_server.config import Config, ModelConfig
    from agentgate_server.models.vendor import VendorModel
    from agentgate_server.policy.linting import Finding

WAIT_S = 15.0
BYTES_MAX = 16_000_000
"""Of one list: those with the longest have some hundred kilobytes."""

VENDORS = ("anthropic", "openai")
SHOWN_MAX = 5

LISTS = {"anthropic": "/v1/models?limit=1000", "openai": "/models"}
"""Where the models are listed, from the base; 1,000 is the most that Anthropic lists at a time."""

OWN_PATHS = {"anthropic": "/v1/models/", "openai": "/models/"}
"""Where one is told of by itself, by its name, which may be an alias that no list has."""

KEY_PATHS = {"openrouter.ai": "/key"}
"""Where a vendor tells of the key, whose list anybody may read; by its host."""


class Listed(msgspec.Struct):
    """A model in a list."""

    id: str


class Models(msgspec.Struct):
    """A list of models, as both vendors write it."""

    data: list[Listed]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, where it leads, and the body."""

    status: int
    location: str
    body: bytes


async def reach_models(patient: Patient, config: Config) -> Report:
    """Ask each vendor for its list, once for each key, and look for the models in it."""
    places: dict[tuple[str, ...], list[tuple[str, ModelConfig]]] = {}
    for name, model in config.sessions.models.items():
        if model.backend in VENDORS:
            key = "" if model.api_key is None else model.api_key.value
            place = (model.backend, str(model.base_url), key)
            places.setdefault(place, []).append((str(name), model))
    if not places:
        return Report()
    found = await all_at_once(places.values(), lambda models: try_place(config, models))
    well = f"{plural(sum(map(len, places.values())), 'model')}, known where they are asked"
    return Report(well, tuple(finding for findings in found for finding in findings))


async def try_place(config: Config, models: list[tuple[str, ModelConfig]]) -> list[Finding]:
    """Try one vendor with one key, and the models that it has there.

    Args:
        config: the whole.
        models: by their names here; they have one base URL and one key.
    """
    from agentgate_server.models.prices import PriceBook
    from agentgate_server.models.vendor import VendorModel
    from agentgate_server.secrets.masking import Masker
    from agentgate_server.sessions.models import info_of, model_of

    name, first = models[0]
    masker = Masker(config.secrets)
    vendor = model_of(info_of(name, first, PriceBook()), first, masker, config.folder)
    assert isinstance(vendor, VendorModel), "they have an API"
    try:
        return await look_at(vendor, models)
    finally:
        await vendor.aclose()


async def look_at(vendor: VendorModel, models: list[tuple[str, ModelConfig]]) -> list[Finding]:
    """Ask for the list, and for what is not in it."""
    name, first = models[0]
    key, url = f"sessions.models.{name}", str(first.base_url)
    host = urlsplit(url).hostname or ""
    try:
        if first.api_key is not None and host in KEY_PATHS:
            answer = await ask(vendor, KEY_PATHS[host])
            if trouble := refused(answer, key, first, vendor):
                return [trouble]
        answer = await ask(vendor, LISTS[first.backend])
        if trouble := refused(answer, key, first, vendor):
            return [trouble]
        known = listed_in(answer.body)
        if known is None:
            text = f"what answers at {url} lists no models as {first.backend} does"
            return [broken(text, f"correct {key}.base_url: it is the API's address, not a page's")]
        return [
            await missing(vendor, model_name, model, known)
            for model_name, model in models
            if not is_known(model.model, known)
            and (await ask(vendor, OWN_PATHS[model.backend] + quote(model.model))).status != 200
        ]
    except NoAnswer as error:
        return [unreached(str(error), url, f"{key}.base_url")]


class NoAnswer(Exception):
    """There is none; the text says why, and holds no key."""


async def ask(vendor: VendorModel, path: str) -> Answer:
    """Ask for one thing.

    Raises:
        NoAnswer: nothing came.
    """
    import httpx2

    from agentgate_server.backends.http_client import explain

    try:
        with anyio.fail_after(WAIT_S):
            async with vendor.client.stream(
                "GET", vendor.url(path), headers=vendor.all_headers()
            ) as response:
                return Answer(
                    response.status_code,
                    response.headers.get("location", ""),
                    await body_of(response),
                )
    except (TimeoutError, httpx2.TimeoutException):
        raise NoAnswer(f"no answer within {WAIT_S:g} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise NoAnswer(vendor.masker.text(explain(error))) from None


async def body_of(response: httpx2.Response) -> bytes:
    """Read a body up to the cap."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BYTES_MAX:
            break
    return bytes(body)


def listed_in(body: bytes) -> list[str] | None:
    """The names in a list; None: it is none."""
    try:
        return [each.id for each in msgspec.json.decode(body, type=Models).data]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def is_known(model: str, known: list[str]) -> bool:
    """Whether a model is in a list; local servers add ``:latest`` to a name without a tag."""
    return model in known or f"{model}:latest" in known


async def missing(vendor: VendorModel, name: str, model: ModelConfig, known: list[str]) -> Finding:
    """A model that is in no list may be there all the same, and is not as a rule."""
    near = get_close_matches(model.model, known, 3, 0.5) or known[:SHOWN_MAX]
    there = f" (there is {', '.join(map(printable, near))})" if near else ""
    text = f"{vendor.origin} does not know the model {printable(model.model)} of {name}"
    return doubtful(text, f"set sessions.models.{name}.model to one that it has{there}")


def refused(answer: Answer, key: str, config: ModelConfig, vendor: VendorModel) -> Finding | None:
    """Say what a status means; None: it is a good one."""
    status, url = answer.status, config.base_url
    own = f"make a new key in the account at {vendor.origin.host}, and put it where {key}.api_key"
    own = f"{own} takes it from (.env); then restart the gateway"
    match status:
        case 200:
            return None
        case 401 if config.api_key is None:
            return broken(f"{url} wants a key (401)", f"{key}.api_key: ${{VARIABLE}}")
        case 401:
            return broken(f"{url} does not take the key (401): it is wrong, or was revoked", own)
        case 402:
            return broken(f"{url} wants money (402)", "buy credit in the account there")
        case 403:
            step = f"see in the account there what this key may do, and from where; else {own}"
            return broken(f"{url} knows the key, and refuses it (403)", step)
        case 404 | 405:
            text = f"{url} lists no models ({status}): it may be another address than the API's"
            return doubtful(text, f"correct {key}.base_url, unless conversations work")
        case 429:
            text = f"{url} takes no more requests of this key at present (429)"
            return doubtful(text, "see the limits and the credit of the account there")
        case _ if 300 <= status < 400:
            to = printable(urlsplit(answer.location).netloc) or "elsewhere"
            text = f"{url} leads to {to} ({status}), which is not followed"
            return broken(text, f"set {key}.base_url to where the API is")
        case _ if status >= 500:
            text = f"{url} answers {status}: it is not well"
            return doubtful(text, "see its log, or the vendor's page of its state; try again later")
        case _:
            return broken(f"{url} answers {status}", f"correct {key}.base_url")
