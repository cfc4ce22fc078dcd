"""How deep code is nested that was edited: functions, classes, branches and loops inside one another, by tree-sitter.

It is looked at when a turn is over and known to the next one, so that nobody waits for it. Grammars are loaded when
code of their language is first seen; what has none, or is no code, has no depth.
"""

import importlib
import logging
import posixpath
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from tierrouter_core.signals.tools import Edit

log = logging.getLogger("tierrouter")

MOST_CODE: Final = 64 * 1024
"""Bytes that are looked at after one turn: a few milliseconds."""
_DEEPEST = 1000
"""Levels of syntax, not of nesting; what goes deeper is no code."""

_LANGUAGES: Final[Mapping[str, tuple[str, str]]] = {
    ".py": ("tree_sitter_python", "language"),
    ".pyi": ("tree_sitter_python", "language"),
    ".js": ("tree_sitter_javascript", "language"),
    ".jsx": ("tree_sitter_javascript", "language"),
    ".mjs": ("tree_sitter_javascript", "language"),
    ".cjs": ("tree_sitter_javascript", "language"),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".mts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".go": ("tree_sitter_go", "language"),
    ".rs": ("tree_sitter_rust", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".c": ("tree_sitter_c", "language"),
    ".h": ("tree_sitter_cpp", "language"),
    ".cc": ("tree_sitter_cpp", "language"),
    ".cpp": ("tree_sitter_cpp", "language"),
    ".hpp": ("tree_sitter_cpp", "language"),
    ".cs": ("tree_sitter_c_sharp", "language"),
    ".rb": ("tree_sitter_ruby", "language"),
    ".php": ("tree_sitter_php", "language_php"),
}
"""By a file's ending: the grammar's module, and the function in it."""

_BRANCHES: Final = frozenset({"if_statement", "if_expression", "if", "elsif"})
_NESTING: Final = _BRANCHES | frozenset(
    [
        "function_definition",
        "function_declaration",
        "function_item",
        "function_expression",
        "arrow_function",
        "anonymous_function",
        "func_literal",
        "lambda",
        "lambda_expression",
        "closure_expression",
        "method_definition",
        "method_declaration",
        "method",
        "constructor_declaration",
        "local_function_statement",
        "class_definition",
        "class_declaration",
        "class",
        "class_specifier",
        "struct_specifier",
        "struct_declaration",
        "interface_declaration",
        "enum_declaration",
        "impl_item",
        "trait_item",
        "mod_item",
        "module",
        "namespace_definition",
        "namespace_declaration",
        "for_statement",
        "for_in_statement",
        "for_range_loop",
        "enhanced_for_statement",
        "foreach_statement",
        "for_each_statement",
        "for_expression",
        "for",
        "while_statement",
        "while_expression",
        "while",
        "until",
        "loop_expression",
        "do_statement",
        "do_block",
        "unless",
        "case",
        "switch_statement",
        "switch_expression",
        "expression_switch_statement",
        "type_switch_statement",
        "select_statement",
        "match_statement",
        "match_expression",
        "try_statement",
        "try_with_resources_statement",
        "begin",
        "with_statement",
    ]
)
_ELSE = ("else_clause", "else")


def nesting_of(edits: Iterable[Edit]) -> int:
    """The deepest nesting in what ``edits`` have written; 0 where there is no code among it."""
    left, deepest = MOST_CODE, 0
    for edit in edits:
        parser = _parser(posixpath.splitext(edit.path)[1].lower())
        if parser is None or not edit.after:
            continue
        code = textwrap.dedent(edit.after).encode("utf-8", "replace")
        if len(code) > left:
            break
        left -= len(code)
        deepest = max(deepest, _depth(parser.parse(code).walk()))
    return deepest


@cache
def _parser(ending: str) -> Any:
    """A parser for files of that ending, or None."""
    if ending not in _LANGUAGES:
        return None
    module, function = _LANGUAGES[ending]
    try:
        import tree_sitter

        return tree_sitter.Parser(tree_sitter.Language(getattr(importlib.import_module(module), function)()))
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        log.warning("task.ast_depth stays 0 for %s: %s can't be used (%s)", ending, module, error)
        return None


def _depth(cursor: Any) -> int:
    """The most nodes that nest on the way from the root to a leaf. The root itself is the file."""
    way: list[bool] = [False]
    depth = deepest = 0
    while True:
        if len(way) < _DEEPEST and cursor.goto_first_child():
            pass
        else:
            while not cursor.goto_next_sibling():
                depth -= way.pop()
                if not way or not cursor.goto_parent():
                    return deepest
            depth -= way.pop()
        way.append(_nests(cursor.node))
        depth += way[-1]
        deepest = max(deepest, depth)


def _nests(node: Any) -> bool:
    """Whether a node is a level; a keyword is none, and ``else if`` none of its own."""
    kind = node.type
    if kind not in _NESTING or not node.is_named:
        return False
    above = node.parent
    return kind not in _BRANCHES or above is None or (above.type not in _ELSE and above.type not in _BRANCHES)
