"""JUnit XML, as those who write it write it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tierrouter_core.regression.results import TaskOutcome
from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.formats.junit import read

PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="2" failures="1" skipped="2" tests="6" time="1.2"
 timestamp="2026-11-29T14:00:00+00:00" hostname="box">
<testcase classname="tests.test_a.TestSlug" name="test_dots[a.b]" time="0.101"><properties>
<property name="cost_usd" value="0.0123"/><property name="calls" value="4"/><property name="output_tokens" value="812"/>
</properties></testcase>
<testcase classname="tests.test_a" name="test_sum" time="0.002"><failure message="assert 3 == 4">E  assert 3</failure></testcase>
<testcase classname="tests.test_a" name="test_database" time="0.3"><error message="failed on setup with &quot;OSError: no
 database&quot;">trace</error></testcase>
<testcase classname="tests.test_a" name="test_later" time="0"><skipped type="pytest.skip" message="no GPU"/></testcase>
<testcase classname="tests.test_a" name="test_known" time="0"><skipped type="pytest.xfail" message=""/></testcase>
<testcase classname="" name="tests.test_broken" time="0.0"><error message="collection failure">SyntaxError</error></testcase>
<testcase classname="tests.test_a" name="test_twice" time="0.1"><failure message="no">x</failure></testcase>
<testcase classname="tests.test_a" name="test_twice" time="0.1"><error message="failed on teardown with &quot;E&quot;">x</error></testcase>
</testsuite></testsuites>"""

SUREFIRE = """<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0" name="dev.acme.CartTest" time="1,234.5"
 tests="5" errors="2" skipped="1" failures="1">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="dev.acme.CartTest" time="1,034.5"/>
  <testcase name="takes" classname="dev.acme.CartTest" time="0.1">
    <failure message="expected: &lt;1&gt;" type="org.opentest4j.AssertionFailedError"><![CDATA[at x <y>]]></failure>
    <system-out><![CDATA[& <]]></system-out></testcase>
  <testcase name="empties" classname="dev.acme.CartTest" time="0"><error message="Cannot invoke" type="java.lang.NullPointerException"/></testcase>
  <testcase name="" classname="dev.acme.StockTest" time="0"><error message="no container" type="java.lang.IllegalStateException"/></testcase>
  <testcase name="wobbles" classname="dev.acme.CartTest" time="0"><flakyFailure message="no" type="x">y</flakyFailure></testcase>
  <testcase name="off" classname="dev.acme.CartTest" time="0"><skipped/></testcase>
</testsuite>"""

FOLDER = Path(__file__).parent / "junit_files"
JEST = (FOLDER / "jest-junit.xml").read_text()
"""Of jest-junit 17 for tests of ours, shortened by stacks."""
GO = (FOLDER / "go-junit-report.xml").read_text()
"""Of go-junit-report 2 for tests of ours."""


def outcomes(text: str) -> dict[str, str]:
    return {task.task: task.outcome.value for task in read(text.encode(), "results.xml").tasks}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            PYTEST,
            {
                "tests.test_a.TestSlug::test_dots[a.b]": "resolved",
                "tests.test_a::test_sum": "unresolved",
                "tests.test_a::test_database": "error",
                "pytest::tests.test_broken": "error",
                "tests.test_a::test_twice": "unresolved",
            },
            id="pytest",
        ),
        pytest.param(
            SUREFIRE,
            {
                "dev.acme.CartTest::adds": "resolved",
                "dev.acme.CartTest::takes": "unresolved",
                "dev.acme.CartTest::empties": "unresolved",
                "dev.acme.StockTest": "error",
                "dev.acme.CartTest::wobbles": "resolved",
            },
            id="surefire",
        ),
        pytest.param(
            JEST,
            {
                "slug keeps dots": "resolved",
                "slug trims": "unresolved",
                "slug throws": "unresolved",
                "slug some day": "resolved",
                "Test suite failed to run::broken.test.js": "error",
            },
            id="jest",
        ),
        pytest.param(
            GO,
            {
                "acme.dev/shop/boom::TestFine": "resolved",
                "acme.dev/shop/boom::TestBoom": "unresolved",
                "acme.dev/shop/cart::TestAdd": "unresolved",
                "acme.dev/shop/cart::TestAdd/empty": "resolved",
                "acme.dev/shop/cart::TestAdd/full": "unresolved",
                "acme.dev/shop/cart::TestTake": "resolved",
                "acme.dev/shop/stock::[build failed]": "error",
            },
            id="go-junit-report",
        ),
        pytest.param(
            '<testsuite name="s"><testcase name="a" status="notrun"/><testcase name="b" status="run"/></testsuite>',
            {"s::b": "resolved"},
            id="googletest",
        ),
    ],
)
def test_what_each_harness_writes_is_read_as_it_means_it(text, expected):
    assert outcomes(text) == expected


def test_properties_of_a_test_say_what_it_used():
    task = next(each for each in read(PYTEST.encode(), "r.xml").tasks if "dots" in each.task)
    assert (str(task.cost_usd), task.calls, task.output_tokens, task.duration_s) == ("0.0123", 4, 812, 0.101)


def test_a_property_can_name_the_task():
    text = '<testsuite><testcase name="x"><properties><property name="task_id" value="sum-1"/></properties></testcase></testsuite>'
    assert outcomes(text) == {"sum-1": "resolved"}


def test_an_error_outside_of_a_test_keeps_its_message_in_one_line():
    (task,) = (each for each in read(PYTEST.encode(), "r.xml").tasks if "database" in each.task)
    assert task.outcome is TaskOutcome.ERROR
    assert task.error == 'failed on setup with "OSError: no database"'


def test_skipped_tests_are_left_out_and_counted():
    assert read(PYTEST.encode(), "r.xml").notes == ("r.xml: 2 skipped tests were left out",)


def test_a_test_that_passed_only_when_it_was_tried_again_is_told():
    assert "1 passed only when the harness tried again" in read(SUREFIRE.encode(), "r.xml").notes[1]


@pytest.mark.parametrize("cut", [40, 200, 400, len(PYTEST) - 30, len(PYTEST) - 1])
def test_a_half_written_file_is_said_to_be_cut_off(cut):
    with pytest.raises(ResultFilesError, match=r"r\.xml:\d+: cut off: did the harness end"):
        read(PYTEST[:cut].encode(), "r.xml")


BOMB = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
OUTSIDE = (
    '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite><testcase name="x">&a;</testcase></testsuite>'
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        ("", "the file is empty"),
        ("   \n", "the file is empty"),
        ("nothing", "no XML that can be read"),
        ("<html><body/></html>", "no JUnit XML: the outermost element is <html>"),
        ("<testsuite>" + "<testsuite>" * 100 + "</testsuite>" * 101, "nest deeper than 64"),
        ("<testsuite><testcase name='a'/><testcase name='a'/></testsuite>", "task a stands twice"),
        ("<testsuite><testcase/></testsuite>", "neither a name nor a class"),
        (
            "<testsuite><testcase name='a'><properties><property name='calls' value='many'/></properties></testcase></testsuite>",
            "property calls: expected a number, found 'many'",
        ),
        (
            "<testsuite><testcase name='a'><properties><property name='cost_usd' value='-1'/></properties></testcase></testsuite>",
            "cost_usd: expected dollars from 0 to",
        ),
        ('<?xml version="1.0" encoding="x-none"?><testsuite/>', "no XML that can be read"),
    ],
)
def test_what_is_no_result_is_refused_with_its_reason(text, said):
    with pytest.raises(ResultFilesError, match=said):
        read(text.encode(), "r.xml")


def test_other_encodings_are_read_as_the_file_names_them():
    text = '<?xml version="1.0" encoding="iso-8859-1"?><testsuite><testcase name="stra\u00dfe"/></testsuite>'
    assert [task.task for task in read(text.encode("latin-1"), "r.xml").tasks] == ["straße"]


TESTS = """
import pytest

@pytest.fixture
def broken(): raise OSError("no database")

@pytest.fixture
def untidy():
    yield
    raise OSError("can't clean up")

class TestCart:
    def test_adds(self, record_property):
        record_property("calls", 3)

    @pytest.mark.parametrize("n", [1, 2])
    def test_takes(self, n): assert n == 1

def test_raises(): raise KeyError("x")
def test_set_up(broken): pass
def test_tear_down(untidy): pass
def test_both(untidy): assert False
@pytest.mark.skip(reason="later")
def test_skipped(): pass
@pytest.mark.xfail
def test_known(): assert False
@pytest.mark.xfail(strict=True)
def test_surprise(): pass
"""


def test_a_file_of_this_very_pytest_is_read(tmp_path):
    (tmp_path / "test_shop.py").write_text(TESTS)
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name")
    words = [
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
        f"--junitxml={tmp_path}/r.xml",
        "-c",
        "/dev/null",
    ]
    subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(tmp_path)], capture_output=True, cwd=tmp_path, check=False
    )
    found = read((tmp_path / "r.xml").read_bytes(), "r.xml")
    assert {task.task.rpartition("test_shop")[2]: task.outcome.value for task in found.tasks} == {
        ".TestCart::test_adds": "resolved",
        ".TestCart::test_takes[1]": "resolved",
        ".TestCart::test_takes[2]": "unresolved",
        "::test_raises": "unresolved",
        "::test_set_up": "error",
        "::test_tear_down": "error",
        "::test_both": "unresolved",
        "::test_surprise": "unresolved",
        "pytest::test_broken": "error",
    }
    assert found.notes == ("r.xml: 2 skipped tests were left out",)
    assert [task.calls for task in found.tasks if task.task.endswith("test_adds")] == [3]


def test_a_test_that_failed_is_not_solved_whatever_went_wrong_when_it_was_over() -> None:
    case = (
        '<testcase classname="c" name="a"><failure message="assert 3 == 4"/>'
        '<error message="failed on teardown with &quot;OSError&quot;"/></testcase>'
    )
    (task,) = read(f"<testsuite>{case}</testsuite>".encode(), "results.xml").tasks
    assert task.outcome is TaskOutcome.UNRESOLVED
