"""Prices from the genai-prices package, looked up in a child process and remembered on disk.

Importing that package costs a third of a second and 30 MB, so no server does: a child reads what is wanted as
JSON on its stdin, writes prices on its stdout, and ends. Nothing here uses the network: the prices are those that the
installed version of the package came with.

Only a provider that the package knows by its address is priced. A model behind a loopback or private address, or a
gateway that nobody knows, is not, however its model is called: a local model with a hosted one's name is free.
"""

import importlib.metadata
import ipaddress
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from tierrouter_core.names import CostSource
from tierrouter_core.spend.price import Price, Rates, price_from_json, price_to_json

Wanted = tuple[str, str, str]
"""A provider's name, its base URL, a model's id there. With an empty URL the model is found by its name alone."""

_CHILD_TIMEOUT_S: Final = 20.0
_CHILD_VARIABLES: Final = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LANG", "SYSTEMROOT")
"""All that the child gets of the environment: no key of any provider."""

_PRIVATE_SUFFIXES: Final = (".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa")


def lookup_prices(
    wanted: Sequence[Wanted], cache_dir: Path | None, on_warning: Callable[[str], None] = lambda message: None
) -> dict[Wanted, Price]:
    """The prices of ``wanted`` that genai-prices knows today; what it doesn't know is left out.

    Args:
        cache_dir: where found prices are kept for the rest of the day, or None to keep none.
        on_warning: called with a sentence when nothing can be looked up; there are then no prices, which is no error.
    """
    candidates = [entry for entry in dict.fromkeys(wanted) if not (entry[1] and is_private_address(entry[1]))]
    if not candidates:
        return {}
    cache = None if cache_dir is None else cache_dir / f"prices-{_package_version()}.json"
    known = _read_cache(cache)
    missing = [entry for entry in candidates if entry not in known]
    if missing:
        try:
            answers = _ask_child(missing)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            on_warning(f"prices can't be looked up in genai-prices ({error}); set priceUSDPerMTok where costs matter")
        else:
            known.update(zip(missing, answers, strict=True))
            _write_cache(cache, known)
    found = ((entry, known.get(entry)) for entry in candidates)
    return {entry: price for entry, price in found if price is not None}


def is_private_address(base_url: str) -> bool:
    """Whether ``base_url`` is on this machine, in this network or in this cluster, as far as its text says."""
    try:
        host = (urlsplit(base_url if "://" in base_url else f"//{base_url}").hostname or "").rstrip(".")
    except ValueError:
        # Not an address of anything, so of no provider that has a price.
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        # A name without a dot is a service of this cluster or a machine of this network.
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES) or ".svc." in host


def _package_version() -> str:
    try:
        return importlib.metadata.version("genai-prices")
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _read_cache(path: Path | None) -> dict[Wanted, Price | None]:
    """What was looked up today; prices change by the day, so older answers don't count."""
    if path is None:
        return {}
    # A cache that can't be read is no cache.
    with suppress(OSError, ValueError, KeyError, TypeError, ArithmeticError):
        data = orjson.loads(path.read_bytes())
        if data["date"] == _today():
            return {
                (str(provider), str(url), str(model)): None if price is None else price_from_json(price)
                for provider, url, model, price in data["prices"]
            }
    return {}


def _write_cache(path: Path | None, known: dict[Wanted, Price | None]) -> None:
    if path is None:
        return
    prices = [[*entry, None if price is None else price_to_json(price)] for entry, price in known.items()]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # Not being able to remember is no reason to fail.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.write_bytes(orjson.dumps({"date": _today(), "prices": prices}))
        temporary.replace(path)


def _ask_child(wanted: Sequence[Wanted]) -> list[Price | None]:
    child = subprocess.run(
        [sys.executable, "-P", "-m", "tierrouter_prices.lookup"],
        input=orjson.dumps(wanted),
        capture_output=True,
        timeout=_CHILD_TIMEOUT_S,
        check=False,
        env={name: os.environ[name] for name in _CHILD_VARIABLES if name in os.environ},
    )
    if child.returncode != 0:
        said = child.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(said[-1] if said else f"the look-up ended with status {child.returncode}")
    answers = [None if price is None else price_from_json(price) for price in orjson.loads(child.stdout)]
    if len(answers) != len(wanted):
        raise ValueError("the look-up answered something else than it was asked")
    return answers


# What follows runs in the child.


def _price_of(wanted: Wanted, now: datetime) -> Price | None:
    from genai_prices.data_snapshot import get_snapshot

    _, base_url, model = wanted
    try:
        _, info = get_snapshot().find_provider_model(model, None, None, base_url or None)
        return price_from_genai(_usual_price(info, now))
    except LookupError:
        return None


def _usual_price(info: Any, now: datetime) -> Any:
    """The price in force for most of today: some providers charge by the hour, a document has one price."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    samples = [info.get_prices(midnight + timedelta(minutes=30 * step + 15)) for step in range(48)]
    chosen = Counter(map(id, samples)).most_common(1)[0][0]
    return next(price for price in samples if id(price) == chosen)


def price_from_genai(model_price: Any) -> Price | None:
    """A genai-prices ``ModelPrice`` as ours; None where it lacks an input or output price, or has one per request."""
    values = {
        "input": model_price.input_mtok,
        "output": model_price.output_mtok,
        "cache_read": model_price.cache_read_mtok,
        "cache_write": model_price.cache_write_5m_mtok or model_price.cache_write_mtok,
        "cache_write_1h": model_price.cache_write_1h_mtok,
    }
    if values["input"] is None or values["output"] is None or model_price.requests_kcount is not None:
        return None
    thresholds = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    above = tuple((threshold, _rates(values, threshold)) for threshold in thresholds)
    return Price(rates=_rates(values, None), above=above, source=CostSource.GENAI_PRICES)


def _rates(values: dict[str, Any], threshold: int | None) -> Rates:
    """The rates of inputs longer than ``threshold``, or of all others."""
    return Rates(**{name: _rate(value, threshold) for name, value in values.items() if value is not None})


def _rate(value: Any, threshold: int | None) -> Decimal:
    rate: Decimal = getattr(value, "base", value)
    for tier in getattr(value, "tiers", ()):
        if threshold is not None and tier.start <= threshold:
            rate = tier.price
    return rate


def _child_main() -> None:
    now = datetime.now(UTC)
    wanted = [(str(provider), str(url), str(model)) for provider, url, model in orjson.loads(sys.stdin.buffer.read())]
    prices = [_price_of(entry, now) for entry in wanted]
    answer = orjson.dumps([None if price is None else price_to_json(price) for price in prices])
    sys.stdout.buffer.write(answer)


if __name__ == "__main__":
    _child_main()
