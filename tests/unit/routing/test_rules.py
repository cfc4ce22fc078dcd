"""Rules: what compiles, what is refused, and what is seen."""

import gc
import re
import weakref
from pathlib import Path

import pytest
from documents import document, turn

from tierrouter_core.document.model import Rule
from tierrouter_core.errors import MalformedRequestError, RuleError
from tierrouter_core.routing.decide import Router
from tierrouter_core.routing.rules import RuleSet, check_rule
from tierrouter_core.routing.task_header import read_task
from tierrouter_core.routing.variables import VARIABLES, defaults

THRESHOLDS = {"file_count": 8}


@pytest.mark.parametrize(
    "when",
    [
        "task.file_count > thresholds.file_count",
        "turn.kind in ['user', 'tool_loop'] && !task.sandboxed",
        "turn.requested_model.startsWith('claude') || turn.dialect == 'OpenAIChat'",
        "session.cost_usd_micros > 5000000",
        "double(task.file_count) / 2.0 > 1.5",
        "true",
    ],
)
def test_a_rule_over_the_variables_compiles(when):
    assert check_rule(when, THRESHOLDS) is None


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("task.file_cuont > 3", "column 5: undeclared reference to 'task.file_cuont'"),
        ("task.file_count > thresholds.nope", "undeclared reference to 'thresholds.nope'"),
        ("task.file_count > 'three'", "column 17: found no matching overload"),
        ("task.file_count", "gives INT; it must give bool"),
        ("task.file_count >", "the expression ends too early"),
        ("", "the expression ends too early"),
        ("task.file_count > 1 " + " " * 1024, "at most 1024 are allowed"),
        ("import os", "reserved identifier: import"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_in_one_line(when, says):
    message = check_rule(when, THRESHOLDS)
    assert message is not None
    assert says in message
    assert "\n" not in message


def test_every_variable_can_be_used_with_its_documented_type():
    literal = {"bool": "true", "int": "1", "string": "'x'"}
    for name, variable in VARIABLES.items():
        assert check_rule(f"{name} == {literal[variable.type_name]}", ()) is None


def test_a_rule_that_fails_is_false_and_reported():
    rules = RuleSet(
        [
            Rule(name="broken", when="task.file_count / session.calls > 1", tier="x"),
            Rule(name="fine", when="task.file_count == 0", tier="x"),
        ],
        THRESHOLDS,
    )
    matched, failed = rules.first_match(defaults())
    assert matched is not None
    assert matched.rule.name == "fine"
    assert [evaluation.rule.name for evaluation in failed] == ["broken"]
    assert "divide by zero" in failed[0].error


def test_explain_sees_every_rule_with_its_values():
    rules = RuleSet([Rule(name="wide", when="task.file_count > thresholds.file_count", tier="x")], THRESHOLDS)
    (evaluation,) = rules.all({**defaults(), "task.file_count": 3})
    assert evaluation.matched is False
    assert evaluation.saw == (("task.file_count", 3), ("thresholds.file_count", 8))


def test_a_rule_sees_each_turns_own_values_however_often_it_was_evaluated():
    rules = RuleSet(
        [
            Rule(name="wide", when="task.file_count > thresholds.file_count", tier="x"),
            Rule(name="named", when="turn.requested_model.startsWith('m')", tier="y"),
        ],
        THRESHOLDS,
    )
    for _ in range(2):
        for count, model, expected in ((3, "a", None), (9, "a", "wide"), (3, "m" * 1000, "named"), (3, "b", None)):
            matched, _ = rules.first_match({**defaults(), "task.file_count": count, "turn.requested_model": model})
            assert (None if matched is None else matched.rule.name) == expected


@pytest.mark.parametrize("dot", [" . ", ".\n  ", "\n  .", " // files\n  . // edited\n  ", ".`"])
def test_a_rule_may_be_wrapped_around_a_dot(dot):
    end = "`" if dot.endswith("`") else ""
    rule = Rule(name="wide", when=f"task{dot}file_count{end} > thresholds{dot}file_count{end}", tier="deep")
    router = Router(document(rules=(rule,)))
    assert router.uses("task.file_count")
    decision = router.decide(turn(variables={"task.file_count": 9}))
    assert decision.detail == "wide is true (task.file_count=9, thresholds.file_count=8)"


def test_a_rule_that_does_not_compile_names_itself():
    with pytest.raises(RuleError, match="rule typo: column 5"):
        RuleSet([Rule(name="typo", when="task.nope", tier="x")], {})


def test_the_task_header_sets_variables():
    known, unknown = read_task('{"file_count": 4, "sandboxed": true, "mood": "good"}')
    assert known == {"task.file_count": 4, "task.sandboxed": True}
    assert unknown == ("mood",)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must hold a JSON object"),
        ('{"file_count": "4"}', "an integer is expected"),
        ('{"file_count": true}', "an integer is expected"),
        ('{"file_count": 1.5}', "an integer is expected"),
        ('{"sandboxed": 1}', "true or false is expected"),
        ('{"file_count": -1}', "is allowed"),
        ('{"file_count": 99999999999999999}', "is allowed"),
        ('{"file_count": null}', "an integer is expected"),
    ],
)
def test_a_task_header_that_makes_no_sense_is_refused_with_its_name(header, says):
    with pytest.raises(MalformedRequestError, match="x-tierrouter-task") as error:
        read_task(header)
    assert says in str(error.value)


def test_every_variable_is_documented_with_its_type_and_default():
    text = (Path(__file__).parents[3] / "docs" / "routing.md").read_text()
    rows = {
        row[0]: row[1:] for row in re.findall(r"^\| `([a-z_.]+)` \| (\w+) \| (\S+) \| (\w*) ?\|", text, re.MULTILINE)
    }
    for name, variable in VARIABLES.items():
        default = variable.default
        shown = (
            str(default).lower()
            if isinstance(default, bool)
            else f'`"{default}"`'
            if default == "" or isinstance(default, str)
            else str(default)
        )
        assert rows.get(name) == (variable.type_name, shown, "header" if variable.from_header else ""), name


def test_rules_that_are_replaced_are_let_go_of_at_once() -> None:
    """CEL's objects outlive a cycle that Python's collector breaks: each change of a file would cost some kilobytes."""
    router = Router(document())
    router.decide(turn())
    rules = weakref.ref(router.rules)
    gc.disable()
    try:
        del router
        assert rules() is None
    finally:
        gc.enable()
