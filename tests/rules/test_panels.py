"""What panels of the dashboards say of series that are known."""

from pathlib import Path
from typing import Any

import yaml

from prometheus_programs import promtool
from tierrouter_dashboards import promql as q

Series = dict[str, str]
JOBS = 'namespace="agents",router="jobs",pod="a"'
FINE = 'namespace="agents",router="fine",pod="b"'


def said(folder: Path, query: str, series: Series, at: str, wanted: dict[str, float]) -> None:
    """That of ``series``, scraped twice a minute, ``query`` over six hours gives these values by labels."""
    for variable, chosen in {"$namespace": ".*", "$router": ".*", "$__range": "6h"}.items():
        query = query.replace(variable, chosen)
    case: dict[str, Any] = {
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"round({query}, 0.001)",
                "eval_time": at,
                "exp_samples": [{"labels": labels, "value": value} for labels, value in wanted.items()],
            }
        ],
    }
    (folder / "case.yaml").write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [case]}, width=100_000))
    done = promtool("test", "rules", "case.yaml", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def turns(target: str, end: str, **limit: str) -> Series:
    """An hour in which one of five turns is of an expensive tier, for nine tenths of the money; then ``end``."""
    labels = f"{target}," if target else ""
    series = {
        f'tierrouter_turns_total{{{labels}tier="routine",outcome="answered"}}': f"0+8x120 {end}",
        f'tierrouter_turns_total{{{labels}tier="deep",outcome="answered"}}': f"0+2x120 {end}",
        f"tierrouter_deep_turns_total{{{target}}}": f"0+2x120 {end}",
        f'tierrouter_cost_usd_total{{{labels}tier="routine"}}': f"0+1x120 {end}",
        f'tierrouter_cost_usd_total{{{labels}tier="deep"}}': f"0+9x120 {end}",
        f"tierrouter_deep_cost_usd_total{{{target}}}": f"0+9x120 {end}",
        f"tierrouter_config_last_reload_success_timestamp_seconds{{{target}}}": f"1x120 {end}",
    }
    return series | {
        f'tierrouter_deep_share_limit_ratio{{{labels}of="{of}"}}': f"{most}x120 {end}" for of, most in limit.items()
    }


def test_a_router_whose_jobs_have_ended_is_held_to_the_limit_that_the_last_one_had(tmp_path: Path) -> None:
    a_fine_one = {
        f'tierrouter_turns_total{{{FINE},tier="routine",outcome="answered"}}': "0+8x200",
        f"tierrouter_deep_turns_total{{{FINE}}}": "0x200",
        f"tierrouter_config_last_reload_success_timestamp_seconds{{{FINE}}}": "1x200",
    }
    series = turns(JOBS, "stale", turns="0.02") | a_fine_one
    said(tmp_path, f"max({q.part_of_limit()})", series, "70m", {"{}": 10})


def test_a_router_whose_jobs_have_ended_is_held_to_the_default_where_they_had_no_limit(tmp_path: Path) -> None:
    said(tmp_path, f"max({q.part_of_limit()})", turns(JOBS, "stale"), "70m", {"{}": 4})


def test_a_limit_of_spend_is_held_against_spend_after_the_last_job_too(tmp_path: Path) -> None:
    series = turns(JOBS, "stale", spend="0.3")
    said(tmp_path, f"max({q.part_of_limit()})", series, "70m", {"{}": 3})
    said(tmp_path, q.limited_share("30m"), series, "70m", {'{namespace="agents",router="jobs"}': 0.9})


def test_a_limit_that_a_running_router_has_no_more_is_none(tmp_path: Path) -> None:
    series = turns(JOBS, "_") | {f'tierrouter_deep_share_limit_ratio{{{JOBS},of="spend"}}': "0.3x60 stale"}
    said(tmp_path, f"max({q.part_of_limit()})", series, "1h", {"{}": 4})


def test_a_router_on_a_laptop_without_labels_has_a_limit(tmp_path: Path) -> None:
    series = turns("", "_") | {'tierrouter_config_info{router="coding",revision="coding-1"}': "1x120"}
    said(tmp_path, f"max({q.part_of_limit()})", series, "1h", {"{}": 4})
    said(tmp_path, q.deep_share_limit("6h"), series, "1h", {"{}": 0.05})


def test_a_model_was_ready_for_as_long_as_any_operator_said_so(tmp_path: Path) -> None:
    model = 'namespace="ai",router="coding",model="qwen"'
    ready = "tierrouter_operator_model_server_ready"
    # The operator was replaced, and for the last six of 120 scrapes the model is not ready.
    series = {f'{ready}{{pod="old",{model}}}': "1x113 stale", f'{ready}{{pod="new",{model}}}': "_x113 0x5"}
    labels = ("namespace", "router", "model")
    said(tmp_path, f"min({q.average(ready, *labels)})", series, "59m30s", {"{}": 0.95})


def money(router: str, spent: int, **baseline: int) -> Series:
    """What a router spends with every scrape, and what a baseline would cost where it names one."""
    labels = f'namespace="agents",router="{router}",pod="{router}-0"'
    series = {f'tierrouter_cost_usd_total{{{labels},tier="routine",model="m"}}': f"0+{spent}x200"}
    for model, usd in baseline.items():
        series[f'tierrouter_baseline_cost_usd_total{{{labels},baseline_model="{model}"}}'] = f"0+{usd}x200"
        series[f'tierrouter_compared_cost_usd_total{{{labels},baseline_model="{model}"}}'] = f"0+{spent}x200"
    return series


def test_a_router_without_a_baseline_takes_nothing_from_what_others_save(tmp_path: Path) -> None:
    series = money("half", 1, gpt=2) | money("none", 3)
    said(tmp_path, q.saved_share(), series, "1h", {"{}": 0.5})
    said(tmp_path, q.saved_share("namespace", "router"), series, "1h", {'{namespace="agents",router="half"}': 0.5})
