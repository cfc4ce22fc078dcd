"""Regression runs and the trials that follow: is every tier as good as it was, and what was done about it."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_dashboards import look, shared
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.page import Row, page
from tierrouter_dashboards.panels import Column, Query, bars, graph, stat_panel, states, table_panel


def dashboard() -> Dashboard:
    """The dashboard for the morning after."""
    return page(
        "tierrouter-regression",
        "TierRouter / Regression and rollout",
        "What nightly runs found of each tier, what was decided, and what became of revisions that were tried.",
        [_summary(), _accuracy(), _runs(), _rollout()],
        series="tierrouter_operator_router_ready",
        since="now-30d",
    )


def _summary() -> Row:
    def decisions(kind: str) -> str:
        return q.increase("tierrouter_operator_regression_decisions_total", of=f'@selected,decision="{kind}"')

    return Row(
        "In short",
        [
            stat_panel(
                "Runs overdue",
                "Suites whose scheduled run is late by more than an hour.",
                look.COUNT,
                q.query("count(tierrouter_operator_suite_overdue_seconds{@selected} > 3600)"),
                look.ANY_IS_WRONG,
                empty="none",
                alert="TierRouterRegressionOverdue",
            ),
            stat_panel(
                "Worst tier now",
                "The lowest accuracy of a tier in the newest run of its suite.",
                look.SHARE,
                q.query("min(tierrouter_operator_tier_accuracy_ratio{@selected})"),
                look.NONE_IS_WRONG,
                empty="no runs",
            ),
            stat_panel(
                "Regressions",
                "Runs that found a tier worse, which was not chance, and moved thresholds.",
                look.COUNT,
                decisions("Regress"),
                look.NONE_IS_WRONG,
                empty="none",
            ),
            stat_panel(
                "Trials now",
                "Revisions that a part of the new sessions tries at this moment.",
                look.COUNT,
                q.query("sum(tierrouter_operator_rollout_active{@selected})"),
                look.NONE_IS_WRONG,
                empty="no operator",
            ),
            stat_panel(
                "Rolled back",
                "Trials that ended with the stable revision, because the new one was worse.",
                look.COUNT,
                q.increase("tierrouter_operator_rollouts_total", of='@selected,outcome="rolled_back"'),
                look.ANY_IS_WRONG,
                empty="none",
                alert="TierRouterCanaryRolledBack",
            ),
            stat_panel(
                "Spent by runs",
                "What suites have cost. Agents' figures are without it.",
                look.USD,
                q.increase("tierrouter_cost_usd_total", of="@suites"),
                look.NONE_IS_WRONG,
                empty="no runs",
            ),
        ],
    )


def _accuracy() -> Row:
    accuracy = q.query("max by (namespace, suite, tier) (tierrouter_operator_tier_accuracy_ratio{@selected})")
    return Row(
        "How good tiers are",
        [
            graph(
                "Accuracy by tier",
                "Of the newest run of each suite. Whether a change is chance can't be seen here: the decision says it.",
                look.SHARE,
                Query(accuracy, "{{tier}}"),
                width=16,
                maximum=1,
            ),
            table_panel(
                "Newest runs",
                "Accuracy of each tier in the newest run of its suite.",
                {"namespace": "Namespace", "suite": "Suite", "tier": "Tier"},
                [Column("Accuracy", accuracy, look.SHARE)],
                sort_by="Accuracy",
                width=8,
            ),
        ],
    )


def _runs() -> Row:
    return Row(
        "Runs and decisions",
        [
            table_panel(
                "Suites",
                "When each suite last ran to its end, and how late its next run is.",
                {"namespace": "Namespace", "suite": "Suite", "router": "Router"},
                [
                    Column(
                        "Last run",
                        q.query(
                            "1000 * max by (namespace, suite, router) "
                            "(tierrouter_operator_suite_last_run_timestamp_seconds{@selected})"
                        ),
                        look.SINCE,
                    ),
                    Column(
                        "Late by",
                        q.query(
                            "max by (namespace, suite, router) (tierrouter_operator_suite_overdue_seconds{@selected})"
                        ),
                        look.SECONDS,
                        look.LATE,
                    ),
                ],
                sort_by="Late by",
                width=8,
            ),
            bars(
                "Decisions",
                "What runs led to; docs/regression.md says what each means.",
                look.COUNT,
                shared.counted("tierrouter_operator_regression_decisions_total", "decision", of="@selected"),
            ),
            graph(
                "Turns of runs, by tier",
                "How much the suites ask of each tier.",
                look.TURNS_A_MINUTE,
                shared.a_minute("tierrouter_turns_total", "tier", of="@suites"),
                width=8,
                is_stacked=True,
            ),
        ],
    )


def _rollout() -> Row:
    return Row(
        "Trials of revisions",
        [
            states(
                "When a revision was tried",
                "While a part of the new sessions tries a revision; docs/rollout.md says what is compared.",
                {"0": ("none", look.NEUTRAL), "1": ("trial", look.YELLOW)},
                Query(
                    q.query("max by (namespace, router) (tierrouter_operator_rollout_active{@selected})"),
                    "{{namespace}} {{router}}",
                ),
                width=8,
            ),
            bars(
                "How trials ended",
                "promoted: it took over; rolled_back: it was worse; the others ended without a verdict.",
                look.COUNT,
                shared.counted("tierrouter_operator_rollouts_total", "outcome", of="@selected"),
            ),
            graph(
                "Sidecars by what they serve",
                "current, lagging (an earlier revision), refusing (the newest), silent (did not say).",
                look.COUNT,
                Query(
                    q.query("sum by (state) (tierrouter_operator_sidecars{@selected})"),
                    "{{state}}",
                ),
                width=8,
                is_stacked=True,
            ),
        ],
    )
