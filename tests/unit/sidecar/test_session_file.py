"""Sessions on disk: all of what is remembered, and quickly enough for ten thousand."""

from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path

from tierrouter_core.rollout.split import Split
from tierrouter_core.routing.session_state import SessionState
from tierrouter_core.routing.switching import Warm
from tierrouter_sidecar.live import InForce, Trial
from tierrouter_sidecar.session_file import _as_json, _states, _write, load_sessions
from tierrouter_sidecar.sessions import SessionStore
from tierrouter_sidecar.trials import Seats

STATE = SessionState(
    home="routine",
    current="deep",
    flagged=True,
    warm={"deep": Warm(96_000, 1.5), "routine": Warm(90_000, 1.0)},
    switches_usd=0.25,
    steady_usd=1.5,
    steady_tier="deep",
    steady=Warm(96_000, 1.5),
    prompt="p-1",
    asked_for=True,
    compacted=True,
)


def test_every_field_is_kept(tmp_path: Path) -> None:
    assert set(_as_json(STATE)) == {field.name for field in fields(SessionState)}
    assert all(getattr(STATE, field.name) for field in fields(SessionState)), "each has a value that is no default"
    before, after, seats = SessionStore(), SessionStore(), Seats()
    before.put(("s", "main"), 7.0, STATE)
    before.put(("s", "agent"), 8.0, SessionState("routine", "routine"))
    _write(tmp_path / "sessions.json", _states(before), [], [])
    load_sessions(tmp_path / "sessions.json", after, seats)
    assert list(after.all()) == list(before.all())
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.json"]


def test_a_folder_that_is_gone_is_said_and_nothing_else(tmp_path: Path, caplog) -> None:
    _write(tmp_path / "gone" / "sessions.json", [], [], [])
    assert "a restart forgets them" in caplog.text


def test_a_session_keeps_its_side_of_a_trial_and_one_that_was_there_before_stays_out_of_it(tmp_path: Path) -> None:
    store, seats = SessionStore(), Seats()
    store.put(("before", "main"), 7.0, STATE)
    kept = [("tries", "r-2/salt/", True), ("does not", "r-2/salt/", False)]
    _write(tmp_path / "sessions.json", _states(store), kept, [])
    load_sessions(tmp_path / "sessions.json", SessionStore(), seats)
    assert list(seats.kept()) == kept
    stable = in_force("r-1")
    trial = replace(stable, trial=Trial("r-2/salt/", Split(100, "salt", 1), in_force("r-2")))
    for session, revision in (("tries", "r-2"), ("does not", "r-1"), ("before", "r-1"), ("new", "r-2")):
        assert seats.seated(trial, session, begins=True)[0].revision == revision, session


def in_force(revision: str) -> InForce:
    return InForce(object(), revision, 1, 0.0, (), b"")  # type: ignore[arg-type]


def test_what_a_session_has_cost_is_kept_to_the_last_digit(tmp_path: Path) -> None:
    before, after = SessionStore(), SessionStore()
    for usd in ("0.1", "0.000000000001"):
        before.spend("s", Decimal(usd))
    _write(tmp_path / "sessions.json", _states(before), [], before.all_spent_usd())
    load_sessions(tmp_path / "sessions.json", after, Seats())
    assert after.spent_usd("s") == Decimal("0.100000000001")
    assert after.spent_usd("another") == 0


def test_a_file_of_an_older_version_has_no_sides_and_no_costs(tmp_path: Path) -> None:
    file = tmp_path / "sessions.json"
    _write(file, [("s", "main", 7.0, STATE)], [], [])
    file.write_bytes(file.read_bytes().replace(b',"seats":[],"spent":[]', b""))
    store, seats = SessionStore(), Seats()
    load_sessions(file, store, seats)
    assert (len(store), list(seats.kept())) == (1, [])
