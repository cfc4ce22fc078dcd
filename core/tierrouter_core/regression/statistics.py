"""Intervals and exact tests of counts, without tables, approximations of large numbers, or a library.

Every probability here is summed up exactly (in floating point) from the binomial distribution. The one formula that is
not exact is Wilson's interval, which is for showing; nothing is decided by it but how much worse "worse" is.
"""

import math
from statistics import NormalDist


def wilson(resolved: int, tasks: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of a share: ``(low, high)``, 0.0 to 1.0; ``(0, 1)`` where there are no tasks.

    Args:
        resolved: of ``tasks``, 0 to that many.
        tasks: how many were tried.
        confidence: of both sides together, such as 0.95.
    """
    if tasks <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = resolved / tasks
    middle = share + z * z / (2 * tasks)
    half = z * math.sqrt(share * (1 - share) / tasks + z * z / (4 * tasks * tasks))
    below = 1 + z * z / tasks
    low = 0.0 if resolved == 0 else (middle - half) / below
    high = 1.0 if resolved == tasks else (middle + half) / below
    return max(low, 0.0), min(high, 1.0)


def at_most(resolved: int, tasks: int, chance: float) -> float:
    """The probability of ``resolved`` or fewer of ``tasks`` where each succeeds with ``chance``."""
    if resolved >= tasks:
        return 1.0
    if resolved < 0 or chance >= 1:
        return 0.0
    if chance <= 0:
        return 1.0
    # The shorter tail, so that a small probability is summed up from small terms.
    if resolved > tasks * chance:
        return max(0.0, 1.0 - _sum(resolved + 1, tasks, tasks, chance))
    return _sum(0, resolved, tasks, chance)


def at_least(resolved: int, tasks: int, chance: float) -> float:
    """The probability of ``resolved`` or more."""
    return at_most(tasks - resolved, tasks, 1 - chance)


def mcnemar(gained: int, lost: int) -> float:
    """Exact McNemar test, two-sided: how likely so uneven a split is, were both models equally good.

    Args:
        gained: tasks that the one solved and the other did not.
        lost: tasks the other way round.
    """
    return min(1.0, 2 * at_most(min(gained, lost), gained + lost, 0.5))


def worse(gained: int, lost: int) -> float:
    """The same, one-sided: how likely so few ``gained`` are, were the one at least as good as the other."""
    return at_most(gained, gained + lost, 0.5)


def _sum(first: int, last: int, tasks: int, chance: float) -> float:
    log_yes, log_no = math.log(chance), math.log1p(-chance)
    whole = math.lgamma(tasks + 1)
    return min(
        1.0,
        math.fsum(
            math.exp(whole - math.lgamma(k + 1) - math.lgamma(tasks - k + 1) + k * log_yes + (tasks - k) * log_no)
            for k in range(first, last + 1)
        ),
    )
