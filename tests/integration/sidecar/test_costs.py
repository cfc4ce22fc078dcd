"""What a turn cost is right to the last digit, from the provider's words to the report.

The sums are worked out by hand beside the tables: tokens times US dollars per million tokens. So the unit in the
comments is a millionth of a dollar, and 14,439.75 of them are $0.01443975. The rates are those of ``routers.py``:

    tier       model              input   output   cache read   cache write   write, 1 h
    routine    kimi-k2-6           0.95     4.00         0.16             -            -
    reasoning  gpt-5-5             5.00    30.00         0.50             -            -
    deep       claude-opus-4-7     5.00    25.00         0.50          6.25        10.00
    local      qwen-local          0        0               -             -            -
    fallback   deepseek-v4-flash   none here: its price is taken out

A dash costs as much as other input. The baseline is gpt-5-5.
"""

import asyncio
import csv
import io
import json
import os
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from routers import router_text

from provider import Answer, Delivery, Status, Tokens, UsageStyle
from provider.usage import chat_usage, messages_usage, responses_usage

ROOT = Path(__file__).resolve().parents[3]

# Design section 10, letter by letter.
CSV_HEADER = (
    "turn_id,time,namespace,router,pod,session,agent,dialect,hint,tier,provider,model,revision,reason,outcome,attempts,"
    "input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,usage_source,cost_usd,"
    "baseline_model,baseline_cost_usd,ttft_ms,duration_ms,requested_model,turn_kind,parent_agent,cache_write_1h_tokens,"
    "cost_source,labels"
)


@dataclass(frozen=True)
class Case:
    """A turn, what the provider says that it used, and what must be written down."""

    name: str
    hint: str
    used: Tokens
    input_tokens: int
    """Uncached."""
    cost_usd: str
    """Empty: unknown."""
    baseline_cost_usd: str
    """On gpt-5-5 with an empty cache: every case is a session of its own."""
    cost_source: str = "configured"
    own_cost_usd: str | None = None
    """Our own figure beside a provider's."""
    stated: Mapping[str, Any] = field(default_factory=dict)
    """What the provider adds to its usage."""


TABLE = [
    # 12,345 x 0.95 = 11,727.75; 678 x 4 = 2,712; together 14,439.75.
    # Baseline: 12,345 x 5 = 61,725; 678 x 30 = 20,340; together 82,065.
    Case("uncached", "routine", Tokens(input=12_345, output=678), 12_345, "0.01443975", "0.082065"),
    # 2,000 x 0.95 = 1,900; 18,000 x 0.16 = 2,880; 500 x 4 = 2,000; together 6,780.
    # Baseline: 20,000 x 5 = 100,000; 500 x 30 = 15,000; together 115,000.
    Case("cached", "routine", Tokens(input=20_000, cached=18_000, output=500), 2_000, "0.00678", "0.115"),
    # 10 x 5 = 50; 24,990 x 0.5 = 12,495; 5,000 x 6.25 = 31,250; 1,000 x 25 = 25,000; together 68,795.
    # Baseline: 30,000 x 5 = 150,000; 1,000 x 30 = 30,000; together 180,000.
    Case("write", "deep", Tokens(input=30_000, cached=24_990, written=5_000, output=1_000), 10, "0.068795", "0.18"),
    # 1,000 x 5 = 5,000; 2,000 x 6.25 = 12,500; 6,000 x 10 = 60,000; 100 x 25 = 2,500; together 80,000.
    # Baseline: 9,000 x 5 = 45,000; 100 x 30 = 3,000; together 48,000.
    Case("write-1h", "deep", Tokens(input=9_000, written=2_000, written_1h=6_000, output=100), 1_000, "0.08", "0.048"),
    # Reasoning is part of the output and not paid twice: 1,000 x 5 = 5,000; 2,600 x 30 = 78,000; together 83,000.
    # Baseline: the same model, the same sum.
    Case("reasoning", "reasoning", Tokens(input=1_000, output=2_600, reasoning=2_048), 1_000, "0.083", "0.083"),
    # No rate for writes: (2,000 + 3,000) x 0.95 = 4,750; 10 x 4 = 40; together 4,790.
    # Baseline: 5,000 x 5 = 25,000; 10 x 30 = 300; together 25,300.
    Case("no-write-rate", "routine", Tokens(input=5_000, written=3_000, output=10), 2_000, "0.00479", "0.0253"),
    # The provider's word wins over our 6,780 (as "cached" above), which is kept beside it.
    Case(
        "stated",
        "routine",
        Tokens(input=20_000, cached=18_000, output=500),
        2_000,
        "0.00613",
        "0.115",
        cost_source="provider",
        own_cost_usd="0.00678",
        stated={"cost": 0.00613, "is_byok": False},
    ),
    # With a key of one's own OpenRouter's fee and the bill behind it add up: 300 + 6,000 = 6,300.
    Case(
        "stated-byok",
        "routine",
        Tokens(input=20_000, cached=18_000, output=500),
        2_000,
        "0.0063",
        "0.115",
        cost_source="provider",
        own_cost_usd="0.00678",
        stated={"cost": 0.0003, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.006}},
    ),
    # Free is zero, which is not unknown.
    # Baseline: 10,000 x 5 = 50,000; 1,000 x 30 = 30,000; together 80,000.
    Case("free", "local", Tokens(input=10_000, output=1_000), 10_000, "0", "0.08"),
    # Unknown is empty, which is not zero.
    # Baseline: 4,000 x 5 = 20,000; 100 x 30 = 3,000; together 23,000.
    Case("unknown", "mystery", Tokens(input=4_000, output=100), 4_000, "", "0.023", cost_source="none"),
]
BY_NAME = {case.name: case for case in TABLE}

DIALECTS = {
    "OpenAIChat": ("/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}),
    "OpenAIResponses": ("/v1/responses", {"model": "auto", "input": "Hi"}),
    "AnthropicMessages": (
        "/v1/messages",
        {"model": "auto", "max_tokens": 9_000, "messages": [{"role": "user", "content": "Hi"}]},
    ),
}
RENDER = {
    "OpenAIChat": lambda used: chat_usage(used, UsageStyle.OPENAI),
    "OpenAIResponses": responses_usage,
    "AnthropicMessages": messages_usage,
}


def unpriced_fallback(base_url: str) -> str:
    """The tests' router file, but for the fallback's price."""
    text = router_text(base_url)
    price = ', priceUSDPerMTok: {input: "0.14", output: "0.28"}'
    assert text.count(price) == 1
    return text.replace(price, "")


async def ask(sidecar: Any, dialect: str, session: str, *, stream: bool = False, hint: str = "") -> Any:
    path, body = DIALECTS[dialect]
    headers = {"x-tierrouter-session": session, **({"x-tierrouter-hint": hint} if hint else {})}
    return await sidecar.post(path, {**body, "stream": stream}, headers)


@pytest.fixture
async def spent(start, provider):
    """A sidecar that has served the table six times: in three dialects, each streamed and not."""
    sidecar = await start(unpriced_fallback(provider.base_url))
    for dialect in DIALECTS:
        for stream in (False, True):
            for case in TABLE:
                provider.script(Answer(text="ok", usage={**RENDER[dialect](case.used), **case.stated}))
                session = f"{case.name}/{dialect}/{stream}"
                got = await ask(sidecar, dialect, session, stream=stream, hint=case.hint)
                assert got.status == 200, got.body
    assert len(await sidecar.rows(60)) == 60
    return sidecar


async def report(sidecar: Any, *arguments: str) -> str:
    """What ``tierrouter report`` prints, as a user starts it."""
    parts = [str(ROOT / part) for part in ("core", "sidecar", "cli")]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tierrouter_cli.main", "report", "--state-dir", str(sidecar.state_dir), *arguments),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(parts), "COLUMNS": "100", "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
    return out.decode()


async def test_every_turn_of_the_table_is_in_the_csv_to_the_last_digit(spent):
    text = await report(spent, "--format", "csv")
    assert text.partition("\n")[0] == CSV_HEADER
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 60
    assert {row["session"].rpartition("/")[0] for row in rows} == {f"{c.name}/{d}" for c in TABLE for d in DIALECTS}
    for row in rows:
        name, dialect, _ = row["session"].split("/")
        case = BY_NAME[name]
        tier = "fallback" if case.hint == "mystery" else case.hint
        assert (row["dialect"], row["tier"], row["outcome"]) == (dialect, tier, "answered"), row
        assert (row["usage_source"], row["cost_source"]) == ("reported", case.cost_source), row
        kinds = ("input", "cache_read", "cache_write", "cache_write_1h", "output", "reasoning")
        used = case.used
        expected = (case.input_tokens, used.cached, used.written, used.written_1h, used.output, used.reasoning)
        assert tuple(int(row[f"{kind}_tokens"]) for kind in kinds) == expected, row
        assert same_amount(row["cost_usd"], case.cost_usd), row
        assert row["baseline_model"] == "gpt-5-5"
        assert same_amount(row["baseline_cost_usd"], case.baseline_cost_usd), row


def same_amount(found: str, expected: str) -> bool:
    """Equal as numbers, with every digit; unknown is an empty cell and equals nothing else."""
    if not found or not expected:
        return found == expected
    return "E" not in found.upper() and Decimal(found) == Decimal(expected)


async def test_our_own_figure_is_kept_beside_a_providers(spent):
    with sqlite3.connect(f"file:{spent.state_dir / 'ledger.sqlite3'}?mode=ro", uri=True) as ledger:
        found = ledger.execute("SELECT session, a.cost_usd, own_cost_usd FROM attempts a JOIN turns USING (turn_id)")
        attempts = found.fetchall()
    ledger.close()
    assert len(attempts) == 60
    for session, cost, own in attempts:
        case = BY_NAME[session.partition("/")[0]]
        assert same_amount(cost or "", case.cost_usd), session
        assert same_amount(own or "", case.own_cost_usd or ""), session


async def test_the_json_reports_sums_are_the_tables_times_six(spent):
    found = json.loads(await report(spent, "--format", "json"))
    # Six times each: routine 0.01443975 + 0.00678 + 0.00479 + 0.00613 + 0.0063 = 0.03843975; deep 0.068795 + 0.08 =
    # 0.148795; reasoning 0.083.
    costs = {"kimi-k2-6": "0.2306385", "claude-opus-4-7": "0.89277", "gpt-5-5": "0.498"}
    costs |= {"qwen-local": "0", "deepseek-v4-flash": "0"}
    lines = {line["model"]: line for line in found["models"]}
    assert {name: Decimal(line["cost_usd"]) for name, line in lines.items()} == {
        name: Decimal(cost) for name, cost in costs.items()
    }
    # 0.2306385 + 0.89277 + 0.498 = 1.6214085; the costliest comes first.
    total = found["total"]
    assert Decimal(total["cost_usd"]) == Decimal("1.6214085")
    assert [line["model"] for line in found["models"]][:3] == ["claude-opus-4-7", "gpt-5-5", "kimi-k2-6"]
    # Of 60 turns: 5 cases of routine, 2 of deep, 1 of each other, six times.
    assert {name: line["turns"] for name, line in lines.items()} == {
        "kimi-k2-6": 30,
        "claude-opus-4-7": 12,
        "gpt-5-5": 6,
        "qwen-local": 6,
        "deepseek-v4-flash": 6,
    }
    assert (total["turns"], total["turn_share"], total["cost_share"]) == (60, 1, 1)
    assert lines["kimi-k2-6"]["turn_share"] == 0.5
    assert lines["claude-opus-4-7"]["cost_share"] == pytest.approx(0.89277 / 1.6214085)
    assert sum(line["cost_share"] for line in lines.values()) == pytest.approx(1)
    # Input of a pass: routine 12,345 + 3 x 20,000 + 5,000 = 77,345; deep 39,000; 1,000; 10,000; 4,000: 131,345.
    # Cached: routine 3 x 18,000; deep 24,990: 78,990. Output: 2,188 + 1,100 + 2,600 + 1,000 + 100 = 6,988.
    assert (total["input_tokens"], total["cache_read_tokens"], total["output_tokens"]) == (788_070, 473_940, 41_928)
    assert total["reasoning_tokens"] == 6 * 2_048
    assert (total["unknown_cost_turns"], lines["deepseek-v4-flash"]["unknown_cost_turns"]) == (6, 6)
    # reasoning and deep: 6 + 12 of 60 turns; 0.498 + 0.89277.
    expensive = found["expensive"]
    assert (expensive["tiers"], expensive["turns"], expensive["turn_share"]) == (["deep", "reasoning"], 18, 0.3)
    assert Decimal(expensive["cost_usd"]) == Decimal("1.39077")
    # A pass of the baseline: 0.082065 + 3 x 0.115 + 0.18 + 0.048 + 0.083 + 0.0253 + 0.08 + 0.023 = 0.866365.
    saving = found["saving"]
    assert saving["baseline_models"] == ["gpt-5-5"]
    assert Decimal(saving["baseline_cost_usd"]) == Decimal("5.19819")
    # 5.19819 - 1.6214085
    assert Decimal(saving["saved_usd"]) == Decimal("3.5767815")
    assert saving["saved_share"] == pytest.approx(3.5767815 / 5.19819)
    assert (saving["priced_turns"], saving["unpriced_turns"], saving["unknown_cost_turns"]) == (60, 0, 6)
    assert saving["cached_share"] == 0


async def test_the_table_says_the_same_in_cents_and_percent(spent):
    lines = [line.split() for line in (await report(spent)).splitlines()]
    table = {line[0]: " ".join(line[1:]) for line in lines if line}
    # turns, their share, input, of it cached, output, cost, its share
    assert table["kimi-k2-6"] == "30 50.0 % 464k 69.8 % 13.1k $0.23 14.2 %"
    assert table["claude-opus-4-7"] == "12 20.0 % 234k 64.1 % 6.60k $0.89 55.1 %"
    assert table["gpt-5-5"] == "6 10.0 % 6.00k 0.0 % 15.6k $0.50 30.7 %"
    assert table["qwen-local"] == "6 10.0 % 60.0k 0.0 % 6.00k $0.00 0.0 %"
    assert table["deepseek-v4-flash"] == "6 10.0 % 24.0k 0.0 % 600 unknown 0.0 %"
    assert table["Total"] == "60 100.0 % 788k 60.1 % 41.9k $1.62 + ? 100.0 %"
    assert table["Expensive"] == "tiers (deep, reasoning): 30.0 % of turns, 85.8 % of spend ($1.39)."
    # $3.58 of $5.20; six turns of unknown cost make it the most that it can be.
    assert table["Saving:"].startswith(
        "at most $3.58 (68.8 %) against gpt-5-5 for every turn: $1.62 spent on all turns,"
    )
    assert table["Unknown"].startswith("cost: 6 turns (deepseek-v4-flash) of no known price")


async def test_the_baseline_pays_for_a_session_as_its_own_cache_would_have_it(start, provider):
    sidecar = await start(unpriced_fallback(provider.base_url))

    async def turn(dialect: str, session: str, step: Any) -> None:
        provider.script(step)
        await ask(sidecar, dialect, session, stream=True)

    def answer(context: int, output: int, **more: Any) -> Answer:
        return Answer(text="ok " * 20, usage=Tokens(input=context, output=output), **more)

    for dialect in DIALECTS:
        await turn(dialect, dialect, answer(10_000, 200))
        await turn(dialect, dialect, answer(12_000, 300))
        await turn(dialect, dialect, Status(400))
        await turn(dialect, dialect, answer(14_000, 100, delivery=Delivery(cut_after_events=8)))
        await turn(dialect, dialect, answer(15_000, 150))
        await turn(dialect, dialect, answer(3_000, 100))
        await turn(dialect, f"{dialect}-other", answer(12_000, 300))
    await sidecar.rows(21)
    text = await report(sidecar, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    expected = [
        # Nothing is cached yet: 10,000 x 5 = 50,000; 200 x 30 = 6,000.
        ("answered", "0.056"),
        # The first turn's context is: 10,000 x 0.5 = 5,000; 2,000 x 5 = 10,000; 300 x 30 = 9,000. (That the provider
        # itself read nothing from its cache makes no difference.)
        ("answered", "0.024"),
        # Failed turns would not have been asked of the baseline in vain.
        ("upstream_error", ""),
        ("cut", ""),
        # Nor do they warm its cache: 12,000 x 0.5 = 6,000; 3,000 x 5 = 15,000; 150 x 30 = 4,500.
        ("answered", "0.0255"),
        # The context shrank, so it was rewritten and nothing of it is cached: 3,000 x 5 = 15,000; 100 x 30 = 3,000.
        ("answered", "0.018"),
    ]
    # Another session has another cache: 12,000 x 5 = 60,000; 300 x 30 = 9,000.
    other = [("answered", "0.069")]
    for dialect in DIALECTS:
        for session, turns in ((dialect, expected), (f"{dialect}-other", other)):
            found = [(row["outcome"], row["baseline_cost_usd"]) for row in rows if row["session"] == session]
            assert [outcome for outcome, _ in found] == [outcome for outcome, _ in turns]
            for (_, cost), (_, wanted) in zip(found, turns, strict=True):
                assert same_amount(cost, wanted), (session, found)
    # What failed before its first byte cost nothing; what was cut was paid for.
    assert {Decimal(row["cost_usd"]) for row in rows if row["outcome"] == "upstream_error"} == {Decimal(0)}
    assert all(Decimal(row["cost_usd"]) > 0 for row in rows if row["outcome"] == "cut")
    # Worked out anew from the ledger alone it is the same, row by row.
    assert await report(sidecar, "--format", "csv", "--baseline", "gpt-5-5") == text
    # Three times 0.056 + 0.024 + 0.0255 + 0.018 + 0.069 = 0.1925; the saving is less all that was spent, failures too.
    saving = json.loads(await report(sidecar, "--format", "json"))["saving"]
    assert Decimal(saving["baseline_cost_usd"]) == Decimal("0.5775")
    assert (saving["priced_turns"], saving["unpriced_turns"]) == (15, 0)
    spent = sum(Decimal(row["cost_usd"]) for row in rows)
    assert Decimal(saving["saved_usd"]) == Decimal("0.5775") - spent
    # It read 10,000 + 12,000 of 10,000 + 12,000 + 15,000 + 3,000 + 12,000 from its cache.
    assert saving["cached_share"] == pytest.approx(22 / 52)
