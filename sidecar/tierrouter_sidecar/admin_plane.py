"""What people, probes and Prometheus look at: health, metrics and what is served, on the admin port."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from tierrouter_core.document.model import SCHEMA
from tierrouter_core.observability import sidecar as m
from tierrouter_core.rollout.exposed import exposed
from tierrouter_sidecar.guard import is_of_this_machine, why_refused
from tierrouter_sidecar.ledger import Ledger
from tierrouter_sidecar.live import LiveConfiguration
from tierrouter_sidecar.metrics import Metrics
from tierrouter_sidecar.page import NOT_HERE, PAGE
from tierrouter_sidecar.turn import TurnServer
from tierrouter_telemetry.series import CONTENT_TYPE

_JSON = "application/json"
_PATHS = ("/", "/healthz", "/readyz", "/startedz", "/metrics", "/status", "/summary", "/view")
_WAITED_S = 30.0
"""How long an agent waits for the first configuration; then its turns are refused with the reason."""


class AdminPlane:
    """Reads only; no secret and no prompt is shown here."""

    def __init__(
        self,
        metrics: Metrics,
        live: LiveConfiguration,
        ledger: Ledger,
        turns: TurnServer,
        is_draining: Callable[[], bool],
        allowed_hosts: frozenset[str],
    ) -> None:
        self._metrics = metrics
        self._live = live
        self._ledger = ledger
        self._turns = turns
        self._is_draining = is_draining
        self._allowed_hosts = allowed_hosts
        self._began_s = time.monotonic()
        self._began_at_s = time.time()

    async def handle(self, http: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        refused = why_refused(http.method, http.headers, self._allowed_hosts)
        if refused is not None:
            return _json({"error": refused}, 403)
        if http.method not in ("GET", "HEAD"):
            return _json({"error": f"{http.method} is not allowed here; use GET"}, 405)
        match http.path:
            case "/healthz":
                return _json({"status": "ok"})
            case "/readyz":
                return self._ready()
            case "/startedz":
                return self._started()
            case "/metrics":
                return self._metrics_text()
            case "/status":
                return _json(self.status())
            case "/summary":
                return _json(self._figures(shows_recent=_is_of_this_machine(http), in_words=False))
            case path if (path == "/view" or path in PAGE) and not _is_of_this_machine(http):
                return _json({"error": NOT_HERE}, 403)
            case "/view":
                return _json(self._figures(shows_recent=True, in_words=True))
            case path if path in PAGE:
                return PAGE[path].answer()
            case "/sessions" if self._turns.measured is not None:
                return _json(self._turns.measured.state())
        paths = _PATHS if self._turns.measured is None else (*_PATHS, "/sessions")
        return _json({"error": "not found", "paths": list(paths)}, 404)

    def _ready(self) -> web.Response:
        if self._is_draining():
            return _json({"status": "draining"}, 503)
        if self._live.in_force is None:
            return _json({"status": "no configuration", "error": self._live.refused}, 503)
        return _json({"status": "ready"})

    def _started(self) -> web.Response:
        """A pod's other containers wait for this: for a configuration, but not for ever."""
        if self._live.in_force is None and time.monotonic() - self._began_s < _WAITED_S:
            return _json({"status": "no configuration", "error": self._live.refused}, 503)
        return _json({"status": "started"})

    def _metrics_text(self) -> web.Response:
        self._metrics.set(m.IN_FLIGHT, self._turns.in_flight)
        self._turns.health.expose()
        self._expose_spending(time.time())
        self._expose_trial()
        self._metrics.set(m.SESSIONS, len(self._turns.sessions))
        self._metrics.set(m.LEDGER_PENDING, self._ledger.lag_rows)
        self._metrics.set(m.LEDGER_LAG, self._ledger.lag_s)
        self._metrics.counted_elsewhere(m.LEDGER_WRITTEN, self._ledger.written_rows)
        self._metrics.counted_elsewhere(m.LEDGER_LOST, self._ledger.lost_rows)
        headers = {"content-type": CONTENT_TYPE}
        return web.Response(body=self._metrics.exposition(), headers=headers)

    def _figures(self, *, shows_recent: bool, in_words: bool) -> dict[str, Any]:
        from tierrouter_sidecar.figures import figures

        return figures(
            self._metrics,
            self.status(),
            self._turns.recent,
            now_s=time.time(),
            began_s=self._began_at_s,
            in_flight=self._turns.in_flight,
            shows_recent=shows_recent,
            in_words=in_words,
        )

    def _expose_trial(self) -> None:
        """Nothing is left of a trial that is over: what reads its last numbers has kept them."""
        self._metrics.forget(m.TRIAL_COUNT)
        counters = self._turns.counters
        trial = counters.trial()
        if trial is not None:
            for side, number, value in exposed(trial[1]):
                self._metrics.set(m.TRIAL_COUNT, value, trial[0], counters.instance, side, number)

    def _expose_spending(self, now_s: float) -> None:
        spending = self._turns.spending
        for budget, use in spending.use(now_s).items():
            self._metrics.set(m.BUDGETS_EXHAUSTED, use.exhausted, budget)
            self._metrics.set(m.BUDGET_USED, use.most, budget)
            self._metrics.set(m.BUDGET_LIMIT, use.limit_usd, budget)
            self._metrics.set(m.BUDGET_WINDOW, use.window_s, budget)
        percent = spending.deep_percent(now_s)
        if percent is None:
            self._metrics.forget(m.DEEP_SHARE)
        else:
            self._metrics.set(m.DEEP_SHARE, percent)
        # Once for all: what it is a share of may have changed, too.
        self._metrics.forget(m.DEEP_SHARE_LIMIT)
        limit = spending.deep_limit
        if limit is not None:
            self._metrics.set(m.DEEP_SHARE_LIMIT, limit.max_percent / 100, limit.by.lower())

    def status(self) -> dict[str, Any]:
        """What is served, as ``/status`` says it; the first seven keys are the operator's contract."""
        in_force = self._live.in_force
        bundle = {"bundle": None, "stable": None, "canary": None, "split": None, "schema": SCHEMA}
        if in_force is None:
            return {**bundle, "generation": 0, "loadedAt": None, "refused": self._live.refused or None}
        document, trial, split = in_force.document, in_force.trial, in_force.split
        tiers = {
            tier.name: {
                "provider": tier.provider,
                "model": tier.model,
                "expensive": tier.expensive,
                "dialects": [str(dialect) for dialect in document.model_of(tier).dialects],
            }
            for tier in document.tiers.values()
        }
        return {
            **bundle,
            "bundle": in_force.revision,
            "stable": in_force.revision,
            "canary": None if trial is None else trial.canary.revision,
            "split": None if split is None else split.as_json(),
            "generation": in_force.generation,
            "loadedAt": datetime.fromtimestamp(in_force.loaded_at_s, UTC).isoformat(timespec="milliseconds"),
            "refused": self._live.refused or None,
            "router": document.router,
            "namespace": document.namespace,
            "mode": document.mode,
            "tiers": tiers,
            "leftAlone": self._turns.health.snapshot(),
            "spending": self._turns.spending.state(time.time()),
            "counters": self._turns.counters.state(),
            "warnings": list(in_force.warnings),
            "ledger": {"pendingRows": self._ledger.lag_rows, "lostRows": self._ledger.lost_rows},
        }


def _is_of_this_machine(http: web.BaseRequest) -> bool:
    return is_of_this_machine(http.headers.get("Host", ""), http.remote)


def _json(value: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type=_JSON)
