"""Queries: what the dashboards' variables select, and the few forms that come again and again.

A query is written with a word for its selection: ``tierrouter_turns_total{@agents,tier="deep"}``. None needs a
recording rule, so dashboards work where there are none, and for whatever range a person chooses.
"""

import re
from typing import Final

from tierrouter_dashboards import look

RANGE: Final = "$__range"
"""All of what the dashboard shows."""
RATE: Final = "$__rate_interval"
"""One point of a graph, and never less than four scrapes."""

_SELECTED: Final = 'namespace=~"$namespace",router=~"$router"'
_SELECTIONS: Final = {
    # Objects that the operator speaks of.
    "@selected": _SELECTED,
    # What agents' own turns came to, and not those of regression runs.
    "@agents": f'{_SELECTED},purpose!="regression"',
    "@suites": f'{_SELECTED},purpose="regression"',
    # Where a tier has served; "none" and "" are turns that none did.
    "@served": f'{_SELECTED},purpose!="regression",tier!~"none|"',
}
_BAD_OUTCOMES: Final = 'outcome=~"cut|upstream_error|refused"'


def query(text: str) -> str:
    """PromQL as Grafana gets it, on one line.

    Raises:
        KeyError: a selection that there isn't.
    """
    line = re.sub(r"\s+", " ", text).strip()
    line = re.sub(r"([({]) | ([)}])", r"\1\2", line)
    return re.sub(r"@[a-z]+", lambda word: _SELECTIONS[word[0]], line)


def by(*labels: str) -> str:
    """The clause; none for no labels."""
    return f"by ({', '.join(labels)})" if labels else ""


def increase(metric: str, *labels: str, of: str = "@agents", window: str = RANGE) -> str:
    """How much a counter grew, summed up."""
    return query(f"sum {by(*labels)} (increase({metric}{{{of}}}[{window}]))")


def per_hour(metric: str, *labels: str, of: str = "@agents") -> str:
    """How fast a counter grows."""
    return query(f"3600 * sum {by(*labels)} (rate({metric}{{{of}}}[{RATE}]))")


def per_minute(metric: str, *labels: str, of: str = "@agents") -> str:
    """How fast a counter grows."""
    return query(f"60 * sum {by(*labels)} (rate({metric}{{{of}}}[{RATE}]))")


def average(metric: str, *labels: str, of: str = "@selected") -> str:
    """Of a gauge, over all that is shown: of every scrape, whichever pod said it."""
    said = f"{metric}{{{of}}}[{RANGE}]"
    return query(f"sum {by(*labels)} (sum_over_time({said})) / sum {by(*labels)} (count_over_time({said}))")


def share(part: str, whole: str) -> str:
    """0 to 1; nothing where the whole is 0."""
    return f"{part} / ({whole} > 0)"


def quantile(metric: str, q: float, *labels: str, of: str = "@agents") -> str:
    """Of a histogram, at each point of a graph."""
    return query(f"histogram_quantile({q}, sum {by('le', *labels)} (rate({metric}_bucket{{{of}}}[{RATE}])))")


def quantile_of_range(metric: str, q: float, of: str = "@agents") -> str:
    """Of a histogram, over all that is shown."""
    return query(f"histogram_quantile({q}, sum by (le) (increase({metric}_bucket{{{of}}}[{RANGE}])))")


# What several dashboards show, so that they show the same.


def spent(*labels: str) -> str:
    """USD; turns without a price are not in it."""
    return increase("tierrouter_cost_usd_total", *labels)


def baseline(*labels: str) -> str:
    """USD."""
    return increase("tierrouter_baseline_cost_usd_total", *labels)


def saved(*labels: str) -> str:
    """USD, of turns that have a baseline; negative where routing costs more."""
    return f"{baseline(*labels)} - {increase('tierrouter_compared_cost_usd_total', *labels)}"


def saved_share(*labels: str) -> str:
    """Of the baseline."""
    return share(f"({saved(*labels)})", baseline(*labels))


def deep_share(*labels: str, window: str = RANGE) -> str:
    """Of turns that a tier has served, those of tiers with ``expensive: true``."""
    return share(
        increase("tierrouter_deep_turns_total", *labels, window=window),
        increase("tierrouter_turns_total", *labels, of="@served", window=window),
    )


def deep_cost_share(*labels: str, window: str = RANGE) -> str:
    """The same by what they cost."""
    return share(
        increase("tierrouter_deep_cost_usd_total", *labels, window=window),
        increase("tierrouter_cost_usd_total", *labels, window=window),
    )


def _own_limit(window: str, of: str = "@agents") -> str:
    """By router: what its ``deepShare`` allows; while it has no pod, as between two Jobs, what the last ones said."""
    limit = f"tierrouter_deep_share_limit_ratio{{{of}}}"
    # This says that there is a pod with a configuration, and has no label of its own, as other metrics of it have.
    a_pod = "tierrouter_config_last_reload_success_timestamp_seconds{@agents}"
    last = f"max by (namespace, router) (last_over_time({limit}[{window}])) unless on (namespace, router) {a_pod}"
    return f"(max by (namespace, router) ({limit}) or ({last}))"


def deep_share_limit(window: str = RANGE) -> str:
    """By router that had turns: what expensive tiers may have, by its ``deepShare`` or else by the rules' default."""
    turns = increase("tierrouter_turns_total", "namespace", "router", of="@served", window=window)
    return query(f"{_own_limit(window)} or 0 * {turns} + {look.DEEP_SHARE_LIMIT}")


def limited_share(window: str = RANGE) -> str:
    """By router: the share that the limit is about, which is of turns unless ``deepShare`` says ``by: Spend``."""
    of_turns = deep_share("namespace", "router", window=window)
    of_spend = deep_cost_share("namespace", "router", window=window)
    by_spend = "on (namespace, router) " + _own_limit(window, of='@agents,of="spend"')
    return query(f"({of_turns} unless {by_spend}) or ({of_spend} and {by_spend})")


def part_of_limit() -> str:
    """By router: how much of its limit that share is; 1 is all of it, and a limit may be nothing at all."""
    return query(f"({limited_share()}) / clamp_min({deep_share_limit()}, 0.0001)")


def cost_per_turn(*labels: str) -> str:
    """USD."""
    return share(spent(*labels), increase("tierrouter_turns_total", *labels))


def failed_share(*labels: str) -> str:
    """Of turns: those that the provider or the router failed, and not those whose agent went away."""
    turns = increase("tierrouter_turns_total", *labels)
    failed = increase("tierrouter_turns_total", *labels, of=f"@agents,{_BAD_OUTCOMES}")
    return share(_or_none(failed, turns), turns)


def fallback_share(*labels: str) -> str:
    """Of turns: those that went on to another tier because theirs failed."""
    turns = increase("tierrouter_turns_total", *labels)
    return share(_or_none(increase("tierrouter_failovers_total", *labels), turns), turns)


def _or_none(part: str, whole: str) -> str:
    """0 where there is no series of the part: what has never happened has none."""
    return f"({part} or 0 * {whole})"
