"""Test runs are known by what a command line starts, and by what runners print."""

import time

import pytest

from tierrouter_core.signals.outcomes import tests_failed as shows_failures
from tierrouter_core.signals.running_tests import runs_tests


@pytest.mark.parametrize(
    "command",
    [
        "pytest -q",
        "cd lib && pytest -q 2>&1 | tail -5",
        "python3.11 -W error -m pytest",
        '"$ROOT/.venv/bin/pytest" -x; ls',
        'MODE="a b" uv run --with x pytest',
        "npx --yes jest@29",
        "./node_modules/.bin/vitest run",
        "yarn jest",
        "pnpm exec vitest",
        "npm --prefix web run test:unit",
        "bundle exec rspec spec/a_spec.rb",
        "vendor/bin/phpunit",
        "timeout -k 5 60 go test ./...",
        "cargo nextest run",
        "./gradlew :app:test",
        "mvn -q verify",
        "make build test",
        "if ! make check; then echo no; fi",
        "sudo docker compose exec -T web pytest -k x",
        "kubectl exec -n x pod -- go test ./...",
        "bash -lc pytest -q",
        'bash -lc "cd web; npm test"',
        'const r = await tools.exec_command({workdir: "web", cmd: "npm test"})',
        'exec({command: ["bash", "-lc", "cargo test"]})',
    ],
)
def test_a_command_line_that_starts_a_runner_runs_tests(command: str) -> None:
    assert runs_tests(command)


@pytest.mark.parametrize(
    "command",
    [
        "cat pytest.ini",
        "pip install pytest",
        "python -m pip install pytest",
        "uv pip install 'pytest>=7'",
        "npm install --save-dev jest",
        "yarn add jest",
        "which pytest",
        "command -v pytest",
        'grep -rn "go test" .',
        'git commit -m "Fix it, make test pass"',
        "echo npm test",
        "bash -lc 'cat pytest.ini'",
        "cargo build --tests",
        "go vet ./test/...",
        "ls node_modules/.bin/jest",
        "cat > requirements.txt <<EOF\npytest>=7\nEOF",
    ],
)
def test_a_command_line_that_only_names_a_runner_runs_none(command: str) -> None:
    assert not runs_tests(command)


@pytest.mark.parametrize(
    "words", ["docker run ", "docker run -a make ", "make ", "-a b ", "a/", "bash -c ", "cmd:", " "]
)
def test_no_command_line_takes_long_to_look_at(words: str) -> None:
    began = time.process_time()
    runs_tests(words * 4_000 + "atest")
    runs_tests(f"docker run {words * 1_000}atest")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "output",
    [
        "  12 passing (30ms)\n  3 failing\n\n  1) adds",
        "5 examples, 2 failures",
        "FAILURES!\nTests: 5, Assertions: 10, Failures: 2.",
        "5 tests, 1 failure",
        "99% tests passed, 1 tests failed out of 100",
        "npm error Test failed.  See above for more details.",
        "Failed!  - Failed:     1, Passed:     3",
        " 3 pass\n 1 fail",
        "//x:t   FAILED in 0.1s",
        "[error] Failed: Total 5, Failed 1, Errors 0, Passed 4",
        "error Command failed with exit code 1.",
        "make: *** [Makefile:3: test] Error 1",
        "ERROR test_x.py - ImportError\n=== 1 error in 0.12s ===",
    ],
)
def test_what_a_runner_prints_of_failures_is_known(output: str) -> None:
    assert shows_failures(output, run=True)


def test_of_other_commands_such_words_mean_other_things() -> None:
    assert not shows_failures("Found 2 errors in 1 file\nLog: 3 failures, Errors: 4", run=False)


@pytest.mark.parametrize(
    "output",
    [
        "  12 passing (30ms)",
        "5 examples, 0 failures",
        "Tests: 5, Assertions: 10, Failures: 0, Errors: 0.",
        "5 runs, 5 assertions, 0 failures, 0 errors, 0 skips",
        "Passed!  - Failed:     0, Passed:     3",
        " 3 pass\n 0 fail",
        "100% tests passed, 0 tests failed out of 100",
        "Executed 5 tests, with 0 failures (0 unexpected) in 0.1 (0.1) seconds",
        "4 passed, 1 xfailed in 0.2s",
        "[info] Passed: Total 5, Failed 0, Errors 0, Passed 5",
    ],
)
def test_what_a_runner_prints_of_success_is_no_failure(output: str) -> None:
    assert not shows_failures(output, run=True)
