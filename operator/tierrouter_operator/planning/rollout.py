"""What is known of a revision that does not act at once: the annotation ``tierrouter.dev/rollout``, read and written.

It is the truth; phases, conditions and `decision.revision` are made from it. The last rollout stays there when it is
over, until the next one begins.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from tierrouter_core.canonical import canonical_json
from tierrouter_core.resources.guards import Rollout as Settings
from tierrouter_core.resources.inputs import NOTHING_MOVED, canonical
from tierrouter_core.resources.revision import OriginType, Phase, TunedValues


class Stage(StrEnum):
    """How far a rollout is."""

    CANDIDATE = "Candidate"
    """Nobody is served by it until a person says so."""
    CANARY = "Canary"
    WAITING = "Waiting"
    """A canary that was judged good and waits for a person; its share of sessions stays."""
    HELD = "Held"
    """It begins again: after a pin, or on what a change of the spec or of a provider has put in force."""
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    GIVEN_UP = "GivenUp"
    REJECTED = "Rejected"
    SUPERSEDED = "Superseded"


_LIVE: Final = frozenset({Stage.CANDIDATE, Stage.CANARY, Stage.WAITING, Stage.HELD})
_SERVED: Final = frozenset({Stage.CANARY, Stage.WAITING})
_PHASES: Final = {
    Stage.CANDIDATE: Phase.CANDIDATE,
    Stage.CANARY: Phase.CANARY,
    Stage.WAITING: Phase.CANARY,
    Stage.HELD: Phase.SUPERSEDED,
    Stage.ROLLED_BACK: Phase.ROLLED_BACK,
    Stage.GIVEN_UP: Phase.REJECTED,
    Stage.REJECTED: Phase.REJECTED,
    Stage.SUPERSEDED: Phase.SUPERSEDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One decision on its way into force."""

    run: str
    suite: str
    origin: OriginType
    message: str
    """The decision's reason."""
    revision: str
    inputs_digest: str
    """Of the inputs that the revision stands for."""
    stage: Stage
    since: str
    """When this stage of it began to be counted, in UTC; tells one trial of a revision from another."""
    settings: Settings = field(default_factory=Settings)
    """The router's ``spec.rollout`` when it began: changes of that act on the next one."""
    salt: str = ""
    base: TunedValues = NOTHING_MOVED
    """What the spec said when it began."""
    before: TunedValues = NOTHING_MOVED
    """The overlay in force then."""
    overlay: TunedValues = NOTHING_MOVED
    """The overlay that it would put in force."""
    looks: Mapping[str, Any] = field(default_factory=dict)
    """What the analysis has used up of its looks; its own form."""
    counted: Mapping[str, Any] = field(default_factory=dict)
    """What was counted at the last look; the analysis' own form."""
    said: str = ""
    """What was found, with its numbers: while it lasts at the last look, then at the end."""
    ended: str = ""
    """When it was over, in UTC."""

    @property
    def is_live(self) -> bool:
        """Whether it can still come into force."""
        return self.stage in _LIVE

    @property
    def is_served(self) -> bool:
        """Whether some sessions are served by it."""
        return self.stage in _SERVED

    @property
    def trial(self) -> str:
        """What sidecars call this trial in what they count."""
        return "/".join((self.revision, self.salt, self.since))

    @property
    def nonce(self) -> str:
        """What a person's word has to say, so that it is meant for this trial alone."""
        return f"{self.revision}@{self.since}"

    @property
    def phase(self) -> Phase | None:
        """Of its revision, where that is not in force; None where the rollout does not say."""
        return _PHASES.get(self.stage)


def rollout_from(text: str) -> Rollout | None:
    """The annotation, read; None where there is none, or somebody has written something else there."""
    try:
        found = orjson.loads(text) if text else None
        if not isinstance(found, dict):
            return None
        return Rollout(
            run=str(found["run"]),
            suite=str(found["suite"]),
            origin=OriginType(found["origin"]),
            message=str(found["message"]),
            revision=str(found["revision"]),
            inputs_digest=str(found["inputsDigest"]),
            stage=Stage(found["stage"]),
            since=_time(found["since"]),
            settings=Settings(**found["settings"]),
            salt=str(found.get("salt", "")),
            base=values_from(found["base"]),
            before=values_from(found["before"]),
            overlay=values_from(found["overlay"]),
            looks=dict(found.get("looks") or {}),
            counted=dict(found.get("counted") or {}),
            said=str(found.get("said", "")),
            ended=str(found.get("ended", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def rollout_text(rollout: Rollout) -> str:
    """The annotation."""
    body = {
        "run": rollout.run,
        "suite": rollout.suite,
        "origin": str(rollout.origin),
        "message": rollout.message,
        "revision": rollout.revision,
        "inputsDigest": rollout.inputs_digest,
        "stage": str(rollout.stage),
        "since": rollout.since,
        "settings": asdict(rollout.settings),
        "salt": rollout.salt,
        "base": canonical(rollout.base),
        "before": canonical(rollout.before),
        "overlay": canonical(rollout.overlay),
        "looks": rollout.looks,
        "counted": rollout.counted,
        "said": rollout.said,
        "ended": rollout.ended,
    }
    return canonical_json(
        {key: value for key, value in body.items() if value not in ("", {}) or key in _ALWAYS}
    ).decode()


_ALWAYS: Final = frozenset({"run", "suite", "message", "base", "before", "overlay"})


def age_s(rollout: Rollout, now: datetime) -> float:
    """For how long it has lasted; never negative, whatever the clock does."""
    return max(0.0, (now - datetime.fromisoformat(rollout.since)).total_seconds())


def values_from(found: Mapping[str, Any]) -> TunedValues:
    """Tuned values as JSON has them."""
    return TunedValues(
        thresholds={str(name): int(value) for name, value in (found.get("thresholds") or {}).items()},
        tiers={str(name): str(model) for name, model in (found.get("tiers") or {}).items()},
    )


def moved_text(base: TunedValues, overlay: TunedValues) -> str:
    """The annotation ``tierrouter.dev/moved``."""
    return canonical_json({"base": canonical(base), "overlay": canonical(overlay)}).decode()


def _time(text: Any) -> str:
    if datetime.fromisoformat(str(text)).tzinfo is None:
        raise ValueError("a time without its zone")
    return str(text)
