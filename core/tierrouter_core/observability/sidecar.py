"""The sidecar's metrics.

Labels are bounded: tiers, models, providers, budgets and rules come from the configuration, all else from fixed lists.
"""

from typing import Final

from tierrouter_core.observability.metric import Metric, declared_in
from tierrouter_core.rollout.exposed import LABELS as TRIAL_LABELS
from tierrouter_core.rollout.exposed import METRIC as TRIAL_METRIC

_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)

# What turns came to.
TURNS: Final = Metric("tierrouter_turns_total", "counter", "Turns by how they ended.", ("tier", "model", "outcome"))
TOKENS: Final = Metric(
    "tierrouter_tokens_total",
    "counter",
    "Tokens by kind: input (uncached), cache_read, cache_write, output, reasoning (part of output).",
    ("tier", "model", "kind"),
    "tokens",
)
COST: Final = Metric("tierrouter_cost_usd_total", "counter", "What turns cost, in USD.", ("tier", "model"), "usd")
BASELINE_COST: Final = Metric(
    "tierrouter_baseline_cost_usd_total",
    "counter",
    "What answered turns would have cost on the baseline model with a prompt cache of its own, in USD.",
    ("baseline_model",),
    "usd",
)
COMPARED_COST: Final = Metric(
    "tierrouter_compared_cost_usd_total",
    "counter",
    "What turns cost while a baseline was named, answered or not, in USD: the baseline's cost less this is saved.",
    ("baseline_model",),
    "usd",
)
DEEP_TURNS: Final = Metric(
    "tierrouter_deep_turns_total", "counter", "Turns that tiers with `expensive: true` have served."
)
DEEP_COST: Final = Metric("tierrouter_deep_cost_usd_total", "counter", "What they cost, in USD.", unit="usd")
UNPRICED: Final = Metric(
    "tierrouter_unpriced_turns_total", "counter", "Turns whose cost is unknown for want of a price.", ("tier", "model")
)
USAGE_MISSING: Final = Metric(
    "tierrouter_usage_missing_total", "counter", "Answers without usage, so that tokens were estimated.", ("tier",)
)
USAGE_INCONSISTENT: Final = Metric(
    "tierrouter_usage_inconsistent_total", "counter", "Answers whose usage contradicted itself.", ("tier",)
)
TTFT: Final = Metric(
    "tierrouter_time_to_first_token_seconds",
    "histogram",
    "From a request's arrival to the first byte of its answer.",
    ("tier",),
    "seconds",
    _SECONDS,
)
DURATION: Final = Metric(
    "tierrouter_turn_duration_seconds",
    "histogram",
    "From a request's arrival to its end.",
    ("tier",),
    "seconds",
    _SECONDS,
)
IN_FLIGHT: Final = Metric("tierrouter_turns_in_flight", "gauge", "Turns being served now.")
SESSIONS: Final = Metric("tierrouter_sessions", "gauge", "Sessions remembered.")

# Why a tier served them.
DECISIONS: Final = Metric("tierrouter_decisions_total", "counter", "Decisions by reason.", ("tier", "reason"))
HINTS: Final = Metric("tierrouter_hints_total", "counter", "Hints by what became of them.", ("outcome",))
RULE_ERRORS: Final = Metric(
    "tierrouter_rule_errors_total",
    "counter",
    "Rules and hooks that could not be evaluated and counted as false.",
    ("rule",),
)
ESCALATIONS: Final = Metric(
    "tierrouter_escalations_total",
    "counter",
    "Tool loops and prompts that moved to a tier of higher rank.",
    ("from_tier", "to_tier"),
)
SWITCHES: Final = Metric(
    "tierrouter_switches_total",
    "counter",
    "Conversations that another tier served than their turn before, whatever the reason.",
    ("from_tier", "to_tier"),
)
SWITCH_COST: Final = Metric(
    "tierrouter_switch_cost_usd_total",
    "counter",
    "What reading those conversations anew cost over a warm read, in USD.",
    ("from_tier", "to_tier"),
    "usd",
)
OUTPUT_POLICY: Final = Metric(
    "tierrouter_output_policy_total",
    "counter",
    "Answers that `hooks.outputFlagged` or the output policy was asked about: passed, flagged, or failed to be judged.",
    ("outcome",),
)

# Limits.
BUDGET_USED: Final = Metric(
    "tierrouter_budget_used_ratio",
    "gauge",
    "The most that one account of a budget has used of its limit: 1 is all of it.",
    ("budget",),
    "ratio",
)
BUDGET_LIMIT: Final = Metric(
    "tierrouter_budget_limit_usd",
    "gauge",
    "What an account of a budget may spend within its window.",
    ("budget",),
    "usd",
)
BUDGET_WINDOW: Final = Metric(
    "tierrouter_budget_window_seconds", "gauge", "How long a budget's window is.", ("budget",), "seconds"
)
BUDGETS_EXHAUSTED: Final = Metric(
    "tierrouter_budgets_exhausted",
    "gauge",
    "How many sessions have used up a budget; of one for the router, 1 while it is used up.",
    ("budget",),
)
DEEP_SHARE: Final = Metric(
    "tierrouter_deep_share_percent",
    "gauge",
    "The share of expensive tiers within deepShare's window, by what it counts; none before minPrompts.",
    unit="percent",
)
DEEP_SHARE_LIMIT: Final = Metric(
    "tierrouter_deep_share_limit_ratio",
    "gauge",
    "The share that deepShare lets expensive tiers have, 0 to 1, of turns or of spend; none without deepShare.",
    ("of",),
    "ratio",
)

# Providers.
ATTEMPT_ERRORS: Final = Metric(
    "tierrouter_attempt_errors_total", "counter", "Calls to providers that failed, by kind.", ("provider", "kind")
)
FAILOVERS: Final = Metric(
    "tierrouter_failovers_total", "counter", "Turns handed to another tier.", ("from_tier", "to_tier")
)
HEDGES: Final = Metric(
    "tierrouter_hedges_total",
    "counter",
    "Turns for which a second tier was asked because the first token was late, by whether that one was faster.",
    ("tier", "hedge_tier", "outcome"),
)
CIRCUIT_OPEN: Final = Metric(
    "tierrouter_circuit_open",
    "gauge",
    "1 while a provider's model is left alone; an empty model means all of the provider's.",
    ("provider", "model"),
)
CIRCUIT_OPENED: Final = Metric(
    "tierrouter_circuit_opened_total",
    "counter",
    "How often a provider's model was left alone: open, throttled, out_of_quota, unauthorized or no_model.",
    ("provider", "model", "state"),
)
EDITS: Final = Metric(
    "tierrouter_request_edits_total", "counter", "Edits of requests that otherwise pass unchanged.", ("edit",)
)
TRANSLATION_LOSSY: Final = Metric(
    "tierrouter_translation_lossy_total",
    "counter",
    "Fields left behind where a request was translated to another dialect; all of them harmless.",
    ("field",),
)
MALFORMED_EVENTS: Final = Metric(
    "tierrouter_malformed_events_total",
    "counter",
    "Answers that were broken off because an event of theirs could not be parsed.",
    ("provider",),
)
UNTERMINATED: Final = Metric(
    "tierrouter_unterminated_streams_total",
    "counter",
    "Answers that were whole but for their stream's last marker, which their provider left out.",
    ("provider",),
)
REJECTED: Final = Metric(
    "tierrouter_rejected_requests_total", "counter", "Requests that were refused before they became turns.", ("reason",)
)

# The ledger.
LEDGER_PENDING: Final = Metric("tierrouter_ledger_pending_rows", "gauge", "Ledger rows not yet written.", unit="rows")
LEDGER_LAG: Final = Metric(
    "tierrouter_ledger_lag_seconds",
    "gauge",
    "The age of the oldest ledger row that is not written yet; 0 where there is none.",
    unit="seconds",
)
LEDGER_WRITTEN: Final = Metric(
    "tierrouter_ledger_written_rows_total", "counter", "Ledger rows that were written.", unit="rows"
)
LEDGER_LOST: Final = Metric(
    "tierrouter_ledger_lost_rows_total",
    "counter",
    "Ledger rows that could only be written to the log.",
    unit="rows",
)

# The configuration.
RELOADS: Final = Metric(
    "tierrouter_config_reloads_total", "counter", "Changes of the configuration, applied or refused.", ("outcome",)
)
CONFIG_INFO: Final = Metric(
    "tierrouter_config_info", "gauge", "1 for the revision that is served.", ("router", "revision")
)
CONFIG_SUCCESSFUL: Final = Metric(
    "tierrouter_config_last_reload_successful",
    "gauge",
    "1, or 0 while the configuration's files hold something that was refused.",
)
CONFIG_SINCE: Final = Metric(
    "tierrouter_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration that is served was put in force.",
    unit="seconds",
)
TRIAL_COUNT: Final = Metric(
    TRIAL_METRIC,
    "gauge",
    "While a canary is tried: what came of its turns and of those beside it, by side, as sums over sessions.",
    TRIAL_LABELS,
)
BUILD_INFO: Final = Metric("tierrouter_build_info", "gauge", "1 for the version that runs.", ("version",))

SIDECAR_METRICS: Final = declared_in(dict(globals()))
