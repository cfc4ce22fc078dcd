"""Where it is given from outside which prompts need the expensive tier: they get it, and it costs what it has to."""

import random
import sys
from pathlib import Path
from statistics import mean

import pytest
from replay_examples import call, document
from test_published_figures import TRACE

sys.path.insert(0, str(Path(__file__).parents[3]))

from bench.demand.marks import marked
from bench.demand.policies import StickyPerPrompt, StickyPerSession, least_usd

from tierrouter_cli.transcripts.reading import Broken
from tierrouter_core.names import TurnKind
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.policy import Always, RouterPolicy
from tierrouter_core.replay.run import replay
from tierrouter_core.replay.seats import BASELINE, seat_of_baseline, seats_of
from tierrouter_core.replay.tariff import UNITS_PER_USD

DOCUMENT = document()
SEATS = seats_of(DOCUMENT)


def some_sessions(seed: int) -> list[ReplayCall]:
    """Sessions of a few prompts with a growing context and pauses, some of them longer than a cache lives."""
    lots = random.Random(seed)
    calls = []
    for session in range(20):
        context, at_s, turn = lots.randrange(5_000, 40_000), 0.0, 0
        for prompt in range(lots.randrange(1, 8)):
            at_s += lots.choice([20.0, 100.0, 400.0])
            for place in range(lots.choice([1, 2, 5, 12])):
                kind = TurnKind.TOOL_LOOP if place else TurnKind.USER
                calls.append(call(turn, context, session=f"s{session}", prompt_idx=prompt, t_rel_s=at_s, kind=kind))
                context, at_s, turn = context + lots.randrange(100, 3000), at_s + 15.0, turn + 1
    return calls


@pytest.mark.parametrize("seed", range(5))
def test_every_call_of_a_marked_prompt_is_served_by_the_expensive_tier_and_no_other_is_worse_off(seed: int) -> None:
    calls = marked(some_sessions(seed), "reasoning", random.Random(seed).random)
    policy = RouterPolicy(DOCUMENT)
    tiers = []

    class Watched:
        def serve(self, each: ReplayCall, history: object) -> tuple[str, str]:
            tiers.append(policy.serve(each, history)[0])  # type: ignore[arg-type]
            return tiers[-1], "router"

    run = replay(calls, Watched(), SEATS)
    rank = {tier.name: tier.rank for tier in DOCUMENT.tiers.values()}
    for each, tier in zip(calls, tiers, strict=True):
        assert not each.hint or rank[tier] >= rank["reasoning"]
    least = least_usd(calls, SEATS, "routine", "reasoning")
    by_prompt = replay(calls, StickyPerPrompt("routine"), SEATS).total.cost_usd
    by_session = replay(calls, StickyPerSession("routine", calls), SEATS).total.cost_usd
    assert least <= float(run.total.cost_usd) + 1e-9
    assert least <= float(min(by_prompt, by_session)) + 1e-9


def test_the_marks_are_those_of_the_seed_and_of_whole_prompts() -> None:
    calls = some_sessions(1)
    first = marked(calls, "deep", random.Random(7).random, share=0.5)
    assert first == marked(calls, "deep", random.Random(7).random, share=0.5)
    hints: dict[tuple[str, int], set[str]] = {}
    for each in first:
        hints.setdefault((each.session, each.prompt_idx), set()).add(each.hint)
    assert all(len(said) == 1 for said in hints.values())
    assert 0.3 < mean("deep" in said for said in hints.values()) < 0.7


def test_on_recorded_sessions_it_saves_what_sticky_prompts_save_and_far_more_than_sticky_sessions() -> None:
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow: pip install 'tierrouter[analysis]'")
    numpy = pytest.importorskip("numpy")
    if not TRACE.is_file():
        pytest.skip(f"the recorded trace is not beside the project: no {TRACE.relative_to(TRACE.parents[2])}")
    from tierrouter_cli.transcripts.turn_table import in_order, read_table

    calls = in_order(read_table(TRACE, Broken()))
    assert DOCUMENT.baseline is not None
    baseline = replay(calls, Always(BASELINE), {BASELINE: seat_of_baseline(DOCUMENT.baseline)}).total.cost_units
    for seed in range(2):
        own = marked(calls, "reasoning", numpy.random.default_rng(seed).random)
        costs = [
            replay(own, policy, SEATS).total.cost_units / baseline
            for policy in (RouterPolicy(DOCUMENT), StickyPerPrompt("routine"), StickyPerSession("routine", own))
        ]
        least = least_usd(own, SEATS, "routine", "reasoning") * UNITS_PER_USD / baseline
        assert costs[0] <= costs[1] + 0.001
        assert costs[0] < costs[2] - 0.3
        assert costs[0] - 0.01 < least <= costs[0]
