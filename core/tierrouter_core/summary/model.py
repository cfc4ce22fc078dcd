"""A sidecar's figures since it began, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tierrouter_core.routing.targets import NO_TIER


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """How long turns waited for their first byte, as a histogram."""

    bounds_s: tuple[float, ...] = ()
    """The upper end of each part but the last, which has none."""
    counts: tuple[int, ...] = ()
    """Turns in each part: one more than there are bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TierLine:
    """What one tier did."""

    name: str
    """Empty for turns that found no tier; ``none`` for those that were served as they were asked for."""
    model: str = ""
    """That it has now, or had last."""
    provider: str = ""
    """Empty for a tier that the configuration names no more."""
    expensive: bool = False
    """Now: what it served before it became so is in no share."""
    turns: int = 0
    failed: int = 0
    input_tokens: int = 0
    """Uncached ones."""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    """The sum of the costs that are known."""
    unpriced_turns: int = 0
    first_tokens: FirstTokens = FirstTokens()

    @property
    def all_input_tokens(self) -> int:
        """Every input token, cached or not."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which configuration decides turns."""

    router: str = ""
    namespace: str = ""
    mode: str = ""
    revision: str = ""
    """Empty while there is none."""
    since: str = ""
    """RFC 3339."""
    canary: str = ""
    canary_percent: int = 0
    """Of new sessions, that try it."""
    refused: str = ""
    """Why the newest one, or its canary, is not served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepShare:
    """The share of expensive tiers that the router's ``deepShare`` watches."""

    percent: float | None = None
    """None before there are enough prompts to judge by."""
    max_percent: float = 0.0
    by: str = "Turns"
    """Or ``Spend``."""
    window_s: float = 0.0
    exceeded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftAlone:
    """A provider, or one of its models, that is not asked now."""

    provider: str
    model: str = ""
    """Empty for all of the provider's."""
    state: str = ""
    for_s: float = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """A budget, and how far it is used up."""

    name: str
    """Among those of several routers, after its router's: ``coding/daily``."""
    scope: str = ""
    limit_usd: str = ""
    exhausted: int = 0
    """Accounts that are: of scope Router there is one, else one a session."""
    used_share: float | None = None
    """Of the limit, by the account that has used most, 0 to 1 and over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentTurn:
    """One turn that is over. No prompt, no session and nothing that an agent or a provider wrote."""

    time: str
    """When the request arrived, RFC 3339 in UTC."""
    tier: str = ""
    model: str = ""
    reason: str = ""
    """Its first word: a :class:`~tierrouter_core.names.Reason`."""
    rule: str = ""
    """The rule's name, where one decided."""
    outcome: str = ""
    input_tokens: int = 0
    """Every one, cached or not."""
    cache_read_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known."""
    ttft_ms: int | None = None
    duration_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that is shown of one sidecar, or of several added up."""

    served: Served = Served()
    up_s: float = 0.0
    """Since the process began; of several, the longest."""
    sidecars: int = 1
    in_flight: int = 0
    per_minute: float = 0.0
    """Turns that ended within the last minutes."""
    tiers: tuple[TierLine, ...] = ()
    """In the order of the configuration, then those that it names no more."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    lately: Mapping[str, int] = field(default_factory=dict)
    """How the turns ended that :attr:`per_minute` is made of: what happens now, whatever happened since the start."""
    failovers: int = 0
    errors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Calls that failed, by provider and kind."""
    deep_turns: int = 0
    """Those of tiers that were expensive then, whatever the configuration says by now; and what they cost."""
    deep_cost_usd: float = 0.0
    baseline_usd: Mapping[str, float] = field(default_factory=dict)
    """What answered turns would have cost, by the baseline's model."""
    compared_usd: float = 0.0
    """What turns cost while a baseline was named, failed ones too."""
    deep_share: DeepShare | None = None
    """None where nothing watches it."""
    left_alone: tuple[LeftAlone, ...] = ()
    budgets: tuple[BudgetLine, ...] = ()
    ledger_pending: int = 0
    ledger_lost: int = 0
    recent: tuple[RecentTurn, ...] = ()
    """The latest first; empty where they are not to be seen."""

    @property
    def turns(self) -> int:
        """All that ended."""
        return sum(tier.turns for tier in self.tiers)

    @property
    def failed(self) -> int:
        """Those that got no whole answer, clients that went away aside."""
        return sum(tier.failed for tier in self.tiers)

    @property
    def cost_usd(self) -> float:
        """The sum of the costs that are known."""
        return sum(tier.cost_usd for tier in self.tiers)

    @property
    def unpriced_turns(self) -> int:
        """Turns that are not in it."""
        return sum(tier.unpriced_turns for tier in self.tiers)

    @property
    def saved_usd(self) -> float | None:
        """Of the baseline, negative where routing cost more; None where no turn has a baseline cost."""
        return sum(self.baseline_usd.values()) - self.compared_usd if self.baseline_usd else None

    @property
    def served_turns(self) -> int:
        """Those that a tier was chosen for."""
        return sum(tier.turns for tier in self.tiers if tier.name not in ("", NO_TIER))

    @property
    def expensive_turn_share(self) -> float:
        """Of the turns since the start that a tier was chosen for, 0 to 1."""
        return self.deep_turns / self.served_turns if self.served_turns else 0.0

    @property
    def expensive_cost_share(self) -> float:
        """Of the known costs since the start, 0 to 1."""
        return self.deep_cost_usd / self.cost_usd if self.cost_usd else 0.0
