"""The configuration document: what ``compile`` writes and a sidecar routes by.

Everything is resolved: defaults filled in, tiers joined with their models, prices frozen. It holds names and
addresses, never a key. Times are integers of milliseconds, money is a decimal string, so that equal documents have
equal bytes. ``SCHEMA`` is major.minor: a reader ignores fields that it does not know within its major.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tierrouter_core.names import Dialect, Mode
from tierrouter_core.spend.price import Price

SCHEMA = "1.0"
MAX_DOCUMENT_BYTES = 400 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of one provider."""

    name: str
    """The user's name for it: ``kimi-k2-6``."""
    id: str
    """The provider's name for it, which goes into requests: ``moonshotai/kimi-k2.6``."""
    dialects: tuple[Dialect, ...]
    """What it is spoken to in, best first."""
    reject: tuple[tuple[Dialect, str], ...] = ()
    """``(dialect, "tools")``: turns of that dialect with that feature are refused by the model."""
    context_window: int | None = None
    max_output_tokens: int | None = None
    """Always lowers a client's own cap."""
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    cache_ttl_ms: int = 300_000
    cache_min_tokens: int = 1024
    price: Price | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Where models live."""

    name: str
    base_url: str
    """With the version prefix, without a slash at the end: ``https://openrouter.ai/api/v1``."""
    secret_name: str = ""
    """Name of the Secret with the key; empty for a provider that needs none."""
    secret_key: str = ""
    ca_bundle: str = ""
    """PEM certificates to trust beside the system's, or empty."""
    request_defaults: Mapping[str, Any] = field(default_factory=dict)
    """Top-level body keys added to a request that lacks them."""
    models: Mapping[str, Model] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Scheme, host and port: where this provider's key may go."""
        scheme, _, rest = self.base_url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One rung of the ladder."""

    name: str
    rank: int
    provider: str
    model: str
    max_tokens: int
    """Output cap sent when the client names none and the target needs one; budgets reserve by it."""
    clamp: bool = False
    """``maxTokensPolicy: Clamp``: ``max_tokens`` lowers the client's own cap too."""
    expensive: bool = False
    fallback_to: tuple[str, ...] = ()
    spill_to: str = ""
    hedge_to: str = ""
    hosted_tools: str = "Strip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A CEL expression and the tier that serves when it is true."""

    name: str
    when: str
    tier: str
    escalate: bool = False
    essential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHint:
    """A requested model name (a glob) that means something."""

    match: str
    tier: str
    pin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Which hints are honoured."""

    allow: tuple[str, ...]
    model_aliases: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How long a decision lasts."""

    affinity: str = "Session"
    """``Session``: a session keeps the tier it began with; ``Prompt``: each prompt is decided anew."""
    switch_budget_percent: int = 20
    idle_timeout_ms: int = 1_800_000
    subagent_tier: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """How long to wait for a provider, and how often to try."""

    connect_timeout_ms: int = 5_000
    headers_timeout_ms: int = 60_000
    first_token_timeout_ms: int = 180_000
    hold_headers_ms: int = 100_000
    idle_timeout_ms: int = 240_000
    total_timeout_ms: int = 600_000
    max_attempts: int = 3
    resume_cut_streams: bool = False
    circuit_failures: int = 3
    circuit_cool_down_ms: int = 15_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The one model that savings are measured against."""

    model: str
    price: Price | None
    cache_ttl_ms: int = 300_000
    cache_min_tokens: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A spending limit."""

    name: str
    scope: str
    """``Session`` or ``Router``: whose spending is added up."""
    window_ms: int
    limit_usd: Decimal
    tiers: tuple[str, ...] = ()
    """Empty for all."""
    on_exhausted: str = "Downgrade"
    """``Downgrade``, ``Reject`` or ``Warn``."""
    downgrade_to: str = ""
    grace_usd: Decimal = Decimal(0)
    """What a prompt in progress may spend beyond the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPolicy:
    """Who judges answers when they are over."""

    endpoint: str
    timeout_ms: int
    on_failure: str
    """``Open``: an answer that could not be judged is fine; ``Closed``: it counts as flagged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """CEL expressions that answer three questions; empty where the router's own answer is enough."""

    is_throttled: str = ""
    is_complex_planning: str = ""
    output_flagged: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepShare:
    """The share that expensive tiers may have."""

    max_percent: int
    by: str
    """``Turns`` or ``Spend``."""
    window_ms: int
    min_prompts: int
    action: str
    """``Alert`` or ``RequireHint``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Everything one router needs to route."""

    namespace: str
    router: str
    mode: Mode
    tiers: Mapping[str, Tier]
    """In the user's order."""
    default_tier: tuple[tuple[str, int], ...]
    """``(tier, weight)``; one entry where there is no split."""
    fallback_tier: str
    baseline: Baseline | None
    thresholds: Mapping[str, int]
    rules: tuple[Rule, ...]
    model_hints: tuple[ModelHint, ...]
    hints: Hints
    session: Session
    failover: Failover
    response_model: str
    """``Upstream`` or ``Requested``."""
    providers: Mapping[str, Provider]
    budgets: tuple[Budget, ...] = ()
    deep_share: DeepShare | None = None
    output_policy: OutputPolicy | None = None
    hooks: Hooks | None = None

    def model_of(self, tier: Tier) -> Model:
        """The tier's model."""
        return self.providers[tier.provider].models[tier.model]

    def provider_of(self, tier: Tier) -> Provider:
        """The tier's provider."""
        return self.providers[tier.provider]
