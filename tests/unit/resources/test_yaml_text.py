"""YAML text: whatever is in a file, the answer is values or problems with a line, never a traceback."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.resources.yaml_text import MAX_NODES, MAX_TEXT_BYTES, format_path, parse_yaml


def value_of(text: str) -> Any:
    documents, problems = parse_yaml(f"a: {text}", "f.yaml")
    assert not problems
    return documents[0].value["a"]


def problems_of(text: str) -> list[str]:
    return [str(problem) for problem in parse_yaml(text, "f.yaml")[1]]


def test_every_document_of_a_file_is_read() -> None:
    documents, problems = parse_yaml("# first\n---\na: 1\n---\n---\nb: [2, {c: x}]\n", "f.yaml")
    assert not problems
    assert [document.value for document in documents] == [{"a": 1}, {"b": [2, {"c": "x"}]}]


def test_a_value_knows_its_line() -> None:
    (document,), _ = parse_yaml("a:\n  - x\n  - b: 1\n", "f.yaml")
    assert document.where(("a",)) == "f.yaml:1"
    assert document.where(("a", 1, "b")) == "f.yaml:3"
    assert document.where(("a", 1, "missing")) == "f.yaml:3"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"),
        ("0o17", "0o17"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("yes", True),
        ("Off", False),
        ('"off"', "off"),
        ("!!str 5", "5"),
        ("-3", -3),
        ("1.5", 1.5),
        ("~", None),
        ("0.17.4", "0.17.4"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_only_plain_numbers_booleans_and_null_become_anything_but_text(text: str, value: Any) -> None:
    assert value_of(text) == value


def test_a_merge_fills_in_what_the_map_lacks() -> None:
    (document,), problems = parse_yaml("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\n", "f.yaml")
    assert not problems
    assert document.value["use"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: document 1: a: the key stands twice in one map, first in line 1"),
        ("a: [1\nb: 2\n", "f.yaml:2: document 1: not valid YAML at column"),
        ("a: 1\n\tb: 2\n", "not valid YAML at column"),
        ("- a\n", "found a list, expected a map"),
        ("hello\n", 'found the text "hello", expected a map'),
        ("", "the file holds no document"),
        ("# nothing\n---\n", "the file holds no document"),
        ("on: 1\n", 'the key on is not text; write "on" in quotes'),
        ("[a]: 1\n", "can't be a key"),
        ("a: *nowhere\n", "the alias *nowhere names no anchor"),
        ("a: &x [*x]\n", "the alias *x names no anchor that is complete"),
        ("a: !!python/object:os.system {}\n", "is not supported"),
        ("a: \x01\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems_of(text)), problems_of(text)


def test_an_anchor_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert f"more than {MAX_NODES} values" in problems_of("\n".join(lines))[0]


def test_a_bomb_of_merges_is_refused_quickly() -> None:
    lines = ["a0: &a0 {}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 30)]
    assert f"more than {MAX_NODES} values" in problems_of("\n".join(lines))[0]


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert problems_of(text)


def test_deep_nesting_by_aliases_is_refused() -> None:
    lines = ["a0: &a0 {}", *[f"a{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 2000)]]
    assert "levels of nesting once its aliases are expanded" in problems_of("\n".join(lines))[0]


def test_a_huge_file_is_refused() -> None:
    assert "more than" in problems_of("#" * (MAX_TEXT_BYTES + 1))[0]


def test_a_path_reads_as_a_user_would_write_it() -> None:
    assert format_path(("spec", "tiers", 2, "rank")) == "spec.tiers[2].rank"
    assert format_path(("metadata", "labels", "a.b/c")) == 'metadata.labels["a.b/c"]'


@given(st.text(max_size=200))
def test_no_text_makes_a_traceback(text: str) -> None:
    documents, problems = parse_yaml(text, "f.yaml")
    assert documents or problems


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("abc", min_size=1), _JSON, min_size=1))
def test_json_is_read_as_json(value: dict[str, Any]) -> None:
    documents, problems = parse_yaml(json.dumps(value), "f.yaml")
    assert not problems
    assert documents[0].value == value
