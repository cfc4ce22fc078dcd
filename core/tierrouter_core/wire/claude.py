"""Thinking as the Claude model that gets a request takes it, where the client wrote it for another one.

The generations differ: the oldest take a budget of tokens and refuse ``adaptive``, the newest think by themselves and
refuse a budget, some refuse to be told not to think. A wrong word is a 400, so it is replaced by the nearest right one;
what the model takes stays as the client wrote it. A model that is not in the table gets what the client wrote.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import orjson

from tierrouter_core.names import Dialect
from tierrouter_core.wire._content import blocks_of, entries_of
from tierrouter_core.wire.json_members import set_member, without_member
from tierrouter_core.wire.request import Request

MIN_THINKING_TOKENS = 1024
"""The smallest thinking budget that Anthropic takes, and what is left for the answer beside a lowered one."""
DISABLED = b'{"type":"disabled"}'


class Off(Enum):
    """When a model can be told not to think."""

    ALWAYS = "always"
    UP_TO_HIGH = "at an effort of at most high"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepts:
    """Which values of ``thinking.type`` a generation takes."""

    adaptive: bool = True
    """It has an effort then; without this it has a budget of tokens alone."""
    enabled: bool = False
    disabled: Off = Off.ALWAYS
    between_tools: bool = False
    system_messages: bool = False
    """Takes instructions inside ``messages``."""


_BUDGET_ONLY = Accepts(adaptive=False, enabled=True)
_EITHER = Accepts(enabled=True)
_ADAPTIVE = Accepts()
_NEVER_OFF = Accepts(disabled=Off.NEVER)

ACCEPTED: Mapping[str, Accepts] = {
    "opus-4.0": _BUDGET_ONLY,
    "sonnet-4.0": _BUDGET_ONLY,
    "opus-4.1": _BUDGET_ONLY,
    "opus-4.5": _BUDGET_ONLY,
    "sonnet-4.5": _BUDGET_ONLY,
    "haiku-4.5": _BUDGET_ONLY,
    "opus-4.6": _EITHER,
    "sonnet-4.6": _EITHER,
    "opus-4.7": _ADAPTIVE,
    "opus-4.8": Accepts(system_messages=True),
    "sonnet-5.0": _ADAPTIVE,
    "opus-5.0": Accepts(disabled=Off.UP_TO_HIGH, system_messages=True),
    "haiku-5.5": Accepts(disabled=Off.UP_TO_HIGH, system_messages=True),
    "opus-5.5": Accepts(disabled=Off.NEVER, system_messages=True),
    "sonnet-5.5": Accepts(disabled=Off.NEVER, between_tools=True, system_messages=True),
    "fable-5.0": Accepts(disabled=Off.NEVER, system_messages=True),
    "fable-5.1": Accepts(disabled=Off.NEVER, system_messages=True),
    "mythos-5.0": _NEVER_OFF,
    "mythos-5.1": _NEVER_OFF,
}
"""By family and version."""

_BUDGETS = {"low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768, "max": 49_152}
"""Tokens of thinking for an effort."""
_EFFORTS = ((4096, "low"), (12_288, "medium"))
"""The effort for budgets below so many tokens; from there on it is ``high``, which is what no effort means too."""
_ABOVE_HIGH = frozenset({"xhigh", "max"})
_EFFORT_BETA = "effort-"
"""How the values of ``anthropic-beta`` begin that go with ``output_config.effort``."""
# A date may follow (claude-opus-4-20250514), and vendors write the version with a dot.
_MODEL = re.compile(r"claude-([a-z]+)-([0-9]{1,2})(?:[-.]([0-9]{1,2}))?(?![0-9])")


@lru_cache(maxsize=256)
def accepted_by(model_id: str) -> Accepts | None:
    """What the model takes; None where that is not known, also for models that are no Claude."""
    match = _MODEL.search(model_id.lower())
    return ACCEPTED.get(f"{match[1]}-{match[2]}.{match[3] or 0}") if match is not None else None


def takes_system_messages(model_id: str) -> bool | None:
    """Whether the model takes instructions inside ``messages``; None where that is not known."""
    accepts = accepted_by(model_id)
    return None if accepts is None else accepts.system_messages


def adapted_thinking(request: Request, model_id: str, cap: int | None) -> dict[str, bytes]:
    """The top-level keys to set so that ``model_id`` takes what ``request`` says of thinking and effort.

    Args:
        request: the client's.
        model_id: who gets it.
        cap: the output cap that goes with it, in tokens; None where there is none.
    """
    accepts = None
    if request.dialect is Dialect.MESSAGES and ("thinking" in request.parsed or "output_config" in request.parsed):
        accepts = accepted_by(model_id)
    if accepts is None:
        return {}
    given = request.parsed.get("thinking")
    thinking: dict[str, Any] = given if isinstance(given, dict) else {}
    kind = thinking.get("type")
    effort = _effort(request)
    if not accepts.adaptive:
        return _as_budget(request, kind, effort, cap)
    if kind == "disabled" and accepts.disabled is Off.NEVER:
        return {"thinking": _adaptive(thinking), **_with_effort(request, "low")}
    if kind == "disabled" and accepts.disabled is Off.UP_TO_HIGH and effort in _ABOVE_HIGH:
        return _with_effort(request, "high")
    if kind == "between_tools" and not accepts.between_tools:
        return {"thinking": _adaptive(thinking)}
    if kind == "enabled" and not accepts.enabled:
        wanted = _effort_of_budget(thinking.get("budget_tokens")) if effort is None else None
        return {"thinking": _adaptive(thinking), **(_with_effort(request, wanted) if wanted else {})}
    return {}


def unpaired_betas(model_id: str, changes: Mapping[str, bytes]) -> tuple[str, ...]:
    """Beginnings of the ``anthropic-beta`` values whose field :func:`adapted_thinking` took out by ``changes``."""
    accepts = accepted_by(model_id) if "output_config" in changes else None
    return (_EFFORT_BETA,) if accepts is not None and not accepts.adaptive else ()


def without_betas(headers: Sequence[tuple[str, str]], beginnings: tuple[str, ...]) -> list[tuple[str, str]]:
    """``headers`` less the betas that begin so: the API refuses one without the field that it belongs to."""
    kept = []
    for name, value in headers:
        if name.lower() == "anthropic-beta":
            betas = [beta.strip() for beta in value.split(",")]
            left = [beta for beta in betas if not beta.startswith(beginnings)]
            if not left:
                continue
            value = value if left == betas else ",".join(left)
        kept.append((name, value))
    return kept


def lowered_budget(budget: int | float, cap: int) -> int | None:
    """A budget that leaves room for an answer below ``cap``; None where no thinking fits."""
    if budget < cap:
        return int(budget)
    lowered = cap - MIN_THINKING_TOKENS
    return lowered if lowered >= MIN_THINKING_TOKENS else None


def _as_budget(request: Request, kind: Any, effort: str | None, cap: int | None) -> dict[str, bytes]:
    changes = {} if effort is None else {"output_config": without_member(request.body, "output_config", "effort")}
    if kind in ("adaptive", "between_tools"):
        budget: int | None = _BUDGETS.get(effort or "high", _BUDGETS["high"])
        if budget is not None and cap is not None:
            budget = lowered_budget(budget, cap)
        if budget is None or _is_forced(request) or _loop_began_without_thinking(request):
            changes["thinking"] = DISABLED
        else:
            changes["thinking"] = b'{"type":"enabled","budget_tokens":%d}' % budget
    return changes


def _adaptive(thinking: Mapping[str, Any]) -> bytes:
    display = thinking.get("display")
    return orjson.dumps({"type": "adaptive"} if display is None else {"type": "adaptive", "display": display})


def _effort(request: Request) -> str | None:
    config = request.parsed.get("output_config")
    effort = config.get("effort") if isinstance(config, dict) else None
    return effort if isinstance(effort, str) else None


def _effort_of_budget(budget: Any) -> str | None:
    if not isinstance(budget, int | float):
        return None
    return next((effort for below, effort in _EFFORTS if budget < below), None)


def _with_effort(request: Request, effort: str) -> dict[str, bytes]:
    config = request.parsed.get("output_config")
    if config is not None and not isinstance(config, dict):  # the provider's to refuse, in its own words
        return {}
    value = orjson.dumps(effort)
    return {
        "output_config": b'{"effort":' + value + b"}"
        if config is None
        else set_member(request.body, "output_config", "effort", value)
    }


def _is_forced(request: Request) -> bool:
    """A tool is prescribed, which goes with adaptive thinking and not with a budget."""
    choice = request.parsed.get("tool_choice")
    return isinstance(choice, dict) and choice.get("type") in ("any", "tool")


def _loop_began_without_thinking(request: Request) -> bool:
    """A tool loop is open whose first answer does not begin with thinking, as it must where there is a budget."""
    first = None
    for entry in reversed(entries_of(Dialect.MESSAGES, request.parsed)):
        blocks = blocks_of(entry.get("content"))
        if entry.get("role") == "assistant":
            first = blocks
        elif entry.get("role") == "user" and not any(block.get("type") == "tool_result" for block in blocks):
            break
    return first is not None and (not first or first[0].get("type") not in ("thinking", "redacted_thinking"))


def written_thinking(
    model_id: str, effort: str, cap: int, *, forced: bool, in_bare_loop: bool
) -> dict[str, dict[str, Any]] | None:
    """``thinking`` and ``output_config`` of a request that another dialect's client wrote; None for other models.

    Args:
        effort: of :data:`tierrouter_core.wire.model.EFFORTS`.
        cap: ``max_tokens``.
        forced: a tool is prescribed.
        in_bare_loop: a tool loop is open whose first answer does not begin with thinking.
    """
    accepts = accepted_by(model_id)
    if accepts is None:
        return None
    off = effort == "none" or (effort == "minimal" and not accepts.adaptive)
    if off and accepts.disabled is not Off.NEVER:
        return {"thinking": {"type": "disabled"}}
    level = "low" if effort in ("none", "minimal") else effort
    if accepts.adaptive:
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}
    budget = lowered_budget(_BUDGETS.get(level, _BUDGETS["high"]), cap)
    if budget is None or forced or in_bare_loop:
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}
