"""What a translation may leave behind, by name: a label of ``tierrouter_translation_lossy_total``.

Only hints on speed, price and display are among them, and what steers the drawing of tokens. What changes what a model
can do or must obey is refused instead (:class:`~tierrouter_core.wire.model.Untranslatable`).
"""

from collections.abc import Container, Iterable, Mapping

OTHER = "other"
"""A field that is not known here."""

LOSSY_FIELDS: Mapping[str, str] = {
    "annotations": "citations and other notes on text that the model wrote before",
    "betas": "fields that only go with a value of `anthropic-beta`",
    "billing": "Claude Code's block for Anthropic's bill",
    "cache": "hints on what to cache, and for how long",
    "citations": "whether the model is to cite its documents",
    "context_management": "how the vendor is to shorten a long conversation",
    "detail": "how closely a picture is to be looked at",
    "format": "the instruction that stands for a format which the target can't be held to",
    "include": "what else the answer is to hold",
    "metadata": "labels for the vendor's console",
    "name": "the name of who says a message",
    "parallel": "whether several tools may be called at once",
    "phase": "whether an old answer was a comment or final",
    "prediction": "a guess of the answer, to speed it up",
    "reasoning": "reasoning that only another vendor can read",
    "reasoning_effort": "how much the model is to think",
    "reasoning_summary": "how thinking is to be shown",
    "sampling": "temperature, top_p, top_k, seed, penalties and biases",
    "service_tier": "priority and speed, which are bound to a vendor's price list",
    "store": "whether the vendor keeps the answer",
    "stream_options": "how the stream is to be cut",
    "strict": "whether arguments are held to their schema by force",
    "hosted_tools": "tools that the vendor executes, merely declared",
    "tool_hints": "examples, deferred loading and other hints on tools",
    "truncation": "whether the vendor may cut a conversation that is too long",
    "user": "who the end user is",
    "verbosity": "how long answers are to be",
    OTHER: "fields that are not known to the router",
}
"""Every name, and what stands behind it."""


def note_unknown(fields: Iterable[str], known: Container[str], lost: set[str]) -> None:
    """Count top-level fields that no parser knows."""
    if any(field not in known for field in fields):
        lost.add(OTHER)
