"""A sidecar's figures for the tests of what is shown of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tierrouter_core.spend.row import TurnRow
from tierrouter_core.summary.make import Counted, summarise
from tierrouter_core.summary.model import FirstTokens, Summary

BOUNDS_S = (0.1, 1.0, 10.0)
NOW_S = datetime(2026, 9, 21, 13, 33, 20, tzinfo=UTC).timestamp()

STATUS: dict[str, Any] = {
    "stable": "coding-0123456789",
    "canary": None,
    "split": None,
    "loadedAt": "2026-09-21T13:00:00.000+00:00",
    "refused": None,
    "router": "coding",
    "namespace": "agents",
    "mode": "Route",
    "tiers": {
        "routine": {"provider": "vendor", "model": "kimi", "expensive": False},
        "deep": {"provider": "vendor", "model": "opus", "expensive": True},
        "local": {"provider": "ollama", "model": "qwen", "expensive": False},
    },
    "leftAlone": [],
    "spending": {"budgets": []},
    "ledger": {"pendingRows": 0, "lostRows": 0},
}
COUNTED = Counted(
    turns={
        ("routine", "kimi", "answered"): 90.0,
        ("routine", "kimi", "upstream_error"): 2.0,
        ("routine", "kimi", "client_gone"): 1.0,
        ("deep", "opus", "answered"): 7.0,
        ("local", "qwen", "answered"): 0.0,
        ("gone", "old", "answered"): 0.0,
    },
    decisions={("routine", "Default"): 60.0, ("deep", "Rule"): 7.0, ("routine", "ToolLoop"): 33.0},
    tokens={
        ("routine", "kimi", "input"): 100_000.0,
        ("routine", "kimi", "cache_read"): 300_000.0,
        ("routine", "kimi", "output"): 9_000.0,
        ("deep", "opus", "input"): 40_000.0,
        ("deep", "opus", "output"): 2_000.0,
    },
    cost_usd={("routine", "kimi"): 1.5, ("deep", "opus"): 2.5},
    deep_turns={(): 7.0},
    deep_cost_usd={(): 2.5},
    baseline_usd={("opus",): 20.0},
    compared_usd={("opus",): 4.0},
    failovers={("routine", "local"): 3.0},
    errors={("vendor", "server_error"): 5.0, ("vendor", "throttled"): 0.0},
    first_tokens={"routine": FirstTokens(BOUNDS_S, (50, 40, 3, 0)), "deep": FirstTokens(BOUNDS_S, (0, 5, 1, 1))},
)


def status(**changes: Any) -> dict[str, Any]:
    """What ``/status`` says, but for ``changes``."""
    return {**STATUS, **changes}


def turn(**changes: Any) -> TurnRow:
    """A turn of the ledger."""
    row = TurnRow(
        turn_id="0001",
        time="2026-09-21T13:33:10.000Z",
        tier="routine",
        model="kimi",
        session="secret-session",
        reason="Default: nothing else was said",
        outcome="answered",
        input_tokens=1000,
        cache_read_tokens=9000,
        output_tokens=120,
        duration_ms=1400,
    )
    return row._replace(**changes)


def summary(
    counted: Counted = COUNTED,
    status: dict[str, Any] = STATUS,
    recent: tuple[TurnRow, ...] = (),
    *,
    shows_recent: bool = True,
    up_s: float = 7200.0,
    **changes: Any,
) -> Summary:
    """A sidecar's summary."""
    made = summarise(counted, status, recent, now_s=NOW_S, began_s=NOW_S - up_s, in_flight=2, shows_recent=shows_recent)
    return replace(made, **changes)
