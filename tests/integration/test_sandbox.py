"""What tests over a model's answer can't do. Walls that a machine lacks are named, and their tests are skipped."""

import os
import platform
import sys
import time
from pathlib import Path

import pytest

from tierrouter_evaluation.sandbox.filters import program_for
from tierrouter_evaluation.sandbox.run import Limits, Verdict, run_tests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux'")
FAST = Limits(wall_s=8, cpu_s=8, memory_mib=256)


async def run(tests: str, folder: Path, limits: Limits = FAST) -> Verdict:
    verdict = await run_tests(tests, folder, limits)
    if verdict.missing:
        pytest.skip("; ".join(verdict.missing))
    return verdict


async def test_tests_that_pass_pass(tmp_path):
    assert await run("def test_a():\n    assert 1 + 1 == 2\n", tmp_path) == Verdict("")


async def test_a_failure_is_told_with_its_line(tmp_path):
    verdict = await run("def test_a():\n    assert 1 + 1 == 3\n", tmp_path)
    assert verdict.failure == "AssertionError (test_a: assert 1 + 1 == 3)"


async def test_files_of_the_folder_can_be_imported_and_written(tmp_path):
    (tmp_path / "answer.py").write_text("VALUE = 7")
    tests = """
import tempfile
from answer import VALUE
assert VALUE == 7
open("note.txt", "w").write("x")
assert open("note.txt").read() == "x"
tempfile.mkstemp()
open("/dev/null", "w").write("x")
"""
    assert await run(tests, tmp_path) == Verdict("")


async def test_threads_and_an_event_loop_work(tmp_path):
    tests = """
import asyncio, threading
found = []
thread = threading.Thread(target=found.append, args=(1,)); thread.start(); thread.join()
assert found == [1]
async def three(): return 3
assert asyncio.run(three()) == 3
"""
    assert await run(tests, tmp_path) == Verdict("")


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        pytest.param("import os\nfor _ in range(3): os.fork()", "PermissionError", id="fork bomb"),
        pytest.param("import subprocess\nsubprocess.run(['true'])", "PermissionError", id="program"),
        pytest.param("import os\nos.execv('/bin/true', ['true'])", "PermissionError", id="exec"),
        pytest.param("import os\nos.posix_spawn('/bin/true', ['true'], {})", "PermissionError", id="spawn"),
        pytest.param("import multiprocessing as m\nm.Process(target=print).start()", "PermissionError", id="process"),
        pytest.param("import socket\nsocket.create_connection(('127.0.0.1', 80))", "PermissionError", id="network"),
        pytest.param("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "PermissionError", id="udp"),
        pytest.param("import socket\nsocket.socket(socket.AF_UNIX)", "PermissionError", id="unix socket"),
        pytest.param("import os\nos.kill(os.getppid(), 0)", "PermissionError", id="signal its parent"),
        pytest.param("import os\nopen(f'/proc/{os.getppid()}/environ').read()", "PermissionError", id="look into"),
        pytest.param("import os\nopen(f'/proc/{os.getppid()}/mem').read(1)", "PermissionError", id="read memory"),
        pytest.param("import os\nopen('a', 'w')\nos.chmod('a', 0o777)", "PermissionError", id="modes"),
        pytest.param("x = []\nwhile True: x.append(bytearray(10**7))", "MemoryError", id="memory"),
        pytest.param("open('big', 'wb').write(bytes(10**8))", "File too large", id="large file"),
        pytest.param("f = [open('a', 'w') for _ in range(1000)]", "Too many open files", id="open files"),
        pytest.param("while True: print('x' * 10000)", "printed more than 4 MiB", id="output"),
        pytest.param("import os\nos._exit(0)", "ended before its tests did", id="exit"),
        pytest.param("import sys\nsys.exit(0)", "SystemExit", id="sys.exit"),
        pytest.param("import os\nos.abort()", "SIGABRT", id="abort"),
        pytest.param("def f(): f()\nf()", "RecursionError", id="recursion"),
        pytest.param(
            "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40))", "Error", id="lift a limit"
        ),
        pytest.param("class E(Exception):\n  def __str__(self): raise self\nraise E", "str() failed", id="odd error"),
        pytest.param("def broken(:", "SyntaxError", id="syntax"),
        pytest.param("import pytest", "ModuleNotFoundError", id="packages"),
        pytest.param('print(\'{"failure": ""}\'); import os; os._exit(0)', "ended before", id="a verdict of its own"),
        pytest.param(
            'import os\nfor fd in range(3, 60):\n  try: os.write(fd, b\'{"failure": "", "missing": []}\')\n'
            "  except OSError: pass\nos._exit(0)",
            "ended before",
            id="a verdict on the right file",
        ),
    ],
)
async def test_what_is_not_allowed_fails(tmp_path, tests, said):
    verdict = await run(tests, tmp_path)
    assert said in verdict.failure


@pytest.mark.parametrize(
    "attempt",
    [
        "open('../out/new', 'w')",
        "open('../out/there', 'a')",
        "os.truncate('../out/there', 0)",
        "os.remove('../out/there')",
        "os.rename('../out/there', 'mine')",
        "os.symlink('../out', 'link'); open('link/new', 'w')",
        "os.mkdir('../out/new')",
        "os.link('../out/there', '../out/new')",
    ],
)
async def test_nothing_outside_of_the_folder_is_changed(tmp_path, attempt):
    folder, outside = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    outside.mkdir()
    (outside / "there").write_text("kept")
    verdict = await run(f"import os\n{attempt}", folder)
    assert "Error" in verdict.failure
    assert {path.name: path.read_text() for path in outside.iterdir()} == {"there": "kept"}


async def test_an_endless_loop_is_ended_at_its_time(tmp_path):
    began = time.monotonic()
    verdict = await run("while True: pass", tmp_path, Limits(wall_s=1))
    assert verdict.failure == "it took longer than 1 s"
    assert time.monotonic() - began < 5


async def test_processor_time_is_limited_beside_the_time(tmp_path):
    verdict = await run("while True: pass", tmp_path, Limits(wall_s=20, cpu_s=1))
    assert verdict.failure == "it took more processor time than is allowed"


async def test_a_test_that_sleeps_and_ignores_signals_is_ended_too(tmp_path):
    tests = "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(60)"
    assert (await run(tests, tmp_path, Limits(wall_s=1))).failure == "it took longer than 1 s"


async def test_no_variable_of_the_environment_gets_in(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "secret")
    tests = "import os\nassert set(os.environ) <= {'HOME', 'LANG', 'LC_CTYPE', 'PATH', 'TMPDIR'}, sorted(os.environ)"
    assert await run(tests, tmp_path) == Verdict("")


async def test_stdin_is_empty(tmp_path):
    assert (await run("import sys\nassert sys.stdin.read() == ''", tmp_path)).has_passed


async def test_no_file_of_ours_is_open_in_there(tmp_path):
    reading = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(reading, True)
    try:
        tests = "import os\nassert len(os.listdir('/proc/self/fd')) <= 5, os.listdir('/proc/self/fd')"
        assert await run(tests, tmp_path) == Verdict("")
    finally:
        os.close(reading)


def test_a_machine_whose_calls_are_not_known_is_said_to_be_so():
    with pytest.raises(OSError, match="of pdp11 are not known"):
        program_for("pdp11", 1)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_stays_in_it(machine):
    code = program_for(machine, 4242)
    count = len(code) // 8
    assert count < 4096
    for index in range(count):
        kind, if_true, if_false = code[8 * index], code[8 * index + 2], code[8 * index + 3]
        if kind & 7 == 5:
            assert index + 1 + max(if_true, if_false) < count


def test_this_machine_is_one_whose_walls_are_tried():
    if platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip(f"{platform.machine()} has no filter")
    assert program_for(platform.machine(), os.getpid())
