"""The ledger: one row for each turn and one for each attempt, in an SQLite file that survives a kill.

``writer`` appends, ``turn_log`` prints, ``read`` reads (also while a writer is at work), ``schema`` says what the file
looks like.
"""

from tierrouter_sidecar.ledger.turn_log import TurnLog
from tierrouter_sidecar.ledger.writer import FLUSH_INTERVAL_S, Ledger
from tierrouter_sidecar.state_dir import LedgerError

__all__ = ["FLUSH_INTERVAL_S", "Ledger", "LedgerError", "TurnLog"]
