"""The CRDs on a real API server accept and refuse what the cases say (crd_cases/README.md)."""

import itertools
from typing import Any
from uuid import uuid4

import pytest
from crd_install import install_crds

from control_plane import Api, Refused
from crd_case import Case, cases

_AS_KUBECTL = {"fieldValidation": "Strict"}
_numbers = itertools.count(1)
# One for all: hundreds of namespaces would take the API server longer than what is asked here.
_NAMESPACE = "/apis/tierrouter.dev/v1alpha1/namespaces/default"
PLURALS = {
    "TierRouter": "tierrouters",
    "ModelProvider": "modelproviders",
    "RouterRevision": "routerrevisions",
    "RegressionSuite": "regressionsuites",
    "RegressionRun": "regressionruns",
}


@pytest.fixture(autouse=True)
async def crds(api: Api) -> None:
    await install_crds(api)


async def message_of(request: Any) -> str | None:
    """What the API server refuses with; None where it does not."""
    try:
        await request
    except Refused as refused:
        return str(refused)
    return None


def judged(message: str | None, expected: str | None) -> None:
    if expected is None:
        assert message is None
    else:
        assert message is not None, "was accepted"
        assert expected in message


@pytest.mark.parametrize("case", [case for case in cases() if not case.then], ids=lambda case: case.name)
async def test_an_object_is_accepted_or_refused(case: Case, api: Api) -> None:
    path = f"{_NAMESPACE}/{PLURALS[case.document['kind']]}"
    judged(
        await message_of(api.request("POST", path, case.document, query=_AS_KUBECTL | {"dryRun": "All"})), case.refused
    )


@pytest.mark.parametrize("case", [case for case in cases() if case.then], ids=lambda case: case.name)
async def test_a_change_is_accepted_or_refused(case: Case, api: Api) -> None:
    name = f"case-{next(_numbers)}-{uuid4().hex[:8]}"
    collection = f"{_NAMESPACE}/{PLURALS[case.document['kind']]}"
    await api.create(collection, {**case.document, "metadata": {"name": name}})
    for step in case.then:
        path = f"{collection}/{name}/status" if step.is_of_the_status else f"{collection}/{name}"
        judged(await message_of(api.patch(path, step.patch)), step.refused)
    await api.delete(f"{collection}/{name}")
