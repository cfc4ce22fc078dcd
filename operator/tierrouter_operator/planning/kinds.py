"""The kinds of objects that the operator reads or writes, and how one object is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tierrouter_core.resources import provider, regression, regression_run, revision, router
from tierrouter_core.resources.metadata import API_VERSION

Obj = Mapping[str, Any]
"""An object as the API server's JSON has it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A namespaced kind."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str, name: str = "") -> str:
        """The URL path of one object, or with no name of the namespace's collection; no namespace means all."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inside = f"{root}/namespaces/{namespace}" if namespace else root
        return f"{inside}/{self.plural}/{name}" if name else f"{inside}/{self.plural}"


ROUTER: Final = Kind(API_VERSION, router.KIND, "tierrouters")
PROVIDER: Final = Kind(API_VERSION, provider.KIND, "modelproviders")
REVISION: Final = Kind(API_VERSION, revision.KIND, "routerrevisions")
SUITE: Final = Kind(API_VERSION, regression.SUITE_KIND, "regressionsuites")
RUN: Final = Kind(API_VERSION, regression_run.RUN_KIND, "regressionruns")
JOB: Final = Kind("batch/v1", "Job", "jobs")
SERVICE_ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
ROLE_BINDING: Final = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
CONFIG_MAP: Final = Kind("v1", "ConfigMap", "configmaps")
SECRET: Final = Kind("v1", "Secret", "secrets")
POD: Final = Kind("v1", "Pod", "pods")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
SERVICE: Final = Kind("v1", "Service", "services")
CLAIM: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
NETWORK_POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
DISRUPTION_BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
MODEL_SERVER: Final = (CLAIM, SERVICE, NETWORK_POLICY, DISRUPTION_BUDGET, DEPLOYMENT)
"""What a model server consists of, in the order in which it is made."""
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events")

_BY_NAME: Final = {
    (kind.api_version, kind.kind): kind
    for kind in (
        *(ROUTER, PROVIDER, REVISION, SUITE, RUN, JOB, SERVICE_ACCOUNT, ROLE_BINDING),
        *(CONFIG_MAP, SECRET, EVENT, *MODEL_SERVER),
    )
}


class Key(NamedTuple):
    """One object."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.namespace}/{self.name}"


def kind_of(obj: Obj) -> Kind:
    """The kind of an object that says its apiVersion and kind."""
    return _BY_NAME[obj["apiVersion"], obj["kind"]]


def key_of(obj: Obj) -> Key:
    """The key of an object that says its apiVersion, kind, namespace and name."""
    return Key(kind_of(obj), obj["metadata"]["namespace"], obj["metadata"]["name"])
