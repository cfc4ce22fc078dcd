"""A scriptable provider that speaks all three dialects, for tests and for the bench.

It is a real HTTP server on the loopback address. It keeps every request exactly as it came, answers as its script
says, and otherwise with a short text and plausible usage::

    provider.script(Status(429, headers={"retry-after": "1"}), Answer(text="Hello."))
    provider.always(Answer(text="cheap"), when=to_model("small"))

``python -m provider --port 9000`` runs it on its own; ``--fast`` serves prebuilt bytes for load tests.
"""

from provider.answer import Answer, Delivery, Ending, InBandError, ToolCall
from provider.record import Disconnect, RecordedRequest
from provider.script import Close, Hang, Raw, Reset, Status, Step, at, to_model
from provider.server import ScriptedProvider, closed_port
from provider.usage import Tokens, UsagePlacement, UsageStyle

__all__ = [
    "Answer",
    "Close",
    "Delivery",
    "Disconnect",
    "Ending",
    "Hang",
    "InBandError",
    "Raw",
    "RecordedRequest",
    "Reset",
    "ScriptedProvider",
    "Status",
    "Step",
    "Tokens",
    "ToolCall",
    "UsagePlacement",
    "UsageStyle",
    "at",
    "closed_port",
    "to_model",
]
