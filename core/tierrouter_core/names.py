"""Names that users see, each in one place: headers, reasons, outcomes, turn kinds.

Metric names stand in ``tierrouter_core.observability``; ledger columns in ``tierrouter_core.spend.row``.
"""

from enum import StrEnum

HEADER_PREFIX = "x-tierrouter-"

# What an agent may send.
HINT_HEADER = "x-tierrouter-hint"
TASK_HEADER = "x-tierrouter-task"
SESSION_HEADER = "x-tierrouter-session"

# What every answer carries.
TIER_HEADER = "x-tierrouter-tier"
MODEL_HEADER = "x-tierrouter-model"
REASON_HEADER = "x-tierrouter-reason"
REVISION_HEADER = "x-tierrouter-revision"
TURN_HEADER = "x-tierrouter-turn"
BUDGET_RESET_HEADER = "x-tierrouter-budget-reset"
"""When a budget that has refused a turn has room again, in RFC 3339."""
NOTICE_HEADER = "x-tierrouter-notice"

HINT_NONE = "none"
"""The hint that asks for the model that was named in the request, where a tier has it."""
MODEL_ALIAS_PREFIX = "tier/"
"""``tier/deep`` as a model name is the hint ``deep``."""


class Mode(StrEnum):
    """What the router does with a turn."""

    ROUTE = "Route"
    OBSERVE = "Observe"
    OFF = "Off"


class Dialect(StrEnum):
    """The three API dialects, by the names that ModelProvider documents use."""

    CHAT = "OpenAIChat"
    RESPONSES = "OpenAIResponses"
    MESSAGES = "AnthropicMessages"


class Reason(StrEnum):
    """Why a tier serves a turn: the first word of ``x-tierrouter-reason`` and a metric's label."""

    FORCED = "Forced"
    HINT = "Hint"
    UNKNOWN_HINT = "UnknownHint"
    REQUESTED_MODEL = "RequestedModel"
    RULE = "Rule"
    ESCALATION = "Escalation"
    MODEL_HINT = "ModelHint"
    PINNED_MODEL = "PinnedModel"
    TOOL_LOOP = "ToolLoop"
    SESSION = "Session"
    DEFAULT = "Default"
    SPLIT = "Split"
    WARM_CACHE = "WarmCache"
    SWITCH_BUDGET = "SwitchBudget"
    UTILITY = "Utility"
    OVERFLOW = "Overflow"
    BUDGET = "Budget"
    DEEP_SHARE = "DeepShare"
    DIALECT = "Dialect"
    FAILOVER = "Failover"
    HEDGE = "Hedge"
    OBSERVE = "Observe"
    OFF = "Off"
    NOT_SERVABLE = "NotServable"


class Outcome(StrEnum):
    """How a turn ended, as the ledger says it."""

    ANSWERED = "answered"
    CLIENT_GONE = "client_gone"
    CUT = "cut"
    UPSTREAM_ERROR = "upstream_error"
    REFUSED = "refused"
    """The router itself would not or could not send the turn anywhere."""


FAILED_OUTCOMES = frozenset({Outcome.UPSTREAM_ERROR, Outcome.CUT, Outcome.REFUSED})
"""How turns end that got no whole answer, clients that went away aside."""


class TurnKind(StrEnum):
    """``turn.kind`` of the rules (design section 5.2)."""

    USER = "user"
    TOOL_LOOP = "tool_loop"
    AUTOMATIC = "automatic"
    CONTINUATION = "continuation"
    COMPACTION = "compaction"
    UTILITY = "utility"


class UsageSource(StrEnum):
    """Where a turn's token counts come from."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    MIXED = "mixed"
    NONE = "none"
    """No answer was generated, so there was nothing to count."""


class CostSource(StrEnum):
    """Which price made ``cost_usd``, in order of precedence."""

    PROVIDER = "provider"
    CONFIGURED = "configured"
    GENAI_PRICES = "genai-prices"
    NONE = "none"
    """No price is known: the cost is empty, never zero."""
