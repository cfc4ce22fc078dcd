"""``python -m bench.regression [--out SVG]``: the figures and the picture of docs/regression.md."""

import argparse
from collections.abc import Callable, Iterator
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
    parser.add_argument(
        "--only",
        action="append",
        choices=["quiet", "slips", "recoveries", "promotions", "fleets"],
        help="this part alone; may be given several times",
    )
    options = parser.parse_args()
    if options.out is not None and options.only and "slips" not in options.only:
        parser.error("--out draws the slips: leave --only out, or say --only slips too")
    caught: dict[str, Caught] = {}
    parts: dict[str, Callable[[int, int], Iterator[str]]] = {
        "quiet": _quiet,
        "slips": lambda series, seed: _slips(series, seed, caught),
        "recoveries": _recoveries,
        "promotions": _promotions,
        "fleets": _fleets,
    }
    for name in options.only or parts:
        for line in parts[name](options.series, options.seed):
            print(line, flush=True)
    if options.out is None:
        return
    wound = experiments.wind_up(_few(options.series), 200, 0.9, options.seed)
    print(f"\nAfter 40 nights at 90 %: file_count {wound.ours[-1]:.2f}, by the plain rule {wound.plain[-1]:.2f}")
    options.out.write_text(picture(list(caught.items()), wound), encoding="utf-8")


def _few(series: int) -> int:
    """For what is asked beside: a fifth of the series."""
    return max(series // 5, 1)


def _quiet(series: int, seed: int) -> Iterator[str]:
    yield "\n| 30 nights at exactly 95 % | series | with a revision | plain rule: nights | plain rule: series |"
    yield "| --- | --- | --- | --- | --- |"
    few = _few(series)
    for words, count, tiers, tasks, unlike, after in (
        ("one tier, 200 tasks alike", series, 1, 200, 0.0, 0),
        ("three tiers, 200 tasks alike each", series, 3, 200, 0.0, 0),
        ("one tier, 200 tasks, easy and hard", few, 1, 200, MIXED, 0),
        ("one tier, 50 tasks alike", few, 1, 50, 0.0, 0),
        ("one tier, nights 61 to 90", few, 1, 200, 0.0, 60),
    ):
        found = experiments.quiet(count, tiers, tasks, unlike, seed, after=after)
        yield (
            f"| {words} | {found.series:,} | {_percent(found.revisions / found.series)} | "
            f"{_percent(found.plain_nights)} | {_percent(found.plain_series / found.series)} |"
        )


def _slips(series: int, seed: int, caught: dict[str, Caught]) -> Iterator[str]:
    yield "\n| a slip from 95 % to | tasks | series | nights until it is caught (mean) | within 3 nights | plain rule |"
    yield "| --- | --- | --- | --- | --- | --- |"
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
        count = series if label else _few(series)
        found = experiments.slip(count, tasks, to, unlike, seed, others=others)
        if label:
            caught[label] = found
        yield (
            f"| {words} | {tasks} | {count:,} | {_nights(found.nights)} | {_percent(found.within(3))} | "
            f"{_nights(found.plain_nights)} |"
        )


def _recoveries(series: int, seed: int) -> Iterator[str]:
    yield "\n| after a slip to 90 %, 200 tasks, back at | undone within 30 nights | nights until it is (median) |"
    yield "| --- | --- | --- |"
    for back in (0.9, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99):
        found = experiments.recovery(_few(series), 200, back, seed, nights=30)
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
        found = experiments.promotion(_few(series), 200, incumbent, candidate, MIXED, seed)
        yield (
            f"| {candidate * 100:.0f} % | {incumbent * 100:.0f} % | {_percent(found.share)} | "
            f"{_median(found.nights)} | {_percent(found.plain)} |"
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
