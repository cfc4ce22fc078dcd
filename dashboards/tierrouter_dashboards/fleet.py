"""All routers at once: what is spent and saved, what fails, and why."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_dashboards import look, shared
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.page import Row, page
from tierrouter_dashboards.panels import Column, Query, alerts, bars, graph, stat_panel, table_panel

_ROUTER: Final = ("namespace", "router")
_TO_ROUTER: Final = (
    "/d/tierrouter-router?var-namespace=${__data.fields.namespace}&var-router=${__data.fields.router}"
    "&${datasource:queryparam}&${__url_time_range}"
)


def dashboard() -> Dashboard:
    """The dashboard to open first."""
    return page(
        "tierrouter-fleet",
        "TierRouter / Fleet",
        "What is spent, saved and failing, and why. Regression runs are left out, except where a panel says so.",
        [_money(), _health(), _why(), _over_time(), _tiers(), _spenders(), _unknown()],
        series="tierrouter_turns_total",
    )


def _money() -> Row:
    return Row(
        "Money",
        [
            shared.spent(),
            stat_panel(
                "Saved",
                "What the baseline model would have cost, with a prompt cache of its own, less what was spent while a "
                "baseline was named. Turns that failed cost, and save nothing.",
                look.USD,
                q.saved(),
                look.SAVING,
                empty="no baseline",
            ),
            stat_panel(
                "Saved of the baseline",
                "The saving as a share of what the baseline model would have cost.",
                look.SHARE,
                q.saved_share(),
                look.SAVING,
                empty="no baseline",
            ),
            shared.deep_share(),
            shared.deep_share_of_its_limit(),
            stat_panel(
                "Deep share of spend",
                "What these turns cost, of all that was spent: a few expensive turns can be most of the bill.",
                look.SHARE,
                q.deep_cost_share(),
                look.NONE_IS_WRONG,
                width=3,
                empty="no spend",
            ),
            stat_panel(
                "A turn costs",
                "On average, of all turns.",
                look.USD,
                q.cost_per_turn(),
                look.NONE_IS_WRONG,
                width=3,
                empty="no turns",
            ),
        ],
    )


def _health() -> Row:
    return Row(
        "Health",
        [
            shared.failed(),
            stat_panel(
                "Failovers per turn",
                "How often a turn went on to another tier because its own failed, by turns. Agents see none of that.",
                look.SHARE,
                q.fallback_share(),
                look.FAILING,
                empty="no turns",
                alert="TierRouterFallbackShareHigh",
            ),
            stat_panel(
                "Providers left alone",
                "Models of providers that at least one sidecar sends nothing to now, because they failed or said so.",
                look.COUNT,
                q.query("sum(max by (namespace, router, provider, model) (tierrouter_circuit_open{@agents}))"),
                look.ANY_IS_WRONG,
                empty="none",
                alert="TierRouterProviderDown",
            ),
            stat_panel(
                "Sidecars behind",
                "Pods whose sidecar serves an earlier revision, refuses the newest, or does not say.",
                look.COUNT,
                q.query('sum(tierrouter_operator_sidecars{@selected,state!="current"})'),
                look.ANY_IS_WRONG,
                empty="no operator",
                alert="TierRouterSidecarsLagging",
            ),
            stat_panel(
                "Pods without a sidecar",
                "Pods that ask for a router and have none: they reach no model, or reach one past the router.",
                look.COUNT,
                q.query("sum(tierrouter_operator_pods_not_injected{@selected})"),
                look.ANY_IS_WRONG,
                empty="no operator",
                alert="TierRouterPodsNotInjected",
            ),
            stat_panel(
                "Routers not ready",
                "TierRouters whose condition Ready is not True. What to do: docs/troubleshooting.md.",
                look.COUNT,
                q.query("sum(1 - tierrouter_operator_router_ready{@selected})"),
                look.ANY_IS_WRONG,
                empty="no operator",
            ),
        ],
    )


def _not_in_order() -> str:
    """One row for each thing that is wrong now, with how many pods it concerns."""
    found = {
        "$1 is left alone": (
            "provider",
            "sum by (namespace, router, provider) (max by (namespace, router, provider, pod) "
            "(tierrouter_circuit_open{@agents})) > 0",
        ),
        "budget $1 is used up": (
            "budget",
            "count by (namespace, router, budget) (tierrouter_budgets_exhausted{@agents} > 0)",
        ),
        "the newest configuration is refused": (
            "",
            "count by (namespace, router) (tierrouter_config_last_reload_successful{@agents} == 0)",
        ),
        "expensive tiers have more than deepShare allows": (
            "",
            "count by (namespace, router) (tierrouter_deep_share_percent{@agents} "
            "> ignoring (of) 100 * tierrouter_deep_share_limit_ratio{@agents})",
        ),
        "ledger rows are late": ("", "count by (namespace, router) (tierrouter_ledger_lag_seconds{@agents} > 60)"),
        "sidecar is $1": (
            "state",
            'sum by (namespace, router, state) (tierrouter_operator_sidecars{@selected,state!="current"}) > 0',
        ),
        "without a sidecar": ("", "sum by (namespace, router) (tierrouter_operator_pods_not_injected{@selected}) > 0"),
        "the model server is not ready": (
            "",
            "count by (namespace, router) (tierrouter_operator_model_server_ready{@selected} == 0)",
        ),
    }
    parts = [
        f'sum by (namespace, router, what) (label_replace({expr}, "what", "{what}", "{label}", "{"(.*)"}"))'
        for what, (label, expr) in found.items()
    ]
    return q.query(" or ".join(parts))


def _why() -> Row:
    return Row(
        "What fails, and why",
        [
            alerts("Firing", "Alerts of TierRouter that fire or are about to. Each links to what to do about it."),
            table_panel(
                "Not in order now",
                "What sidecars and the operator say of themselves, and how many pods it concerns.",
                {"what": "What", "namespace": "Namespace", "router": "Router"},
                [Column("Pods", _not_in_order(), look.COUNT)],
                sort_by="Pods",
                width=8,
                link=("Router", "The router", _TO_ROUTER),
            ),
            bars(
                "Errors of providers",
                "Calls to providers that failed, by kind. Most of them were answered by another attempt or tier.",
                look.COUNT,
                Query(
                    f"topk(10, {q.increase('tierrouter_attempt_errors_total', 'provider', 'kind')} >= 1)",
                    "{{provider}}: {{kind}}",
                ),
            ),
        ],
    )


def _over_time() -> Row:
    return Row(
        "Over time",
        [
            graph(
                "Spend and baseline",
                "What turns cost, and what the baseline model would have cost. What lies between that and what was "
                "spent where a baseline is named is saved.",
                look.USD_AN_HOUR,
                Query(q.per_hour("tierrouter_cost_usd_total"), "spent"),
                Query(q.per_hour("tierrouter_compared_cost_usd_total"), "spent where a baseline is named"),
                Query(q.per_hour("tierrouter_baseline_cost_usd_total"), "baseline"),
            ),
            graph(
                "Deep share, by router",
                "Of the turns of the last 30 minutes, or of what they cost where deepShare says by: Spend. Dashed: "
                "what the router's deepShare allows, 5 % where it has none. TierRouterDeepShareHigh looks at a longer "
                "window, too, and at how many turns there were.",
                look.SHARE,
                Query(q.limited_share("30m"), "{{namespace}} {{router}}"),
                limit=Query(q.deep_share_limit("6h"), "{{namespace}} {{router}}, allowed"),
            ),
        ],
    )


def _tiers() -> Row:
    return Row(
        "Tiers",
        [
            graph(
                "Turns by tier",
                "By the tier that served. none: the router only watched, and no tier was chosen.",
                look.TURNS_A_MINUTE,
                shared.a_minute("tierrouter_turns_total", "tier"),
                is_stacked=True,
            ),
            graph(
                "Spend by tier",
                "By the tier that served.",
                look.USD_AN_HOUR,
                Query(q.per_hour("tierrouter_cost_usd_total", "tier"), "{{tier}}"),
                is_stacked=True,
            ),
        ],
    )


def _spenders() -> Row:
    return Row(
        "Top spenders",
        [
            table_panel(
                "Routers",
                "What each router spent and saved. A name leads to its dashboard.",
                {"namespace": "Namespace", "router": "Router"},
                [
                    Column("Spent", q.spent(*_ROUTER), look.USD),
                    Column("Saved", q.saved_share(*_ROUTER), look.SHARE, look.SAVING),
                    Column("Turns", q.increase("tierrouter_turns_total", *_ROUTER), look.COUNT),
                    Column("A turn costs", q.cost_per_turn(*_ROUTER), look.USD),
                    Column("Deep share", q.deep_share(*_ROUTER), look.SHARE),
                    Column("Of its limit", q.part_of_limit(), look.SHARE, look.LIMIT),
                    Column("Failed", q.failed_share(*_ROUTER), look.SHARE, look.FAILING),
                ],
                sort_by="Spent",
                width=16,
                link=("Router", "The router", _TO_ROUTER),
            ),
            bars(
                "Pods",
                "The ten pods that spent most. A pod that lived shorter than two scrapes is not seen.",
                look.USD,
                Query(f"topk(10, {q.spent('namespace', 'pod')} > 0)", "{{namespace}}/{{pod}}"),
            ),
        ],
    )


def _unknown() -> Row:
    return Row(
        "What these figures leave out",
        [
            stat_panel(
                "Turns without a price",
                "Their cost is unknown and in no sum, so spend is too low and the saving too high.",
                look.COUNT,
                q.increase("tierrouter_unpriced_turns_total"),
                look.ANY_IS_WRONG,
                width=6,
                empty="none",
            ),
            stat_panel(
                "Answers without usage",
                "The provider did not say how many tokens they were, so these are estimated.",
                look.COUNT,
                q.increase("tierrouter_usage_missing_total"),
                look.ANY_IS_WRONG,
                width=6,
                empty="none",
                alert="TierRouterUsageMissing",
            ),
            stat_panel(
                "Ledger rows lost",
                "Rows that could only be written to the log; tierrouter report --from-logs reads them there.",
                look.COUNT,
                q.increase("tierrouter_ledger_lost_rows_total"),
                look.ANY_IS_WRONG,
                width=6,
                empty="none",
                alert="TierRouterLedgerLosing",
            ),
            stat_panel(
                "Spent by regression runs",
                "What suites have cost. It is in no other figure of this dashboard.",
                look.USD,
                q.increase("tierrouter_cost_usd_total", of="@suites"),
                look.NONE_IS_WRONG,
                width=6,
                empty="no runs",
            ),
        ],
    )
