"""A suite's file: every mistake is told, with its place."""

from pathlib import Path

import pytest

from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.fields import describe
from tierrouter_evaluation.suites.suite_file import Suite, suite_from

PAGE = Path(__file__).parents[3] / "docs" / "suites.md"

GOOD = """\
name: mine
tasks:
  - id: one
    prompt: Say x.
    check: {exact: x}
  - id: two
    prompt: Write a.py.
    files: {a.py: "x = 1"}
    answerFiles: [a.py]
    check: {python: "import a", timeout: 3s, memoryMiB: 128}
"""


def test_a_suite_is_read():
    suite = suite_from(GOOD, "s.yaml")
    one, two = suite.tasks
    assert (suite.name, suite.max_tokens, one.id, one.check.exact) == ("mine", 8192, "one", "x")
    assert (two.files, two.answer_files, two.check.timeout_ms, two.check.memory_mib) == (
        {"a.py": "x = 1"},
        ("a.py",),
        3000,
        128,
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: two", "id: one", "s.yaml:6: suite mine: tasks[1].id: one is the id of tasks[0] too"),
        (
            "{exact: x}",
            "{exact: x, regex: x}",
            "tasks[0].check: has exact and regex of exact, regex, python; write one",
        ),
        ("{exact: x}", "{}", "has none of exact, regex, python"),
        ("{exact: x}", '{regex: "[a"}', "tasks[0].check.regex: is no regular expression"),
        ('"import a"', '"import"', "tasks[1].check.python: can't be compiled"),
        ("    answerFiles: [a.py]\n", "", "name those that the answer gives"),
        ("{exact: x}", "{python: x}", "name those that the answer gives"),
        ("answerFiles: [a.py]", "answerFiles: [../a.py]", "expected a relative path"),
        ("answerFiles: [a.py]", "answerFiles: [/a.py]", "expected a relative path"),
        ("{a.py: ", "{a/../b.py: ", "expected a relative path"),
        ("answerFiles: [a.py]", "answerFiles: [a.py/b.py]", "a.py can't be a file and, for a.py/b.py, a folder"),
        ("prompt: Say x.", "promt: Say x.", 'did you mean "prompt"?'),
        ("name: mine", "nme: mine", "name: is missing"),
        ("id: one", "id: a b", "letters, digits, dots, dashes and underscores"),
        ("timeout: 3s", "timeout: 3", "without a unit"),
        (GOOD, "name: mine\ntasks: []\n", "has 0 items, expected 1 to"),
        (GOOD, "", "expected a map with name and tasks"),
        (GOOD, "- 1", "expected a map with name and tasks"),
        (GOOD, f"{GOOD}---\n{GOOD}", "found 2 YAML documents, expected one"),
        (GOOD, "a: [", "s.yaml:"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(old, new, said):
    with pytest.raises(ConfigurationError) as refused:
        suite_from(GOOD.replace(old, new), "s.yaml")
    assert said in str(refused.value)
    assert "TierRouter" not in str(refused.value)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigurationError) as refused:
        suite_from(GOOD.replace("id: two", "id: one").replace("{exact: x}", "{}"), "s.yaml")
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("field", [pytest.param(each, id=each.path) for each in describe(Suite)])
def test_every_field_is_in_the_table_of_its_page(field):
    assert field.markdown_row in PAGE.read_text().splitlines()
