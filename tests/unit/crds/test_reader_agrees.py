"""What the API server accepts or refuses, the reader of files accepts or refuses too: one table of cases for both.

``tests/kubernetes/test_crd_cases.py`` holds the API server to the same table.
"""

import pytest
import yaml

from crd_case import BASES, Case, cases
from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.load import load_resources

OF_FILES = [case for case in cases() if case.base in ("router", "provider")]


@pytest.mark.parametrize("case", OF_FILES, ids=lambda case: case.name)
def test_a_router_file_is_judged_as_the_api_server_judges_the_object(case: Case) -> None:
    # A router needs the provider that it names; a provider stands alone.
    documents = [case.document] if case.base == "provider" else [case.document, BASES["provider"]]
    text = yaml.safe_dump_all(documents, allow_unicode=True)
    assert ("refused" if problems_in(text) else "accepted") == case.file, problems_in(text)


def problems_in(text: str) -> list[str]:
    """What the reader of files says is wrong."""
    try:
        load_resources([("case.yaml", text)])
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_there_are_cases_of_both_outcomes_for_each_kind() -> None:
    seen = {(case.base, case.refused is None) for case in cases()}
    assert seen == {(base, outcome) for base in BASES for outcome in (True, False)}
