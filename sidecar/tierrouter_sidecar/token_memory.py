"""What is remembered to count tokens by: of every model its rates, of every conversation what was reported last.

Numbers only, never text; bounded, the longest unused forgotten first; gone with the process.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from tierrouter_core.names import UsageSource
from tierrouter_core.routing.fitting import gives_thinking_back
from tierrouter_core.routing.targets import Target
from tierrouter_core.spend.usage import Usage
from tierrouter_core.wire.identity import Identity
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.token_estimate import AVERAGE, Anchor, Rates, estimate, learned
from tierrouter_core.wire.weighing import Weighed, weigh
from tierrouter_sidecar.sessions import RecentMap

MAX_CONVERSATIONS = 10_000
MAX_MODELS = 1_000
_MAX_MODELS_OF_ONE = 8
_AGAIN_AFTER_A = 20
"""A twentieth: five percent of a conversation, a tenth of it wrongly estimated, are half a percent."""

_Model = tuple[str, str]
"""Provider and the provider's name of the model: what one vocabulary and one server stand behind."""
_Conversation = tuple[str, str, bool]
"""Session, agent, and whether it has tools: an agent's side calls, for titles and such, have none."""


@dataclass(slots=True)
class _Remembered:
    """One conversation."""

    last: Weighed
    """The newest request that was answered, by any model."""
    anchors: RecentMap[_Model, Anchor] = field(default_factory=lambda: RecentMap(_MAX_MODELS_OF_ONE))
    sizes: RecentMap[_Model, int] = field(default_factory=lambda: RecentMap(_MAX_MODELS_OF_ONE))
    """Bytes of the requests of which the anchors are."""


class TokenMemory:
    """Estimates, and learns from what providers report."""

    def __init__(self, max_conversations: int = MAX_CONVERSATIONS, max_models: int = MAX_MODELS) -> None:
        self._conversations: RecentMap[_Conversation, _Remembered] = RecentMap(max_conversations)
        self._rates: RecentMap[_Model, Rates] = RecentMap(max_models)

    def weigh(self, request: Request, identity: Identity) -> Weighed:
        """What there is to read in ``request``; quick where the conversation is known."""
        known = self._conversations.get(_conversation(request, identity))
        return weigh(request, None if known is None else known.last)

    def estimate(self, target: Target | None, request: Request, identity: Identity, weighed: Weighed) -> int:
        """Input tokens of ``request`` for the model of ``target``; for an average one where nobody is named."""
        if target is None:
            return estimate(weighed)
        known = self._conversations.get(_conversation(request, identity))
        anchor = None if known is None else known.anchors.get(target.key)
        rates = self._rates.get(target.key) or AVERAGE
        return estimate(weighed, rates, anchor, keeps_thinking=gives_thinking_back(request, target))

    def learn(
        self, target: Target, request: Request, identity: Identity, weigh: Callable[[], Weighed], usage: Usage
    ) -> None:
        """Take note of what the model of ``target`` reported for ``request``; estimates teach nothing.

        A conversation is weighed again only when it has grown, or shrunk, by a part of itself: what is added until then
        is little, and its estimate off by little of that.
        """
        if usage.source is not UsageSource.REPORTED or not usage.total_input:
            return
        key = _conversation(request, identity)
        found = self._conversations.get(key)
        before = None if found is None else found.sizes.get(target.key)
        if before is not None and abs(request.size - before) * _AGAIN_AFTER_A < before:
            return
        weighed = weigh()
        known = found or _Remembered(weighed)
        rates, anchor = learned(
            self._rates.get(target.key) or AVERAGE,
            weighed,
            usage.total_input,
            known.anchors.get(target.key),
            keeps_thinking=gives_thinking_back(request, target),
        )
        known.last = weighed
        known.anchors.put(target.key, anchor)
        known.sizes.put(target.key, request.size)
        self._conversations.put(key, known)
        self._rates.put(target.key, rates)

    def __len__(self) -> int:
        return len(self._conversations)


def _conversation(request: Request, identity: Identity) -> _Conversation:
    return (identity.session, identity.agent, request.has_tools)
