"""``PYTHONPATH=tests python -m bench.tuning``: the figures of docs/tuning.md.

Worlds by chance; in each a benchmark of 500 tasks, halved at random 20 times; tuned on one half, scored on the other.
"""

import argparse
import time

import numpy as np

from synthetic_benchmark import Halving, Truth, halvings, world
from tierrouter_core.tuning.tune import tune

FLOOR = 0.95


def main() -> None:
    """Print a Markdown table with a line for each world, and the time for 500 tasks x 25 models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("--halvings", type=int, default=20)
    options = parser.parse_args()
    print(
        "| world | quality, other half | its 10th percentile | saving | of the best at that quality | bound held | s |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for seed in range(1, options.worlds + 1):
        of, began = world(options.models, seed), time.process_time()
        done = halvings(of, Truth(of), tasks=options.tasks, floor=FLOOR, count=options.halvings, seed=seed + 100)
        rows.append(figures(done))
        print(_row(str(seed), rows[-1]), f"{(time.process_time() - began) / len(done):.1f} |", flush=True)
    print(_row("mean", list(np.mean(rows, axis=0))), " |")
    for name, of_column in (("worst", np.min), ("best", np.max)):
        print(_row(name, [float(of_column([row[at] for row in rows])) for at in range(len(rows[0]))]), " |")
    results, began = world(25, 3).draw(500, 3), time.process_time()
    tune(results, baseline="m24", floor=FLOOR, rng=np.random.default_rng(0))
    print(f"\n500 tasks x 25 models: {time.process_time() - began:.1f} s of one core")


def figures(done: list[Halving]) -> list[float]:
    """Mean and 10th percentile of the quality, saving, its share of the best one, how often the lower bound held."""
    quality = [one.quality for one in done]
    return [
        float(np.mean(quality)),
        float(np.quantile(quality, 0.1)),
        float(np.mean([one.saving for one in done])),
        float(np.mean([one.true_saving for one in done]) / np.mean([one.best_saving for one in done])),
        float(np.mean([one.true_quality >= one.tuned.expected.quality_low for one in done])),
    ]


def _row(name: str, values: list[float]) -> str:
    return f"| {name} | " + " | ".join(f"{value * 100:.1f} %" for value in values) + " |"


if __name__ == "__main__":
    main()
