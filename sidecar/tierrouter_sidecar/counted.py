"""What the metrics have counted, for the summary: it can't say anything else than they do."""

from tierrouter_core.observability import sidecar as m
from tierrouter_core.summary.make import Counted
from tierrouter_core.summary.model import FirstTokens
from tierrouter_sidecar.metrics import Metrics


def counted(metrics: Metrics) -> Counted:
    """Everything that the summary is made of, as of now."""
    return Counted(
        turns=metrics.read(m.TURNS),
        decisions=metrics.read(m.DECISIONS),
        tokens=metrics.read(m.TOKENS),
        cost_usd=metrics.read(m.COST),
        unpriced=metrics.read(m.UNPRICED),
        deep_turns=metrics.read(m.DEEP_TURNS),
        deep_cost_usd=metrics.read(m.DEEP_COST),
        baseline_usd=metrics.read(m.BASELINE_COST),
        compared_usd=metrics.read(m.COMPARED_COST),
        failovers=metrics.read(m.FAILOVERS),
        errors=metrics.read(m.ATTEMPT_ERRORS),
        first_tokens={
            labels[0]: FirstTokens(m.TTFT.buckets, parts) for labels, parts in metrics.read_histogram(m.TTFT).items()
        },
    )
