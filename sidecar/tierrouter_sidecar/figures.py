"""What people see of a sidecar on its admin port, as JSON. Loaded by the first who looks: no start waits for it."""

from collections.abc import Iterable, Mapping
from typing import Any

from tierrouter_core.spend.row import TurnRow
from tierrouter_core.summary.codec import as_json, summary_to_json
from tierrouter_core.summary.make import summarise
from tierrouter_core.summary.view import view_of
from tierrouter_sidecar.counted import counted
from tierrouter_sidecar.metrics import Metrics


def figures(
    metrics: Metrics,
    status: Mapping[str, Any],
    recent: Iterable[TurnRow],
    *,
    now_s: float,
    began_s: float,
    in_flight: int,
    shows_recent: bool,
    in_words: bool,
) -> dict[str, Any]:
    """The summary, or, where it is wanted ``in_words``, the view of it that the page shows."""
    summary = summarise(
        counted(metrics),
        status,
        recent,
        now_s=now_s,
        began_s=began_s,
        in_flight=in_flight,
        shows_recent=shows_recent,
    )
    return as_json(view_of(summary)) if in_words else summary_to_json(summary)
