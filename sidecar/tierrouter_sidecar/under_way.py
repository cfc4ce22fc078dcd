"""A turn under way: what each of its attempts needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from tierrouter_core.document.model import Document
from tierrouter_core.names import (
    MODEL_HEADER,
    NOTICE_HEADER,
    REASON_HEADER,
    REVISION_HEADER,
    TIER_HEADER,
    TURN_HEADER,
    Outcome,
)
from tierrouter_core.printable import printable
from tierrouter_core.routing.fitting import Fit
from tierrouter_core.routing.targets import Target
from tierrouter_core.turn import ReadTurn
from tierrouter_core.wire.dialects import Endpoint
from tierrouter_core.wire.translated_stream import Carried
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.reply import Reply

if TYPE_CHECKING:
    from tierrouter_sidecar.turn import TurnServer


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An answer of which some was sent."""

    carried: Carried
    ending: bytes
    """What tells the client that it ends here."""
    outcome: Outcome
    """The turn's, where it does."""


@dataclass(slots=True)
class UnderWay:
    """One turn from its decision to its end."""

    server: "TurnServer"
    http: web.BaseRequest
    endpoint: Endpoint
    headers: Mapping[str, str]
    """The client's, by lower-case name."""
    record: TurnRecord
    read: ReadTurn
    first: Fit | None
    """The request as the first target gets it, where that is known."""
    notices: tuple[str, ...]
    """For ``x-tierrouter-notice``."""
    reply: Reply | None
    """The client's stream, where it has asked for one."""
    calls: int = 0
    """How many were made ready."""
    refused_usage: tuple[str, str] | None = None
    """The key of a target that has refused to be asked for usage."""
    unfinished: Unfinished | None = None
    """What its answer was broken off at, where somebody may go on with it."""

    @property
    def document(self) -> Document:
        """The configuration that it began with."""
        return self.record.in_force.document

    @property
    def hides_model(self) -> bool:
        """Whether an answer says the requested model in place of the one that served."""
        return self.document.response_model == "Requested"

    def estimate(self, target: Target) -> int:
        """Its input tokens for the model of ``target``."""
        return self.server.tokens_for(target, self.read)

    def our_headers(self, target: Target) -> list[tuple[str, str]]:
        """What every answer of ``target`` carries."""
        record = self.record
        headers = [
            (TIER_HEADER, target.tier_name),
            (MODEL_HEADER, printable(target.model_name, 128)),
            (REASON_HEADER, printable(record.reason or record.decision.explanation, 500)),
            (REVISION_HEADER, record.in_force.revision),
            (TURN_HEADER, record.turn_id),
        ]
        if self.notices:
            headers.append((NOTICE_HEADER, printable("; ".join(self.notices), 500)))
        return headers
