"""The child process: reads its order from stdin, gives up what it does not need, runs the tests, says how they went.

Started as a program of its own, with the standard library alone: ``python -I -S child.py FD``. The verdict is one JSON
object on file FD, with the order's secret: what a test prints, or an answer that ends the process, is no verdict.
"""

import json
import linecache
import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any, Final

_PACKAGES: Final = str(Path(__file__).resolve().parents[2])
_MAX_SAID: Final = 1000


def main() -> None:
    """Run one order."""
    verdict = int(sys.argv[1])
    order = json.loads(sys.stdin.buffer.read())
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    folder = os.path.realpath(order["folder"])
    os.chdir(folder)
    missing = restrict(folder, order["limits"])
    sys.path[:0] = [folder]
    failure = run_tests(order["tests"])
    sys.stdout.flush()
    answer = {"secret": order["secret"], "failure": failure, "missing": missing}
    os.write(verdict, json.dumps(answer).encode())
    os._exit(0)


def restrict(folder: str, limits: dict[str, int]) -> list[str]:
    """Give rights up; gives what the machine has no means for, a phrase each."""
    sys.path[:0] = [_PACKAGES]
    from tierrouter_evaluation.sandbox.filters import drop_capabilities, refuse_calls
    from tierrouter_evaluation.sandbox.writes import confine_writes

    sys.path.remove(_PACKAGES)
    for name, value in limits.items():
        kind = getattr(resource, name)
        # A second more of processor time until SIGKILL, so that SIGXCPU comes first.
        hard = value + 1 if name == "RLIMIT_CPU" else value
        try:
            resource.setrlimit(kind, (value, hard))
        except (ValueError, OSError):
            _, most = resource.getrlimit(kind)
            resource.setrlimit(kind, (min(value, most), most))
    if sys.platform != "linux":
        return [f"on {sys.platform} there are no walls but limits on time and size"]
    missing = []
    try:
        drop_capabilities()
    except OSError as error:
        missing.append(f"root's rights are kept ({error.strerror})")
    try:
        confine_writes(folder)
    except OSError as error:
        missing.append(f"writes are not confined to the task's folder ({error.strerror})")
    try:
        refuse_calls()
    except OSError as error:
        missing.append(f"network and processes are not shut off ({error.strerror})")
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        except (ValueError, OSError):
            missing.append("the number of processes is not limited")
    return missing


def run_tests(text: str) -> str:
    """Why they fail; empty when all pass."""
    names: dict[str, Any] = {"__name__": "tests"}
    # So that a failure can be told with its line.
    linecache.cache["tests.py"] = (len(text), None, text.splitlines(keepends=True), "tests.py")
    try:
        exec(compile(text, "tests.py", "exec"), names)  # noqa: S102 (that is what the process is for)
        for name, function in list(names.items()):
            if name.startswith("test_") and callable(function):
                function()
    except BaseException as error:  # SystemExit and KeyboardInterrupt of an answer too
        return _told(error)
    return ""


def _told(error: BaseException) -> str:
    try:
        lines = [f"{frame.name}: {frame.line}" for frame in traceback.extract_tb(error.__traceback__)[1:]]
        said = " ".join("".join(traceback.format_exception_only(error)).split())
    except BaseException:  # no memory is left, or the answer's own class fails
        lines, said = [], "an exception that can't be shown"
    # Always a text: the empty one means that all passed.
    return f"{said or type(error).__name__} ({lines[-1] if lines else 'tests.py'})"[:_MAX_SAID]


if __name__ == "__main__":
    main()
