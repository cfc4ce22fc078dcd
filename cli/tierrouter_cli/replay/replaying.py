"""Reads the files and the calls, replays every column, and hands the result to the format that was asked for."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tierrouter_cli.exits import say, write_out
from tierrouter_cli.replay.asked import ROUTER_POLICY, Options
from tierrouter_cli.replay.replayed import Replayed
from tierrouter_cli.replay.routers import ReplayError, RouterFile, load_routers, with_baseline
from tierrouter_cli.transcripts.detect import Transcripts, read_inputs
from tierrouter_core.document.model import Document
from tierrouter_core.replay.cache import Seat
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.draws import Column
from tierrouter_core.replay.policy import Always, DrawnPolicy, Policy, RouterPolicy, Unit
from tierrouter_core.replay.run import Run, recorded_on, replay
from tierrouter_core.replay.seats import BASELINE, seat_of_baseline, seats_of, tiers_of_a_mix
from tierrouter_sidecar.state_dir import default_state_dir

OnProgress = Callable[[int], None]


def replay_and_print(options: Options) -> None:
    """Do it all; raises a TierRouterError for what can't be."""
    state_dir = default_state_dir()
    cache_dir = state_dir if state_dir.is_dir() else None
    routers = load_routers(options.files, cache_dir)
    if options.baseline:
        routers = [
            RouterFile(
                router.label, with_baseline(router.document, options.baseline, cache_dir, _warn), router.warnings
            )
            for router in routers
        ]
    for warning in dict.fromkeys(warning for router in routers for warning in router.warnings):
        _warn(warning)
    transcripts = read_inputs(options.inputs)
    if transcripts.broken.count:
        count, files = transcripts.broken.count, len(transcripts.broken.files)
        lines = f"{count:,} broken line{'s' if count != 1 else ''} in {files:,} file{'s' if files != 1 else ''}"
        say(f"tierrouter replay: {lines} left out, the first: {transcripts.broken.first}")
    _print(_replayed(options, routers, transcripts), options)


def _warn(message: str) -> None:
    say(f"warning: {message}")


def _replayed(options: Options, routers: Sequence[RouterFile], transcripts: Transcripts) -> Replayed:
    calls = transcripts.calls
    plans = [_plan(options, router, policy) for router in routers for policy in options.policies]
    baselines: dict[tuple[Seat, tuple[int, ...]], Run] = {}
    with _progress(len(calls) * sum(len(plan.policies) for plan in plans)) as on_progress:
        columns = tuple(_column(plan, calls, options.ttl_ms, baselines, on_progress) for plan in plans)
    return Replayed(
        calls=len(calls),
        sessions=len({call.session for call in calls}),
        agents=len({(call.session, call.agent) for call in calls}),
        sources=transcripts.sources,
        broken_lines=transcripts.broken.count,
        ttl_ms=options.ttl_ms,
        columns=columns,
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """A column that is to be."""

    label: str
    policy: str
    document: Document
    seeds: tuple[int, ...]
    policies: tuple[Callable[[], Policy], ...]
    """One for each seed, made when its turn comes."""


def _plan(options: Options, router: RouterFile, policy: tuple[str, float | None]) -> _Plan:
    name, share = policy
    document = router.document
    seeds = tuple(range(options.seed, options.seed + options.draws))
    if share is None:
        if len(document.default_tier) == 1:
            # Nothing is drawn, so all draws are the same.
            seeds = (0,)
        made = tuple(_router_policy(document, seed) for seed in seeds)
        label = router.label
    else:
        tiers = tiers_of_a_mix(document)
        if tiers is None:
            raise ReplayError(
                f"--policy {name}: {router.label} has no tier to mix with {document.default_tier[0][0]}; give it one "
                "that is expensive, or that has the baseline's model"
            )
        made = tuple(_drawn_policy(Unit(name), share, tiers, seed) for seed in seeds)
        label = f"{router.label} {name.replace('-', ' ')} {share:g}"
    if share is None and len(options.policies) > 1:
        label = f"{router.label} {ROUTER_POLICY}"
    return _Plan(label, name if share is None else f"{name}:{share:g}", document, seeds, made)


def _router_policy(document: Document, seed: int) -> Callable[[], Policy]:
    return lambda: RouterPolicy(document, seed)


def _drawn_policy(unit: Unit, share: float, tiers: tuple[str, str], seed: int) -> Callable[[], Policy]:
    # Only these policies need it.
    from numpy.random import default_rng

    return lambda: DrawnPolicy(unit, share, tiers, default_rng(seed).random)


def _column(
    plan: _Plan,
    calls: Sequence[ReplayCall],
    ttl_ms: int | None,
    baselines: dict[tuple[Seat, tuple[int, ...]], Run],
    on_progress: OnProgress,
) -> Column:
    seats = seats_of(plan.document, ttl_ms)
    runs = tuple(replay(calls, make(), seats, on_progress) for make in plan.policies)
    if plan.document.baseline is None:
        return Column(label=plan.label, router=plan.document.router, policy=plan.policy, seeds=plan.seeds, runs=runs)
    seat = seat_of_baseline(plan.document.baseline, ttl_ms)
    for run in runs:
        key = (seat, tuple(run.unserved))
        if key not in baselines:
            # It accrues for what was answered alone.
            left_out = frozenset(run.unserved)
            answered = [call for at, call in enumerate(calls) if at not in left_out] if left_out else calls
            baselines[key] = replay(answered, Always(BASELINE), {BASELINE: seat})
    return Column(
        label=plan.label,
        router=plan.document.router,
        policy=plan.policy,
        seeds=plan.seeds,
        runs=runs,
        baseline_model=seat.model,
        baselines=tuple(baselines[seat, tuple(run.unserved)] for run in runs),
        recorded=recorded_on(calls, seat, runs[0].unserved),
    )


@contextmanager
def _progress(total: int) -> Iterator[OnProgress]:
    """A bar on stderr, where a person can see it."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda calls: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TextColumn("calls"), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replay", total=total)
        yield lambda calls: bar.advance(task, calls)


def _print(replayed: Replayed, options: Options) -> None:
    if options.html is not None:
        from tierrouter_cli.replay.page import page

        try:
            options.html.write_text(page(replayed), encoding="utf-8")
        except OSError as error:
            raise ReplayError(f"--html {options.html}: {error.strerror or error}") from None
        say(f"wrote {options.html}")
    if options.format == "json":
        from tierrouter_cli.replay.exports import as_json

        write_out(as_json(replayed))
    elif options.format == "csv":
        from tierrouter_cli.replay.exports import as_csv

        write_out(as_csv(replayed).encode())
    else:
        from tierrouter_cli.replay.table import print_table

        print_table(replayed)
