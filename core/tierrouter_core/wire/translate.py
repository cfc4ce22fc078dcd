"""A request in another dialect.

It goes from its own dialect to a :class:`~tierrouter_core.wire.model.Prompt` and from there to the target's; its answer
comes from the target's dialect to events and from there to the client's, streamed (``translated_stream``) or whole
(``translated_answer``). Nothing here does I/O: bytes in, bytes out.
"""

from collections.abc import Mapping

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.value_class import keyword_value_class, value_class
from tierrouter_core.wire.codecs import CODECS
from tierrouter_core.wire.compose import Composer, Sealing
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.model import Document, Image, Result, Untranslatable
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.tool_names import Named


@keyword_value_class
class Translated:
    """A request in another dialect, and the way back of its answer."""

    body: bytes
    source: Dialect
    """The client's."""
    target: Dialect
    """The provider's."""
    lost: tuple[str, ...]
    """Harmless fields that were left behind, in the order of the alphabet."""
    names: Mapping[str, Named]
    stop: tuple[str, ...]
    sealing: Sealing

    def composer(self, envelope: Envelope) -> Composer:
        """What puts the pieces of the answer together."""
        return Composer(self.names, self.sealing, self.stop, turn_id=envelope.turn_id)


def untranslated(body: bytes, dialect: Dialect) -> Translated:
    """A request in the client's own dialect whose answer has to be written anew all the same."""
    return Translated(
        body=body, source=dialect, target=dialect, lost=(), names={}, stop=(), sealing=Sealing(b"", "")
    )  # fmt: skip


@value_class
class Refused:
    """Why a request can't be translated."""

    field: str
    """The client's own path to it: ``messages.3.content.1``."""
    why: str
    final: bool = False
    """No other tier is to be tried."""

    def __str__(self) -> str:
        return f"{self.field}: {self.why}"


def translate_request(request: Request, target: Dialect, wanted: Wanted) -> Translated | Refused:
    """``request`` in the dialect ``target``. A function of its arguments alone, so that prompts cached stay cached."""
    try:
        prompt = CODECS[request.dialect].parse(request.parsed)
        rendered = CODECS[target].render(prompt, wanted)
    except Untranslatable as error:
        return Refused(error.field, error.why, error.final)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        # A client's value of an unforeseen shape: the same dialect's provider would refuse it too.
        return Refused("body", f"a value has an unexpected shape ({type(error).__name__}: {error})")
    return Translated(
        body=orjson.dumps(rendered.body),
        source=request.dialect,
        target=target,
        lost=tuple(sorted(prompt.lost)),
        names=rendered.names,
        stop=rendered.stop,
        sealing=Sealing(wanted.seal_key, wanted.profile.reasoning_origin),
    )


def first_path(request: Request, kind: type[Image] | type[Document]) -> str:
    """The client's own path to the first picture or document."""
    try:
        prompt = CODECS[request.dialect].parse(request.parsed)
    except (Untranslatable, TypeError, ValueError, AttributeError, KeyError, IndexError):
        return "messages"
    for message in prompt.messages:
        for part in message.parts:
            for each in (part, *(part.parts if isinstance(part, Result) else ())):
                if isinstance(each, kind):
                    return each.at
    return "messages"
