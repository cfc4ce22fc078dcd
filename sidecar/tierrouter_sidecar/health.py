"""The health of providers: a circuit for each model, and one for each provider as a whole, driven by turns alone."""

import logging
import random
import time
from collections.abc import Callable
from typing import Any

from tierrouter_core.document.model import Document, Failover
from tierrouter_core.failover.circuit import (
    CLOSED,
    Circuit,
    CircuitSettings,
    CircuitState,
    answered,
    asked,
    failed,
    let_go,
)
from tierrouter_core.failover.failure import Failure, LeftAlone
from tierrouter_core.failover.ladder import Absent, spills
from tierrouter_core.observability import sidecar as m
from tierrouter_core.routing.targets import OTHER_MODEL, Target
from tierrouter_sidecar.metrics import Metrics

log = logging.getLogger("tierrouter")

_FINAL = frozenset({CircuitState.OUT_OF_QUOTA, CircuitState.UNAUTHORIZED, CircuitState.NO_MODEL})
_WHOLE = ""
"""In place of a model: all of the provider's."""
_MOST_CIRCUITS = 1000

Key = tuple[str, str]


class Health:
    """What is known of providers; nobody is ever asked for it."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``clock`` gives seconds; ``draw`` numbers in [0, 1), by which many sidecars spread."""
        self._metrics = metrics
        self._clock = clock
        self._draw = draw
        self._circuits: dict[Key, Circuit] = {}
        self._named: frozenset[Key] = frozenset()
        """What the documents in force name."""

    def absent(self, target: Target) -> Absent | None:
        """Whether ``target`` is left alone now, and why."""
        if not self._circuits:
            return None
        now_s = self._clock()
        for key in _keys(target):
            circuit = self._circuits.get(key)
            if circuit is None or not (wait_s := circuit.wait_s(now_s)):
                continue
            state = circuit.state(now_s)
            who = target.provider.name if key[1] == _WHOLE else f"{target.model_name} at {target.provider.name}"
            trying = state is CircuitState.HALF_OPEN
            doing = "is throttled" if state is CircuitState.THROTTLED else "is left alone"
            what = f"{doing} for another {wait_s:.0f} s" if not trying else "is being tried again by another turn"
            return Absent(f"{who} {what} ({circuit.why})", wait_s, final=state in _FINAL, tried_now=trying)
        return None

    def asked(self, target: Target) -> None:
        """``target`` is asked; tell what comes of it, by one of the three below."""
        self._change_both(target, lambda circuit: asked(circuit, self._clock()))

    def answered(self, target: Target) -> None:
        """It has begun to answer."""
        self._change_both(target, lambda circuit: answered(circuit, self._clock()))

    def let_go(self, target: Target) -> None:
        """The client went away before anything was known."""
        self._change_both(target, let_go)

    def failed(self, target: Target, failure: Failure, failover: Failover) -> None:
        """It has failed."""
        health = failure.treatment.health
        whole, model = _keys(target)
        if health is LeftAlone.NO or spills(target, failure):
            # A refusal of the turn says that the provider is there.
            if failure.status:
                self.answered(target)
            else:
                self.let_go(target)
            return
        settings = CircuitSettings(failures=failover.circuit_failures, cool_down_s=failover.circuit_cool_down_ms / 1000)
        key, other = (whole, model) if health is LeftAlone.PROVIDER else (model, whole)
        self._change(other, let_go)
        self._change(key, lambda circuit: failed(circuit, failure, self._clock(), settings, self._draw()), create=True)

    def keep(self, *documents: Document) -> None:
        """Forget what none of ``documents`` names."""
        providers = [each for document in documents for each in document.providers.values()]
        known = {(provider.name, model.id) for provider in providers for model in provider.models.values()}
        self._named = frozenset(known | {(provider.name, _WHOLE) for provider in providers})
        self._circuits = {key: circuit for key, circuit in self._circuits.items() if key in self._named}

    def expose(self) -> None:
        """Bring the metrics up to date."""
        now_s = self._clock()
        self._metrics.forget(m.CIRCUIT_OPEN)
        for key in sorted(self._named):
            self._metrics.set(m.CIRCUIT_OPEN, 0, *key)
        for key, circuit in self._circuits.items():
            if circuit.wait_s(now_s) > 0:
                self._metrics.set(m.CIRCUIT_OPEN, 1, *self._labels(key))

    def snapshot(self) -> list[dict[str, Any]]:
        """Every circuit that is not closed, as ``/status`` shows it."""
        now_s = self._clock()
        return [
            {
                "provider": provider,
                "model": model or None,
                "state": str(circuit.state(now_s)),
                "forSeconds": round(circuit.wait_s(now_s), 1),
                "why": circuit.why,
            }
            for (provider, model), circuit in sorted(self._circuits.items())
            if circuit.left_alone is not CircuitState.CLOSED
        ]

    def _change_both(self, target: Target, change: Callable[[Circuit], Circuit]) -> None:
        """The model's circuit and its provider's, where there are any: most turns find none."""
        if self._circuits:
            for key in _keys(target):
                self._change(key, change)

    def _change(self, key: Key, change: Callable[[Circuit], Circuit], *, create: bool = False) -> None:
        before = self._circuits.get(key)
        if before is None:
            # A client can name any model where what it asks for is served; that must not take all memory.
            if not create or (key not in self._named and len(self._circuits) >= _MOST_CIRCUITS):
                return
            before = CLOSED
        after = change(before)
        if after is CLOSED:
            self._circuits.pop(key, None)
        else:
            self._circuits[key] = after
        if after.left_alone is not before.left_alone or after.in_a_row > before.in_a_row:
            self._say(key, after)

    def _labels(self, key: Key) -> Key:
        return key if key in self._named else (key[0], OTHER_MODEL)

    def _say(self, key: Key, circuit: Circuit) -> None:
        provider, model = key
        who = f"{provider}, model {model}," if model else provider
        state = circuit.left_alone
        if state is CircuitState.CLOSED:
            log.info("%s answers again", who)
            return
        self._metrics.count(m.CIRCUIT_OPENED, *self._labels(key), state)
        level = logging.ERROR if state in _FINAL else logging.WARNING
        wait_s = circuit.wait_s(self._clock())
        log.log(level, "%s is left alone for %.0f s (%s): %s", who, wait_s, state, circuit.why)


def _keys(target: Target) -> tuple[Key, Key]:
    name = target.provider.name
    return (name, _WHOLE), (name, target.model_id)
