"""The rules as Prometheus itself reads them, and what they say of series that are known."""

from pathlib import Path

import pytest

from prometheus_programs import RULES, promtool

CASES = Path(__file__).parent


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_the_linter_has_nothing_to_say(path: Path) -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_rules_say_of_known_series_what_they_should(path: Path) -> None:
    done = promtool("test", "rules", path.name, folder=CASES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_threshold_that_is_another_would_be_noticed(tmp_path: Path) -> None:
    (rules,) = (path for path in RULES if path.stem == "operator")
    (tmp_path / rules.name).write_text(rules.read_text().replace("> 7200 #", "> 9000 #"))
    cases = (CASES / "operator.yaml").read_text()
    (tmp_path / "cases.yaml").write_text(cases.replace("../../charts/tierrouter/files/rules/", ""))
    done = promtool("test", "rules", "cases.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert "a run that is late" in done.stderr
