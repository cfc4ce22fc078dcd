"""``tierrouter report`` as its users run it."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner, Result

from tierrouter_cli.report import report
from tierrouter_cli.report_table import print_report
from tierrouter_core.spend.baseline import BaselineFacts, BaselineState
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.report import summarise
from tierrouter_core.spend.row import COLUMNS, TurnRow
from tierrouter_core.spend.row_facts import at_s, conversation, usage_of
from tierrouter_core.spend.row_json import revision_to_json_line, row_to_json_line
from tierrouter_core.spend.tier_facts import RevisionFacts, TierFacts
from tierrouter_sidecar.ledger import Ledger

KIMI = Price(rates=Rates(input=Decimal("0.95"), output=Decimal("4.00"), cache_read=Decimal("0.16")))
GPT = Price(rates=Rates(input=Decimal("5"), output=Decimal("30"), cache_read=Decimal("0.50")))
FREE = Price(rates=Rates(input=Decimal(0), output=Decimal(0)))
BASELINE = BaselineFacts(model="gpt-5-5", price=GPT)
FACTS = RevisionFacts(
    revision="coding-1",
    tiers=(
        TierFacts(tier="local", rank=0, expensive=False, provider="ollama", model="qwen-local", price=FREE),
        TierFacts(tier="routine", rank=1, expensive=False, provider="openrouter", model="kimi-k2-6", price=KIMI),
        TierFacts(tier="reasoning", rank=2, expensive=True, provider="openai", model="gpt-5-5", price=GPT),
    ),
    baseline=BASELINE,
)


def turn(number: int, price: Price | None = KIMI, *, moment: datetime | None = None, **columns: Any) -> TurnRow:
    """A turn ``number`` minutes after the last day's 23:58 by default, so that two days have turns."""
    at = moment or datetime(2026, 1, 30, 23, 58, tzinfo=UTC) + timedelta(minutes=number)
    defaults: dict[str, Any] = {
        "turn_id": f"{number:08x}",
        "time": at.isoformat(timespec="milliseconds")[:-6] + "Z",
        "session": "s",
        "agent": "main",
        "tier": "routine",
        "provider": "openrouter",
        "model": "kimi-k2-6",
        "revision": "coding-1",
        "outcome": "answered",
        "attempts": 1,
        "usage_source": "reported",
        "baseline_model": "gpt-5-5",
    }
    row = TurnRow(**{**defaults, **columns})
    cost = None if price is None else price.cost(usage_of(row))
    return TurnRow(**{**defaults, "cost_usd": cost, **columns})


# uncached, cached, reasoning, local; worked by hand beside each
TURNS = [
    # 40,000 x 0.95 + 1,000 x 4 = 0.042;  baseline 40,000 x 5 + 1,000 x 30 = 0.23
    turn(0, input_tokens=40_000, output_tokens=1_000),
    # 2,000 x 0.95 + 40,000 x 0.16 + 500 x 4 = 0.0103;  baseline 40,000 x 0.5 + 2,000 x 5 + 500 x 30 = 0.045
    turn(1, input_tokens=2_000, cache_read_tokens=40_000, output_tokens=500),
    # 43,000 x 5 + 2,000 x 30 = 0.275;  baseline 42,000 x 0.5 + 1,000 x 5 + 2,000 x 30 = 0.086
    turn(
        2,
        GPT,
        tier="reasoning",
        model="gpt-5-5",
        input_tokens=43_000,
        output_tokens=2_000,
        reasoning_tokens=1_500,
    ),
    # free;  baseline 43,000 x 0.5 + 1,000 x 5 + 300 x 30 = 0.0355
    turn(3, FREE, tier="local", model="qwen-local", input_tokens=44_000, output_tokens=300),
]
COSTS = ["0.042", "0.0103", "0.275", "0"]
BASELINE_COSTS = ["0.23", "0.045", "0.086", "0.0355"]


def with_baseline(rows: list[TurnRow]) -> list[TurnRow]:
    """The rows with the baseline's cost as a sidecar writes it down."""
    state = BaselineState()
    values = [{column: getattr(row, column) for column in COLUMNS} for row in rows]
    for row, columns in zip(rows, values, strict=True):
        columns["baseline_cost_usd"] = state.price_turn(conversation(row), at_s(row), usage_of(row), BASELINE)
    return [TurnRow(**columns) for columns in values]


def write(state_dir: Path, rows: list[TurnRow]) -> None:
    ledger = Ledger.open(state_dir)
    ledger._take(FACTS)
    for row in rows:
        ledger.record(row, ())
    assert ledger.close(5)


def run(*arguments: object, stdin: str | None = None) -> Result:
    app = typer.Typer()
    app.command()(report)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    write(path, with_baseline(TURNS))
    return path


def test_the_csv_agrees_with_the_hand_computed_table(state_dir: Path) -> None:
    found = run("--state-dir", state_dir, "--format", "csv")
    assert found.stdout.splitlines()[0] == ",".join(COLUMNS)
    rows = csv_rows(found.stdout)
    assert [Decimal(row["cost_usd"]) for row in rows] == list(map(Decimal, COSTS))
    assert [Decimal(row["baseline_cost_usd"]) for row in rows] == list(map(Decimal, BASELINE_COSTS))
    assert sum(Decimal(row["cost_usd"]) for row in rows) == Decimal("0.3273")


def test_the_summary_agrees_with_the_csv(state_dir: Path) -> None:
    data = json.loads(run("--state-dir", state_dir, "--format", "json").stdout)
    assert Decimal(data["total"]["cost_usd"]) == Decimal("0.3273")
    assert Decimal(data["saving"]["baseline_cost_usd"]) == Decimal("0.3965")
    assert data["saving"]["cached_share"] == pytest.approx(125_000 / 169_000)
    assert data["expensive"]["turn_share"] == 0.25
    assert {line["model"]: Decimal(line["cost_usd"]) for line in data["models"]} == {
        "gpt-5-5": Decimal("0.275"),
        "kimi-k2-6": Decimal("0.0523"),
        "qwen-local": Decimal(0),
    }


def test_the_table_states_spend_share_saving_and_caching(state_dir: Path) -> None:
    text = run("--state-dir", state_dir).stdout
    for part in (
        "kimi-k2-6",
        "$0.05",
        "$0.28",
        "$0.33",
        "Expensive tiers (reasoning): 25.0 % of turns, 84.0 % of spend",
    ):
        assert part in " ".join(text.split())
    assert "Saving: $0.07 (17.5 %) against gpt-5-5" in text
    assert "its own prompt cache (5 min)" in " ".join(text.split())


@pytest.mark.parametrize("width", [34, 40, 50, 60, 70, 80, 120])
def test_figures_stay_in_line_and_whole_at_any_width(width: int) -> None:
    """A narrow terminal has fewer of them."""
    rows = [
        turn(
            number,
            None,
            model=name,
            cost_usd=Decimal(cost),
            input_tokens=90_000_000_000,
            cache_read_tokens=1,
            output_tokens=9,
        )
        for number, (name, cost) in enumerate(
            [("a-model-with-a-very-long-name-2026-01-31", "123456.789"), ("b", "0.001")]
        )
    ]
    out = io.StringIO()
    print_report(summarise(rows), Console(file=out, width=width, highlight=False))
    text = out.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert "$123,456.79" in text
    assert "<$0.01" in text
    assert "…" not in text
    assert "a-model-with" in text
    last = "%" if "Spend" in text else "79"
    ends = {len(line.rstrip()) for line in text.splitlines() if line.rstrip().endswith(last)}
    assert len(ends) == 1


def test_a_baseline_from_the_ledger_needs_no_price_list(state_dir: Path) -> None:
    rows = csv_rows(run("--state-dir", state_dir, "--format", "csv", "--baseline", "kimi-k2-6").stdout)
    assert {row["baseline_model"] for row in rows} == {"kimi-k2-6"}
    # 40,000 x 0.95 + 1,000 x 4
    assert Decimal(rows[0]["baseline_cost_usd"]) == Decimal("0.042")


def test_a_baseline_that_no_ledger_knows_has_the_price_of_genai_prices(state_dir: Path) -> None:
    data = json.loads(run("--state-dir", state_dir, "--format", "json", "--baseline", "claude-opus-4-7").stdout)
    assert data["saving"]["baseline_models"] == ["claude-opus-4-7"]
    assert data["saving"]["recomputed"]


def test_a_baseline_without_a_price_is_an_error_of_one_line(state_dir: Path) -> None:
    found = run("--state-dir", state_dir, "--baseline", "no-such-model")
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1
    assert "no price is known" in found.stderr
    assert "gpt-5-5, kimi-k2-6" in found.stderr


def test_since_cuts_the_report_but_not_the_baselines_memory(state_dir: Path) -> None:
    arguments = ("--state-dir", state_dir, "--since", "2026-01-31", "--format", "csv", "--baseline", "gpt-5-5")
    rows = csv_rows(run(*arguments).stdout)
    assert [row["turn_id"] for row in rows] == ["00000002", "00000003"]
    # As warm as it was, though the turn before is not part of the report.
    assert Decimal(rows[0]["baseline_cost_usd"]) == Decimal("0.086")


def test_since_the_first_day_that_there_is_is_all(state_dir: Path) -> None:
    arguments = ("--state-dir", state_dir, "--format", "csv", "--baseline", "gpt-5-5")
    assert run(*arguments, "--since", "0001-01-01").stdout == run(*arguments).stdout


@pytest.mark.parametrize(("since", "turns"), [("90m", 1), ("24h", 2), ("7d", 3), ("2w", 3)])
def test_since_takes_spans(tmp_path: Path, since: str, turns: int) -> None:
    now = datetime.now(UTC)
    ages = (timedelta(hours=1), timedelta(hours=20), timedelta(days=6))
    write(tmp_path, [turn(number, moment=now - age) for number, age in enumerate(ages)])
    data = json.loads(run("--state-dir", tmp_path, "--since", since, "--format", "json").stdout)
    assert data["total"]["turns"] == turns


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "999999w"),
        ("--format", "xml"),
        ("--from-logs", "-", "--state-dir", "."),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(arguments: tuple[str, ...]) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert found.stderr.startswith("tierrouter report: ")
    assert found.stderr.count("\n") == 1


def test_an_empty_ledger_is_no_error(tmp_path: Path) -> None:
    Ledger.open(tmp_path).close(5)
    found = run("--state-dir", tmp_path)
    assert found.exit_code == 0
    assert "No turns recorded" in found.stdout
    assert run("--state-dir", tmp_path, "--format", "csv").stdout == ",".join(COLUMNS) + "\n"
    assert json.loads(run("--state-dir", tmp_path, "--format", "json").stdout)["total"]["turns"] == 0


def test_before_the_first_run_there_is_nothing_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERROUTER_STATE_DIR", str(tmp_path / "none-yet"))
    found = run()
    assert found.exit_code == 0
    assert str(tmp_path / "none-yet") in found.stdout
    assert not (tmp_path / "none-yet").exists()


def test_a_state_directory_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    found = run("--state-dir", tmp_path / "typo")
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1


def test_each_day_gets_a_file_of_its_own(state_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "daily"
    found = run("--state-dir", state_dir, "--daily", folder)
    assert found.exit_code == 0
    assert sorted(path.name for path in folder.iterdir()) == ["2026-01-30.csv", "2026-01-31.csv"]
    days = [csv_rows((folder / f"2026-01-{day}.csv").read_text()) for day in (30, 31)]
    assert [[row["turn_id"] for row in day] for day in days] == [["00000000", "00000001"], ["00000002", "00000003"]]


def test_a_days_file_is_never_replaced_by_a_part_of_the_day(state_dir: Path, tmp_path: Path) -> None:
    run("--state-dir", state_dir, "--daily", tmp_path / "daily", "--since", "2026-01-31T00:01:00")
    assert len(csv_rows((tmp_path / "daily" / "2026-01-31.csv").read_text())) == 2


def test_a_folder_that_can_not_be_written_is_an_error_of_one_line(state_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = run("--state-dir", state_dir, "--daily", tmp_path / "file")
    assert found.exit_code == 1
    assert "--daily" in found.stderr


def test_logs_tell_what_the_ledger_tells(state_dir: Path, tmp_path: Path) -> None:
    rows = with_baseline(TURNS)
    # In the order in which turns end, among other lines, one of them twice and one cut.
    lines = [
        "2026-01-30 listening on 8383",
        revision_to_json_line(FACTS),
        *(f"2026-01-30T23:59:00Z stdout F {row_to_json_line(row)}" for row in reversed(rows)),
        row_to_json_line(rows[0]),
        row_to_json_line(rows[0])[:-20],
    ]
    log = tmp_path / "sidecar.log"
    log.write_text("\n".join(lines))
    from_ledger = run("--state-dir", state_dir, "--format", "json")
    from_log = run("--from-logs", log, "--format", "json")
    from_stdin = run("--from-logs", "-", "--format", "json", stdin=log.read_text())
    assert from_log.stdout == from_stdin.stdout == from_ledger.stdout
    assert "1 damaged line left out, the first: line 8" in from_log.stderr
    assert run("--from-logs", log, "--since", "2026-01-31", "--format", "csv").stdout.count("\n") == 3


def test_a_log_that_can_not_be_read_is_an_error_of_one_line(tmp_path: Path) -> None:
    found = run("--from-logs", tmp_path / "none.log")
    assert found.exit_code == 1
    assert found.stderr.count("\n") == 1


def test_what_an_agent_calls_its_session_can_not_break_the_csv(tmp_path: Path) -> None:
    session = '=cmd|"a",\r\nb\rc'
    write(tmp_path, [turn(0, session=session)])
    [row] = csv_rows(run("--state-dir", tmp_path, "--format", "csv").stdout_bytes.decode())
    assert row["session"] == session
