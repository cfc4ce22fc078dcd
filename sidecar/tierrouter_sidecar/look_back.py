"""What caps have to know of the time before they came into force: read from the ledger, and added up.

That takes a second for some ten thousand turns, so it is done in a thread while the old caps are still in force, and
turns that end meanwhile are noted. At the start nobody waits for a turn yet, and nothing is noted.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime

from tierrouter_core.document.model import Document
from tierrouter_sidecar.ledger import Ledger
from tierrouter_sidecar.ledger.read import read_rows
from tierrouter_sidecar.spending import Books, Spending
from tierrouter_sidecar.state_dir import LedgerError

log = logging.getLogger("tierrouter")

_FLUSHED_IN_S = 2.0
"""How long is waited for the ledger to write what it has been given."""
_SLACK_S = 1.0
"""What a turn's row may be off by about when it was over."""

_Added = tuple[Books, frozenset[str]]


class LookBack:
    """Has the caps of a document ready when it comes into force."""

    def __init__(self, spending: Spending, ledger: Ledger) -> None:
        self._spending = spending
        self._ledger = ledger
        self._ready: _Added | None = None

    async def prepare(self, document: Document) -> None:
        """Add up what was spent for a document that is about to come into force, where its caps are others."""
        self._ready = None
        if self._spending.has_other_caps(document):
            self._spending.note()
            self._ready = await asyncio.to_thread(self._added_up, document, time.time())

    def take_up(self, document: Document) -> None:
        """It comes into force: by what was added up for it, else that is done now."""
        ready, self._ready = self._ready, None
        if not self._spending.has_other_caps(document):
            return
        if ready is None or not ready[0].are_for(document):
            ready = self._added_up(document, time.time())
        self._spending.take_up(*ready)

    def _added_up(self, document: Document, now_s: float) -> _Added:
        """The books for ``document``, and the ids of turns in them that may have ended after ``now_s``."""
        books, latest = Books(document), set[str]()
        if not books.look_back_s:
            return books, frozenset()
        if not self._ledger.flushed(_FLUSHED_IN_S):
            log.error("budgets lack %d turns that the ledger could not write yet", self._ledger.lag_rows)
        since = datetime.fromtimestamp(max(now_s - books.look_back_s, 0.0), UTC)
        try:
            for row in read_rows(self._ledger.path.parent, since):
                books.add_again(row, now_s)
                if datetime.fromisoformat(row.time).timestamp() + row.duration_ms / 1000 >= now_s - _SLACK_S:
                    latest.add(row.turn_id)
        except LedgerError as error:
            log.error("budgets begin at nothing: %s", error)
        except (ArithmeticError, TypeError, ValueError) as error:
            # The rows before it count; a sidecar that would not start for it helps nobody.
            log.error("budgets lack the turns from a damaged row of the ledger on: %s: %s", type(error).__name__, error)
        return books, frozenset(latest)
