"""What a turn used, in one shape for all providers."""

from dataclasses import replace
from decimal import Decimal

from tierrouter_core.names import UsageSource
from tierrouter_core.value_class import keyword_value_class


@keyword_value_class
class Usage:
    """Tokens of one attempt. All counts are >= 0; the first four add up to the whole input."""

    input_uncached: int = 0
    """Full-price input tokens."""
    cache_read: int = 0
    """Input tokens read from the provider's prompt cache."""
    cache_write_5m: int = 0
    """Tokens written to the cache with the standard time to live (Anthropic 5 min, OpenAI 30 min)."""
    cache_write_1h: int = 0
    """Tokens written with the extended time to live (Anthropic 1 h, OpenAI 12 h)."""
    output: int = 0
    """Everything billed as output, reasoning included."""
    reasoning_output: int = 0
    """The part of ``output`` that was hidden reasoning; informational."""
    source: UsageSource = UsageSource.REPORTED
    complete: bool = True
    """Whether the answer's own terminator was seen."""
    stated_cost_usd: Decimal | None = None
    """What the provider itself says that this attempt cost."""
    inconsistent: bool = False
    """The provider's numbers contradicted each other and were clamped."""

    @property
    def total_input(self) -> int:
        """Every input token, cached or not."""
        return self.input_uncached + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def with_source(self, source: UsageSource, *, complete: bool) -> "Usage":
        """The same counts, otherwise known."""
        return replace(self, source=source, complete=complete)

    def gone_on_with(self, rest: "Usage") -> "Usage":
        """What one answer used that two calls made: the input of the first, what both generated.

        The second was given again what the first had said; that is its price, and in its attempt, but no part of the
        conversation.
        """
        return replace(
            self,
            output=self.output + rest.output,
            reasoning_output=self.reasoning_output + rest.reasoning_output,
            source=rest.source if self.source is rest.source else UsageSource.ESTIMATED,
            complete=rest.complete,
            stated_cost_usd=None,
            inconsistent=self.inconsistent or rest.inconsistent,
        )


NOTHING_USED = Usage(source=UsageSource.NONE, complete=False)
