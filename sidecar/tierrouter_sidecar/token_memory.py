"""What models have reported of requests, so that the next one can be counted before it is sent.

No text is kept, and nothing is written to disk; the conversations unused for longest are forgotten first.
"""

from collections import OrderedDict

from tierrouter_core.names import UsageSource
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.token_estimate import Reported, estimate, next_rate

MAX_CONVERSATIONS = 10_000
MAX_MODELS = 1_000

Conversation = tuple[str, str]
"""A session and its agent."""


class TokenMemory:
    """Counts by model, since every model counts otherwise."""

    def __init__(self, max_conversations: int = MAX_CONVERSATIONS) -> None:
        self._max = max_conversations
        self._rates: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._last: OrderedDict[tuple[tuple[str, str], Conversation], Reported] = OrderedDict()

    def count(self, target: Target, conversation: Conversation, weight: float) -> int:
        """Input tokens of a request of ``weight``, as ``target``'s model will probably count them."""
        before = self._last.get((target.key, conversation))
        return estimate(weight, before, self._rates.get(target.key, 1.0))

    def learn(self, target: Target, conversation: Conversation, weight: float, usage: Usage) -> None:
        """Remember what was reported; estimates of our own teach nothing."""
        if usage.source is not UsageSource.REPORTED or not usage.total_input:
            return
        report = Reported(weight, usage.total_input)
        self._rates[target.key] = next_rate(self._rates.get(target.key), report)
        key = (target.key, conversation)
        self._last[key] = report
        self._last.move_to_end(key)
        if len(self._last) > self._max:
            self._last.popitem(last=False)
        if len(self._rates) > MAX_MODELS:
            self._rates.popitem(last=False)

    def __len__(self) -> int:
        return len(self._last)
