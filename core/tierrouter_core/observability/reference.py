"""The tables of docs/metrics.md."""

import re
from typing import Final

from tierrouter_core.observability.metric import Metric
from tierrouter_core.observability.operator import OPERATOR_METRICS
from tierrouter_core.observability.sidecar import SIDECAR_METRICS
from tierrouter_core.observability.webhook import WEBHOOK_METRICS

TABLES: Final = {"Sidecar": SIDECAR_METRICS, "Operator": OPERATOR_METRICS, "Webhook": WEBHOOK_METRICS}
"""By the heading that each stands below."""
_HEAD: Final = "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"


def with_tables(page: str) -> str:
    """The page with its tables as the declarations are.

    Raises:
        ValueError: it lacks a heading, or the table below it.
    """
    for heading, metrics in TABLES.items():
        found = re.search(rf"(?m)^## {heading}\n(?:(?!## )(?!\| metric).*\n)*((?:\|.*\n)+)", page)
        if found is None:
            raise ValueError(f"there is no table of metrics below '## {heading}'")
        page = page[: found.start(1)] + _HEAD + "".join(map(_row, metrics)) + page[found.end(1) :]
    return page


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |\n"
