"""A spec that somebody proposes, and that waits: made a revision that serves nobody, until a person asks for it.

Its revision stands for the very inputs that the router will have when the proposed spec is its own. So it comes into
force by that spec being written, by whoever may write it, and nothing has to be remembered.
"""

from dataclasses import dataclass, replace

from tierrouter_core.contract import PROPOSAL, ConditionReason
from tierrouter_core.errors import ConfigurationError, DocumentError
from tierrouter_core.resources.compile import needs_prices
from tierrouter_core.resources.prices import PriceOf
from tierrouter_core.resources.proposal import Proposal, proposal_from
from tierrouter_core.resources.revision import OriginType
from tierrouter_operator.planning.asked import Asked, read_asked
from tierrouter_operator.planning.children import annotation
from tierrouter_operator.planning.choice import Chooser, Why
from tierrouter_operator.planning.history import History, Revision
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.texts import shortened
from tierrouter_operator.planning.trial import Rolled
from tierrouter_operator.planning.trouble import Trouble

_LONGEST_MESSAGE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A proposal's revision, which waits for a person."""

    revision: Revision
    document: bytes
    message: str
    nonce: str
    """Of the proposal."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A proposal of which nothing is made, and that is no fault."""

    why: str


Proposed = Waiting | PassedOver | Trouble | None
"""None: nothing is proposed. A Trouble: what is proposed can't become a revision."""


class Proposer:
    """Reads what is proposed once; then says what becomes of it."""

    def __init__(self, observed: Observed, history: History, chooser: Chooser) -> None:
        self._history = history
        self._chooser = chooser
        self._proposal: Proposal | Trouble | None
        self._fits = False
        try:
            self._proposal = proposal_from(annotation(observed.router, PROPOSAL))
        except DocumentError as error:
            self._proposal = Trouble(ConditionReason.INVALID, f"{PROPOSAL}: {error}")
        self._asked: Asked | Trouble | None = None
        if isinstance(self._proposal, Proposal):
            spec = observed.router["spec"]
            metadata = observed.router["metadata"]
            # Specs are told apart by their generation, and this one has none of its own.
            metadata = {**metadata, "uid": f"{metadata['uid']}/{self._proposal.nonce}"}
            router = {**observed.router, "metadata": metadata, "spec": self._proposal.brought_to(spec)}
            self._asked = read_asked(replace(observed, router=router), history.moved)
            self._fits = self._proposal.fits(spec)

    def wanted_prices(self) -> tuple[tuple[str, str, str], ...]:
        """What has to be looked up before :meth:`propose`; empty where nothing has to be compiled."""
        if not isinstance(self._asked, Asked) or not self._fits or self._chooser.settled(self._asked) is not None:
            return ()
        try:
            return needs_prices(self._asked.router, self._asked.providers)
        except ConfigurationError:
            return ()

    def propose(self, rolled: Rolled, price_of: PriceOf) -> Proposed:
        """What becomes of the proposal, where ``rolled`` is what becomes of everything else."""
        if not isinstance(self._proposal, Proposal):
            return self._proposal
        if self._history.stable is None or self._history.active is None or self._asked is None:
            # The first revision comes first.
            return None
        if isinstance(self._asked, Asked) and self._asked.inputs_digest == rolled.choice.inputs_digest:
            return PassedOver("it is in force")
        if not self._fits:
            return PassedOver("the spec has changed since it was made; tune again")
        if isinstance(self._asked, Trouble):
            return self._asked
        message = shortened(self._proposal.message, _LONGEST_MESSAGE)
        why = Why(cause=OriginType.MANUAL, run="", message=message, number=self._number(rolled))
        found = self._chooser.settled(self._asked) or self._chooser.compiled(self._asked, price_of, why)
        if isinstance(found, Trouble):
            return found
        rollout = rolled.rollout
        if rollout is not None and found.revision.name == rollout.revision:
            # Its phase is that of the rollout.
            return PassedOver(f"it is revision {rollout.revision}, which run {rollout.run} decided on: {rollout.stage}")
        return Waiting(revision=found.revision, document=found.document, message=message, nonce=self._proposal.nonce)

    def _number(self, rolled: Rolled) -> int:
        """One that no revision has, those that are being made included."""
        numbers = [rolled.choice.revision.number, *([rolled.tried[0].number] if rolled.tried is not None else [])]
        return max(self._history.next_number, *(number + 1 for number in numbers))
