"""``python -m bench.metrics``: what ``/metrics`` takes with eight tiers and every series that there can be.

Every tier has failed over to every other, moved up and switched; each has a provider of its own, whose calls have
failed in every way. And what counting a turn takes, and its line in the log. No sockets. Medians, but for the size.
"""

import gc
import logging
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from statistics import median
from time import perf_counter

from bench.bodies import agent_body
from tierrouter_core.document.model import Budget, Document
from tierrouter_core.failover.circuit import CircuitState
from tierrouter_core.failover.failure import FailureKind
from tierrouter_core.names import Dialect, Outcome, Reason
from tierrouter_core.observability import SIDECAR_METRICS
from tierrouter_core.observability import sidecar as m
from tierrouter_core.observability.metric import Metric
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.session_state import NEW_SESSION
from tierrouter_core.routing.switching import Warm
from tierrouter_core.spend.baseline import BaselineState
from tierrouter_core.spend.usage import Usage
from tierrouter_core.turn import read_turn
from tierrouter_core.wire.edits import BETAS, EDITS
from tierrouter_core.wire.lossy import LOSSY_FIELDS
from tierrouter_sidecar.compiling import compile_texts
from tierrouter_sidecar.configuration import read_texts
from tierrouter_sidecar.ledger import Ledger
from tierrouter_sidecar.live import InForce
from tierrouter_sidecar.metrics import Metrics
from tierrouter_sidecar.record import Attempt, Bookkeeper, TurnRecord, new_turn_id
from tierrouter_telemetry.logs import JSONLines, WrittenBehind

EXAMPLE = Path(__file__).parents[2] / "examples" / "coding.yaml"
TIERS = 8
REJECTIONS = ("guard", "unknown_path", "token", "draining", "no_configuration", "oauth", "content_type", "malformed")
HINTS = ("used", "unknown", "not_allowed")


def main() -> int:
    """Exit status: 0 if every budget was kept, else 1."""
    document = compile_texts(read_texts([EXAMPLE]), None).document
    metrics = Metrics()
    eight = with_eight_tiers(document)
    metrics.adopt([eight])
    fill(metrics, eight)
    text = metrics.exposition()
    lines = sum(not line.startswith(b"#") for line in text.splitlines())
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(Path(folder), on_problem=print)
        counting, saying = _turns(document, ledger)
        ledger.close(5.0)
    figures = [
        (f"`/metrics`, {TIERS} tiers, {lines:,} lines", 1000 * _median_s(metrics.exposition, 200), "ms", 5.0),
        ("its size", len(text) / 1000, "KB", 100.0),
        ("what metrics add to a turn", 1e6 * counting, "us", 20.0),
        ("what the line of the log adds to a turn", 1e6 * saying, "us", 0.0),
    ]
    print("| figure | measured | budget | |\n| --- | ---: | ---: | --- |")
    for name, value, unit, limit in figures:
        judged = f"{limit:g} {unit} | {'pass' if value <= limit else 'MISS'}" if limit else "none | "
        print(f"| {name} | {value:.3g} {unit} | {judged} |")
    return 0 if all(value <= limit for _, value, _, limit in figures if limit) else 1


def with_eight_tiers(document: Document) -> Document:
    """The document with so many, each at a provider of its own, with four budgets."""
    tier = next(iter(document.tiers.values()))
    provider, model = document.provider_of(tier), document.model_of(tier)
    names = [f"tier-{number}" for number in range(TIERS)]
    return replace(
        document,
        tiers={
            name: replace(tier, name=name, rank=rank, provider=f"provider-{rank}", model=f"{tier.model}-{rank}")
            for rank, name in enumerate(names)
        },
        providers={
            f"provider-{rank}": replace(
                provider,
                name=f"provider-{rank}",
                models={f"{tier.model}-{rank}": replace(model, name=f"{tier.model}-{rank}", id=f"{model.id}-{rank}")},
            )
            for rank in range(TIERS)
        },
        budgets=tuple(
            Budget(name=f"budget-{number}", scope="Router", window_ms=86_400_000, limit_usd=Decimal(50))
            for number in range(4)
        ),
    )


def fill(metrics: Metrics, document: Document) -> None:
    """Every series that such a document can have."""
    pairs = list(permutations(document.tiers, 2))
    up = [pair for pair in pairs if document.tiers[pair[1]].rank > document.tiers[pair[0]].rank]
    models = [(name, model.id) for name, each in document.providers.items() for model in each.models.values()]
    circuits = [*models, *((name, "") for name in document.providers)]
    every: dict[Metric, list[tuple[str, ...]]] = {
        m.TTFT: [(tier,) for tier in (*document.tiers, "")],
        m.DURATION: [(tier,) for tier in (*document.tiers, "")],
        m.USAGE_INCONSISTENT: [(tier,) for tier in document.tiers],
        m.DECISIONS: [(tier, reason) for tier in document.tiers for reason in Reason],
        m.HINTS: [(outcome,) for outcome in HINTS],
        m.RULE_ERRORS: [(rule.name,) for rule in document.rules],
        m.ESCALATIONS: up,
        m.SWITCHES: pairs,
        m.SWITCH_COST: pairs,
        m.OUTPUT_POLICY: [("passed",), ("flagged",), ("failed",)],
        m.BUDGET_USED: [(budget.name,) for budget in document.budgets],
        m.BUDGETS_EXHAUSTED: [(budget.name,) for budget in document.budgets],
        m.ATTEMPT_ERRORS: [(name, kind) for name in document.providers for kind in FailureKind],
        m.FAILOVERS: pairs,
        m.HEDGES: [(tier, tier, outcome) for tier in document.tiers for outcome in ("won", "lost")],
        m.CIRCUIT_OPEN: circuits,
        m.CIRCUIT_OPENED: [(*key, state) for key in circuits for state in CircuitState if state != "closed"],
        m.EDITS: [(edit,) for edit in (*EDITS, BETAS)],
        m.TRANSLATION_LOSSY: [(field,) for field in LOSSY_FIELDS],
        m.MALFORMED_EVENTS: [(name,) for name in document.providers],
        m.REJECTED: [(reason,) for reason in REJECTIONS],
        m.RELOADS: [("applied",), ("refused",)],
        m.CONFIG_INFO: [(document.router, "coding-1f2e3d4c5b"), (document.router, "coding-6a7b8c9d0e")],
    }
    for metric in SIDECAR_METRICS:
        for number, labels in enumerate(every.get(metric, [()] if not metric.labels else [])):
            if metric.kind == "histogram":
                metrics.observe(metric, 0.3 + number, *labels)
            elif metric.kind == "gauge":
                metrics.set(metric, 0.123456 * number, *labels)
            else:
                metrics.count(metric, *labels, by=1234.5678 + number)


def _turns(document: Document, ledger: Ledger) -> tuple[float, float]:
    """Seconds that counting a turn takes, and saying it in the log."""
    metrics = Metrics()
    metrics.adopt([document])
    books = Bookkeeper(ledger, metrics)
    record = _record(document)
    row = record.row(BaselineState())

    def count() -> None:
        books._count(record, row)

    counting = _median_s(count, 4000)
    log = logging.getLogger("tierrouter")
    log.propagate = False
    handler = WrittenBehind(Path("/dev/null").open("w"))  # noqa: SIM115 (the handler's)
    handler.setFormatter(JSONLines())
    log.addHandler(handler)

    def close() -> None:
        books.close(record)

    log.setLevel(logging.WARNING)
    quiet = _median_s(close, 2000)
    log.setLevel(logging.INFO)
    saying = _median_s(close, 2000) - quiet
    handler.close()
    return counting, saying


def _record(document: Document) -> TurnRecord:
    """An answered turn of a conversation that came to this tier from another, in a tool loop."""
    dialect, headers = Dialect.MESSAGES, {"x-claude-code-session-id": "s-1"}
    read = read_turn(dialect, headers, agent_body(2_000, nonce=1), b"salt", by_length=False, by_signals=False)
    router = Router(document)
    decision = router.decide(read.turn, NEW_SESSION)
    in_force = InForce(router, "coding-1f2e3d4c5b", 1, 0.0, (), b"")
    record = TurnRecord(new_turn_id(), in_force, read.request, read.identity, decision)
    first = decision.targets[0]
    other = next(name for name in document.tiers if name != first.tier_name)
    record.before = replace(NEW_SESSION, current=other, warm={other: Warm(90_000, record.arrived_s)})
    record.first_byte()
    usage = Usage(input_uncached=1_000, cache_read=90_000, cache_write_5m=2_000, output=400, reasoning_output=100)
    record.end_attempt(Attempt(first, usage=usage, edits=("model",)), 200, "")
    record.outcome = Outcome.ANSWERED
    return record


def _median_s(work: Callable[[], object], times: int) -> float:
    work()
    taken = []
    gc.disable()
    for _ in range(times):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    gc.enable()
    return median(taken)


if __name__ == "__main__":
    sys.exit(main())
