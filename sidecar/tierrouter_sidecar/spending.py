"""What this sidecar has spent and is about to spend, for budgets and the share of expensive tiers.

Nothing of it is kept on disk: it is added up again from the ledger, which is the truth, when a document with other caps
comes into force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tierrouter_core.caps.budgets import Account, Accounts, Use
from tierrouter_core.caps.cap import Cap
from tierrouter_core.caps.expected import Outputs, expected_cost
from tierrouter_core.caps.share import Share
from tierrouter_core.document.model import DeepShare, Document
from tierrouter_core.names import Outcome, TurnKind
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.targets import Target
from tierrouter_core.routing.turn import Turn
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_core.spend.row_facts import is_regression
from tierrouter_core.wire.request import Request


@dataclass(slots=True, eq=False)
class Reservation:
    """What one call is expected to cost, held in the accounts that it may go to until its turn is over."""

    tier: str
    session: str
    accounts: list[Account] = field(default_factory=list)
    usd: float = 0.0
    risked_usd: float = 0.0

    def hold(self, accounts: Accounts) -> None:
        """Hold it in these."""
        self.accounts = [accounts.of(budget, self.session) for budget in accounts.covering(self.tier)]
        for account in self.accounts:
            account.hold(self.usd, self.risked_usd)

    def is_over(self, usd: float) -> None:
        """The call has cost so much, whatever was expected."""
        accounts = self.accounts
        self.let_go()
        self.accounts, self.usd, self.risked_usd = accounts, usd, 0.0
        for account in accounts:
            account.hold(self.usd, self.risked_usd)

    def let_go(self) -> None:
        """Hold it no longer."""
        for account in self.accounts:
            account.let_go(self.usd, self.risked_usd)
        self.accounts = []


class Books:
    """What was spent, by the caps of one document. Made away from the event loop where there is much to add up."""

    def __init__(self, document: Document) -> None:
        """Nothing was spent yet."""
        self.document = document
        self.accounts = Accounts(document.budgets)
        self.share = None if document.deep_share is None else Share(document.deep_share)
        self.outputs: dict[str, Outputs] = {}

    def are_for(self, document: Document) -> bool:
        """Whether ``document`` has the same caps."""
        return (document.budgets, document.deep_share) == (self.document.budgets, self.document.deep_share)

    @property
    def look_back_s(self) -> float:
        """How many seconds back what was spent counts; 0 where nothing is capped."""
        share = self.document.deep_share
        windows = [budget.window_ms for budget in self.document.budgets]
        return max([*windows, *([share.window_ms] if share else [])], default=0) / 1000

    def add_again(self, row: TurnRow, now_s: float) -> None:
        """A turn that the ledger has; the oldest come first. One that is still to come (a clock was ahead) is of now.

        What its attempts have cost elsewhere counts for the last tier.
        """
        if row.router != self.document.router or is_regression(row):
            return
        at_s = min(datetime.fromisoformat(row.time).timestamp(), now_s)
        self.accounts.spend(at_s, row.session, row.tier, float(row.cost_usd or 0))
        self._turn(self.document, row, at_s)

    def add(self, document: Document, row: TurnRow, attempts: Iterable[AttemptRow], at_s: float) -> None:
        """A turn that is over."""
        for attempt in attempts:
            if attempt.cost_usd:
                self.accounts.spend(at_s, row.session, attempt.tier, float(attempt.cost_usd))
        self._turn(document, row, at_s)

    def _turn(self, document: Document, row: TurnRow, at_s: float) -> None:
        if row.outcome is Outcome.ANSWERED:
            self.outputs.setdefault(row.tier, Outputs()).add(row.output_tokens)
        tier = document.tiers.get(row.tier)
        if self.share is None or tier is None or row.turn_kind == TurnKind.UTILITY:
            return
        self.share.add(at_s, float(row.cost_usd or 0), deep=tier.expensive, prompt=row.turn_kind == TurnKind.USER)


_Settled = tuple[Document, TurnRow, tuple[AttemptRow, ...], float]


class Spending:
    """The accounts of the document in force, and the share of its expensive tiers."""

    def __init__(self) -> None:
        self._books: Books | None = None
        self._held: set[Reservation] = set()
        self._noted: list[_Settled] | None = None
        """What was settled since somebody began to add up; None while nobody does."""
        self._count = 0

    @property
    def watched(self) -> bool:
        """Whether anything is capped, or only watched."""
        return self._books is not None and bool(self._books.accounts.budgets or self._books.share)

    def has_other_caps(self, document: Document) -> bool:
        """Whether what was spent has to be added up again for ``document``."""
        return self._books is None or not self._books.are_for(document)

    def note(self) -> None:
        """From here on note what is settled: somebody adds up what was settled before."""
        self._noted = []

    def take_up(self, books: Books, counted: frozenset[str] = frozenset()) -> None:
        """Go by these from here on, which have what was settled before the last :meth:`note`.

        Args:
            counted: ids of turns that are in them although they were settled after it.
        """
        noted, self._noted = self._noted or [], None
        for document, row, attempts, at_s in noted:
            if row.turn_id not in counted:
                books.add(document, row, attempts, at_s)
        if self._books is not None:
            # What a ledger that can't be read does not tell of the tiers.
            books.outputs = {**self._books.outputs, **books.outputs}
        self._books = books
        for held in self._held:
            held.hold(books.accounts)

    def caps(self, document: Document, session: str, now_s: float) -> Mapping[str, Cap]:
        """By tier: what keeps it from beginning a prompt of this session."""
        if self._books is None:
            return {}
        shared = {} if self._books.share is None else self._books.share.caps(document, now_s)
        return {**shared, **self._books.accounts.caps(document, session, now_s)}

    def warnings(self, session: str, now_s: float) -> list[str]:
        """What is to be said of budgets that only warn."""
        return [] if self._books is None else list(self._books.accounts.warnings(session, now_s))

    def reserve(self, target: Target, turn: Turn, state: SessionState, request: Request) -> Reservation | None:
        """Hold what a call is expected to cost, before it is made; None where nothing is counted or nothing known."""
        tier, model, books = target.tier, target.model, self._books
        if tier is None or model is None or books is None or not books.accounts.budgets:
            return None
        outputs = books.outputs.get(tier.name)
        output = tier.max_tokens if outputs is None else outputs.expected(tier.max_tokens)
        warm = state.warm.get(tier.name)
        cost = expected_cost(tier, model, turn.context_tokens(), output, request.max_output, turn.now_s, warm)
        if cost is None:
            return None
        held = Reservation(tier.name, turn.session, usd=cost.usd, risked_usd=max(0.0, cost.most_usd - cost.usd))
        held.hold(books.accounts)
        self._held.add(held)
        return held

    def let_go(self, held: Reservation) -> None:
        """Hold it no longer."""
        self._held.discard(held)
        held.let_go()

    def settle(
        self,
        held: Iterable[Reservation],
        document: Document,
        row: TurnRow,
        attempts: Iterable[AttemptRow],
        at_s: float,
    ) -> None:
        """A turn is over: what it has cost takes the place of what was held for its calls."""
        for each in held:
            self.let_go(each)
        if self._noted is not None:
            self._noted.append((document, row, tuple(attempts), at_s))
        if self._books is None or not self.watched:
            return
        self._books.add(document, row, attempts, at_s)
        self._count += 1
        if self._count % 1000 == 0:
            self._books.accounts.forget_idle(at_s)

    def state(self, now_s: float) -> dict[str, object]:
        """For ``/status``."""
        told: dict[str, object] = {"budgets": [] if self._books is None else self._books.accounts.state(now_s)}
        share = None if self._books is None else self._books.share
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
        return None if self._books is None or self._books.share is None else self._books.share.percent(now_s)

    @property
    def deep_limit(self) -> DeepShare | None:
        """What the share may be; None where it is not watched."""
        return None if self._books is None or self._books.share is None else self._books.share.wanted

    def use(self, now_s: float) -> Mapping[str, Use]:
        """By budget: how far it is used."""
        return {} if self._books is None else self._books.accounts.use(now_s)
