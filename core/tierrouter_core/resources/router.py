"""TierRouter: the tiers, and what decides between them (design section 3)."""

from typing import ClassVar

from tierrouter_core.names import Mode
from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.guards import Budget, DeepShare, Ledger, LocalModel, OutputPolicy, Rollout
from tierrouter_core.resources.kinds import Boolean, Choice, Duration, Integer, ListOf, ObjectOf, OneOf, Text
from tierrouter_core.resources.metadata import API_VERSION, RouterMetadata, dns_label
from tierrouter_core.resources.provider import MODEL_NAME

KIND = "TierRouter"

_NAME = dns_label(63)
TIER = dns_label(40)
THRESHOLD_NAME = Text(pattern=r"[a-z][a-z0-9_]*", words="a name of lower-case letters, digits and _", max_length=63)
FIGURE = Integer(minimum=-(2**31))
_MOST_CHARACTERS = 8192
"""Of an expression. Its bytes are counted where it is compiled."""
_EXPRESSION = Text(words="a CEL expression", multiline=True, max_length=_MOST_CHARACTERS)
_TIER_OR_NONE = dns_label(40, may_be_empty=True)
_TIERS = ListOf(item=TIER, max_items=64, unique=True)
_TIER_SET = ListOf(item=TIER, max_items=64, unique=True, ordered=False)


@resource
class TierSpec:
    """One rung of the ladder: names only, never an endpoint, never a key."""

    name: str = setting(TIER, "The tier's name, as hints and rules say it.")
    rank: int = setting(Integer(maximum=1000), "Its place in the order for escalation; higher is stronger.", default=1)
    model: str = setting(MODEL_NAME, "The model that serves it: a `models[].name` of its provider.")
    provider: str = setting(_NAME, "The ModelProvider that has the model.")
    max_tokens: int = setting(
        Integer(minimum=1, maximum=10_000_000),
        "Output cap sent when the client names none and the target needs one; budgets reserve by it.",
        default=8192,
    )
    max_tokens_policy: str = setting(
        Choice(of=("Default", "Clamp")), "`Clamp`: `maxTokens` lowers a client's own cap too.", default="Default"
    )
    expensive: bool = setting(Boolean(), "Counts as deep for `deepShare`.", default=False)
    fallback_to: tuple[str, ...] = setting(
        _TIERS, "Tiers to try in this order when its provider fails.", default=(), means="[`fallbackTier`]"
    )
    spill_to: str = setting(
        _TIER_OR_NONE,
        "Tier that serves while this one's model server is not ready or full; tried before `fallbackTo`.",
        default="",
    )
    hedge_to: str = setting(
        _TIER_OR_NONE,
        "Tier that is asked too when a stream's first token is later than 95 % of this tier's last hundred were; the "
        "first to answer serves, both are paid for.",
        default="",
    )
    hosted_tools: str = setting(
        Choice(of=("Strip", "Route", "Reject")),
        "What to do with declared tools that only another vendor runs, where turns are translated for this tier: leave "
        "them out, take another tier, or refuse the turn.",
        default="Strip",
    )


@resource
class Share:
    """One part of a split."""

    tier: str = setting(TIER, "A tier.")
    weight: int = setting(Integer(minimum=1, maximum=1_000_000), "Its share of the sessions, relative to the others'.")


@resource
class Threshold:
    """A number that rules compare with and that regressions may move."""

    name: str = setting(THRESHOLD_NAME, "Its name; rules say `thresholds.NAME`.")
    value: int = setting(FIGURE, "The number.")
    min: int = setting(FIGURE, "The least that it may become.", default=0)
    max: int = setting(FIGURE, "The most that it may become.", default=1_000_000)
    on_regression: int = setting(FIGURE, "Added to it when a regression was found.", default=0)
    on_promotion: int = setting(FIGURE, "Added to it when a cheaper model was promoted.", default=0)


@resource
class RuleSpec:
    """An expression and the tier that serves when it is true."""

    name: str = setting(_NAME, "The rule's name, as reasons say it.")
    when: str = setting(
        Text(min_length=1, words="a CEL expression", multiline=True, max_length=_MOST_CHARACTERS),
        "A CEL expression that gives a bool, at most 1024 bytes; the first rule that is true wins.",
    )
    tier: str = setting(TIER, "The tier that serves then.")
    escalate: bool = setting(Boolean(), "May act inside a tool loop, upward only.", default=False)
    essential: bool = setting(Boolean(), "Is exempt from `deepShare`.", default=False)


@resource
class ModelHintSpec:
    """A requested model name that means something."""

    match: str = setting(
        Text(min_length=1, words="a model name, with * and ? as wildcards", max_length=256),
        "A glob over the model name that the agent asks for.",
    )
    tier: str = setting(TIER, "The tier that it means.")
    pin: bool = setting(Boolean(), "That tier serves such turns always, before the rules.", default=False)


@resource
class HintsSpec:
    """Which hints are honoured."""

    allow: tuple[str, ...] | None = setting(
        _TIER_SET, "Tiers that an agent may ask for.", default=None, means="every tier"
    )
    model_aliases: bool = setting(Boolean(), "The model name `tier/NAME` is a hint too.", default=True)


@resource
class HooksSpec:
    """Questions that an expression of the user's own may answer."""

    is_throttled: str = setting(
        _EXPRESSION,
        "CEL over a failed response: true counts as throttled, so its model is left alone for a while.",
        default="",
        means="only what is known for that",
    )
    is_complex_planning: str = setting(
        _EXPRESSION,
        "CEL over the turn: what rules know as `task.complex_planning`.",
        default="",
        means="only what the agent says",
    )
    output_flagged: str = setting(
        _EXPRESSION,
        "CEL over an answer: true makes `turn.output_flagged` true in the session's next turn.",
        default="",
        means="only refusals, filters and `outputPolicy`",
    )


@resource
class SessionSpec:
    """How long a decision lasts."""

    affinity: str = setting(
        Choice(of=("Session", "Prompt")),
        "`Session`: a session keeps the tier that it began with; `Prompt`: each prompt is decided anew.",
        default="Session",
    )
    switch_budget_percent: int | None = setting(
        Integer(maximum=100),
        "The most that optional switches may cost, in percent of what the session would cost without them.",
        default=None,
        means="`20`",
    )
    idle_timeout_ms: int = setting(
        Duration(), "A session is forgotten after this time without a turn.", default=1_800_000
    )
    subagent_tier: str = setting(
        _TIER_OR_NONE, "The tier of subagents' turns.", default="", means="as the main agent's"
    )


@resource
class Circuit:
    """When a provider is left alone."""

    failures: int = setting(
        Integer(minimum=1, maximum=1000),
        "Failures that open a model's circuit, if no answers come in between; an answer takes half a failure back.",
        default=3,
    )
    cool_down_ms: int = setting(
        Duration(), "How long it then stays open; twice and four times as long if it fails again.", default=15_000
    )


@resource
class FailoverSpec:
    """How long to wait for a provider, and how often to try."""

    connect_timeout_ms: int = setting(Duration(), "For the connection, TLS included.", default=5_000)
    headers_timeout_ms: int = setting(Duration(), "From the request to the answer's headers.", default=60_000)
    first_token_timeout_ms: int = setting(Duration(), "From the request to the answer's first token.", default=180_000)
    hold_headers_ms: int = setting(
        Duration(),
        "A stream's headers wait for its first token, but not longer than this; then keep-alives go out too.",
        default=100_000,
    )
    idle_timeout_ms: int = setting(Duration(), "Between two pieces of a streamed answer.", default=240_000)
    total_timeout_ms: int = setting(Duration(), "For all attempts of a turn until its answer begins.", default=600_000)
    max_attempts: int = setting(Integer(minimum=1, maximum=10), "Attempts in one turn, the first included.", default=3)
    resume_cut_streams: bool = setting(
        Boolean(),
        "A stream that is cut in its text is gone on with by a model whose `capabilities.prefill` is `true`.",
        default=False,
    )
    circuit: Circuit = setting(ObjectOf(cls=Circuit), "When a provider is left alone.", default_factory=Circuit)


@resource
class RouterSpec:
    """A TierRouter's ``spec``."""

    mode: Mode = setting(
        Choice(of=Mode),
        "`Route`; `Observe`: serve what was asked for and note what would have been decided; "
        '`"Off"` (in quotes: YAML reads a bare Off as false): pass through.',
        default=Mode.ROUTE,
    )
    tiers: tuple[TierSpec, ...] = setting(
        ListOf(item=ObjectOf(cls=TierSpec), min_items=1, max_items=64), "The tiers, in the order of preference."
    )
    default_tier: str | tuple[Share, ...] = setting(
        OneOf(kinds=(TIER, ListOf(item=ObjectOf(cls=Share), min_items=1, max_items=64))),
        "The tier of turns that nothing else decides, or a split drawn by session.",
    )
    fallback_tier: str = setting(
        _TIER_OR_NONE,
        "The tier for unknown hints and failing providers.",
        default="",
        means="the default tier (of a split, its first)",
    )
    baseline_model: str = setting(
        Text(max_length=256),
        "The model that savings are measured against: a `models[].name`, or any that genai-prices knows.",
        default="",
        means="none: no saving is reported",
    )
    thresholds: tuple[Threshold, ...] = setting(
        ListOf(item=ObjectOf(cls=Threshold), max_items=64, ordered=False, keyed_by="name"),
        "Numbers for rules, named.",
        default=(),
    )
    rules: tuple[RuleSpec, ...] = setting(
        ListOf(item=ObjectOf(cls=RuleSpec), max_items=256), "What sends a turn to which tier.", default=()
    )
    model_hints: tuple[ModelHintSpec, ...] = setting(
        ListOf(item=ObjectOf(cls=ModelHintSpec), max_items=128), "Requested model names that mean a tier.", default=()
    )
    hints: HintsSpec = setting(ObjectOf(cls=HintsSpec), "Which hints are honoured.", default_factory=HintsSpec)
    session: SessionSpec = setting(ObjectOf(cls=SessionSpec), "How long a decision lasts.", default_factory=SessionSpec)
    failover: FailoverSpec = setting(
        ObjectOf(cls=FailoverSpec), "How long to wait, how often to try.", default_factory=FailoverSpec
    )
    budgets: tuple[Budget, ...] = setting(
        ListOf(item=ObjectOf(cls=Budget), max_items=64, ordered=False, keyed_by="name"),
        "Spending limits (docs/budgets.md).",
        default=(),
    )
    deep_share: DeepShare | None = setting(
        ObjectOf(cls=DeepShare), "The share that expensive tiers may have (docs/budgets.md).", default=None
    )
    output_policy: OutputPolicy | None = setting(
        ObjectOf(cls=OutputPolicy), "A service that judges answers when they are over.", default=None
    )
    hooks: HooksSpec | None = setting(
        ObjectOf(cls=HooksSpec),
        "Expressions that answer what the router can't know (docs/routing.md, Hooks).",
        default=None,
    )
    ledger: Ledger = setting(ObjectOf(cls=Ledger), "Where turns are written down.", default_factory=Ledger)
    response_model: str = setting(
        Choice(of=("Upstream", "Requested")), "What an answer's own `model` field says.", default="Upstream"
    )
    rollout: Rollout | None = setting(
        ObjectOf(cls=Rollout), "How revisions made by regression runs take over. Acts in a cluster alone.", default=None
    )
    local_model: LocalModel | None = setting(
        ObjectOf(cls=LocalModel), "The local tier's model server. Acts in a cluster alone.", default=None
    )
    pinned_revision: str = setting(
        dns_label(63, may_be_empty=True),
        "Name of the revision to hold. Acts in a cluster alone.",
        default="",
        means="the newest",
    )
    revision_history_limit: int = setting(
        Integer(minimum=1, maximum=1000), "Revisions to keep. Acts in a cluster alone.", default=10
    )

    @property
    def shares(self) -> tuple[tuple[str, int], ...]:
        """``defaultTier`` as ``(tier, weight)`` pairs; one where there is no split."""
        if isinstance(self.default_tier, str):
            return ((self.default_tier, 1),)
        return tuple((share.tier, share.weight) for share in self.default_tier)


@resource
class TierRouter:
    """One router: the tiers, and what decides between them."""

    TOLERATED: ClassVar[frozenset[str]] = frozenset({"status"})

    api_version: str = setting(Choice(of=(API_VERSION,)), "The format's version.")
    kind: str = setting(Choice(of=(KIND,)), "The resource's kind.")
    metadata: RouterMetadata = setting(ObjectOf(cls=RouterMetadata), "Its name.")
    spec: RouterSpec = setting(ObjectOf(cls=RouterSpec), "What it does.")

    @property
    def name(self) -> str:
        """The router's name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.metadata.namespace
