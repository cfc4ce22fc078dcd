"""What this sidecar has spent and is about to spend, for budgets and the share of expensive tiers.

Nothing of it is kept on disk: it is added up again from the ledger, which is the truth, when a document with other caps
comes into force.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tierrouter_core.caps.budgets import Account, Accounts, Use
from tierrouter_core.caps.cap import Cap
from tierrouter_core.caps.expected import Outputs, expected_cost
from tierrouter_core.caps.share import Share
from tierrouter_core.document.model import Document
from tierrouter_core.names import Outcome, TurnKind
from tierrouter_core.routing.decide import SessionState, Turn
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_core.spend.row_facts import is_regression
from tierrouter_core.wire.request import Request

log = logging.getLogger("tierrouter")


@dataclass(slots=True)
class Reservation:
    """What one turn is expected to cost, held in the accounts that it may go to."""

    accounts: list[Account] = field(default_factory=list)
    usd: float = 0.0
    risked_usd: float = 0.0


class Spending:
    """The accounts of the document in force, and the share of its expensive tiers."""

    def __init__(self) -> None:
        self._accounts = Accounts()
        self._share: Share | None = None
        self._outputs: dict[str, Outputs] = {}
        self._settled = 0

    @property
    def watched(self) -> bool:
        """Whether anything is capped, or only watched."""
        return bool(self._accounts.budgets) or self._share is not None

    def adopt(self, document: Document) -> float:
        """Take up a document's caps; for how many seconds back turns have to be added again, 0 for none."""
        changed = self._accounts.adopt(document.budgets)
        wanted = document.deep_share
        if wanted != (None if self._share is None else self._share.wanted):
            self._share = None if wanted is None else Share(wanted)
            changed = True
        if not changed:
            return 0.0
        self._share = None if wanted is None else Share(wanted)
        windows = [budget.window_ms for budget in document.budgets]
        return max([*windows, *([wanted.window_ms] if wanted else [])], default=0) / 1000

    def add_again(self, document: Document, rows: Iterable[TurnRow]) -> None:
        """Turns that the ledger has, the oldest first. What their attempts cost elsewhere counts for the last tier."""
        for row in rows:
            if row.router != document.router or is_regression(row):
                continue
            at_s = datetime.fromisoformat(row.time).timestamp()
            usd = float(row.cost_usd or 0)
            self._accounts.spend(at_s, row.session, row.tier, usd)
            self._shared(document, at_s, row, usd)
            if row.outcome is Outcome.ANSWERED:
                self._outputs.setdefault(row.tier, Outputs()).add(row.output_tokens)

    def caps(self, document: Document, session: str, now_s: float) -> Mapping[str, Cap]:
        """By tier: what keeps it from beginning a prompt of this session."""
        shared = {} if self._share is None else self._share.caps(document, now_s)
        return {**shared, **self._accounts.caps(document, session, now_s)}

    def warnings(self, session: str, now_s: float) -> list[str]:
        """What is to be said of budgets that only warn."""
        return list(self._accounts.warnings(session, now_s))

    def reserve(self, target: Target, turn: Turn, state: SessionState, request: Request) -> Reservation | None:
        """Hold what a turn is expected to cost, before it is sent; None where nothing is counted or nothing known."""
        tier, model = target.tier, target.model
        if tier is None or model is None or not self._accounts.budgets:
            return None
        outputs = self._outputs.get(tier.name)
        output = tier.max_tokens if outputs is None else outputs.expected(tier.max_tokens)
        warm = state.warm.get(tier.name)
        cost = expected_cost(tier, model, turn.context_tokens(), output, request.max_output, turn.now_s, warm)
        if cost is None:
            return None
        accounts = [self._accounts.of(budget, turn.session) for budget in self._accounts.covering(tier.name)]
        held = Reservation(accounts, cost.usd, max(0.0, cost.most_usd - cost.usd))
        for account in accounts:
            account.reserved_usd += held.usd
            account.risked_usd += held.risked_usd
        return held

    def settle(
        self, held: Reservation | None, document: Document, row: TurnRow, attempts: Iterable[AttemptRow], at_s: float
    ) -> None:
        """A turn is over: what it has cost takes the place of what was held for it."""
        if held is not None:
            for account in held.accounts:
                account.reserved_usd = max(0.0, account.reserved_usd - held.usd)
                account.risked_usd = max(0.0, account.risked_usd - held.risked_usd)
        if not self.watched:
            return
        for attempt in attempts:
            if attempt.cost_usd:
                self._accounts.spend(at_s, row.session, attempt.tier, float(attempt.cost_usd))
        self._shared(document, at_s, row, float(row.cost_usd or 0))
        if row.outcome is Outcome.ANSWERED:
            self._outputs.setdefault(row.tier, Outputs()).add(row.output_tokens)
        self._settled += 1
        if self._settled % 1000 == 0:
            self._accounts.forget_idle(at_s)

    def _shared(self, document: Document, at_s: float, row: TurnRow, usd: float) -> None:
        tier = document.tiers.get(row.tier)
        if self._share is None or tier is None or row.turn_kind == TurnKind.UTILITY:
            return
        self._share.add(at_s, usd, deep=tier.expensive, prompt=row.turn_kind == TurnKind.USER)

    def state(self, now_s: float) -> dict[str, object]:
        """For ``/status``."""
        share = self._share
        told: dict[str, object] = {"budgets": self._accounts.state(now_s)}
        if share is not None:
            percent = share.percent(now_s)
            told["deepShare"] = {
                "percent": None if percent is None else round(percent, 2),
                "maxPercent": share.wanted.max_percent,
                "by": share.wanted.by,
                "windowSeconds": share.wanted.window_ms / 1000,
                "exceeded": bool(share.exceeded(now_s)),
            }
        return told

    def deep_percent(self, now_s: float) -> float | None:
        """The share; None where it is not watched, or not known yet."""
        return None if self._share is None else self._share.percent(now_s)

    def use(self, now_s: float) -> Mapping[str, Use]:
        """By budget: how far it is used."""
        return self._accounts.use(now_s)
