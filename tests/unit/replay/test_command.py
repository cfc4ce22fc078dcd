"""``tierrouter replay`` as its users run it."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from transcript_files import claude_projects, codex_sessions, turn_table, write_lines
from typer.testing import CliRunner, Result

from tierrouter_cli.commands import app

GOLDEN = Path(__file__).parent / "golden" / "replay.txt"

PROVIDERS = """
---
apiVersion: tierrouter.dev/v1alpha1
kind: ModelProvider
metadata: {name: vendor}
spec:
  baseURL: https://api.example.com/v1
  dialects: [AnthropicMessages, OpenAIChat, OpenAIResponses]
  models:
    - {name: kimi-k2-6, id: moonshotai/kimi-k2.6, priceUSDPerMTok: {input: "0.95", output: "4", cacheRead: "0.16"}}
    - name: gpt-5-5
      id: gpt-5.5
      contextWindow: 1050000
      priceUSDPerMTok: {input: "5", output: "30", cacheRead: "0.5"}
    - {name: dear, contextWindow: 1000, priceUSDPerMTok: {input: "50", output: "300"}}
"""
ROUTER = """
apiVersion: tierrouter.dev/v1alpha1
kind: TierRouter
metadata: {name: coding}
spec:
  tiers:
    - {name: routine,   rank: 1, model: kimi-k2-6, provider: vendor, maxTokens: 8192}
    - {name: reasoning, rank: 2, model: gpt-5-5,   provider: vendor, maxTokens: 8192, expensive: true}
  defaultTier: routine
  baselineModel: gpt-5-5
  session: {affinity: Session}
"""
SPLIT = ROUTER.replace(
    "defaultTier: routine", "defaultTier: [{tier: routine, weight: 50}, {tier: reasoning, weight: 50}]"
)
STALLED = ROUTER + (
    "  thresholds: [{name: errors, value: 1, min: 1, max: 9, onRegression: -1, onPromotion: 1}]\n"
    "  rules:\n"
    "    - name: stalled\n"
    '      when: "session.tool_errors_in_a_row >= thresholds.errors"\n'
    "      tier: reasoning\n"
    "      escalate: true\n"
)


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIERROUTER_STATE_DIR", str(tmp_path / "no-state"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def router(tmp_path: Path) -> Path:
    return written(tmp_path / "coding.yaml", ROUTER + PROVIDERS)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return turn_table(tmp_path)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


def as_json(*arguments: str | Path) -> dict:
    ran = run(*arguments, "--format", "json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def test_the_table_says_cost_saving_switches_shares_and_models_of_each_router_file(
    tmp_path: Path, router: Path
) -> None:
    stalled = written(tmp_path / "stalled.yaml", STALLED)
    ran = run("-f", router, "-f", stalled, claude_projects(tmp_path))
    assert ran.exit_code == 0, ran.output
    shown = "\n".join(line.rstrip() for line in ran.stdout.splitlines()) + "\n"
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(shown)
    assert shown == GOLDEN.read_text()


def test_costs_are_what_they_come_to_by_hand(router: Path, table: Path) -> None:
    (column,) = as_json("-f", router, table)["columns"]
    # s1: 20,010, then 20,010 of 20,420 from the cache, then 21,010 after it has gone cold; s2: 30,010 and a subagent's
    # 5,010. In dollars per million tokens: 0.95 uncached, 0.16 cached, 4 for each of 720 tokens of output.
    uncached, cached, output = 20_010 + 410 + 21_010 + 30_010 + 5_010, 20_010, 720
    by_hand = uncached * 0.95 + cached * 0.16 + output * 4
    assert column["cost_usd"]["mean"] == pytest.approx(by_hand / 1e6)
    on_the_baseline = uncached * 5 + cached * 0.5 + output * 30
    assert column["baseline"]["cost_usd"]["mean"] == pytest.approx(on_the_baseline / 1e6)
    assert column["saving"]["mean"] == pytest.approx(1 - by_hand / on_the_baseline)


def test_a_longer_time_to_live_keeps_caches_warm(router: Path, table: Path) -> None:
    short, long = as_json("-f", router, table), as_json("-f", router, table, "--ttl", "1h")
    assert long["cache_ttl_ms"] == 3_600_000
    read = [data["columns"][0]["total"]["cache_read_tokens"] for data in (short, long)]
    assert read == [20_010, 20_010 + 20_420]


def test_another_baseline_may_be_named(router: Path, table: Path) -> None:
    (column,) = as_json("-f", router, table, "--baseline", "dear")["columns"]
    assert column["baseline"]["model"] == "dear"
    assert column["saving"]["mean"] > 0.9


def test_a_file_with_the_router_alone_has_the_providers_of_the_others(
    tmp_path: Path, router: Path, table: Path
) -> None:
    data = as_json("-f", router, "-f", written(tmp_path / "split.yaml", SPLIT), table)
    assert [column["label"] for column in data["columns"]] == ["coding", "split"]


def test_a_router_and_its_providers_may_stand_in_two_files(tmp_path: Path, table: Path) -> None:
    alone, providers = written(tmp_path / "r.yaml", ROUTER), written(tmp_path / "p.yaml", PROVIDERS)
    data = as_json("-f", alone, "-f", providers, table)
    assert [column["label"] for column in data["columns"]] == ["coding"]


def test_rules_see_what_the_transcript_tells(tmp_path: Path) -> None:
    router = written(tmp_path / "r.yaml", STALLED + PROVIDERS)
    (column,) = as_json("-f", router, claude_projects(tmp_path))["columns"]
    # The third call, whose tool had failed, to the end of the prompt; the next one is back at home.
    assert column["draws"][0]["reasons"]["Escalation"] == 1
    assert column["tiers"]["reasoning"]["calls"] == 1
    assert column["switches"]["count"]["mean"] == 2


def test_draws_give_a_mean_and_a_range_where_a_router_splits(tmp_path: Path, table: Path) -> None:
    router = written(tmp_path / "r.yaml", SPLIT + PROVIDERS)
    (column,) = as_json("-f", router, table, "--draws", "30", "--seed", "5")["columns"]
    assert [draw["seed"] for draw in column["draws"]] == list(range(5, 35))
    saving = column["saving"]
    assert saving["low"] < saving["mean"] < saving["high"]


def test_a_router_that_draws_nothing_is_replayed_once(router: Path, table: Path) -> None:
    (column,) = as_json("-f", router, table, "--draws", "30")["columns"]
    assert len(column["draws"]) == 1


def test_naive_policies_stand_beside_the_router(router: Path, table: Path) -> None:
    pytest.importorskip("numpy", reason="draws need numpy: pip install 'tierrouter[analysis]'")
    policies = ["router", "free per turn:0.5", "sticky-per-prompt:0", "sticky-per-session:1"]
    data = as_json("-f", router, table, *(word for policy in policies for word in ("--policy", policy)))
    assert [column["label"] for column in data["columns"]] == [
        "coding router",
        "coding free per turn 0.5",
        "coding sticky per prompt 0",
        "coding sticky per session 1",
    ]
    savings = [column["saving"]["mean"] for column in data["columns"]]
    assert savings[2] == 0
    assert savings[0] == savings[3] > 0


def test_the_same_seed_gives_the_same_draws(router: Path, table: Path) -> None:
    pytest.importorskip("numpy", reason="draws need numpy: pip install 'tierrouter[analysis]'")
    arguments = ("-f", router, table, "--policy", "free-per-turn:0.5", "--draws", "5")
    assert as_json(*arguments) == as_json(*arguments)
    assert as_json(*arguments, "--seed", "9") != as_json(*arguments)


def test_csv_has_a_row_for_each_draw_and_one_for_each_of_its_models(tmp_path: Path, table: Path) -> None:
    router = written(tmp_path / "r.yaml", SPLIT + PROVIDERS)
    ran = run("-f", router, table, "--draws", "3", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    for seed in ("0", "1", "2"):
        of_seed = [row for row in rows if row["seed"] == seed]
        total, *models = of_seed
        assert total["model"] == ""
        assert sum(int(row["calls"]) for row in models) == int(total["calls"]) == 5
        assert float(total["saving"]) == pytest.approx(
            1 - float(total["cost_usd"]) / float(total["baseline_cost_usd"]), abs=1e-6
        )


class _Page(HTMLParser):
    """What a page asks for, and its SVG."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_the_page_needs_nothing_but_itself(tmp_path: Path, router: Path, table: Path) -> None:
    page = tmp_path / "page.html"
    named = written(tmp_path / "a<b>&c.yaml", SPLIT)
    ran = run("-f", router, "-f", named, table, "--draws", "4", "--html", page)
    assert ran.exit_code == 0, ran.output
    text = page.read_text()
    read = _Page()
    read.feed(text)
    assert read.asked == []
    assert not {"script", "link", "img", "iframe", "b"} & set(read.tags)
    assert not re.search(r"url\(|@import", text)
    assert "a&lt;b&gt;&amp;c" in text


def test_the_plots_are_well_formed_and_stay_within_their_frame(tmp_path: Path, router: Path, table: Path) -> None:
    page = tmp_path / "page.html"
    run("-f", router, "-f", written(tmp_path / "s.yaml", SPLIT), table, "--draws", "4", "--html", page)
    plots = re.findall(r"<svg.*?</svg>", page.read_text(), re.S)
    assert len(plots) == 4
    for plot in plots:
        svg = ElementTree.fromstring(plot)
        width, height = map(float, svg.attrib["viewBox"].split()[2:])
        for bar in svg.iter("{http://www.w3.org/2000/svg}rect"):
            x, y, wide, high = (float(bar.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + wide <= width
            assert 0 <= y <= y + high <= height


def test_broken_lines_are_said_and_left_out(tmp_path: Path, router: Path) -> None:
    projects = claude_projects(tmp_path)
    path = write_lines(projects / "x.jsonl", ['{"type": "user"}', "{broken", "{too"])
    ran = run("-f", router, projects)
    assert ran.exit_code == 0
    assert f"tierrouter replay: 2 broken lines in 1 file left out, the first: {path}: line 2: not JSON" in ran.stderr
    assert "Left out: 2 broken lines." in ran.stdout


def test_calls_that_are_longer_than_a_window_go_to_a_larger_one(tmp_path: Path) -> None:
    small = ROUTER.replace("model: kimi-k2-6", "model: dear")
    (column,) = as_json("-f", written(tmp_path / "r.yaml", small + PROVIDERS), turn_table(tmp_path))["columns"]
    # In a prompt's loop they stay there, and after it where its cache is warm.
    assert column["draws"][0]["reasons"] == {"Overflow": 3, "ToolLoop": 1, "WarmCache": 1}


def test_an_unknown_price_is_said_and_makes_no_saving(tmp_path: Path, table: Path) -> None:
    free = PROVIDERS.replace('      priceUSDPerMTok: {input: "5", output: "30", cacheRead: "0.5"}\n', "")
    ran = run("-f", written(tmp_path / "r.yaml", ROUTER + free), table)
    assert ran.exit_code == 0
    assert "coding: no saving, for gpt-5-5 has no known price." in " ".join(ran.stdout.split())


def test_codex_and_claude_code_are_replayed_together(tmp_path: Path, router: Path) -> None:
    data = as_json("-f", router, claude_projects(tmp_path), codex_sessions(tmp_path))
    assert (data["sessions"], data["agents"]) == (2, 4)
    assert data["calls"] == 7 + 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--format", "xml"], "--format 'xml' is not one of table, csv, json"),
        (["--ttl", "soon"], "--ttl 'soon' is no time such as 5m, 90s or 1h30m"),
        (["--policy", "sticky"], "--policy 'sticky' is not one of router, free-per-turn, sticky-per-prompt"),
        (["--policy", "free-per-turn"], "needs the default tier's share, 0 to 1"),
        (["--policy", "free-per-turn:2"], "needs the default tier's share, 0 to 1"),
        (["--policy", "router:0.5"], "router decides by itself and takes no share"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(
    router: Path, table: Path, arguments: list[str], said: str
) -> None:
    ran = run("-f", router, table, *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: no such file or folder"),
        (["coding.yaml"], "coding.yaml: neither a transcript of Claude Code"),
        (["turns.csv", "--baseline", "no-such-model"], "--baseline no-such-model: no price is known"),
        (["turns.csv", "--html", "no/such/folder/page.html"], "No such file or directory"),
    ],
)
def test_what_can_not_be_read_is_an_error_of_one_line(
    router: Path, table: Path, arguments: list[str], said: str
) -> None:
    ran = run("-f", router, *arguments)
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_parquet_without_pyarrow_is_an_error_that_says_what_to_install(
    tmp_path: Path, router: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = run("-f", router, written(tmp_path / "t.parquet", "x"))
    assert ran.exit_code == 1
    assert "pip install 'tierrouter[analysis]', or write the table as CSV" in ran.stderr


def test_shares_without_numpy_are_an_error_that_says_what_to_install(
    router: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.setitem(sys.modules, "numpy.random", None)
    assert run("-f", router, table).exit_code == 0
    ran = run("-f", router, table, "--policy", "free-per-turn:0.5")
    assert ran.exit_code == 3
    assert "pip install 'tierrouter[analysis]'" in ran.stderr


def test_progress_is_shown_on_a_terminal_and_nowhere_else(router: Path, table: Path) -> None:
    command = [sys.executable, "-m", "tierrouter_cli.main", "replay", "-f", str(router), str(table)]
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        shown = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True)
        os.close(theirs)
        said = terminal.read(10_000)
    assert b"replaying" in said
    piped = subprocess.run(command, capture_output=True, check=True)
    assert piped.stderr == b""
    assert piped.stdout == shown.stdout


def test_a_router_of_one_tier_has_nothing_to_mix(tmp_path: Path, table: Path) -> None:
    one = re.sub(r"    - {name: reasoning.*\n", "", ROUTER)
    ran = run("-f", written(tmp_path / "r.yaml", one + PROVIDERS), table, "--policy", "free-per-turn:0.5")
    assert ran.exit_code == 1
    assert "coding has no tier to mix with routine" in ran.stderr


def test_a_router_file_with_mistakes_lists_them(tmp_path: Path, table: Path) -> None:
    ran = run("-f", written(tmp_path / "r.yaml", ROUTER), table)
    assert ran.exit_code == 1
    assert "1 problem" in ran.stderr or "2 problems" in ran.stderr
