"""Budgets: what was spent within each one's window, what turns under way are expected to spend, and what is left."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tierrouter_core.caps.cap import Cap
from tierrouter_core.caps.window import Window
from tierrouter_core.document.model import Budget, Document
from tierrouter_core.names import Reason

ROUTER_SCOPE = "Router"


@dataclass(slots=True)
class Account:
    """One budget's spending, of one session or of all."""

    spent: Window
    reserved_usd: float = 0.0
    """What turns under way are expected to cost."""
    risked_usd: float = 0.0
    """What they may cost beyond that."""
    holds: int = 0
    """How many calls of theirs something is held for."""

    def hold(self, usd: float, risked_usd: float) -> None:
        """A call is under way."""
        self.holds += 1
        self.reserved_usd += usd
        self.risked_usd += risked_usd

    def let_go(self, usd: float, risked_usd: float) -> None:
        """What was held for a call is held no longer."""
        self.holds -= 1
        # No remainders of sums that cancel out.
        self.reserved_usd = max(0.0, self.reserved_usd - usd) if self.holds else 0.0
        self.risked_usd = max(0.0, self.risked_usd - risked_usd) if self.holds else 0.0

    def used_usd(self, now_s: float) -> float:
        """Spent and reserved."""
        return self.spent.at(now_s)[0] + self.reserved_usd


@dataclass(slots=True)
class Use:
    """How far one budget is used."""

    limit_usd: float
    window_s: float
    exhausted: int = 0
    """How many of its accounts are used up."""
    most: float = 0.0
    """What the one has used that has used most, as a share of the limit."""


@dataclass(slots=True)
class Accounts:
    """The accounts of a document's budgets. Sessions that have spent nothing within the window are forgotten."""

    budgets: tuple[Budget, ...] = ()
    _accounts: dict[tuple[str, str], Account] = field(default_factory=dict)

    def of(self, budget: Budget, session: str) -> Account:
        """The account that a session's turns go to."""
        key = (budget.name, "" if budget.scope == ROUTER_SCOPE else session)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(Window(budget.window_ms / 1000))
        return account

    def covering(self, tier: str) -> Iterator[Budget]:
        """The budgets that cover a tier."""
        return (budget for budget in self.budgets if not budget.tiers or tier in budget.tiers)

    def spend(self, now_s: float, session: str, tier: str, usd: float) -> None:
        """A call to a tier has cost so much."""
        for budget in self.covering(tier):
            self.of(budget, session).spent.add(now_s, usd)

    def forget_idle(self, now_s: float) -> None:
        """Let go of accounts in which nothing is left."""
        for key, account in list(self._accounts.items()):
            if not account.holds and account.spent.at(now_s)[0] <= 0:
                del self._accounts[key]

    def caps(self, document: Document, session: str, now_s: float) -> Mapping[str, Cap]:
        """By tier: what keeps it from beginning a prompt of this session. A warning keeps nothing."""
        caps: dict[str, Cap] = {}
        for budget in self.budgets:
            if budget.on_exhausted == "Warn":
                continue
            cap = self._cap(budget, session, now_s)
            if cap is None:
                continue
            for tier in budget.tiers or tuple(document.tiers):
                if tier != cap.instead and (tier not in caps or (cap.stops and not caps[tier].stops)):
                    caps[tier] = cap
        return caps

    def warnings(self, session: str, now_s: float) -> Iterator[str]:
        """What budgets that only warn have to say."""
        for budget in self.budgets:
            if budget.on_exhausted == "Warn":
                cap = self._cap(budget, session, now_s)
                if cap is not None:
                    yield cap.detail

    def _cap(self, budget: Budget, session: str, now_s: float) -> Cap | None:
        account = self.of(budget, session)
        used, limit = account.used_usd(now_s), float(budget.limit_usd)
        if used < limit:
            return None
        reset_s = account.spent.below(now_s, limit)
        resets = reset_s < float("inf") and account.spent.at(now_s)[0] >= limit
        until = f", room again at {clock_time(reset_s)}" if resets else ""
        whose = "of this router" if budget.scope == ROUTER_SCOPE else "of this session"
        # Four digits: budgets may be cents.
        detail = f"budget {budget.name} {whose} has used ${used:.4g} of ${limit:.4g}{until}"
        return Cap(
            reason=Reason.BUDGET,
            detail=detail,
            instead=budget.downgrade_to if budget.on_exhausted == "Downgrade" else "",
            stops=used >= limit + float(budget.grace_usd),
            reset_s=reset_s if resets else None,
        )

    def use(self, now_s: float) -> Mapping[str, Use]:
        """By budget: how far it is used."""
        use = {each.name: Use(float(each.limit_usd), each.window_ms / 1000) for each in self.budgets}
        for (name, _), account in self._accounts.items():
            used, of = account.used_usd(now_s), use[name]
            of.exhausted += used >= of.limit_usd
            if of.limit_usd:
                of.most = max(of.most, used / of.limit_usd)
        return use

    def state(self, now_s: float) -> list[dict[str, object]]:
        """For ``/status``: each budget, how many accounts are used up, and the bound on overshoot; no spending."""
        told: list[dict[str, object]] = []
        use = self.use(now_s)
        for budget in self.budgets:
            limit, grace = float(budget.limit_usd), float(budget.grace_usd)
            worst = [
                account.risked_usd + max(0.0, account.used_usd(now_s) - limit - grace)
                for (name, _), account in self._accounts.items()
                if name == budget.name
            ]
            told.append(
                {
                    "name": budget.name,
                    "scope": budget.scope,
                    "limitUSD": str(budget.limit_usd),
                    "exhausted": use[budget.name].exhausted,
                    "overshootUSD": round(grace + max(worst, default=0.0), 6),
                    "usedRatio": round(use[budget.name].most, 4),
                }
            )
        return told


def clock_time(at_s: float) -> str:
    """A moment for people and for ``x-tierrouter-budget-reset``: RFC 3339, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
