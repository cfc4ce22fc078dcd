"""Requests that every dialect can carry, and what they mean, for the tests of translated requests."""

import os
from dataclasses import replace
from typing import Any

import orjson
from hypothesis import strategies as st

from tierrouter_core.names import Dialect
from tierrouter_core.wire.chat.request_render import render_chat
from tierrouter_core.wire.folding import merged
from tierrouter_core.wire.messages.request_render import render_messages
from tierrouter_core.wire.model import (
    Call,
    Choice,
    Document,
    Image,
    Message,
    OutputFormat,
    Prompt,
    Refusal,
    Result,
    Role,
    Sampling,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from tierrouter_core.wire.quirks import Profile, profile_of
from tierrouter_core.wire.render import Wanted, arguments_object
from tierrouter_core.wire.request import Request, read_request
from tierrouter_core.wire.responses.request_render import render_responses

FUZZ_FACTOR = int(os.environ.get("FUZZ_FACTOR", "1"))
KEY = b"the key of the tests"
PAIRS = [(source, target) for source in Dialect for target in Dialect if source is not target]
RENDER = {Dialect.CHAT: render_chat, Dialect.RESPONSES: render_responses, Dialect.MESSAGES: render_messages}
MODELS = {
    Dialect.CHAT: "vendor/model",
    Dialect.RESPONSES: "vendor/model",
    # Takes sampling, and every effort.
    Dialect.MESSAGES: "claude-opus-4-6",
}


def wanted_by(dialect: Dialect, **profile: Any) -> Wanted:
    """A tier of the dialect that takes everything which the dialect has words for."""
    able: dict[str, Any] = {"effort_style": "openai", "mid_system": dialect is not Dialect.MESSAGES}
    known = profile_of("https://vendor.example/v1", MODELS[dialect], {})
    changed = {**able, "prefill": True, **profile}
    return Wanted(
        model_id=MODELS[dialect],
        profile=Profile(**{name: changed.get(name, getattr(known, name)) for name in _PROFILE}),
        seal_key=KEY,
    )


_PROFILE = tuple(Profile.__dataclass_fields__)


def request_in(dialect: Dialect, prompt: Prompt) -> Request:
    """The prompt as a client of the dialect would write it."""
    body = RENDER[dialect](replace(prompt, lost=set()), wanted_by(dialect)).body
    return read_request(dialect, orjson.dumps(body))


def meaning(prompt: Prompt) -> dict[str, Any]:
    """What a request asks for, less the freedom that dialects have in saying it."""
    return {
        "instructions": "\n\n".join(prompt.instructions),
        "messages": [(message.role, _parts(message)) for message in merged(prompt.messages)],
        "tools": [(tool.name, tool.description, tool.schema, bool(tool.strict)) for tool in prompt.tools],
        "choice": None if prompt.choice is None else (prompt.choice.mode, prompt.choice.name),
        "parallel": prompt.parallel,
        "max_output": prompt.max_output,
        "stop": prompt.stop,
        "sampling": (prompt.sampling.temperature, prompt.sampling.top_p),
        "effort": prompt.effort,
        "format": None if prompt.format is None else prompt.format.schema,
        "stream": prompt.stream,
    }


def _parts(message: Message) -> list[Any]:
    out: list[Any] = []
    for part in message.parts:
        match part:
            case Text(text) | Refusal(text):
                # Where one text ends and the next begins is no matter of meaning to a model's answer.
                if message.role is Role.ASSISTANT and out and out[-1][0] == "text":
                    out[-1] = ("text", out[-1][1] + text)
                else:
                    out.append(("text", text))
            case Call():
                out.append(("call", part.id, part.name, arguments_object(part)))
            case Result():
                inner = [("text", p.text) if isinstance(p, Text) else ("media", _media(p)) for p in part.parts]
                out.append(("result", part.call_id, inner))
            case Image() | Document():
                out.append(("media", _media(part)))
            case Thinking():
                pass
    return out


def _media(part: Any) -> Any:
    return (type(part).__name__, part.url or f"data:{part.media_type};base64,{part.data}")


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda text: text.strip() and not text.startswith("x-anthropic-billing")
)
SCHEMAS = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(st.sampled_from(["path", "model", "n"]), st.just({"type": "string"})),
    }
)
IMAGES = st.builds(
    Image, at=st.just(""), media_type=st.sampled_from(["image/png", "image/jpeg"]), data=st.just("aGk=")
) | (st.builds(Image, at=st.just(""), url=st.just("https://a.example/b.png")))
PDFS = st.builds(Document, at=st.just(""), data=st.just("JVBERi0="), name=st.just("a.pdf"))
TOOL_NAMES = ("read", "ls", "a__b")


@st.composite
def conversations(draw: st.DrawFn, *, results_hold_images: bool) -> list[Message]:
    """Turns that end with the user's say, every call with its result."""
    out: list[Message] = []
    number = 0
    for _ in range(draw(st.integers(1, 4))):
        said = draw(st.lists(WORDS.map(Text) | IMAGES | PDFS, min_size=1, max_size=3))
        out.append(Message(Role.USER, said))
        for _ in range(draw(st.integers(0, 2))):
            names = draw(st.lists(st.sampled_from(TOOL_NAMES), min_size=1, max_size=3))
            texts = draw(st.lists(WORDS.map(Text), max_size=1))
            calls = []
            for name in names:
                number += 1
                arguments = draw(st.dictionaries(WORDS, WORDS | st.integers(-9, 9) | st.booleans(), max_size=2))
                calls.append(Call("", f"call_{number}", name, arguments))
            out.append(Message(Role.ASSISTANT, [*texts, *calls]))
            inner = st.just([]) if not results_hold_images else st.lists(IMAGES, max_size=1)
            results = [Result("", call.id, [Text(draw(WORDS)), *draw(inner)]) for call in calls]
            out.append(Message(Role.USER, list(results)))
        out.append(Message(Role.ASSISTANT, [Text(draw(WORDS))]))
    return [*out, Message(Role.USER, [Text(draw(WORDS))])]


@st.composite
def prompts(draw: st.DrawFn, source: Dialect, target: Dialect) -> Prompt:
    """A request that both dialects can carry."""
    pair = {source, target}
    tools = [
        Tool(name, draw(st.just("") | WORDS), draw(SCHEMAS))
        for name in draw(st.lists(st.sampled_from(TOOL_NAMES), unique=True))
    ]
    modes = [Choice.AUTO, Choice.ANY, Choice.NONE, *([Choice.TOOL] if tools else [])]
    mode = draw(st.sampled_from(modes)) if tools and draw(st.booleans()) else None
    choice = None if mode is None else ToolChoice(mode, tools[0].name if mode is Choice.TOOL else "")
    # Messages tells parallelism in its choice, where `none` has no place for it.
    parallel = draw(st.sampled_from([None, False])) if choice is not None and mode is not Choice.NONE else None
    effort = draw(st.sampled_from([None, "none", "low", "medium", "high", "max"]))
    return Prompt(
        source,
        model="auto",
        stream=draw(st.booleans()),
        instructions=draw(st.lists(WORDS, max_size=1)),
        messages=draw(conversations(results_hold_images=Dialect.CHAT not in pair)),
        tools=tools,
        choice=choice,
        parallel=parallel,
        max_output=draw(st.integers(64_000, 99_000)),
        stop=[] if Dialect.RESPONSES in pair else draw(st.lists(WORDS, max_size=4, unique=True)),
        sampling=Sampling(draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])), draw(st.none() | st.just(0.9))),
        effort=effort,
        format=OutputFormat(draw(SCHEMAS)) if draw(st.booleans()) else None,
    )
