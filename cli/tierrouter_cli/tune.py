"""``tierrouter tune``: benchmark results in; a policy, a router file and a picture of the frontier out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
import orjson

from tierrouter_cli.exits import USAGE, say
from tierrouter_cli.tune_table import print_tuned
from tierrouter_core.errors import ResultsError
from tierrouter_core.tuning.plot import frontier_svg
from tierrouter_core.tuning.policy_json import policy_to_json
from tierrouter_core.tuning.results import check_baseline, check_floor, read_results
from tierrouter_core.tuning.router import KnownModels, router_from, router_with_placeholders
from tierrouter_core.tuning.tune import Tuned, tune
from tierrouter_sidecar.configuration import read_texts

_WHAT: Final = {
    "policy": "the policy",
    "router": "a TierRouter that implements it; check it with tierrouter compile -f",
    "plot": "cost against quality",
}
_OPTIONS: Final = {"policy": "--out", "router": "--router-out", "plot": "--plot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The command's options."""

    results: Path
    baseline: str
    floor: float
    out: Path
    seed: int
    router: Path | None
    router_out: Path | None
    plot: Path | None


def tune_files(request: Request) -> None:
    """Read, tune, write, and say what came of it.

    Nothing is written unless everything could be read.

    Raises:
        ResultsError, ConfigurationError: what is wrong in a file that was read.
    """
    try:
        check_floor(request.floor)
    except ResultsError as error:
        _refuse(f"--floor: {error}")
    outputs = _outputs(request)
    known = None
    if request.router is not None:
        ((_, router_text),) = read_texts([request.router])
        known = KnownModels(router_text, str(request.router))
    ((source, text),) = read_texts([request.results])
    results = read_results(text, source)
    check_baseline(results, request.baseline, source)
    if known is not None:
        known.check(results.models, source)
    tuned = tune(results, baseline=request.baseline, floor=request.floor, rng=np.random.default_rng(request.seed))
    if known is not None:
        router = router_from(tuned.mix, tuned.baseline, known)
    else:
        router = router_with_placeholders(tuned.mix, tuned.baseline)
    texts = {
        "policy": orjson.dumps(policy_to_json(tuned, request.seed), option=orjson.OPT_INDENT_2) + b"\n",
        "router": router.text.encode(),
        "plot": _picture(outputs.get("plot"), tuned),
    }
    for what, path in outputs.items():
        path.write_bytes(texts[what])
    print_tuned(tuned)
    if router.left_out and "router" in outputs:
        say(f"left out of the router, since the policy decides instead: {', '.join(router.left_out)}")
    for what, path in outputs.items():
        say(f"wrote {path}: {_WHAT[what]}")


def _outputs(request: Request) -> dict[str, Path]:
    """What is written where. Without names of their own, router and plot stand beside the policy."""
    outputs = {"policy": request.out}
    # A device or a pipe has nothing beside it.
    beside = request.out if request.out.is_file() or not request.out.exists() else None
    for what, given, suffix in (("router", request.router_out, ".router.yaml"), ("plot", request.plot, ".svg")):
        if given is not None:
            outputs[what] = given
        elif beside is not None:
            outputs[what] = beside.with_suffix(suffix)
    inputs = [path.resolve() for path in (request.results, request.router) if path is not None]
    named = [path.resolve() for path in outputs.values()]
    for what, path in outputs.items():
        if not path.parent.is_dir():
            _refuse(f"there is no folder {path.parent} for the {what}; make it, or name another by {_OPTIONS[what]}")
        if path.resolve() in inputs:
            _refuse(f"{path} would be overwritten by the {what}; name another file by {_OPTIONS[what]}")
        if named.count(path.resolve()) > 1:
            _refuse(f"{path} is named twice; give --out, --router-out and --plot a file each")
    return outputs


def _picture(path: Path | None, tuned: Tuned) -> bytes:
    svg = frontier_svg(tuned)
    if path is not None and path.suffix.lower() in (".html", ".htm"):
        svg = f'<!doctype html>\n<meta charset="utf-8">\n<title>Cost against quality</title>\n{svg}'
    return svg.encode()


def _refuse(message: str) -> NoReturn:
    say(f"tierrouter tune: {' '.join(message.split())}")
    raise SystemExit(USAGE)
