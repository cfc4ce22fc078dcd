"""How a decision comes into force: at once, when a person says so, or by a canary that is counted and judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import orjson

from tierrouter_core.canonical import digest
from tierrouter_core.contract import ABORT, ACTIVATION, PROMOTE
from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.compile import needs_prices
from tierrouter_core.resources.guards import Rollout as Settings
from tierrouter_core.resources.prices import PriceOf
from tierrouter_core.resources.revision import OriginType, TunedValues
from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.planning.asked import Asked, Step, asked_with
from tierrouter_operator.planning.children import annotation
from tierrouter_operator.planning.choice import Choice, Chooser, Why
from tierrouter_operator.planning.conditions import timestamp
from tierrouter_operator.planning.decided import Decided, waiting_decisions
from tierrouter_operator.planning.history import History, Moved, Revision
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.observed import Observed
from tierrouter_operator.planning.rollout import Rollout, Stage, age_s
from tierrouter_operator.planning.rollout_verdict import Analysis, Question
from tierrouter_operator.planning.trouble import Trouble

COUNT_EVERY_S: Final = 10.0
"""How often sidecars are asked what they have counted, and the canary is looked at."""


@dataclass(frozen=True, slots=True)
class NotActedOn:
    """A decision of which nothing is left to be done, and why."""

    run: Obj
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolled:
    """What is to be in force, and what is to be tried."""

    choice: Choice
    rollout: Rollout | None
    """As the annotation should have it."""
    tried: tuple[Revision, bytes] | None = None
    """The revision that a live rollout is about, with its document."""
    trouble: Trouble | None = None
    """Why a decision can't become a revision."""
    dropped: tuple[NotActedOn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A decision whose turn it is."""

    run: str
    suite: str
    origin: OriginType
    message: str
    before: TunedValues
    """The overlay in force."""
    asked: Asked
    """With what the decision moves."""


class Roller:
    """Reads what has been decided once; then says what to try, and what comes of what is tried."""

    def __init__(self, observed: Observed, history: History, chooser: Chooser, analysis: Analysis) -> None:
        self._observed = observed
        self._history = history
        self._chooser = chooser
        self._analysis = analysis
        self._dropped: list[NotActedOn] = []
        self._decisions = self._newest_of_each_suite()
        self._wish = self._next()

    def wanted_prices(self) -> tuple[tuple[str, str, str], ...]:
        """What has to be looked up before :meth:`roll`; empty where nothing has to be compiled."""
        asked = self._wish.asked if self._wish is not None else self._asked_again()
        if asked is None or self._chooser.settled(asked) is not None:
            return ()
        try:
            return needs_prices(asked.router, asked.providers)
        except ConfigurationError:
            return ()

    def roll(self, choice: Choice, price_of: PriceOf) -> Rolled:
        """What becomes of the decisions, where ``choice`` is what would be in force without them."""
        rolled = self._rolled(choice, price_of)
        return replace(rolled, dropped=(*rolled.dropped, *self._dropped))

    def _rolled(self, choice: Choice, price_of: PriceOf) -> Rolled:
        history, now = self._history, timestamp(self._observed.now)
        live = history.rollout if history.rollout is not None and history.rollout.is_live else None
        if history.stable is None or history.active is None:
            return Rolled(choice=choice, rollout=history.rollout)
        if live is not None and annotation(self._observed.router, ABORT) == live.nonce:
            stage = Stage.ROLLED_BACK if live.is_served else Stage.REJECTED
            return Rolled(choice=choice, rollout=_over(live, stage, "a person has ended it", now))
        if choice.is_pinned:
            if live is not None and live.is_served:
                said = "a pin holds another revision; it is tried again when the pin is gone"
                live = replace(live, stage=Stage.HELD, since=now, looks={}, counted={}, said=said)
            return self._as_it_is(choice, live or history.rollout)
        if self._is_changed(choice):
            if live is not None and live.stage is not Stage.HELD:
                said = f"revision {live.revision} ends, for {_what(choice)}; its decision is tried again on that"
                live = replace(live, stage=Stage.HELD, since=now, looks={}, counted={}, said=said)
            return Rolled(choice=choice, rollout=live or history.rollout)
        if live is not None and live.stage is not Stage.HELD:
            return self._go_on(live, choice, price_of)
        newer = None if live is None else self._newer(live)
        if live is not None and newer is not None:
            return Rolled(
                choice=choice, rollout=_over(live, Stage.SUPERSEDED, f"run {newer.run} has decided since", now)
            )
        if choice.trouble is not None or isinstance(self._chooser.asked, Trouble):
            return Rolled(choice=choice, rollout=history.rollout)
        if self._wish is None:
            if live is None:
                return Rolled(choice=choice, rollout=history.rollout)
            said = "nothing of it is left: the spec sets what it moved, or has it no more"
            return Rolled(choice=choice, rollout=_over(live, Stage.SUPERSEDED, said, now))
        return self._begun(self._wish, choice, price_of)

    def _newest_of_each_suite(self) -> tuple[Decided, ...]:
        """Decisions that wait, at most one of a suite: a later one was made with more knowledge."""
        if self._observed.refused_run is not None:
            # What became of one can't be said in its run: another one's would take its place, and it be acted on again.
            return ()
        known = {activation_of(self._history).get("run", "")}
        known |= {self._history.rollout.run} if self._history.rollout is not None else set()
        newest: dict[str, Decided] = {}
        for decided in waiting_decisions(self._observed.runs):
            if decided.run in known:
                continue
            older = newest.pop(decided.suite, None)
            if older is not None:
                self._drop(older, f"run {decided.run} has decided since")
            newest[decided.suite] = decided
        return tuple(sorted(newest.values(), key=lambda decided: (decided.time, decided.run)))

    def _next(self) -> _Wish | None:
        """The decision whose turn it is; others are dropped where nothing of them is left."""
        asked, rollout = self._chooser.asked, self._history.rollout
        pinned = self._observed.router["spec"].get("pinnedRevision")
        if isinstance(asked, Trouble) or pinned or self._history.active is None:
            return None
        if rollout is not None and rollout.is_live:
            again = self._asked_again() if rollout.stage is Stage.HELD else None
            if again is None or again.overlay == asked.overlay:
                return None
            return _wish(rollout, asked.overlay, again)
        for decided in self._decisions:
            began = decided.began or self._moved_in(decided.tested)
            if began is None:
                self._drop(decided, f"the revision that it tested, {decided.tested}, is not there any more")
                continue
            wanted = asked_with(asked, Step(began.base, began.overlay, decided.overlay))
            if wanted.overlay == asked.overlay:
                said = "nothing of it is left to be done: what it moves holds already, was set by the spec, or is gone"
                self._drop(decided, said)
                continue
            return _wish(decided, asked.overlay, wanted)
        return None

    def _moved_in(self, name: str) -> Moved | None:
        """What had been moved in the revision that a run has tested."""
        if self._history.basis is not None and name == self._history.basis.name:
            return self._history.moved
        found = self._history.find(name)
        return None if found is None else Moved(found.base, found.overlay)

    def _asked_again(self) -> Asked | None:
        """What the live rollout would put in force, by the spec as it is now."""
        rollout, asked = self._history.rollout, self._chooser.asked
        if rollout is None or not rollout.is_live or isinstance(asked, Trouble):
            return None
        return asked_with(asked, Step(rollout.base, rollout.before, rollout.overlay))

    def _is_changed(self, choice: Choice) -> bool:
        history = self._history
        assert history.stable is not None
        if choice.revision.name != history.stable.name:
            return True
        return choice.trouble is None and bool(history.inputs_digest) and choice.inputs_digest != history.inputs_digest

    def _begun(self, wish: _Wish, choice: Choice, price_of: PriceOf) -> Rolled:
        history, asked, now = self._history, wish.asked, timestamp(self._observed.now)
        settings = asked.written.spec.rollout or Settings()
        why = Why(cause=wish.origin, run=wish.run, message=wish.message, number=history.next_number)
        found = self._chooser.settled(asked) or self._chooser.compiled(asked, price_of, why)
        if isinstance(found, Trouble):
            return Rolled(choice=choice, rollout=history.rollout, trouble=found)
        found = replace(found, reason=wish.origin, message=wish.message, run=wish.run)
        began = Rollout(
            run=wish.run,
            suite=wish.suite,
            origin=wish.origin,
            message=wish.message,
            revision=found.revision.name,
            inputs_digest=found.inputs_digest,
            stage=Stage.CANDIDATE if settings.strategy == "Manual" else Stage.CANARY,
            since=now,
            settings=settings,
            salt=digest(f"{self._observed.router['metadata']['uid']}/{found.revision.name}/{now}".encode())[:16],
            base=asked.base,
            before=wish.before,
            overlay=asked.overlay,
        )
        if wish.origin is OriginType.RECOVERY or settings.strategy == "Immediate":
            said = "in force at once"
            if wish.origin is OriginType.RECOVERY:
                said += ": what regression runs had moved is moved back"
            return Rolled(choice=found, rollout=_over(began, Stage.PROMOTED, said, now))
        return Rolled(choice=choice, rollout=began, tried=(found.revision, found.document))

    def _go_on(self, live: Rollout, choice: Choice, price_of: PriceOf) -> Rolled:
        tried, now = self._tried(live, price_of), timestamp(self._observed.now)
        if tried is None:
            ended = _over(live, Stage.GIVEN_UP, f"the document of revision {live.revision} is lost", now)
            return Rolled(choice=choice, rollout=ended)
        if annotation(self._observed.router, PROMOTE) == live.nonce:
            return self._promoted(live, choice, tried, "a person has promoted it")
        newer = self._newer(live)
        if live.stage is not Stage.CANARY:
            if newer is not None:
                said = f"run {newer.run} has decided since"
                return Rolled(choice=choice, rollout=_over(live, Stage.SUPERSEDED, said, now))
            return Rolled(choice=choice, rollout=live, tried=tried)
        return self._judged(live, choice, tried)

    def _judged(self, live: Rollout, choice: Choice, tried: tuple[Revision, bytes]) -> Rolled:
        seen, observed = self._observed.fleet.counted, self._observed
        if seen is None or seen.trial != live.trial:
            # Nothing is judged before somebody was asked: after a restart the counts of minutes may be missing.
            return Rolled(choice=choice, rollout=live, tried=tried)
        settings, now = live.settings, timestamp(observed.now)
        verdict = self._analysis.judge(
            Question(
                settings=settings,
                origin=live.origin,
                since=datetime.fromisoformat(live.since),
                age_s=age_s(live, observed.now),
                looks=live.looks,
                counts=seen.counts,
            )
        )
        if verdict.looks != live.looks or verdict.action is not Action.WAIT:
            counted = self._analysis.written(seen.counts)
            live = replace(live, looks=verdict.looks, counted=counted, said=verdict.reason)
        match verdict.action:
            case Action.PROMOTE if settings.auto_promote:
                return self._promoted(live, choice, tried, verdict.reason)
            case Action.PROMOTE:
                return Rolled(choice=choice, rollout=replace(live, stage=Stage.WAITING), tried=tried)
            case Action.ROLL_BACK:
                return Rolled(choice=choice, rollout=_over(live, Stage.ROLLED_BACK, verdict.reason, now))
            case Action.GIVE_UP:
                return Rolled(choice=choice, rollout=_over(live, Stage.GIVEN_UP, verdict.reason, now))
            case Action.WAIT:
                return Rolled(choice=choice, rollout=live, tried=tried)

    def _promoted(self, live: Rollout, choice: Choice, tried: tuple[Revision, bytes], said: str) -> Rolled:
        revision, document = tried
        promoted = Choice(
            revision,
            document,
            live.origin,
            live.message,
            live.inputs_digest,
            self._history.spec_digest,
            trouble=choice.trouble,
            run=live.run,
            moved=Moved(live.base, live.overlay),
        )
        ended = _over(live, Stage.PROMOTED, said, timestamp(self._observed.now))
        return Rolled(choice=promoted, rollout=ended)

    def _as_it_is(self, choice: Choice, rollout: Rollout | None) -> Rolled:
        if rollout is None or rollout.stage is not Stage.CANDIDATE:
            return Rolled(choice=choice, rollout=rollout)
        revision = self._history.find(rollout.revision)
        document = None if revision is None else self._history.document_of(revision)
        tried = None if revision is None or document is None else (revision, document)
        return Rolled(choice=choice, rollout=rollout, tried=tried)

    def _tried(self, live: Rollout, price_of: PriceOf) -> tuple[Revision, bytes] | None:
        """The live rollout's revision and document, made again where somebody has deleted them."""
        revision = self._history.find(live.revision)
        document = None if revision is None else self._history.document_of(revision)
        if revision is not None and document is not None:
            return revision, document
        asked = self._asked_again()
        if asked is None or asked.inputs_digest != live.inputs_digest:
            return None
        number = self._history.next_number if revision is None else revision.number
        why = Why(cause=live.origin, run=live.run, message=live.message, number=number)
        found = self._chooser.settled(asked) or self._chooser.compiled(asked, price_of, why)
        if isinstance(found, Trouble) or found.revision.name != live.revision:
            return None
        return revision or found.revision, found.document

    def _newer(self, live: Rollout) -> Decided | None:
        return next((decided for decided in self._decisions if decided.suite == live.suite), None)

    def _drop(self, decided: Decided, reason: str) -> None:
        self._dropped.append(NotActedOn(decided.obj, reason))


def _wish(of: Rollout | Decided, before: TunedValues, asked: Asked) -> _Wish:
    return _Wish(run=of.run, suite=of.suite, origin=of.origin, message=of.message, before=before, asked=asked)


def activation_of(history: History) -> Mapping[str, Any]:
    """Why and since when the stable revision is in force, as the active ConfigMap says it; empty for nothing."""
    try:
        found = orjson.loads(annotation(history.active, ACTIVATION)) if history.active is not None else None
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) and {"time", "reason"} <= found.keys() else {}


def _over(rollout: Rollout, stage: Stage, said: str, now: str) -> Rollout:
    """It is over; what each pod has counted is not needed any more."""
    return replace(rollout, stage=stage, said=said, ended=now, counted={})


def _what(choice: Choice) -> str:
    return f"revision {choice.revision.number} is in force: {choice.message}"
