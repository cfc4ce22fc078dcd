"""``tierrouter explain``: which tier a request would go to, and what every rule saw."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from tierrouter_cli.exits import USAGE, say, write_out
from tierrouter_core.document.model import Document
from tierrouter_core.names import Dialect
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.fitting import Circumstances, Placed, place
from tierrouter_core.routing.rules import Evaluation
from tierrouter_core.routing.session_state import NEW_SESSION
from tierrouter_core.routing.variables import VARIABLES
from tierrouter_core.turn import ReadTurn, read_turn
from tierrouter_core.wire.translate import Translated
from tierrouter_sidecar.compiling import compile_texts
from tierrouter_sidecar.configuration import read_texts
from tierrouter_sidecar.state_dir import default_state_dir

# The others are told above them.
_SIGNALS = frozenset(name for name in VARIABLES if not name.startswith("turn."))
# Nothing is kept, so a derived session key need not be secret here; it must only be the same for the same request.
_SALT = b"explain"


def explain_request(paths: Sequence[Path], dialect: str | None, headers: Sequence[str], output: str) -> None:
    """Read a request on stdin and print the decision; raises a TierRouterError for what can't be understood."""
    check_options(dialect, output)
    cache = default_state_dir()
    explain_document(
        compile_texts(read_texts(paths), cache if cache.is_dir() else None).document, dialect, headers, output
    )


def check_options(dialect: str | None, output: str) -> None:
    """Exit with the code for usage where an option is off."""
    if output not in ("text", "json"):
        say(f"tierrouter: --format is {output!r}; text or json is allowed")
        raise SystemExit(USAGE)
    if dialect is not None and dialect not in list(Dialect):
        say(f"tierrouter: --dialect is {dialect!r}; {', '.join(Dialect)} are allowed")
        raise SystemExit(USAGE)


def explain_document(document: Document, dialect: str | None, headers: Sequence[str], output: str) -> None:
    """The same of a document that is compiled already."""
    router = Router(document)
    body = _standard_input()
    spoken = Dialect(dialect) if dialect is not None else dialect_of(body)
    read = read_turn(spoken, _headers(headers), body, _SALT)
    told = Circumstances(seal_key=_SALT, session=read.identity.session, input_tokens=read.measured().tokens)
    placed = place(router, read.turn, NEW_SESSION, read.request, lambda _: told)
    # What the hooks say is shown as what the turn has.
    read = replace(read, turn=router.hooked(read.turn)[0])
    evaluations = router.rules.all(read.turn.variables)
    if output == "json":
        text = json.dumps(_as_json(router, read, placed, evaluations), indent=2) + "\n"
    else:
        text = "".join(f"{line}\n" for line in _text_lines(router, read, placed, evaluations))
    # Encoded here: a request may hold letters that the terminal's encoding lacks, or halves of one.
    write_out(text.encode(errors="replace"))


def _standard_input() -> bytes:
    if sys.stdin is None:
        return b""
    if sys.stdin.isatty():
        say("reading a request (JSON) from the terminal; end it with Ctrl-D")
    return sys.stdin.buffer.read()


def dialect_of(body: bytes) -> Dialect:
    """The dialect that a request's own fields tell of; Chat where nothing does."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Dialect.CHAT
    if not isinstance(request, dict):
        return Dialect.CHAT
    if "input" in request and "messages" not in request:
        return Dialect.RESPONSES
    tools = request.get("tools")
    anthropic_tools = isinstance(tools, list) and any(isinstance(t, dict) and "input_schema" in t for t in tools)
    messages = request.get("messages")
    roles = [m.get("role") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    # Messages needs max_tokens and keeps the system prompt outside the messages.
    if "system" in request or anthropic_tools or "thinking" in request:
        return Dialect.MESSAGES
    chat_only = {"stream_options", "max_completion_tokens", "response_format", "n", "reasoning_effort"} & request.keys()
    only_speakers = all(role in ("user", "assistant") for role in roles)
    if "max_tokens" in request and not chat_only and only_speakers and tools is None:
        return Dialect.MESSAGES
    return Dialect.CHAT


def _headers(lines: Sequence[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            say(f"tierrouter: --header {line!r} has no name; write it as 'x-tierrouter-hint: deep'")
            raise SystemExit(USAGE)
        headers[name.strip().lower()] = value.strip()
    return headers


def _as_json(router: Router, read: ReadTurn, placed: Placed, evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    decision = placed.decision
    return {
        "tier": decision.targets[0].tier_name if decision.targets else None,
        "model": decision.targets[0].model_name if decision.targets else None,
        "provider": decision.targets[0].provider.name if decision.targets else None,
        "then": [target.tier_name for target in decision.targets[1:]],
        "reason": str(decision.reason),
        "detail": decision.detail,
        "dialect": str(read.turn.dialect),
        "translated_to": str(placed.fit.target) if isinstance(placed.fit, Translated) else None,
        "left_behind": list(placed.fit.lost) if isinstance(placed.fit, Translated) else [],
        "session": read.identity.session,
        "agent": read.identity.agent,
        "rules": [
            {
                "name": evaluation.rule.name,
                "when": evaluation.rule.when,
                "tier": evaluation.rule.tier,
                "matched": evaluation.matched,
                "error": evaluation.error or None,
                "saw": dict(evaluation.saw),
            }
            for evaluation in evaluations
        ],
        "hooks": [
            {
                "name": name,
                "when": when,
                "matched": None if evaluation is None else evaluation.matched,
                "error": (evaluation.error or None) if evaluation is not None else None,
                "saw": dict(evaluation.saw) if evaluation is not None else {},
            }
            for name, when, evaluation in _hooks(router, read)
        ],
        "variables": dict(read.turn.variables),
        "thresholds": dict(router.document.thresholds),
        "notices": list(read.notices),
    }


def _text_lines(router: Router, read: ReadTurn, placed: Placed, evaluations: Sequence[Evaluation]) -> Iterator[str]:
    decision = placed.decision
    if decision.targets:
        first = decision.targets[0]
        yield f"tier     {first.tier_name}  ({first.model_name} at {first.provider.name})"
    else:
        yield "tier     none can serve it"
    yield f"reason   {decision.explanation}"
    if len(decision.targets) > 1:
        yield f"then     {', '.join(target.tier_name for target in decision.targets[1:])}, should that fail"
    yield f"dialect  {read.turn.dialect}    requested model {read.request.model}    turn {read.turn.kind}"
    if isinstance(placed.fit, Translated):
        left = f"; left behind: {', '.join(placed.fit.lost)}" if placed.fit.lost else ""
        yield f"sent as  {placed.fit.target}{left}"
    yield f"session  {read.identity.session}  agent {read.identity.agent}"
    known = [
        name for name, value in read.turn.variables.items() if name in _SIGNALS and value != VARIABLES[name].default
    ]
    for number, name in enumerate(known):
        yield f"{'' if number else 'signals':<9}{name} = {_shown(read.turn.variables[name])}"
    for notice in read.notices:
        yield f"notice   {notice}"
    yield ""
    yield "rules, in order; the first that is true decides"
    width = max((len(evaluation.rule.name) for evaluation in evaluations), default=0)
    for evaluation in evaluations:
        result = "error" if evaluation.error else "true " if evaluation.matched else "false"
        saw = ", ".join(f"{name}={_shown(value)}" for name, value in evaluation.saw)
        yield f"  {result}  {evaluation.rule.name:<{width}}  -> {evaluation.rule.tier}"
        yield f"         {evaluation.rule.when}"
        if saw:
            yield f"         {saw}"
        if evaluation.error:
            yield f"         can't be evaluated: {evaluation.error}"
    if not evaluations:
        yield "  (none)"
    hooks = _hooks(router, read)
    if hooks:
        yield ""
        yield "hooks; those over responses are asked when there is one"
    for name, when, asked in hooks:
        result = "     " if asked is None else "error" if asked.error else "true " if asked.matched else "false"
        yield f"  {result}  {name}"
        yield f"         {when}"
        if asked is not None and asked.saw:
            yield f"         {', '.join(f'{name}={_shown(value)}' for name, value in asked.saw)}"
        if asked is not None and asked.error:
            yield f"         can't be evaluated: {asked.error}"


def _hooks(router: Router, read: ReadTurn) -> list[tuple[str, str, Evaluation | None]]:
    """``(name, expression, what it says of the request)`` of each hook that is declared."""
    hooks = router.hooks
    found: list[tuple[str, str, Evaluation | None]] = []
    if hooks.throttled is not None:
        found.append((hooks.throttled.name, hooks.throttled.when, None))
    planning = hooks.complex_planning(read.turn.variables)
    if planning is not None:
        found.append((planning.rule.name, planning.rule.when, planning))
    if hooks.flagged is not None:
        found.append((hooks.flagged.name, hooks.flagged.when, None))
    return found


def _shown(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, str) else str(value)
