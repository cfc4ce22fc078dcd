"""Quantiles of a histogram, as Prometheus estimates them, so that it and this say the same."""

from tierrouter_core.summary.model import FirstTokens


def quantile_s(waits: FirstTokens, share: float) -> float | None:
    """Below which ``share`` (0 to 1) of the turns were; the last bound for what is beyond it, None without turns."""
    total = sum(waits.counts)
    if not total or not waits.bounds_s:
        return None
    rank, below = share * total, 0
    for part, count in enumerate(waits.counts[: len(waits.bounds_s)]):
        if count and below + count >= rank:
            start_s = waits.bounds_s[part - 1] if part else 0.0
            return start_s + (waits.bounds_s[part] - start_s) * (rank - below) / count
        below += count
    return waits.bounds_s[-1]
