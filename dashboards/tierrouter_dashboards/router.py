"""One router, or a few: what is decided and why, how long it takes, what fails, and what limits say."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_dashboards import look, shared
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.page import Row, page
from tierrouter_dashboards.panels import Column, Query, bars, graph, stat_panel, states, table_panel


def dashboard() -> Dashboard:
    """The dashboard of whoever runs a router."""
    return page(
        "tierrouter-router",
        "TierRouter / Router",
        "What a router decides and why, how long turns take, what fails, and how far budgets are used.",
        [_summary(), _decisions(), _moves(), _latency(), _failing(), _caches(), _limits(), _running()],
        series="tierrouter_turns_total",
        since="now-6h",
    )


def _summary() -> Row:
    return Row(
        "In short",
        [
            stat_panel(
                "Turns",
                "All turns, whatever came of them.",
                look.COUNT,
                q.increase("tierrouter_turns_total"),
                look.NONE_IS_WRONG,
                width=3,
                empty="no turns",
            ),
            shared.spent(width=3),
            stat_panel(
                "Saved of the baseline",
                "What the baseline model would have cost, with a prompt cache of its own, less what was spent.",
                look.SHARE,
                q.saved_share(),
                look.SAVING,
                empty="no baseline",
            ),
            shared.deep_share(),
            shared.deep_share_of_its_limit(),
            stat_panel(
                "First token, 95 %",
                "95 of 100 answers begin within this time, the router's own included.",
                look.SECONDS,
                q.quantile_of_range("tierrouter_time_to_first_token_seconds", 0.95),
                look.NONE_IS_WRONG,
                empty="no turns",
            ),
            shared.failed(),
        ],
    )


def _decisions() -> Row:
    return Row(
        "Decisions, and why",
        [
            graph(
                "Turns by tier",
                "By the tier that served.",
                look.TURNS_A_MINUTE,
                shared.a_minute("tierrouter_turns_total", "tier"),
                width=8,
                is_stacked=True,
            ),
            graph(
                "Decisions by reason",
                "Why a tier serves a turn; docs/routing.md explains each.",
                look.TURNS_A_MINUTE,
                shared.a_minute("tierrouter_decisions_total", "reason"),
                width=8,
                is_stacked=True,
            ),
            table_panel(
                "Reasons by tier",
                "Which reasons brought turns to which tier.",
                {"tier": "Tier", "reason": "Reason"},
                [
                    Column(
                        "Decisions",
                        f"{q.increase('tierrouter_decisions_total', 'tier', 'reason')} >= 1",
                        look.COUNT,
                    )
                ],
                sort_by="Decisions",
                width=8,
            ),
        ],
    )


def _moves() -> Row:
    pair = "{{from_tier}} to {{to_tier}}"
    return Row(
        "Conversations that moved",
        [
            graph(
                "Escalations",
                "Tool loops and prompts that moved to a tier of higher rank.",
                look.TURNS_A_MINUTE,
                Query(q.per_minute("tierrouter_escalations_total", "from_tier", "to_tier"), pair),
                width=8,
            ),
            bars(
                "What switching tiers cost",
                "Another tier has to read a conversation anew; this is what that cost over a read from the cache.",
                look.USD,
                Query(f"{q.increase('tierrouter_switch_cost_usd_total', 'from_tier', 'to_tier')} > 0", pair),
            ),
            bars(
                "Hints",
                "What became of the tiers that agents asked for.",
                look.COUNT,
                shared.counted("tierrouter_hints_total", "outcome"),
            ),
        ],
    )


def _latency() -> Row:
    def by_tier(metric: str, quantile: float) -> Query:
        return Query(q.quantile(metric, quantile, "tier"), "{{tier}}")

    first, whole = "tierrouter_time_to_first_token_seconds", "tierrouter_turn_duration_seconds"
    from_arrival = "From a request's arrival to the first byte of its answer, attempts that failed included."
    return Row(
        "Latency",
        [
            graph("First token, half of turns", from_arrival, look.SECONDS, by_tier(first, 0.5), width=8),
            graph("First token, 95 % of turns", from_arrival, look.SECONDS, by_tier(first, 0.95), width=8),
            graph(
                "Whole turn, 95 % of turns",
                "From a request's arrival to the end of its answer.",
                look.SECONDS,
                by_tier(whole, 0.95),
                width=8,
            ),
        ],
    )


def _failing() -> Row:
    return Row(
        "Failures, and who took over",
        [
            graph(
                "Errors of providers",
                "Calls that failed, by kind. A call that failed is tried again, or another tier takes over.",
                look.TURNS_A_MINUTE,
                Query(q.per_minute("tierrouter_attempt_errors_total", "provider", "kind"), "{{provider}}: {{kind}}"),
                width=8,
                is_stacked=True,
            ),
            graph(
                "Failovers",
                "Turns that were handed to another tier before the first token.",
                look.TURNS_A_MINUTE,
                Query(
                    q.per_minute("tierrouter_failovers_total", "from_tier", "to_tier"), "{{from_tier}} to {{to_tier}}"
                ),
                width=8,
            ),
            states(
                "Providers left alone",
                "When at least one sidecar sent nothing to a provider's model; without a name, to none of its models.",
                {"0": ("asked", look.GREEN), "1": ("left alone", look.RED)},
                Query(q.query("max by (provider, model) (tierrouter_circuit_open{@agents})"), "{{provider}} {{model}}"),
                width=8,
            ),
            graph(
                "How turns end",
                "answered, client_gone (the agent went away), cut, upstream_error or refused.",
                look.TURNS_A_MINUTE,
                shared.a_minute("tierrouter_turns_total", "outcome"),
                width=8,
                is_stacked=True,
            ),
            bars(
                "Requests that were refused",
                "Requests that never became turns, by reason; docs/errors.md says what an agent got.",
                look.COUNT,
                shared.counted("tierrouter_rejected_requests_total", "reason"),
            ),
            bars(
                "Rules that could not be evaluated",
                "They counted as false. tierrouter explain shows why.",
                look.COUNT,
                shared.counted("tierrouter_rule_errors_total", "rule"),
            ),
        ],
    )


def _caches() -> Row:
    read = q.query('sum by (tier) (rate(tierrouter_tokens_total{@agents,kind="cache_read"}[$__rate_interval]))')
    prompt = q.query(
        'sum by (tier) (rate(tierrouter_tokens_total{@agents,kind=~"input|cache_read|cache_write"}[$__rate_interval]))'
    )
    return Row(
        "Prompt caches and tokens",
        [
            graph(
                "Read from the cache",
                "Of the tokens of prompts, those that the provider had in its cache. Switching tiers lowers it.",
                look.SHARE,
                Query(q.share(read, prompt), "{{tier}}"),
                maximum=1,
            ),
            graph(
                "Tokens",
                "By kind; input is what no cache had, and reasoning is a part of output.",
                look.TOKENS_A_MINUTE,
                shared.a_minute("tierrouter_tokens_total", "kind"),
            ),
        ],
    )


def _limits() -> Row:
    return Row(
        "Budgets and the deep share",
        [
            bars(
                "Budgets",
                "The most that one account of each budget has used, of its limit; each pod counts its own. "
                "What to do when it is used up: docs/runbooks/TierRouterSpendBurn.md.",
                look.SHARE,
                Query(q.query("max by (budget) (tierrouter_budget_used_ratio{@agents})"), "{{budget}}"),
                steps=look.LIMIT,
                maximum=1,
            ),
            graph(
                "Deep share",
                "In the windows that TierRouterDeepShareHigh looks at: of turns, or of what they cost where deepShare "
                "says by: Spend. Dashed: what deepShare allows, 5 % where there is none.",
                look.SHARE,
                *(Query(q.limited_share(window), f"{{{{router}}}}, last {window}") for window in ("30m", "6h", "3d")),
                width=8,
                limit=Query(q.deep_share_limit("6h"), "{{router}}, allowed"),
            ),
            graph(
                "What the router counts for its own limit",
                "spec.deepShare of each pod, by what it counts and in its window; nothing before minPrompts.",
                look.PERCENT,
                Query(q.query("tierrouter_deep_share_percent{@agents}"), "{{pod}}"),
                width=8,
                limit=Query(
                    q.query("100 * max by (namespace, router) (tierrouter_deep_share_limit_ratio{@agents})"),
                    "{{router}}, allowed",
                ),
            ),
        ],
    )


def _running() -> Row:
    return Row(
        "Sidecars",
        [
            table_panel(
                "Revisions",
                "How many sidecars serve which revision.",
                {"namespace": "Namespace", "router": "Router", "revision": "Revision"},
                [
                    Column(
                        "Sidecars",
                        q.query("count by (namespace, router, revision) (tierrouter_config_info{@agents})"),
                        look.COUNT,
                    )
                ],
                sort_by="Sidecars",
                width=8,
            ),
            graph(
                "Ledger",
                "The age of the oldest row that is not written yet, of the sidecar that is furthest behind.",
                look.SECONDS,
                Query(q.query("max by (namespace, router) (tierrouter_ledger_lag_seconds{@agents})"), "{{router}}"),
                width=8,
            ),
            graph(
                "Turns in flight and sessions",
                "Turns that are served now, and sessions that sidecars remember.",
                look.COUNT,
                Query(q.query("sum(tierrouter_turns_in_flight{@agents})"), "turns in flight"),
                Query(q.query("sum(tierrouter_sessions{@agents})"), "sessions"),
                width=8,
            ),
        ],
    )
