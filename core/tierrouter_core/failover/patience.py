"""How long a provider may be silent before another is asked. A false failover is paid for twice."""

from tierrouter_core.document.model import Failover
from tierrouter_core.names import Dialect
from tierrouter_core.routing.targets import Target, profile_of_target
from tierrouter_core.value_class import keyword_value_class
from tierrouter_core.wire.counts import details
from tierrouter_core.wire.request import Request

_QUICK = ("none", "minimal", "low")
"""Efforts that no answer has to be waited for."""
_SHARE_OF_THE_FIRST = 0.75
"""Of the time, where somebody else may still be asked: long answers are more common than servers that hang."""
_NESTED = ("reasoning", "output_config")
"""Where Responses and Messages have theirs."""


@keyword_value_class
class Patience:
    """Times in seconds, from sending the request."""

    headers_s: float
    """Until the answer's headers."""
    first_token_s: float
    """Until a stream's first token; until the whole of an answer that is not streamed."""


def patience(
    failover: Failover, target: Target, request: Request, dialect: Dialect, *, left_s: float, others: bool
) -> Patience:
    """How long ``target`` may take.

    Args:
        dialect: that it is asked in.
        left_s: of ``failover.totalTimeout``.
        others: whether somebody else may be asked after it.

    An answer that is not streamed comes when all of it is there, and until then a slow model looks like a dead server:
    it gets most of the time that is left, the last one all of it. Of streams, a server of one's own may have
    to load its model before it says anything, and a model that thinks where nobody sees it says nothing for minutes.
    """
    if not request.stream:
        may_take_s = left_s * _SHARE_OF_THE_FIRST if others else left_s
        return Patience(headers_s=may_take_s, first_token_s=may_take_s)
    total_s = failover.total_timeout_ms / 1000
    headers_s, first_token_s = failover.headers_timeout_ms / 1000, failover.first_token_timeout_ms / 1000
    if _may_load(target):
        headers_s = max(headers_s, first_token_s)
    if dialect is Dialect.CHAT and _thinks_unseen(target) and _effort(request) not in _QUICK:
        first_token_s = total_s
    return Patience(headers_s=min(headers_s, left_s), first_token_s=min(first_token_s, left_s))


def _may_load(target: Target) -> bool:
    """Plain HTTP is allowed to one's own cluster or machine alone, and what runs there costs nothing by the token."""
    price = None if target.model is None else target.model.price
    return target.provider.base_url.startswith("http://") and (price is None or not price.rates.output)


def _thinks_unseen(target: Target) -> bool:
    """OpenAI's reasoning models, which take no sampling parameters either, stream nothing of it in Chat."""
    profile = profile_of_target(target)
    return profile.vendor == "openai" and not profile.sampling


def _effort(request: Request) -> str:
    parsed = request.parsed
    efforts = (parsed.get("reasoning_effort"), *(details(parsed.get(key)).get("effort") for key in _NESTED))
    return next((effort for effort in efforts if isinstance(effort, str)), "")
