"""Write the tables of docs/translation.md: what each pair of dialects can carry, found by translating examples.

It fails on a field that a pair drops without saying so.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from translation_answers import ANSWERS, FINISHES
from translation_probes import MARK, REQUESTS, chat, messages, responses

from tierrouter_core.names import Dialect
from tierrouter_core.spend.usage import NOTHING_USED
from tierrouter_core.wire.encoder import Envelope
from tierrouter_core.wire.events import Failed
from tierrouter_core.wire.lossy import LOSSY_FIELDS
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import read_request
from tierrouter_core.wire.translate import Refused, Translated, translate_request
from tierrouter_core.wire.translated_answer import translate_answer

DOCS = Path(__file__).parents[1] / "docs" / "translation.md"
NAMES: Mapping[Dialect, str] = {Dialect.MESSAGES: "Messages", Dialect.CHAT: "Chat", Dialect.RESPONSES: "Responses"}
PAIRS = tuple((source, target) for source in NAMES for target in NAMES if source is not target)
MODELS: Mapping[Dialect, tuple[str, str]] = {
    Dialect.MESSAGES: ("https://api.anthropic.com", "claude-opus-4-7"),
    Dialect.CHAT: ("https://models.example/v1", "vendor/model"),
    Dialect.RESPONSES: ("https://api.openai.com/v1", "gpt-5.5"),
}
"""Who is asked in each dialect: two vendors' own APIs, and a Chat server of which nothing is known."""
PLAIN: Mapping[Dialect, dict[str, Any]] = {
    Dialect.CHAT: chat(),
    Dialect.RESPONSES: responses(),
    Dialect.MESSAGES: messages(),
}
ENVELOPE = Envelope(turn_id="t1", model="m", created_s=0)
KEY = b"a key of the tables"


class DroppedSilentlyError(Exception):
    """A field that neither arrived nor was refused nor counted."""


def main() -> None:
    """Write the tables into the page."""
    DOCS.write_text(with_tables(DOCS.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(page: str) -> str:
    """``page`` with its tables as the code makes them now."""
    made = {"requests": requests_table(), "answers": answers_table(), "finishes": finishes_table(), "lossy": lossy()}
    for name, table in made.items():
        begin, end = f"<!-- made: {name} -->\n", f"<!-- /made: {name} -->"
        page, found = re.subn(
            f"{re.escape(begin)}.*?{re.escape(end)}", lambda _, whole=begin + table + end: whole, page, flags=re.DOTALL
        )
        if found != 1:
            raise SystemExit(f"{DOCS}: the marks of the table {name} are missing")
    return page


def requests_table() -> str:
    """Of what a request can hold, what each pair carries."""
    rows = []
    for what, said in REQUESTS.items():
        rows.append([what, *(request_cell(what, said, source, target) for source, target in PAIRS)])
    return markdown(["a request's", *pair_names()], rows)


def request_cell(what: str, said: Mapping[Dialect, Any], source: Dialect, target: Dialect) -> str:
    """What becomes of one example on one way."""
    if source not in said:
        return ""
    plain, got = translated(PLAIN[source], source, target), translated(said[source], source, target)
    if isinstance(got, Refused):
        return "no"
    assert isinstance(plain, Translated)
    lost = [f"`{name}`" for name in got.lost if name not in plain.lost]
    marked = MARK in orjson.dumps(said[source]).decode()
    arrives = MARK.encode() in got.body if marked else got.body != plain.body
    if not arrives and got.stop:
        return "here"
    if not arrives and not lost:
        raise DroppedSilentlyError(f"{what}: {NAMES[source]} to {NAMES[target]} drops it without a word")
    return ", ".join([*(["yes"] if arrives else []), *lost])


def translated(body: Mapping[str, Any], source: Dialect, target: Dialect) -> Translated | Refused:
    """An example in another dialect."""
    base_url, model_id = MODELS[target]
    wanted = Wanted(model_id=model_id, profile=profile_of(base_url, model_id, {}), seal_key=KEY)
    return translate_request(read_request(source, orjson.dumps(body)), target, wanted)


def answers_table() -> str:
    """Of what an answer can hold, what each pair carries; the provider stands first."""
    rows = []
    for what, said in ANSWERS.items():
        cells = []
        for client, provider in PAIRS:
            body = said.get(provider)
            got = b"" if body is None else answered(body, provider, client)
            cells.append("" if body is None else "yes" if MARK.encode() in got else "no")
        rows.append([what, *cells])
    return markdown(["an answer's", *answer_pair_names()], rows)


def finishes_table() -> str:
    """How an answer ended, in the client's words."""
    rows = []
    for what, said in FINISHES.items():
        cells = []
        for client, provider in PAIRS:
            body = said.get(provider)
            cells.append("" if body is None else finish_in(client, orjson.loads(answered(body, provider, client))))
        rows.append([what, *cells])
    return markdown(["the answer ended", *answer_pair_names()], rows)


def finish_in(client: Dialect, answer: Mapping[str, Any]) -> str:
    """The field by which a client learns why an answer ended."""
    match client:
        case Dialect.MESSAGES:
            return f"`{answer['stop_reason']}`"
        case Dialect.CHAT:
            return f"`{answer['choices'][0]['finish_reason']}`"
        case Dialect.RESPONSES:
            details = answer["incomplete_details"]
            return f"`{answer['status']}`" + (f" (`{details['reason']}`)" if details else "")


def answered(body: Mapping[str, Any], provider: Dialect, client: Dialect) -> bytes:
    """A provider's answer as the client gets it."""
    asked = translated(PLAIN[client], client, provider)
    assert isinstance(asked, Translated)
    answer = translate_answer(asked, orjson.dumps(body), ENVELOPE, NOTHING_USED)
    assert not isinstance(answer, Failed), answer
    return answer


def lossy() -> str:
    """What may be left behind."""
    return markdown(["`field`", "what"], [[f"`{name}`", what] for name, what in sorted(LOSSY_FIELDS.items())])


def pair_names() -> list[str]:
    """The ways of requests."""
    return [f"{NAMES[source]} → {NAMES[target]}" for source, target in PAIRS]


def answer_pair_names() -> list[str]:
    """The ways of answers, which go back."""
    return [f"{NAMES[provider]} → {NAMES[client]}" for client, provider in PAIRS]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


if __name__ == "__main__":
    main()
