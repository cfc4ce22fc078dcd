"""``python -m bench.demand TABLE``: the shipped policy against naive ones under the same demand, seeds 0 to 19.

TABLE is a turn table (docs/replay.md). Two tiers with their usual prices; caches of five minutes, unless another time
is given. The demand is drawn by lot: 17.8 % of the prompts need the expensive tier, and say so by a hint.
"""

import argparse
import sys
from pathlib import Path
from statistics import mean, stdev

import numpy

from bench.demand.marks import SHARE, marked
from bench.demand.policies import StickyPerPrompt, StickyPerSession, least_usd
from tierrouter_cli.transcripts.reading import Broken
from tierrouter_cli.transcripts.turn_table import in_order, read_table
from tierrouter_core.replay.calls import ReplayCall
from tierrouter_core.replay.policy import Always, Policy, RouterPolicy
from tierrouter_core.replay.run import Run, replay
from tierrouter_core.replay.seats import BASELINE, seat_of_baseline, seats_of
from tierrouter_sidecar.compiling import compile_texts

SEEDS = range(20)
CHEAP, DEAR = "routine", "reasoning"
ROUTER = """
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {name: demand}
spec:
  tiers:
    - {name: routine, rank: 1, model: CHEAP, provider: vendor}
    - {name: reasoning, rank: 2, model: DEAR, provider: vendor, expensive: true}
  defaultTier: routine
  baselineModel: DEAR
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {name: vendor}
spec:
  baseURL: http://127.0.0.1:1/v1
  dialects: [OpenAIChat, OpenAIResponses, AnthropicMessages]
  models:
    - {name: kimi-k2-6, cache: {ttl: TTL}, priceUSDPerMTok: {input: "0.95", output: "4", cacheRead: "0.16"}}
    - {name: gpt-5-5, cache: {ttl: TTL}, priceUSDPerMTok: {input: "5", output: "30", cacheRead: "0.5"}}
    - name: claude-opus-4-7
      cache: {ttl: TTL}
      priceUSDPerMTok: {input: "5", output: "25", cacheRead: "0.5", cacheWrite: "6.25"}
"""


def main() -> int:
    """Exit status: 0 where the table was made."""
    parser = argparse.ArgumentParser(prog="python -m bench.demand", description=__doc__)
    parser.add_argument("table", type=Path, help="a turn table")
    parser.add_argument("--ttl", default="5m", help="how long every cache lives")
    parser.add_argument("--cheap", default="kimi-k2-6", help="the routine tier's model")
    parser.add_argument("--dear", default="gpt-5-5", help="the other's, and the baseline")
    options = parser.parse_args()
    broken = Broken()
    calls = in_order(read_table(options.table, broken))
    text = ROUTER.replace("TTL", options.ttl).replace("CHEAP", options.cheap).replace("DEAR", options.dear)
    document = compile_texts([("router.yaml", text)], None).document
    seats = seats_of(document)
    assert document.baseline is not None
    baseline = replay(calls, Always(BASELINE), {BASELINE: seat_of_baseline(document.baseline)}).total
    savings: dict[str, list[float]] = {}
    runs: dict[str, list[Run]] = {}
    for seed in SEEDS:
        own = marked(calls, DEAR, numpy.random.default_rng(seed).random)
        policies: dict[str, Policy] = {
            "sticky per session": StickyPerSession(CHEAP, own),
            "sticky per prompt": StickyPerPrompt(CHEAP),
            "the router": RouterPolicy(document),
        }
        for name, policy in policies.items():
            run = replay(own, policy, seats)
            runs.setdefault(name, []).append(run)
            savings.setdefault(name, []).append(1 - run.total.cost_units / baseline.cost_units)
        _check(own, document)
        least = least_usd(own, seats, CHEAP, DEAR)
        savings.setdefault("knowing the future", []).append(1 - least / float(baseline.cost_usd))
    _print(savings, runs)
    return 0


def _check(calls: list[ReplayCall], document: object) -> None:
    """Every call of a marked prompt is served at that rank or above."""
    policy = RouterPolicy(document)  # type: ignore[arg-type]
    for call in calls:
        tier, _ = policy.serve(call, _NO_HISTORY)
        assert not call.hint or tier == DEAR, call


class _NoHistory:
    calls = calls_in_prompt = session_cost_usd_micros = 0


_NO_HISTORY = _NoHistory()


def _print(savings: dict[str, list[float]], runs: dict[str, list[Run]]) -> None:
    print(f"{100 * SHARE:g} % of the prompts marked, seeds {SEEDS[0]} to {SEEDS[-1]}\n")
    print("| policy | saving | range | against the router | expensive, of turns | of input tokens | switches, USD |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: |")
    router = savings["the router"]
    for name, values in savings.items():
        apart = [ours - theirs for ours, theirs in zip(router, values, strict=True)]
        against = (
            "" if name == "the router" else f"{100 * mean(apart):+.2f} ± {196 * stdev(apart) / len(apart) ** 0.5:.2f}"
        )
        shares = ["", "", ""]
        if name in runs:
            own = runs[name]
            shares = [
                f"{100 * mean(run.expensive.calls / run.total.calls for run in own):.1f} %",
                f"{100 * mean(run.expensive.input_tokens / run.total.input_tokens for run in own):.1f} %",
                f"{mean(float(run.switches.cost_usd) for run in own):.0f}",
            ]
        spread = f"{100 * min(values):.1f}-{100 * max(values):.1f}"
        print(f"| {name} | {100 * mean(values):.2f} % | {spread} | {against} | {' | '.join(shares)} |")


if __name__ == "__main__":
    sys.exit(main())
