"""``python -m bench.rollout``: the figures and the plot of docs/rollout.md.

Synthetic fleets whose truth is known; on each, canaries that are as good as the stable revision and such as are worse
in a known way, judged by the function that the operator calls, with a router's default settings.
"""

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench.rollout.picture import Curve, plot
from bench.rollout.scenarios import SCENARIOS, Ran, Scenario, run
from tierrouter_core.rollout.analysis import Action

_SIZES = ((0, 20), (20, 100), (100, 10**9))
_SPAN_S = 3600.0
_FIRST_SEED = 10_000


def main() -> None:
    """Print a Markdown table with a line for each scenario; write the plot where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, default=1000)
    parser.add_argument("--worse", type=int, default=1000, help="fleets of each scenario whose canary is worse")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    print(
        "| canary | rolled back | < 20 sessions | 20-99 | 100 or more | after, median | its turns | 90th percentile |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    curves = []
    with ProcessPoolExecutor(options.processes) as pool:
        for at, scenario in enumerate(SCENARIOS):
            count = options.worse if scenario.is_worse else options.fleets
            seeds = range(_FIRST_SEED, _FIRST_SEED + count)
            done = list(pool.map(run, [scenario] * count, seeds, chunksize=10))
            print(_row(scenario, done), flush=True)
            if at != 1:
                rolled = [one.after_s for one in done if one.action is Action.ROLL_BACK]
                curves.append(Curve(scenario.name, rolled, len(done)))
    if options.plot is not None:
        options.plot.write_text(plot(curves, "Canaries rolled back, by when", _SPAN_S))


def _row(scenario: Scenario, done: Sequence[Ran]) -> str:
    rolled = [one for one in done if one.action is Action.ROLL_BACK]
    shares = [_share(done), *(_share([one for one in done if low <= one.expected < high]) for low, high in _SIZES)]
    after = turns = late = "-"
    if rolled:
        after = f"{np.median([one.after_s for one in rolled]) / 60:.0f} min"
        turns = f"{np.median([one.turns for one in rolled]):.0f}"
        late = f"{np.quantile([one.after_s for one in rolled], 0.9) / 60:.0f} min"
    return f"| {scenario.name} | {' | '.join(shares)} | {after} | {turns} | {late} |"


def _share(done: Sequence[Ran]) -> str:
    """How many were rolled back."""
    return f"{100 * sum(one.action is Action.ROLL_BACK for one in done) / len(done):.1f} %" if done else "-"


if __name__ == "__main__":
    main()
