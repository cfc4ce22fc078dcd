"""``python -m bench.regression [--out SVG]``: the figures and the picture of docs/regression.md."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.regression import experiments
from bench.regression.experiments import Caught
from bench.regression.fleets import NIGHTS as FLEET_NIGHTS
from bench.regression.fleets import fleets
from bench.regression.picture import picture
from bench.regression.suites import MIXED


def main() -> None:
    """Print Markdown tables, and draw what they say."""
    parser = argparse.ArgumentParser(prog="python -m bench.regression", description=__doc__)
    parser.add_argument("--series", type=int, default=1000, help="how often each thing is tried")
    parser.add_argument("--seed", type=int, default=1, help="of all draws")
    parser.add_argument("--out", type=Path, metavar="SVG", help="where the picture is written")
    options = parser.parse_args()
    for line in _quiet(options.series, options.seed):
        print(line, flush=True)
    caught: dict[str, Caught] = {}
    for line in _slips(options.series, options.seed, caught):
        print(line, flush=True)
    for lines in (_recoveries, _promotions, _fleets):
        for line in lines(options.series, options.seed):
            print(line, flush=True)
    wound = experiments.wind_up(max(options.series // 5, 1), 200, 0.9, options.seed)
    print(f"\nAfter 40 nights at 90 %: file_count {wound.ours[-1]:.2f}, by the plain rule {wound.plain[-1]:.2f}")
    if options.out is not None:
        options.out.write_text(picture(list(caught.items()), wound), encoding="utf-8")


def _quiet(series: int, seed: int) -> Iterator[str]:
    yield "\n| 30 nights at exactly 95 % | series | with a revision | plain rule: nights | plain rule: series |"
    yield "| --- | --- | --- | --- | --- |"
    for words, tiers, tasks, unlike, after in (
        ("one tier, 200 tasks alike", 1, 200, 0.0, 0),
        ("one tier, 200 tasks, easy and hard", 1, 200, MIXED, 0),
        ("one tier, 50 tasks alike", 1, 50, 0.0, 0),
        ("three tiers, 200 tasks alike each", 3, 200, 0.0, 0),
        ("one tier, nights 61 to 90", 1, 200, 0.0, 60),
    ):
        found = experiments.quiet(series, tiers, tasks, unlike, seed, after=after)
        yield (
            f"| {words} | {found.series:,} | {_percent(found.revisions / found.series)} | "
            f"{_percent(found.plain_nights)} | {_percent(found.plain_series / found.series)} |"
        )


def _slips(series: int, seed: int, caught: dict[str, Caught]) -> Iterator[str]:
    yield "\n| a slip from 95 % to | tasks | nights until it is caught (mean) | within 3 nights | plain rule |"
    yield "| --- | --- | --- | --- | --- |"
    for words, tasks, to, unlike, others, label in (
        ("90 %", 200, 0.90, 0.0, (), "to 90 %"),
        ("90 %, tasks easy and hard", 200, 0.90, MIXED, (), ""),
        ("90 %, one of three tiers", 200, 0.90, 0.0, (0.98, 0.98), ""),
        ("85 %", 200, 0.85, 0.0, (), "to 85 %"),
        ("93 %", 200, 0.93, 0.0, (), "to 93 %"),
        ("90 %", 50, 0.90, 0.0, (), ""),
        ("90 %", 100, 0.90, 0.0, (), ""),
        ("90 %", 400, 0.90, 0.0, (), ""),
    ):
        found = experiments.slip(series, tasks, to, unlike, seed, others=others)
        if label:
            caught[label] = found
        yield (
            f"| {words} | {tasks} | {_nights(found.nights)} | {_percent(found.within(3))} | "
            f"{_nights(found.plain_nights)} |"
        )


def _recoveries(series: int, seed: int) -> Iterator[str]:
    yield "\n| after a slip to 90 %, 200 tasks, back at | undone within 30 nights | nights until it is (median) |"
    yield "| --- | --- | --- |"
    for back in (0.9, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99):
        found = experiments.recovery(max(series // 2, 1), 200, back, seed, nights=30)
        yield f"| {back * 100:.0f} % | {_percent(float(np.mean(np.isfinite(found))))} | {_median(found)} |"


def _promotions(series: int, seed: int) -> Iterator[str]:
    yield "\n| candidate | incumbent | promoted in 30 nights | nights (median) | plain rule |"
    yield "| --- | --- | --- | --- | --- |"
    for candidate, incumbent in (
        (0.99, 0.97),
        (0.97, 0.97),
        (0.96, 0.97),
        (0.95, 0.97),
        (0.94, 0.97),
        (0.92, 0.97),
        (0.92, 0.92),
        (0.96, 0.99),
    ):
        found = experiments.promotion(max(series // 2, 1), 200, incumbent, candidate, MIXED, seed)
        yield (
            f"| {candidate * 100:.0f} % | {incumbent * 100:.0f} % | {_percent(found.share)} | {_median(found.nights)} | "
            f"{_percent(found.plain)} |"
        )


def _fleets(series: int, seed: int) -> Iterator[str]:
    found = fleets(series, seed)
    yield f"\n{found.fleets:,} fleets by chance, {FLEET_NIGHTS} nights each\n"
    yield "| | of | |"
    yield "| --- | --- | --- |"
    for words, count, of in (
        ("a step while every tier was at 95 % or more", found.wrong_steps, found.fleets),
        ("a step undone while its tier was under 92 %", found.wrong_recoveries, found.fleets),
        (
            "a candidate promoted that is worse by 3 points, or at 92 % or less",
            found.wrong_promotions,
            found.bad_candidates,
        ),
        ("a slip of 5 to 12 points caught", found.caught, found.slips),
        ("its step undone when it was over", found.recovered, found.caught),
        (
            "a candidate promoted that is as good as the incumbent, and at 97 % or more",
            found.promotions,
            found.good_candidates,
        ),
    ):
        yield f"| {words} | {of:,} | {_percent(count / max(of, 1))} |"
    yield f"\nNights until a slip was caught: {np.mean(found.caught_nights):.1f} on average"


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _nights(nights: np.ndarray) -> str:
    found = nights[np.isfinite(nights)]
    missed = len(nights) - len(found)
    mean = f"{np.mean(found):.2f}" if len(found) else "-"
    return f"{mean} ({_percent(missed / len(nights))} not in 60)" if missed else mean


def _median(nights: np.ndarray) -> str:
    found = float(np.median(nights))
    return f"{found:.0f}" if np.isfinite(found) else "-"


if __name__ == "__main__":
    main()
