"""Sessions on disk: all of what is remembered, and quickly enough for ten thousand."""

from dataclasses import fields
from pathlib import Path

from tierrouter_core.routing.decide import SessionState
from tierrouter_core.routing.switching import Warm
from tierrouter_sidecar.session_file import _as_json, _states, _write, load_sessions
from tierrouter_sidecar.sessions import SessionStore

STATE = SessionState(
    home="routine",
    current="deep",
    flagged=True,
    warm={"deep": Warm(96_000, 1.5), "routine": Warm(90_000, 1.0)},
    switches_usd=0.25,
    steady_usd=1.5,
    steady_tier="deep",
    steady=Warm(96_000, 1.5),
)


def test_every_field_is_kept(tmp_path: Path) -> None:
    assert set(_as_json(STATE)) == {field.name for field in fields(SessionState)}
    assert all(getattr(STATE, field.name) for field in fields(SessionState)), "each has a value that is no default"
    before, after = SessionStore(), SessionStore()
    before.put(("s", "main"), 7.0, STATE)
    before.put(("s", "agent"), 8.0, SessionState("routine", "routine"))
    _write(tmp_path / "sessions.json", _states(before))
    load_sessions(tmp_path / "sessions.json", after)
    assert list(after.all()) == list(before.all())
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.json"]


def test_a_folder_that_is_gone_is_said_and_nothing_else(tmp_path: Path, caplog) -> None:
    _write(tmp_path / "gone" / "sessions.json", [])
    assert "a restart forgets them" in caplog.text
