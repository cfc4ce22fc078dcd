"""Documents for the routing tests, built by hand so that these tests need no YAML."""

from dataclasses import replace
from typing import Any

from tierrouter_core.document.model import (
    Document,
    Failover,
    Hints,
    Model,
    Provider,
    Rule,
    Session,
    Tier,
)
from tierrouter_core.names import Dialect, Mode, TurnKind
from tierrouter_core.routing.turn import Turn
from tierrouter_core.routing.variables import defaults

ALL = (Dialect.CHAT, Dialect.RESPONSES, Dialect.MESSAGES)


def model(name: str, *dialects: Dialect, **more: Any) -> Model:
    return Model(name=name, id=f"vendor/{name}", dialects=dialects or ALL, **more)


def document(**changes: Any) -> Document:
    models = [model("cheap"), model("middle"), model("big"), model("tiny"), model("spare")]
    provider = Provider(
        name="vendor",
        base_url="http://127.0.0.1:1/v1",
        models={m.name: m for m in changes.pop("models", models)},
    )
    tiers = {
        "routine": Tier(name="routine", rank=1, provider="vendor", model="cheap", max_tokens=100),
        "reasoning": Tier(name="reasoning", rank=2, provider="vendor", model="middle", max_tokens=100, expensive=True),
        "deep": Tier(name="deep", rank=3, provider="vendor", model="big", max_tokens=100, expensive=True),
        "local": Tier(name="local", rank=0, provider="vendor", model="tiny", max_tokens=100),
        "fallback": Tier(name="fallback", rank=1, provider="vendor", model="spare", max_tokens=100),
    }
    base = Document(
        namespace="agents",
        router="coding",
        mode=Mode.ROUTE,
        tiers=tiers,
        default_tier=(("routine", 1),),
        fallback_tier="fallback",
        baseline=None,
        thresholds={"file_count": 8, "tool_errors": 3},
        rules=(
            Rule(name="sandboxed", when="task.sandboxed", tier="local"),
            Rule(name="flagged", when="turn.output_flagged", tier="reasoning", escalate=True),
            Rule(
                name="stalled",
                when="session.tool_errors_in_a_row >= thresholds.tool_errors",
                tier="deep",
                escalate=True,
            ),
            Rule(name="wide", when="task.file_count > thresholds.file_count", tier="reasoning"),
        ),
        model_hints=(),
        hints=Hints(allow=("routine", "reasoning", "deep", "local")),
        session=Session(),
        failover=Failover(),
        response_model="Upstream",
        providers={"vendor": provider},
    )
    return replace(base, **changes)


def turn(**changes: Any) -> Turn:
    variables = defaults() | changes.pop("variables", {})
    base = Turn(
        dialect=Dialect.CHAT,
        requested_model="auto",
        hint=None,
        kind=TurnKind.USER,
        session="s-1",
        variables=variables,
    )
    return replace(base, **changes)
