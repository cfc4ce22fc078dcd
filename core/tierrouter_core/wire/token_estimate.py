"""About how many input tokens a request has: an estimate that learns from what models report.

Two things are learned. Of a model, its :class:`Rates`: how its vocabulary differs from an average one, for each kind of
text. Of a conversation, its :class:`Anchor`: what the model reported last. The next request then costs what was
reported and the rest by the rates, so that an error is one of what was added and not of the whole. Never is a count of
one model used for another: vocabularies differ by a third and more.
"""

import math
from operator import add

from tierrouter_core.value_class import value_class
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.weighing import Weighed, Weight, weigh

LEAST_RATE = 0.5
MOST_RATE = 2.0
"""No vocabulary is further from the average; what seems to be is something else: a prompt that was cut, say."""

_Kinds = tuple[float, ...]
"""The first six of :class:`Weight`."""
_DOUBTS: _Kinds = (0.02, 0.03, 0.09, 0.25, 0.25, 0.09)
"""Variance of a rate among vocabularies and servers, before anything is known of a model."""
_DRIFT: _Kinds = (0.00002, 0.00005, 0.0001, 0.0001, 0.0001, 0.0001)
"""What the variance of a model's rate grows by with every report: servers change."""
_SPREAD: _Kinds = (0.003, 0.01, 0.02, 0.02, 0.02, 0.005)
"""Variance of a rate among the conversations of one model: no two texts of a kind are alike."""
_WANDERING: _Kinds = (0.0004, 0.001, 0.002, 0.002, 0.002, 0.0005)
"""What the variance of a conversation's rate grows by with every report: it turns to other texts."""
_ROUGHNESS = 0.06
"""How far a text is off at the best of rates, as a part of its tokens."""
_FRAME = 20.0
"""Tokens around a text of which nothing is known."""


@value_class
class Rates:
    """Tokens of one model for one of an average vocabulary, by kind of text."""

    rates: _Kinds = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    doubts: _Kinds = _DOUBTS
    """How little each of them is known: its variance."""

    def tokens(self, weight: Weight, *, keeps_thinking: bool = True) -> float:
        """Tokens of ``weight``; without what was thought where the model doesn't get it back."""
        kinds = _kinds(weight, keeps_thinking)
        return sum(rate * kind for rate, kind in zip(self.rates, kinds, strict=True)) + weight.media

    def of_conversation(self) -> "Rates":
        """What a new conversation with the model begins with: as it is, but less certain."""
        return Rates(self.rates, tuple(map(min, map(add, self.doubts, _SPREAD), _DOUBTS)))

    def learned(self, weight: Weight, tokens: int, *, keeps_thinking: bool = True, drift: _Kinds = _DRIFT) -> "Rates":
        """The rates after ``weight`` was reported to have ``tokens``.

        A Kalman filter whose rates are taken to be independent: an error is blamed on the kinds that there was much of
        and that little is known of. What has pictures or documents teaches nothing: their sizes are guesses.
        """
        kinds = _kinds(weight, keeps_thinking)
        if weight.media or min(kinds) < 0:
            return self
        error = tokens - self.tokens(weight, keeps_thinking=keeps_thinking)
        blames = [doubt * kind for doubt, kind in zip(self.doubts, kinds, strict=True)]
        noise = (_ROUGHNESS * sum(kinds)) ** 2 + _FRAME**2
        whole = noise + sum(blame * kind for blame, kind in zip(blames, kinds, strict=True))
        return Rates(
            tuple(_clamped(rate + error * blame / whole) for rate, blame in zip(self.rates, blames, strict=True)),
            tuple(
                min(most, doubt * (1 - blame * kind / whole) + more)
                for doubt, blame, kind, more, most in zip(self.doubts, blames, kinds, drift, _DOUBTS, strict=True)
            ),
        )


def _kinds(weight: Weight, keeps_thinking: bool) -> _Kinds:
    letters, *others = weight[:6]
    return (letters + weight.thinking if keeps_thinking else letters, *others)


AVERAGE = Rates()
"""What is assumed of a model that has reported nothing yet."""


@value_class
class Anchor:
    """The last request of a conversation of which a model has reported the input."""

    weighed: Weighed
    tokens: int
    """As reported."""
    rates: Rates
    """The model's, as far as this conversation has shown them."""


def estimate(
    weighed: Weighed, rates: Rates = AVERAGE, anchor: Anchor | None = None, *, keeps_thinking: bool = True
) -> int:
    """Input tokens of a request, at least 1; ``anchor`` is of the same conversation and the same model."""
    if anchor is None:
        return max(1, round(rates.tokens(weighed.total, keeps_thinking=keeps_thinking)))
    now = anchor.rates.tokens(weighed.total, keeps_thinking=keeps_thinking)
    if weighed.continues:
        return max(1, anchor.tokens + round(now))
    then = max(1.0, anchor.rates.tokens(anchor.weighed.total, keeps_thinking=keeps_thinking))
    if now >= then:
        return max(1, anchor.tokens + round(now - then))
    # It was compacted: what is left is counted as that which was reported.
    return max(1, round(now * anchor.tokens / then))


def learned(
    rates: Rates, weighed: Weighed, tokens: int, anchor: Anchor | None = None, *, keeps_thinking: bool = True
) -> tuple[Rates, Anchor]:
    """The model's rates, and the conversation's anchor, after ``tokens`` were reported for a request.

    Where there was an anchor, what was added since is learned from, for all the rest is known already.
    """
    own = rates.of_conversation() if anchor is None else anchor.rates
    weight, size = weighed.total, tokens
    if anchor is not None and _grew(weighed, anchor.weighed):
        weight, size = weight.less(anchor.weighed.total), tokens - anchor.tokens
    if size <= 0 or weighed.continues:
        return rates, Anchor(weighed, tokens, own)
    return (
        rates.learned(weight, size, keeps_thinking=keeps_thinking),
        Anchor(weighed, tokens, own.learned(weight, size, keeps_thinking=keeps_thinking, drift=_WANDERING)),
    )


def _grew(now: Weighed, then: Weighed) -> bool:
    return now.head_size == then.head_size and now.said_sizes > then.said_sizes


def estimate_input_tokens(request: Request) -> int:
    """Input tokens of ``request`` in an average vocabulary."""
    return estimate(weigh(request))


def _clamped(rate: float) -> float:
    return min(MOST_RATE, max(LEAST_RATE, rate)) if math.isfinite(rate) else 1.0
