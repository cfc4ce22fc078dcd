"""Who the Jobs of runs are: an account in the suite's namespace that may write results, and nothing else.

The role is a ClusterRole that comes with the operator's own rights; the operator may only grant what it has itself, and
an admission policy holds it to these two names. They stay when the last suite goes: they do no harm.
"""

from collections.abc import Iterator

from tierrouter_core.contract import MANAGED_BY_LABEL, OPERATOR, RESULTS_ACCOUNT
from tierrouter_operator.planning.kinds import ROLE_BINDING, SERVICE_ACCOUNT, Kind, Obj
from tierrouter_operator.planning.suite_observed import ObservedSuite
from tierrouter_operator.planning.writes import Create


def account_writes(seen: ObservedSuite) -> Iterator[Create]:
    """What is missing of the account; whatever has its name is taken as it is."""
    if seen.account is None:
        yield Create({**_named(SERVICE_ACCOUNT, seen.namespace), "automountServiceAccountToken": False})
    if seen.binding is None:
        yield Create(
            {
                **_named(ROLE_BINDING, seen.namespace),
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": seen.settings.results_role,
                },
                "subjects": [{"kind": "ServiceAccount", "name": RESULTS_ACCOUNT, "namespace": seen.namespace}],
            }
        )


def _named(kind: Kind, namespace: str) -> Obj:
    metadata = {"name": RESULTS_ACCOUNT, "namespace": namespace, "labels": {MANAGED_BY_LABEL: OPERATOR}}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}
