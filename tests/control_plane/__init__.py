"""A real Kubernetes control plane for tests: etcd, the API server and the controller manager, without nodes.

``tests/kubernetes/conftest.py`` makes fixtures of it.
"""

from control_plane.access import Access, ForeignCluster, read_kubeconfig
from control_plane.api import Answer, Api, Refused
from control_plane.audit import AuditLog, Request
from control_plane.binaries import ControlPlaneFailed, ControlPlaneMissing, binaries
from control_plane.cluster import Cluster, start

__all__ = [
    "Access",
    "Answer",
    "Api",
    "AuditLog",
    "Cluster",
    "ControlPlaneFailed",
    "ControlPlaneMissing",
    "ForeignCluster",
    "Refused",
    "Request",
    "binaries",
    "read_kubeconfig",
    "start",
]
