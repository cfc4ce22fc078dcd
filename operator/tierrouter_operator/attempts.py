"""One attempt at one key: what may go wrong with it, counted, logged, and made a wish to try again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from tierrouter_core.errors import TierRouterError
from tierrouter_operator.errors import ApiError, UnavailableError
from tierrouter_operator.execute import WriteRefused
from tierrouter_operator.metrics import Metrics
from tierrouter_operator.planning.kinds import Key
from tierrouter_operator.queue import Again

log = logging.getLogger("tierrouter.operator")


async def attempt(key: Key, reconcile: Callable[[Key], Awaitable[str]], metrics: Metrics) -> None:
    """Reconcile the key; ``reconcile`` gives what came of it, as the metric calls it.

    Raises:
        Again: it has to be tried again.
    """
    began = time.perf_counter()
    result = "error"
    try:
        result = await reconcile(key)
    except UnavailableError as error:
        metrics.errors.labels("unavailable").inc()
        log.info("%s: %s; trying again", key, error)
        raise Again(error.retry_after_s) from None
    except ApiError as error:
        metrics.errors.labels("api").inc()
        log.warning("%s: %s; trying again", key, error)
        raise Again from None
    except WriteRefused:
        result = "refused"
        metrics.errors.labels("refused").inc()
        raise Again from None
    except TierRouterError as error:
        metrics.errors.labels("defect").inc()
        log.error("%s: %s; trying again", key, error)
        raise Again from None
    except (Again, asyncio.CancelledError):
        raise
    except Exception:
        # A defect of ours in one object must not end the work on all the others; the log has where it is.
        metrics.errors.labels("defect").inc()
        log.exception("%s: this is a defect of the operator; trying again", key)
        raise Again from None
    finally:
        metrics.reconciles.labels(key.kind.kind, result).inc()
        metrics.duration.labels(key.kind.kind).observe(time.perf_counter() - began)
