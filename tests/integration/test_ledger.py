"""The ledger on a real disk: what it promises to a router that is killed, and to a disk that fails."""

import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tierrouter_core.document.model import Baseline, Document, Failover, Hints, Model, Provider, Session, Tier
from tierrouter_core.names import Dialect, Mode
from tierrouter_core.spend.price import Price, Rates
from tierrouter_core.spend.row import AttemptRow, TurnRow
from tierrouter_core.spend.row_json import parse_line
from tierrouter_sidecar.ledger import FLUSH_INTERVAL_S, Ledger, LedgerError
from tierrouter_sidecar.ledger.read import read_revisions, read_rows
from tierrouter_sidecar.ledger.schema import LEDGER_FILE
from tierrouter_sidecar.state_dir import default_state_dir, prepare_state_dir


def turn(number: int, **columns: Any) -> TurnRow:
    moment = f"2026-01-31T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
    return TurnRow(**{"turn_id": f"{number:08x}", "time": moment, "cost_usd": Decimal("0.10"), **columns})


def attempt(row: TurnRow, number: int = 1) -> AttemptRow:
    return AttemptRow(
        turn_id=row.turn_id, attempt=number, tier="routine", provider="p", model="m", status=200, error=""
    )


def ids(state_dir: Path) -> list[str]:
    return [row.turn_id for row in read_rows(state_dir)]


def wait_until(condition: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.005)


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def ledger(tmp_path: Path, problems: list[str]) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path, on_problem=problems.append)
    yield opened
    opened.close(5)


def test_a_turn_comes_back_as_it_was(ledger: Ledger, tmp_path: Path) -> None:
    row = turn(
        1,
        session='s"1',
        labels='{"a":"ü"}',
        ttft_ms=12,
        cost_usd=Decimal("0.000000012345678901"),
        baseline_cost_usd=None,
    )
    ledger.record(row, [attempt(row), attempt(row, 2)])
    assert ledger.close(5)
    assert list(read_rows(tmp_path)) == [row]
    with sqlite3.connect(tmp_path / LEDGER_FILE) as connection:
        assert connection.execute("SELECT turn_id, attempt FROM attempts").fetchall() == [
            (row.turn_id, 1),
            (row.turn_id, 2),
        ]


def test_recording_does_not_wait_for_the_disk(ledger: Ledger, tmp_path: Path) -> None:
    row = turn(1)
    with sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        begin_s = time.perf_counter()
        for _ in range(1_000):
            ledger.record(row, ())
        took_s = time.perf_counter() - begin_s
        other.execute("ROLLBACK")
    # About 1 us each where nothing else runs.
    assert took_s / 1_000 < 0.000_1


def test_a_turn_can_be_read_while_the_sidecar_runs(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(turn(1), ())
    wait_until(lambda: ledger.written_rows == 1)
    assert ids(tmp_path) == [turn(1).turn_id]
    ledger.record(turn(2), ())
    wait_until(lambda: ledger.written_rows == 2)
    assert len(ids(tmp_path)) == 2
    assert ledger.lag_rows == 0


def test_closing_writes_everything(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)
    for number in range(5_000):
        ledger.record(turn(number), ())
    assert ledger.close(10)
    assert (ledger.written_rows, ledger.lost_rows, ledger.lag_rows) == (5_000, 0, 0)
    assert len(ids(tmp_path)) == 5_000
    assert ledger.close(1)


RECORDER = textwrap.dedent("""
    import itertools, sys, time
    from pathlib import Path
    from tierrouter_core.spend.row import TurnRow
    from tierrouter_sidecar.ledger import Ledger

    ledger = Ledger.open(Path(sys.argv[1]))
    for number in itertools.count():
        now_s = time.time()
        ledger.record(TurnRow(turn_id=f"{sys.argv[2]}-{number}", time="2026-01-31T00:00:00.000Z"), ())
        print(number, now_s, flush=True)
        time.sleep(0.002)
""")


def test_a_kill_loses_at_most_the_last_fifth_of_a_second(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", RECORDER, str(tmp_path), "a"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    recorded = [tuple(map(float, child.stdout.readline().split()))]
    killed_s = recorded[0][1] + 1
    while recorded[-1][1] < killed_s:
        recorded.append(tuple(map(float, child.stdout.readline().split())))
    killed_s = time.time()
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = set(ids(tmp_path))
    lost = [moment for number, moment in recorded if f"a-{int(number)}" not in kept]
    assert len(recorded) > 100
    # The interval, a commit, and what a busy machine may add to them.
    assert all(killed_s - moment <= 2 * FLUSH_INTERVAL_S + 0.1 for moment in lost)
    with sqlite3.connect(tmp_path / LEDGER_FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", RECORDER, str(tmp_path), name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b", "c")
    ]
    for child in children:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line.split()[0]) >= 100:
                break
    time.sleep(2 * FLUSH_INTERVAL_S)
    kept = set(ids(tmp_path))
    for child in children:
        child.kill()
        child.communicate()
    assert {f"{name}-{number}" for name, number in itertools.product("abc", range(100))} <= kept


def test_a_locked_file_delays_rows_and_loses_none(
    ledger: Ledger, tmp_path: Path, problems: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    other = sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.record(turn(1), ())
    wait_until(lambda: bool(problems))
    ledger.record(turn(2), ())
    assert ledger.lag_rows == 2
    assert ledger.lag_s > 1, "the lock was waited for"
    other.execute("ROLLBACK")
    other.close()
    wait_until(lambda: ledger.written_rows == 2)
    wait_until(lambda: ledger.lag_s == 0)
    wait_until(lambda: len(problems) == 2)
    assert "locked" in problems[0]
    assert "works again" in problems[1]
    assert capfd.readouterr().err == ""


ON_A_FULL_DISK = textwrap.dedent("""
    import resource, sys, time
    from pathlib import Path
    from tierrouter_core.spend.row import TurnRow
    from tierrouter_sidecar.ledger import Ledger

    def wait_until(condition):
        deadline_s = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline_s
            time.sleep(0.01)

    def row(number):
        return TurnRow(turn_id=f"{number:08x}", time="2026-01-31T00:00:00.000Z", labels="x" * 500)

    problems = []
    ledger = Ledger.open(Path(sys.argv[1]), on_problem=problems.append, max_pending_rows=100)
    ledger.record(row(0), ())
    wait_until(lambda: ledger.written_rows == 1)
    # From here on no file may grow.
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    for number in range(1, 301):
        ledger.record(row(number), ())
    wait_until(lambda: ledger.lost_rows == 200)
    assert ledger.lag_rows == 100 and ledger.lag_s > 0 and len(problems) == 1, problems
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    wait_until(lambda: ledger.lag_rows == 0 and ledger.lag_s == 0)
    assert ledger.written_rows == 101 and len(problems) == 2, problems
    ledger.close(5)
""")


def test_a_disk_that_takes_no_more_loses_no_row_silently(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)], stderr=subprocess.PIPE, timeout=60, check=False
    )
    assert child.returncode == 0, child.stderr.decode()[-2_000:]
    spilled = [row.turn_id for line in child.stderr.splitlines() if isinstance(row := parse_line(line), TurnRow)]
    kept = ids(tmp_path)
    assert len(kept) == 101
    assert len(spilled) == 200
    # No turn is in both places or in none.
    assert sorted(kept + spilled) == [f"{number:08x}" for number in range(301)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], check=False, capture_output=True
    ).returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)


def test_a_full_disk_delays_rows_until_there_is_room(small_disk: Path, problems: list[str]) -> None:
    ledger = Ledger.open(small_disk, on_problem=problems.append)
    ballast = small_disk / "ballast"
    _fill(ballast)
    for number in range(300):
        ledger.record(turn(number), ())
    wait_until(lambda: bool(problems))
    assert "full" in problems[0]
    ballast.unlink()
    wait_until(lambda: ledger.written_rows == 300)
    assert ledger.close(5)
    assert len(ids(small_disk)) == 300


def test_what_can_not_be_written_before_the_end_goes_to_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger.open(tmp_path)
    other = sqlite3.connect(tmp_path / LEDGER_FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    row = turn(1)
    ledger.record(row, [attempt(row)])
    assert not ledger.close(0.1)
    other.close()
    said = capfd.readouterr().err
    assert parse_line(said.splitlines()[0].encode()) == row
    assert '"tierrouter_attempt":1' in said
    assert ledger.lost_rows == 1


def test_a_turn_recorded_after_the_end_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger.open(tmp_path)
    ledger.close(5)
    ledger.record(turn(7), ())
    assert parse_line(capfd.readouterr().err.encode()) == turn(7)


def test_stray_bytes_and_giant_numbers_stop_no_row(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(turn(1, session="a\udcffb", input_tokens=2**80), ())
    ledger.record(turn(2), ())
    assert ledger.close(5)
    [odd, plain] = read_rows(tmp_path)
    assert (odd.session, odd.input_tokens) == ("a?b", 2**63 - 1)
    assert plain == turn(2)


def test_a_row_that_sqlite_can_not_hold_keeps_no_other_out(
    ledger: Ledger, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for number, tier in ((1, "a"), (2, {"not": "text"}), (3, "c")):
        ledger.record(turn(number, tier=tier), ())
    assert not ledger.close(5)
    assert [row.tier for row in read_rows(tmp_path)] == ["a", "c"]
    assert '"tier":{"not":"text"}' in capfd.readouterr().err


def test_a_ledger_that_was_deleted_is_begun_anew(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(turn(1), ())
    wait_until(lambda: ledger.written_rows == 1)
    for file in tmp_path.glob("ledger*"):
        file.unlink()
    ledger.record(turn(2), ())
    wait_until(lambda: ledger.written_rows == 2)
    assert ids(tmp_path) == [turn(2).turn_id]


def test_recording_a_turn_twice_makes_one_turn(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record(turn(1), ())
    ledger.record(turn(1), ())
    ledger.close(5)
    assert len(ids(tmp_path)) == 1


def test_only_its_owner_can_read_the_ledger(tmp_path: Path) -> None:
    state_dir = tmp_path / "a" / "state"
    Ledger.open(state_dir).close(5)
    assert [oct(path.stat().st_mode & 0o777) for path in (state_dir, state_dir / LEDGER_FILE)] == ["0o700", "0o600"]


def test_a_revisions_tiers_and_baseline_are_remembered(ledger: Ledger, tmp_path: Path) -> None:
    price = Price(rates=Rates(input=Decimal("0.95"), output=Decimal("4.00"), cache_read=Decimal("0.16")))
    model = Model(name="kimi", id="moonshotai/kimi", dialects=(Dialect.CHAT,), price=price, cache_ttl_ms=60_000)
    document = Document(
        namespace="agents",
        router="coding",
        mode=Mode.ROUTE,
        tiers={"deep": Tier(name="deep", rank=3, provider="p", model="kimi", max_tokens=1, expensive=True)},
        default_tier=(("deep", 1),),
        fallback_tier="deep",
        baseline=Baseline(model="gpt", price=None, cache_ttl_ms=120_000),
        thresholds={},
        rules=(),
        model_hints=(),
        hints=Hints(allow=()),
        session=Session(),
        failover=Failover(),
        response_model="Upstream",
        providers={"p": Provider(name="p", base_url="https://example.com", models={"kimi": model})},
    )
    ledger.record_document(document, "coding-1")
    ledger.record_document(document, "coding-1")
    ledger.close(5)
    facts = read_revisions(tmp_path)["coding-1"]
    [tier] = facts.tiers
    assert (tier.tier, tier.expensive, tier.price, tier.model_id, tier.cache_ttl_ms) == (
        "deep",
        True,
        price,
        "moonshotai/kimi",
        60_000,
    )
    assert facts.baseline is not None
    assert (facts.baseline.model, facts.baseline.price, facts.baseline.cache_ttl_ms) == ("gpt", None, 120_000)


@pytest.mark.parametrize(("version", "advice"), [("2", "use the TierRouter that wrote it"), ("0", "move it away")])
def test_another_versions_ledger_is_refused_for_reading_and_writing(tmp_path: Path, version: str, advice: str) -> None:
    Ledger.open(tmp_path).close(5)
    with sqlite3.connect(tmp_path / LEDGER_FILE) as connection:
        connection.execute("UPDATE meta SET value = ?", (version,))
    for use in (lambda: Ledger.open(tmp_path), lambda: ids(tmp_path)):
        with pytest.raises(LedgerError, match=f"schema version {version}.*{advice}"):
            use()


def test_other_files_are_not_taken_for_a_ledger(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_FILE
    path.write_text("not a database, but long enough to be looked at as one " * 20)
    for use in (lambda: Ledger.open(tmp_path), lambda: ids(tmp_path)):
        with pytest.raises(LedgerError, match="not a ledger"):
            use()
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE other (a)")
    with pytest.raises(LedgerError, match="not a ledger"):
        Ledger.open(tmp_path)


def test_an_unusable_state_directory_says_what_and_where_and_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(LedgerError, match=rf"{path} can't be used: .*--state-dir"):
            Ledger.open(path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a place where even root can't write")
def test_a_directory_that_can_not_be_made_is_an_error_and_not_a_traceback() -> None:
    with pytest.raises(LedgerError, match="/proc/nowhere"):
        prepare_state_dir(Path("/proc/nowhere"))


def test_the_state_directory_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TIERROUTER_STATE_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_state_dir() == tmp_path / ".local/state/tierrouter"
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert default_state_dir() == tmp_path / ".local/state/tierrouter"
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert default_state_dir() == Path("/xdg/tierrouter")
    monkeypatch.setenv("TIERROUTER_STATE_DIR", "/own")
    assert default_state_dir() == Path("/own")


def test_ledgers_of_several_pods_are_read_as_one_in_the_order_of_time(tmp_path: Path) -> None:
    for pod, numbers in (("pod-a", (1, 4)), ("pod-b", (2, 3))):
        ledger = Ledger.open(tmp_path / pod)
        for number in numbers:
            ledger.record(turn(number), ())
        ledger.close(5)
    expected = [turn(number).turn_id for number in (1, 2, 3, 4)]
    assert ids(tmp_path) == expected
    assert [row.turn_id for row in read_rows([tmp_path / "pod-a", tmp_path / "pod-b" / LEDGER_FILE])] == expected


def test_a_copy_of_a_ledger_does_not_double_the_bill(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "a")
    ledger.record(turn(1), ())
    ledger.close(5)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / LEDGER_FILE).write_bytes((tmp_path / "a" / LEDGER_FILE).read_bytes())
    assert len(ids(tmp_path)) == 1


def test_only_turns_since_a_moment_are_read(ledger: Ledger, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        ledger.record(turn(number), ())
    ledger.close(5)
    since = datetime(2026, 1, 31, 0, 0, 2, tzinfo=UTC)
    assert [row.turn_id for row in read_rows(tmp_path, since)] == [turn(2).turn_id, turn(3).turn_id]


def test_rows_recorded_from_several_threads_all_arrive(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path)

    def record(begin: int) -> None:
        for number in range(begin, begin + 500):
            ledger.record(turn(number), ())

    threads = [threading.Thread(target=record, args=(begin,)) for begin in (0, 500, 1_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.close(10)
    assert len(ids(tmp_path)) == 1_500
