"""Sessions on disk, so that a restart moves no conversation to another tier.

One file a router, written anew every few seconds where something changed, and at the end. It holds ids, tiers and sums,
as the ledger does, which side of a trial each session is on, and no text. What a kill costs is a few seconds: those
conversations are taken for new ones.
"""

import asyncio
import logging
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.switching import Warm
from tierrouter_sidecar.sessions import SessionStore
from tierrouter_sidecar.settings import DEFAULT_PORT
from tierrouter_sidecar.trials import Seats

log = logging.getLogger("tierrouter")

WRITTEN_EVERY_S = 5.0
_FORM = 1
"""Of the file; one of another form is not read."""


def sessions_file(state_dir: Path, port: int) -> Path:
    """The file of the router that listens on ``port``.

    Routers may share a state folder, and each writes all that it knows. No two have one port, and agents find a router
    by it: its name or its file may change between two runs, with the conversations going on.
    """
    return state_dir / ("sessions.json" if port == DEFAULT_PORT else f"sessions-{port}.json")


def load_sessions(file: Path, store: SessionStore, seats: Seats) -> None:
    """Take up what an earlier process knew; a file that can't be read is told of, and left out."""
    try:
        found = orjson.loads(file.read_bytes())
        if not isinstance(found, dict) or found.get("form") != _FORM:
            return
        for session, agent, at_s, known in found["sessions"]:
            warm = {tier: Warm(*each) for tier, each in known.pop("warm").items()}
            steady = known.pop("steady")
            state = SessionState(**known, warm=warm, steady=None if steady is None else Warm(*steady))
            store.put((str(session), str(agent)), float(at_s), state)
        # Older versions have written neither of these.
        for session, usd in found.get("spent", ()):
            store.spend(str(session), Decimal(usd))
        seated = [(str(session), str(trial), bool(side)) for session, trial, side in found.get("seats", ())]
        seats.take_again((session for (session, _), _, _ in store.all()), seated)
    except FileNotFoundError:
        pass
    except (OSError, ArithmeticError, TypeError, ValueError, KeyError, AttributeError) as error:
        log.warning("%s can't be read (%s: %s); all conversations are new", file, type(error).__name__, error)


async def keep_sessions(file: Path, store: SessionStore, seats: Seats) -> None:
    """Write the file whenever something has changed, until cancelled; then once more."""
    written = (store.changes, seats.changes)
    try:
        while True:
            await asyncio.sleep(WRITTEN_EVERY_S)
            if written != (store.changes, seats.changes):
                written = (store.changes, seats.changes)
                await asyncio.to_thread(_write, file, _states(store), list(seats.kept()), store.all_spent_usd())
    finally:
        if written != (store.changes, seats.changes):
            _write(file, _states(store), list(seats.kept()), store.all_spent_usd())


def _states(store: SessionStore) -> list[tuple[str, str, float, SessionState]]:
    return [(session, agent, at_s, state) for (session, agent), at_s, state in store.all()]


def _write(
    file: Path,
    states: list[tuple[str, str, float, SessionState]],
    seats: list[tuple[str, str, bool]],
    spent: list[tuple[str, Decimal]],
) -> None:
    sessions = [(session, agent, at_s, _as_json(state)) for session, agent, at_s, state in states]
    kept = {"form": _FORM, "sessions": sessions, "seats": seats, "spent": [(key, str(usd)) for key, usd in spent]}
    fresh = file.with_suffix(".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(orjson.dumps(kept))
        os.replace(fresh, file)
    except OSError as error:
        log.warning("sessions can't be kept in %s (%s): a restart forgets them", file, error.strerror or error)


def _as_json(state: SessionState) -> dict[str, Any]:
    # Written out: dataclasses.asdict takes twenty times as long, and there may be ten thousand of them.
    return {
        "home": state.home,
        "current": state.current,
        "flagged": state.flagged,
        "warm": {tier: (each.tokens, each.at_s) for tier, each in state.warm.items()},
        "switches_usd": state.switches_usd,
        "steady_usd": state.steady_usd,
        "steady_tier": state.steady_tier,
        "prompt": state.prompt,
        "asked_for": state.asked_for,
        "compacted": state.compacted,
        "steady": None if state.steady is None else (state.steady.tokens, state.steady.at_s),
    }
