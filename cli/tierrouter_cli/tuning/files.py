"""From a benchmark's results: read, tune, write; a policy, a router file and a picture of the frontier."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
import orjson

from tierrouter_cli.exits import USAGE, say
from tierrouter_cli.tuning.table import print_tuned
from tierrouter_core.errors import ResultsError
from tierrouter_core.tuning.plot import frontier_svg
from tierrouter_core.tuning.policy_json import policy_to_json
from tierrouter_core.tuning.results import Results, check_baseline, check_floor, read_results
from tierrouter_core.tuning.router import KnownModels, WrittenRouter, router_from, router_with_placeholders
from tierrouter_core.tuning.tune import Tuned, tune
from tierrouter_sidecar.configuration import read_texts

_WHAT: Final = {
    "policy": "the policy",
    "router": "a TierRouter that implements it; check it with tierrouter compile -f",
    "plot": "cost against quality",
}
_SVG: Final = ".svg"
_PAGES: Final = (".html", ".htm")
_OPTIONS: Final = {"policy": "--out", "router": "--router-out", "plot": "--plot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of any results, and where it is written."""

    baseline: str
    floor: float
    seed: int
    out: Path | None
    """None: no file is written."""
    router: Path | None
    router_out: Path | None
    plot: Path | None

    def check_floor(self) -> None:
        """Ends the command for a floor that is none."""
        try:
            check_floor(self.floor)
        except ResultsError as error:
            refuse(f"--floor: {error}")

    def known(self) -> KnownModels | None:
        """What the user's router file has; None without one."""
        if self.router is None:
            return None
        ((_, text),) = read_texts([self.router])
        return KnownModels(text, str(self.router))


@dataclass(frozen=True, slots=True)
class Found:
    """A policy, and the router that implements it."""

    tuned: Tuned
    router: WrittenRouter


def tune_files(wanted: Wanted, results: Path) -> None:
    """Read, tune, write, and say what came of it.

    Nothing is written unless everything could be read.

    Raises:
        ResultsError, ConfigurationError: what is wrong in a file that was read.
    """
    wanted.check_floor()
    outputs = outputs_of(wanted, [results])
    known = wanted.known()
    ((source, text),) = read_texts([results])
    found = found_in(read_results(text, source), source, wanted, known)
    write_files(outputs, found, wanted.seed)


def found_in(results: Results, source: str, wanted: Wanted, known: KnownModels | None) -> Found:
    """The policy and its router; raises ResultsError for a baseline or a model that there is not."""
    check_baseline(results, wanted.baseline, source)
    if known is not None:
        known.check(results.models, source)
    tuned = tune(results, baseline=wanted.baseline, floor=wanted.floor, rng=np.random.default_rng(wanted.seed))
    if known is not None:
        return Found(tuned, router_from(tuned.mix, tuned.baseline, known))
    return Found(tuned, router_with_placeholders(tuned.mix, tuned.baseline))


def write_files(outputs: dict[str, Path], found: Found, seed: int) -> None:
    """Write them, print the table, and say what was written."""
    texts = {
        "policy": orjson.dumps(policy_to_json(found.tuned, seed), option=orjson.OPT_INDENT_2) + b"\n",
        "router": found.router.text.encode(),
        "plot": _picture(outputs.get("plot"), found.tuned),
    }
    for what, path in outputs.items():
        path.write_bytes(texts[what])
    print_tuned(found.tuned)
    if "router" in outputs:
        say_left_out(found.router)
    for what, path in outputs.items():
        say(f"wrote {path}: {_WHAT[what]}")


def say_left_out(router: WrittenRouter) -> None:
    """What of the user's router is not in the tuned one."""
    if router.left_out:
        say(f"left out of the router, since the policy decides instead: {', '.join(router.left_out)}")


def outputs_of(wanted: Wanted, inputs: list[Path]) -> dict[str, Path]:
    """What is written where. Without names of their own, router and plot stand beside the policy."""
    if wanted.out is None:
        return {}
    outputs = {"policy": wanted.out}
    # A device or a pipe has nothing beside it.
    beside = wanted.out if wanted.out.is_file() or not wanted.out.exists() else None
    for what, given, suffix in (("router", wanted.router_out, ".router.yaml"), ("plot", wanted.plot, _SVG)):
        if given is not None:
            outputs[what] = given
        elif beside is not None:
            outputs[what] = beside.with_suffix(suffix)
    read = [path.resolve() for path in (*inputs, wanted.router) if path is not None]
    named = [path.resolve() for path in outputs.values()]
    for what, path in outputs.items():
        if not path.parent.is_dir():
            refuse(f"there is no folder {path.parent} for the {what}; make it, or name another by {_OPTIONS[what]}")
        if path.resolve() in read:
            refuse(f"{path} would be overwritten by the {what}; name another file by {_OPTIONS[what]}")
        if named.count(path.resolve()) > 1:
            refuse(f"{path} is named twice; give --out, --router-out and --plot a file each")
    if wanted.plot is not None and wanted.plot.suffix.lower() not in (_SVG, *_PAGES):
        refuse(f"{wanted.plot}: a plot is drawn as {_SVG} or {_PAGES[0]}; name such a file by --plot")
    return outputs


def _picture(path: Path | None, tuned: Tuned) -> bytes:
    svg = frontier_svg(tuned)
    if path is not None and path.suffix.lower() in _PAGES:
        svg = f'<!doctype html>\n<meta charset="utf-8">\n<title>Cost against quality</title>\n{svg}'
    return svg.encode()


def refuse(message: str) -> NoReturn:
    """The command's own options are wrong."""
    say(f"tierrouter tune: {' '.join(message.split())}")
    raise SystemExit(USAGE)
