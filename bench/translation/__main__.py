"""``python -m bench.translation``: what translating a turn costs, against passing the same turn through."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import load
from bench.bodies import agent_body
from bench.budgets import OURS, Budget, Round, judge
from bench.client import Connection, LoadError, post
from bench.show import table, verdicts_table
from bench.targets import Cores, Started, Target, free_port, mock, pin_self, resident_bytes, started, tierrouter
from bench.translation.requests import RELOADED, request_round

PASSED = "passed"
"""The same body by the same process at the same time, to a tier that speaks its dialect."""
TIERS = {"chat_turn_s": "chat", "responses_turn_s": "responses"}
SHORT, LONG = "short", "long"
LONG_EVENTS = 100_000

BUDGETS = (
    Budget("400 KB request to Chat, of loads + dumps", "chat_request_s", RELOADED, "ratio", 4.0),
    Budget("400 KB request to Responses, of loads + dumps", "responses_request_s", RELOADED, "ratio", 4.0),
    Budget("400 KB turn by Chat, streamed, p50, of passed through", "chat_turn_s", PASSED, "ratio", 1.5),
    Budget("400 KB turn by Responses, streamed, p50, of passed through", "responses_turn_s", PASSED, "ratio", 1.5),
    Budget("memory, 100,000 events over 200", "bytes", SHORT, "difference", 5.0, unit=" MB", scale=1e-6),
)
"""The first and the third are promises to users; the others hold what is beside them."""

ROUTER_FILE = """\
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {{name: bench, namespace: bench}}
spec:
  mode: Route
  tiers:
    - {{name: passed, rank: 1, model: small, provider: messages, maxTokens: 8192}}
    - {{name: chat, rank: 2, model: small, provider: chat, maxTokens: 8192}}
    - {{name: responses, rank: 3, model: small, provider: responses, maxTokens: 8192}}
    - {{name: long, rank: 4, model: small, provider: long, maxTokens: 8192}}
  defaultTier: passed
  fallbackTier: passed
  baselineModel: small
  hints: {{allow: [passed, chat, responses, long]}}
{providers}"""
PROVIDER = """\
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {{name: {name}, namespace: bench}}
spec:
  baseURL: {base_url}/v1
  dialects: [{dialect}]
  credential: {{secretRef: {{name: bench, key: api-key}}}}
  models: [{{name: small, id: vendor/small, priceUSDPerMTok: {{input: "0.95", output: "4.00"}}}}]
"""
DIALECTS = {"messages": "AnthropicMessages", "chat": "OpenAIChat", "responses": "OpenAIResponses", "long": "OpenAIChat"}


def main() -> int:
    """Exit status: 0 if every budget was kept, 1 if one was missed, 2 if there was nothing to measure."""
    options = _options()
    cores = Cores.of_this_machine()
    pin_self(cores.load)
    try:
        with tempfile.TemporaryDirectory(prefix="tierrouter-bench-") as folder:
            rounds = _measure(options, cores, Path(folder))
    except LoadError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    verdicts = judge(rounds, BUDGETS)
    print(table(["median of rounds", "translated", "yardstick"], [_figures(rounds, budget) for budget in BUDGETS]))
    print()
    print(verdicts_table(verdicts))
    return 0 if all(verdict.kept for verdict in verdicts) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.translation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="rounds; in each everything is measured")
    parser.add_argument("--requests", type=int, default=60, help="turns per round and tier")
    parser.add_argument("--times", type=int, default=40, help="how often a request is translated per round")
    parser.add_argument("--events", type=int, default=200, help="events of a streamed answer")
    parser.add_argument("--body-bytes", type=int, default=400_000, help="size of the turn")
    return parser.parse_args()


def _measure(options: argparse.Namespace, cores: Cores, folder: Path) -> list[Round]:
    short, long = free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(started(mock(short, options.events), cores.load, folder / "mock.log"))
        stack.enter_context(started(mock(long, LONG_EVENTS), cores.load, folder / "long.log"))
        origins = {name: f"http://127.0.0.1:{long if name == 'long' else short}" for name in DIALECTS}
        providers = "".join(
            PROVIDER.format(name=name, base_url=origins[name], dialect=dialect) for name, dialect in DIALECTS.items()
        )
        target = tierrouter(ROUTER_FILE.format(providers=providers), folder)
        run = stack.enter_context(started(target, cores.gateway, folder / "tierrouter.log"))
        return [_round(number, target, run, options) for number in range(options.rounds)]


def _round(number: int, target: Target, run: Started, options: argparse.Namespace) -> Round:
    measured = request_round(options.body_bytes, options.times)
    ours, passed = dict(measured[OURS]), {}
    names = {**TIERS, PASSED: "passed"}
    order = list(names)
    turn = number % len(order)
    times = {name: asyncio.run(_p50(target.port, names[name], options)) for name in order[turn:] + order[:turn]}
    for name in TIERS:
        ours[name], passed[name] = times[name], times[PASSED]
    short_bytes = resident_bytes(run.process.pid)
    asyncio.run(_long_answer(target.port))
    ours["bytes"] = resident_bytes(run.process.pid)
    print(f"round {number + 1}/{options.rounds} done", file=sys.stderr)
    return {OURS: ours, PASSED: passed, RELOADED: measured[RELOADED], SHORT: {"bytes": short_bytes}}


async def _p50(port: int, tier: str, options: argparse.Namespace) -> float:
    bodies = [agent_body(options.body_bytes, nonce=nonce, stream=True) for nonce in range(8)]
    workload = load.Workload(tier, bodies, b"message_stop")
    times = await load.latencies(port, workload, options.requests, session=f"bench-{tier}", hint=tier)
    return load.percentile(times, 50)


async def _long_answer(port: int) -> None:
    connection = await Connection.open(port)
    try:
        reply = await connection.exchange(post(port, agent_body(2_000, stream=True), session="bench-long", hint="long"))
    finally:
        connection.close()
    if reply.status != 200 or b"message_stop" not in reply.body[-200:]:
        raise LoadError(f"the long answer: status {reply.status}, {reply.body[-300:]!r}")


def _figures(rounds: list[Round], budget: Budget) -> list[str]:
    def middle(target: str) -> str:
        values = sorted(figures[target][budget.measure] for figures in rounds)
        value = values[len(values) // 2]
        return f"{value * 1e-6:.1f} MB" if budget.measure == "bytes" else f"{value * 1e3:.2f} ms"

    return [budget.name, middle(OURS), middle(budget.against)]


if __name__ == "__main__":
    sys.exit(main())
