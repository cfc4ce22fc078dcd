"""What is known of the task in hand, and how each fact changes it. Numbers and hashes, never text; bounded."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import orjson

from tierrouter_core.signals.facts import Answered, Called, Fact, Prompted, Returned
from tierrouter_core.signals.outcomes import tests_failed, went_wrong
from tierrouter_core.signals.running_tests import runs_tests
from tierrouter_core.signals.tools import LONGEST_ARGUMENTS, Deed, Edit, deed_of
from tierrouter_core.value_class import keyword_value_class

HASH_BYTES: Final = 8
MOST_FILES: Final = 512
"""Paths that are told apart; who edits more edits many."""
_RECENT_CALLS = 8
_RECENT_EDITS = 16
_LONGEST_PROMPT = 16 * 1024
"""Characters of a prompt in which intent is looked for."""

_REFACTORING: Final = re.compile(
    r"\b(?:refactor|renam(?:e|ing)|migrat(?:e|ing|ion)|split(?:ting)?|extract(?:ing)?|rewrit(?:e|ing)"
    r"|restructur(?:e|ing)|across|everywhere)\w*\b",
    re.IGNORECASE,
)


@keyword_value_class
class Signals:
    """One agent's task. Counts are since its prompt began unless they say otherwise."""

    calls: int = 0
    """Answers of the model since the conversation began, as far as it was seen."""
    calls_in_task: int = 0
    """Answers of the model."""
    chain: int = 0
    """Tool calls."""
    edited: bytes = b""
    """Hashes of the paths, one after another: ten thousand tasks have to fit into little."""
    read: bytes = b""
    refactoring: bool = False
    errors_in_a_row: int = 0
    failing_in_a_row: int = 0
    """Test runs that failed, with no good one in between."""
    recent_calls: bytes = b""
    """Hashes of the last eight."""
    recent_edits: bytes = b""
    """Hashes of path, text before and text after, of the last sixteen."""
    edits_after_failure: tuple[tuple[bytes, int], ...] = ()
    """How often a file was edited when tests had just failed on its last edit."""
    failed_since_edit: bool = False
    undone: int = 0
    """Edits that put back what an edit had changed."""
    plan_items: int = 0
    """Of the plan in hand, which outlives a prompt."""
    plan_open: int = 0

    @property
    def files_edited(self) -> int:
        """Distinct files."""
        return len(self.edited) // HASH_BYTES

    @property
    def files_read(self) -> int:
        """Distinct files."""
        return len(self.read) // HASH_BYTES

    @property
    def planning_depth(self) -> int:
        """Items of the plan in hand; none where all are done."""
        return self.plan_items if self.plan_open > 0 else 0

    @property
    def repeated_calls(self) -> int:
        """How often the most frequent of the last eight calls was made, or one file edited with a failing test in
        between; 0 where nothing was done twice."""
        recent = _unpacked(self.recent_calls)
        calls = max(map(recent.count, recent), default=0)
        edits = max((count + 1 for _, count in self.edits_after_failure), default=0)
        most = max(calls, edits)
        return most if most > 1 else 0


NO_SIGNALS: Final = Signals()


def advanced(signals: Signals, facts: Iterable[Fact]) -> Signals:
    """``signals`` after more of the conversation."""
    task = _Task(signals)
    for fact in facts:
        kind = type(fact)
        if kind is Called:
            task.called(fact)  # type: ignore[arg-type]
        elif kind is Returned:
            task.returned(fact)  # type: ignore[arg-type]
        elif kind is Answered:
            task.calls += 1
            task.calls_in_task += 1
        elif isinstance(fact, Prompted):
            task.prompted(fact.text)
    return task.signals()


class _Task:
    """Signals while they are counted."""

    def __init__(self, known: Signals) -> None:
        self._known = known
        self.calls, self.calls_in_task = known.calls, known.calls_in_task
        self._chain = known.chain
        self._edited, self._read = dict.fromkeys(_unpacked(known.edited)), dict.fromkeys(_unpacked(known.read))
        self._refactoring = known.refactoring
        self._errors, self._failing = known.errors_in_a_row, known.failing_in_a_row
        self._recent_calls, self._recent_edits = known.recent_calls, known.recent_edits
        self._after_failure = dict(known.edits_after_failure)
        self._failed_since_edit = known.failed_since_edit
        self._undone = known.undone
        self._items, self._open = known.plan_items, known.plan_open
        self._commands: dict[str, str] = {}
        """Of calls whose result is yet to come, by their id."""

    def signals(self) -> Signals:
        return replace(
            self._known,
            calls=self.calls,
            calls_in_task=self.calls_in_task,
            chain=self._chain,
            edited=b"".join(self._edited),
            read=b"".join(self._read),
            refactoring=self._refactoring,
            errors_in_a_row=self._errors,
            failing_in_a_row=self._failing,
            recent_calls=self._recent_calls,
            recent_edits=self._recent_edits,
            edits_after_failure=tuple(self._after_failure.items())[-_RECENT_EDITS:],
            failed_since_edit=self._failed_since_edit,
            undone=self._undone,
            plan_items=self._items,
            plan_open=self._open,
        )

    def prompted(self, text: str) -> None:
        """A new task; the plan may go on."""
        if self.calls_in_task == 0 and self._chain == 0:
            # The same prompt in several pieces.
            self._refactoring = self._refactoring or _means_refactoring(text)
            return
        self.__init__(Signals(calls=self.calls, plan_items=self._items, plan_open=self._open))  # type: ignore[misc]
        self._refactoring = _means_refactoring(text)

    def called(self, call: Called) -> None:
        self._chain += 1
        self._recent_calls = (self._recent_calls + _hash_of_call(call))[-_RECENT_CALLS * HASH_BYTES :]
        deed = deed_of(call.name, call.arguments)
        if deed.command:
            self._commands[call.id] = deed.command
        for path in deed.reads:
            _add(self._read, path)
        for edit in deed.edits:
            self._edit(edit)
        self._plan(deed)

    def _edit(self, edit: Edit) -> None:
        path = _hash(edit.path)
        _add(self._edited, edit.path)
        if self._failed_since_edit:
            self._after_failure[path] = self._after_failure.get(path, 0) + 1
            self._failed_since_edit = False
        if edit.before and edit.after:
            before, after = _hash(edit.before), _hash(edit.after)
            if path + after + before in _unpacked(self._recent_edits, 3 * HASH_BYTES):
                self._undone += 1
            self._recent_edits = (self._recent_edits + path + before + after)[-_RECENT_EDITS * 3 * HASH_BYTES :]

    def _plan(self, deed: Deed) -> None:
        if deed.plan is not None:
            self._items, self._open = deed.plan
        if deed.adds:
            # Of a plan that is done nothing is left to add to.
            self._items = deed.adds + (self._items if self._open else 0)
            self._open += deed.adds
        self._open = max(0, self._open - deed.closes)

    def returned(self, result: Returned) -> None:
        wrong = went_wrong(result.text, said=result.failed)
        self._errors = self._errors + 1 if wrong else 0
        command = self._commands.pop(result.id, "")
        if not command:
            return
        run = runs_tests(command)
        # Of a run that could not end, or says how in words that are not known, the agent's mark tells.
        if tests_failed(result.text, run=run) or (run and wrong):
            self._failing += 1
            self._failed_since_edit = True
        elif run:
            self._failing = 0


def _means_refactoring(text: str) -> bool:
    return _REFACTORING.search(text[:_LONGEST_PROMPT]) is not None


def _add(paths: dict[bytes, None], path: str) -> None:
    if len(paths) < MOST_FILES:
        paths[_hash(path)] = None


def _unpacked(packed: bytes, size: int = HASH_BYTES) -> list[bytes]:
    return [packed[at : at + size] for at in range(0, len(packed), size)]


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


def _hash_of_call(call: Called) -> bytes:
    """Equal for calls of the same tool with the same arguments, however these are written."""
    given: Any = call.arguments
    if isinstance(given, str) and len(given) <= LONGEST_ARGUMENTS and given.lstrip().startswith("{"):
        with suppress(orjson.JSONDecodeError):
            given = orjson.loads(given)
    if isinstance(given, Mapping):
        try:
            given = orjson.dumps(given, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS).decode()
        except (orjson.JSONEncodeError, UnicodeDecodeError):
            given = ""
    return _hash(f"{call.name}\0{given if isinstance(given, str) else ''}")
