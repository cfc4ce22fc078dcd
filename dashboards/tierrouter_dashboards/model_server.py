"""The local tier: is its model there, what does it serve, and where do turns go when it can't."""

from typing import Final

from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_dashboards import look
from tierrouter_dashboards import promql as q
from tierrouter_dashboards.page import Row, choice, page
from tierrouter_dashboards.panels import Query, graph, stat_panel, states

_TIER: Final = '@agents,tier=~"$tier"'


def dashboard() -> Dashboard:
    """For whoever runs models of their own. A server's own figures (GPU, memory) come from its node, not from here."""
    return page(
        "tierrouter-model-server",
        "TierRouter / Model server",
        "The models that run in the cluster: are they ready, what does their tier serve and how fast, and what spills.",
        [_summary(), _work(), _spilling()],
        series="tierrouter_operator_model_server_ready",
        since="now-6h",
        more=[choice("tier", "Local tier", "label_values(tierrouter_turns_total, tier)", chosen="local")],
    )


def _summary() -> Row:
    return Row(
        "In short",
        [
            stat_panel(
                "Models not ready",
                "Models that are not loaded now; kubectl tierrouter status says how far loading is. Their turns spill.",
                look.COUNT,
                q.query("sum(1 - tierrouter_operator_model_server_ready{@selected})"),
                look.ANY_IS_WRONG,
                empty="no local model",
                alert="TierRouterModelServerNotReady",
            ),
            stat_panel(
                "Ready",
                "The share of the time shown in which the model was loaded and ready; the worst of all.",
                look.SHARE,
                f"min({q.average('tierrouter_operator_model_server_ready', 'namespace', 'router', 'model')})",
                ((None, look.RED), (0.95, look.YELLOW), (0.99, look.GREEN)),
                empty="no local model",
            ),
            stat_panel(
                "Turns of the local tier",
                "Turns that it has served.",
                look.COUNT,
                q.increase("tierrouter_turns_total", of=_TIER),
                look.NONE_IS_WRONG,
                empty="no turns",
            ),
            stat_panel(
                "Of all turns",
                "Those that the local tier has served, of all that a tier has served.",
                look.SHARE,
                q.share(
                    q.increase("tierrouter_turns_total", of=_TIER), q.increase("tierrouter_turns_total", of="@served")
                ),
                look.NONE_IS_WRONG,
                empty="no turns",
            ),
            stat_panel(
                "First token, 95 %",
                "95 of 100 of its answers begin within this time.",
                look.SECONDS,
                q.quantile_of_range("tierrouter_time_to_first_token_seconds", 0.95, of=_TIER),
                look.NONE_IS_WRONG,
                empty="no turns",
            ),
            stat_panel(
                "Turns that spilled",
                "Turns that the local tier was to serve and another tier took over.",
                look.COUNT,
                q.increase("tierrouter_failovers_total", of='@agents,from_tier=~"$tier"'),
                look.NONE_IS_WRONG,
                empty="none",
            ),
        ],
    )


def _work() -> Row:
    first = "tierrouter_time_to_first_token_seconds"
    return Row(
        "What it serves",
        [
            states(
                "Ready",
                "When each model was loaded and ready.",
                {"0": ("not ready", look.RED), "1": ("ready", look.GREEN)},
                Query(
                    q.query("min by (namespace, router, model) (tierrouter_operator_model_server_ready{@selected})"),
                    "{{namespace}} {{router}} {{model}}",
                ),
                width=8,
            ),
            graph(
                "Tokens",
                "That the local tier has read and written, by kind.",
                look.TOKENS_A_MINUTE,
                Query(q.per_minute("tierrouter_tokens_total", "kind", of=_TIER), "{{kind}}"),
                width=8,
            ),
            graph(
                "First token",
                "From a request's arrival to the first byte of its answer. It grows while turns wait for the model.",
                look.SECONDS,
                Query(q.quantile(first, 0.5, of=_TIER), "half of turns"),
                Query(q.quantile(first, 0.95, of=_TIER), "95 % of turns"),
                width=8,
            ),
        ],
    )


def _spilling() -> Row:
    return Row(
        "What it can't serve",
        [
            graph(
                "Where turns went instead",
                "Turns of the local tier that another tier took over, by that tier.",
                look.TURNS_A_MINUTE,
                Query(
                    q.per_minute("tierrouter_failovers_total", "to_tier", of='@agents,from_tier=~"$tier"'),
                    "{{to_tier}}",
                ),
                width=8,
                is_stacked=True,
            ),
            graph(
                "How its turns end",
                "answered, client_gone (the agent went away), cut, upstream_error or refused.",
                look.TURNS_A_MINUTE,
                Query(q.per_minute("tierrouter_turns_total", "outcome", of=_TIER), "{{outcome}}"),
                width=8,
                is_stacked=True,
            ),
            graph(
                "Too long for its context",
                "Turns that went to another tier because they did not fit, by the tier that they went to.",
                look.TURNS_A_MINUTE,
                Query(q.per_minute("tierrouter_decisions_total", "tier", of='@agents,reason="Overflow"'), "{{tier}}"),
                width=8,
                is_stacked=True,
            ),
        ],
    )
