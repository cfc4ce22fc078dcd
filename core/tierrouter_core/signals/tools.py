"""What a tool call does, by the names and arguments of the agents' own tools: one table.

Of Claude Code, Codex, OpenCode and Anthropic's editor. What is not in it does nothing that is counted but being a call.
"""

import posixpath
import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final

import orjson

from tierrouter_core.value_class import keyword_value_class, value_class

LONGEST_ARGUMENTS = 256 * 1024
"""Characters of arguments that are looked into; of more nothing is known but that there was a call."""


class Does(Enum):
    """What sort of tool it is."""

    READS = auto()
    EDITS = auto()
    RUNS = auto()
    PATCHES = auto()
    PLANS = auto()
    ADDS_TO_PLAN = auto()
    CHANGES_PLAN = auto()
    EDITOR = auto()
    """Reads or edits, as its command says."""


TOOLS: Final[Mapping[str, Does]] = {
    "read": Does.READS,
    "notebookread": Does.READS,
    "view": Does.READS,
    "view_image": Does.READS,
    "read_file": Does.READS,
    "edit": Does.EDITS,
    "multiedit": Does.EDITS,
    "write": Does.EDITS,
    "notebookedit": Does.EDITS,
    "write_file": Does.EDITS,
    "edit_file": Does.EDITS,
    "patch": Does.PATCHES,
    "apply_patch": Does.PATCHES,
    "bash": Does.RUNS,
    "shell": Does.RUNS,
    "shell_command": Does.RUNS,
    "local_shell": Does.RUNS,
    "exec": Does.RUNS,
    "exec_command": Does.RUNS,
    "todowrite": Does.PLANS,
    "update_plan": Does.PLANS,
    "taskcreate": Does.ADDS_TO_PLAN,
    "taskupdate": Does.CHANGES_PLAN,
    "str_replace_editor": Does.EDITOR,
    "str_replace_based_edit_tool": Does.EDITOR,
}
"""By name in lower case."""

_PATHS = ("file_path", "filePath", "notebook_path", "path", "filename")
_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+?)\s*$|^\*\*\* Move to: (.+?)\s*$", re.MULTILINE)
_PATCH_MARK = "*** Begin Patch"
_DONE = ("completed", "done", "cancelled", "deleted")


@value_class
class Edit:
    """A change of one file; the texts are empty where the call holds none."""

    path: str
    before: str = ""
    after: str = ""


@keyword_value_class
class Deed:
    """What one call does."""

    reads: tuple[str, ...] = ()
    """Paths."""
    edits: tuple[Edit, ...] = ()
    command: str = ""
    plan: tuple[int, int] | None = None
    """``(items, of them open)`` of the plan that this call writes anew."""
    adds: int = 0
    """Items that it adds to the plan."""
    closes: int = 0
    """Items of the plan that it calls done."""


NOTHING: Final = Deed()


def deed_of(name: str, arguments: Any) -> Deed:
    """What the call of the tool ``name`` does; anything unforeseen in ``arguments`` does nothing."""
    does = TOOLS.get(name.lower())
    if does is None:
        return NOTHING
    if isinstance(arguments, str):
        if len(arguments) > LONGEST_ARGUMENTS:
            return NOTHING
        if does is Does.PATCHES and not arguments.lstrip().startswith("{"):
            return Deed(edits=_patched(arguments))
        given = _object(arguments)
        if does is Does.RUNS and not given:
            # Codex's own language for several tools in one call.
            return Deed(edits=_patched(arguments), command=arguments)
    else:
        given = arguments if isinstance(arguments, dict) else {}
    return _deed(does, given)


def _deed(does: Does, given: Mapping[str, Any]) -> Deed:
    path = _path(given)
    match does:
        case Does.READS:
            return Deed(reads=(path,)) if path else NOTHING
        case Does.EDITS:
            return Deed(edits=_edits(path, given)) if path else NOTHING
        case Does.EDITOR:
            if given.get("command") == "view":
                return Deed(reads=(path,)) if path else NOTHING
            return Deed(edits=(Edit(path, _text(given.get("old_str")), _text(given.get("new_str"))),) if path else ())
        case Does.PATCHES:
            text = next((value for value in given.values() if isinstance(value, str) and "*** " in value), "")
            return Deed(edits=_patched(text))
        case Does.RUNS:
            command = _command(given)
            return Deed(command=command, edits=_patched(command) if _PATCH_MARK in command else ())
        case Does.PLANS:
            items: list[Any] = next(
                (given[key] for key in ("todos", "plan", "items") if isinstance(given.get(key), list)), []
            )
            return Deed(plan=(len(items), sum(not _is_done(item) for item in items)))
        case Does.ADDS_TO_PLAN:
            return Deed(adds=1)
    return Deed(closes=1) if _is_done(given) else NOTHING


def _edits(path: str, given: Mapping[str, Any]) -> tuple[Edit, ...]:
    several = given.get("edits")
    parts = [each for each in several if isinstance(each, dict)] if isinstance(several, list) else [given]
    return tuple(
        Edit(
            path,
            _text(part.get("old_string") or part.get("oldString")),
            _text(part.get("new_string") or part.get("newString") or part.get("content") or part.get("new_source")),
        )
        for part in parts
    )


def _patched(text: str) -> tuple[Edit, ...]:
    return tuple(Edit(normal_path(found[1] or found[2])) for found in _PATCHED.finditer(text))


def _command(given: Mapping[str, Any]) -> str:
    for key in ("command", "cmd", "script"):
        value = given.get(key)
        if isinstance(value, list):
            return " ".join(part for part in value if isinstance(part, str))
        if isinstance(value, str):
            return value
    return ""


def _path(given: Mapping[str, Any]) -> str:
    for key in _PATHS:
        value = given.get(key)
        if isinstance(value, str) and value:
            return normal_path(value)
    return ""


def normal_path(path: str) -> str:
    """One way of writing a path: forward slashes, no ``./`` and no ``..`` that can be resolved."""
    return posixpath.normpath(path.strip().replace("\\", "/"))


def _is_done(item: Any) -> bool:
    return isinstance(item, dict) and item.get("status") in _DONE


def _object(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
