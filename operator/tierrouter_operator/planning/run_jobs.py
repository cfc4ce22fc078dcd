"""The Job of one cell: the user's own, in which the tier is forced and whose results are collected.

One pod at a time runs the harness once. A pod that its node lost, that was evicted or ran out of memory is made again;
what a harness exits with is an answer and never retried, since a second try would be another measurement.
"""

import copy
from collections.abc import Mapping
from typing import Any, Final

from tierrouter_core.contract import (
    CELL_LABEL,
    FORCE_MODEL,
    FORCE_TIER,
    INJECT_LABEL,
    MANAGED_BY_LABEL,
    OPERATOR,
    RESULTS_ACCOUNT,
    RESULTS_CONTAINER,
    RESULTS_DIR_VARIABLE,
    RESULTS_MOUNT,
    RESULTS_VOLUME,
    RUN_LABEL,
    SUITE_LABEL,
)
from tierrouter_core.regression.pod_loss import KILLED
from tierrouter_core.resources.regression import SuiteSpec
from tierrouter_operator.planning.kinds import JOB, RUN, Obj
from tierrouter_operator.planning.run_seen import Run

TOKEN_VOLUME: Final = "tierrouter-results-token"  # noqa: S105
_TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105
_TOKEN_S: Final = 3600
_RESOURCES: Final = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
"""What the collector asks for: it reads results, however large, once."""
_MAX_RULES: Final = 20
"""Of a podFailurePolicy; the first is ours alone."""
_RESULTS_SIZE: Final = "256Mi"
_ENDS_S: Final = 30
"""Kubernetes' own time for a pod to end."""
_OURS: Final = frozenset(
    {
        *("activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "completionMode", "completions"),
        *("manualSelector", "maxFailedIndexes", "parallelism", "podFailurePolicy", "podReplacementPolicy"),
        *("selector", "successPolicy", "ttlSecondsAfterFinished"),
    }
)
"""Fields of a Job's spec that a run decides by itself."""
_CollectedBy = Mapping[str, Any]


def job_name(run: str, index: int) -> str:
    """The Job of the cell that stands at ``index`` in the matrix. An admission policy knows this form."""
    return f"{run}-{index}"


def template_problem(template: Mapping[str, Any]) -> str:
    """Why no Job can be made of a suite's ``jobTemplate``; empty where one can."""
    spec = template.get("spec")
    pod_template = spec.get("template") if isinstance(spec, dict) else None
    pod = pod_template.get("spec") if isinstance(pod_template, dict) else None
    if not isinstance(pod, dict):
        return "jobTemplate has no spec.template.spec; write it as spec.jobTemplate of a CronJob"
    containers = pod.get("containers")
    if not isinstance(containers, list) or not containers:
        return "jobTemplate: its pod has no containers; name the one that runs your harness"
    if not all(isinstance(each, dict) and each.get("name") for each in containers):
        return "jobTemplate: a container has no name"
    if len(containers) >= _MAX_RULES:
        return f"jobTemplate: its pod has {len(containers)} containers; at most {_MAX_RULES - 1} can be told apart"
    every = [*containers, *(each for each in pod.get("initContainers") or () if isinstance(each, dict))]
    if any(each.get("name") == RESULTS_CONTAINER for each in every):
        return f"jobTemplate: the container name {RESULTS_CONTAINER} is the collector's; name yours otherwise"
    volumes = [each.get("name") for each in pod.get("volumes") or () if isinstance(each, dict)]
    for name in (RESULTS_VOLUME, TOKEN_VOLUME):
        if name in volumes:
            return f"jobTemplate: the volume name {name} is taken by the run's own; name yours otherwise"
    for each in every:
        if any(mount.get("mountPath") == RESULTS_MOUNT for mount in each.get("volumeMounts") or ()):
            return f"jobTemplate: container {each['name']} mounts something at {RESULTS_MOUNT}, where results go"
    account = pod.get("serviceAccountName") or pod.get("serviceAccount") or RESULTS_ACCOUNT
    if account != RESULTS_ACCOUNT:
        return (
            f"jobTemplate: serviceAccountName is {account}; the Jobs of a run are {RESULTS_ACCOUNT}, which may write "
            "results and nothing else: leave the field out"
        )
    for name in ("hostNetwork", "hostPID", "shareProcessNamespace"):
        if pod.get(name):
            return f"jobTemplate: with {name} a pod gets no sidecar, and so no tier; leave it out"
    return ""


def job_of(run: Run, index: int, suite: SuiteSpec, image: str) -> Obj:
    """The Job of one cell, as it is created; it never changes.

    Args:
        run: the run that it belongs to.
        index: which cell of its matrix.
        suite: the suite, with a ``jobTemplate`` that has no problem.
        image: of the container that collects results.
    """
    cell = run.cells[index]
    ours = {MANAGED_BY_LABEL: OPERATOR, SUITE_LABEL: run.suite, RUN_LABEL: run.name, CELL_LABEL: cell.name}
    template: dict[str, Any] = copy.deepcopy(dict(suite.job_template))
    theirs = template.get("metadata") or {}
    spec = {key: value for key, value in template["spec"].items() if key not in _OURS}
    pod_template = spec["template"]
    pod_metadata = pod_template.get("metadata") or {}
    pod = pod_template["spec"]
    harness = [each["name"] for each in pod["containers"]]
    forced = {FORCE_TIER: cell.tier, FORCE_MODEL: cell.model}
    spec |= {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": suite.retries,
        "activeDeadlineSeconds": _deadline_s(template["spec"].get("activeDeadlineSeconds"), suite.timeout_ms),
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _rules(harness)},
        "template": {
            "metadata": {
                "labels": {**(pod_metadata.get("labels") or {}), **ours, INJECT_LABEL: suite.router},
                "annotations": {**(pod_metadata.get("annotations") or {}), **forced},
            },
            "spec": _pod(pod, run, cell.name, suite.result_format, image),
        },
    }
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {
            "name": job_name(run.name, index),
            "namespace": run.namespace,
            "labels": {**(theirs.get("labels") or {}), **ours},
            **({"annotations": theirs["annotations"]} if theirs.get("annotations") else {}),
            "ownerReferences": [run_reference(run)],
        },
        "spec": spec,
    }


def run_reference(run: Run) -> Mapping[str, Any]:
    """Makes the garbage collector take a child away with its run."""
    return {
        "apiVersion": RUN.api_version,
        "kind": RUN.kind,
        "name": run.name,
        "uid": run.obj["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def is_of(obj: Obj, run: Run) -> bool:
    """Whether the run controls the object; labels and names are easily copied."""
    return any(
        reference.get("controller") and reference.get("uid") == run.obj["metadata"]["uid"]
        for reference in obj["metadata"].get("ownerReferences") or ()
    )


def ends_within_s(job: Obj) -> int:
    """How long the Job's pod has for its end, in which results are collected."""
    given = job["spec"]["template"]["spec"].get("terminationGracePeriodSeconds")
    return given if isinstance(given, int) else _ENDS_S


def _deadline_s(theirs: Any, timeout_ms: int) -> int:
    ours = max(1, timeout_ms // 1000)
    return min(theirs, ours) if isinstance(theirs, int) and theirs > 0 else ours


def _seconds(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _rules(harness: list[str]) -> list[Mapping[str, Any]]:
    lost = {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    # Whatever it is but an end by the kernel: a pod that is counted is made again, up to the suite's `retries`.
    answers = [
        {"action": "FailJob", "onExitCodes": {"containerName": name, "operator": "NotIn", "values": [KILLED]}}
        for name in harness
    ]
    return [lost, *answers]


def _pod(pod: Mapping[str, Any], run: Run, cell: str, result_format: str, image: str) -> Mapping[str, Any]:
    token = {
        "name": TOKEN_VOLUME,
        "projected": {
            "defaultMode": 0o444,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_S}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
            ],
        },
    }
    results = {"name": RESULTS_VOLUME, "emptyDir": {"sizeLimit": _RESULTS_SIZE}}
    kept = {key: value for key, value in pod.items() if key != "serviceAccount"}
    return {
        **kept,
        "restartPolicy": "Never",
        # The collector works in it.
        "terminationGracePeriodSeconds": max(_ENDS_S, _seconds(pod.get("terminationGracePeriodSeconds"))),
        "serviceAccountName": RESULTS_ACCOUNT,
        # The harness gets no token: only the collector mounts one.
        "automountServiceAccountToken": False,
        "volumes": [*(pod.get("volumes") or ()), results, token],
        # First, so that it ends last but for the router's sidecar, which injection puts before it.
        "initContainers": [
            _collector(run, cell, result_format, image, with_resources=_has_resources(pod)),
            *(_with_results(each) for each in pod.get("initContainers") or ()),
        ],
        "containers": [_with_results(each) for each in pod["containers"]],
    }


def _with_results(container: Mapping[str, Any]) -> Mapping[str, Any]:
    env = [each for each in container.get("env") or () if each.get("name") != RESULTS_DIR_VARIABLE]
    return {
        **container,
        "env": [*env, {"name": RESULTS_DIR_VARIABLE, "value": RESULTS_MOUNT}],
        "volumeMounts": [
            *(container.get("volumeMounts") or ()),
            {"name": RESULTS_VOLUME, "mountPath": RESULTS_MOUNT},
        ],
    }


def _has_resources(pod: Mapping[str, Any]) -> bool:
    return any(each.get("resources") for each in (*(pod.get("initContainers") or ()), *pod["containers"]))


def _collector(run: Run, cell: str, result_format: str, image: str, *, with_resources: bool) -> _CollectedBy:
    arguments = {
        "--run": run.name,
        "--namespace": run.namespace,
        "--cell": cell,
        "--format": result_format,
        "--dir": RESULTS_MOUNT,
    }
    return {
        "name": RESULTS_CONTAINER,
        "image": image,
        "restartPolicy": "Always",
        "args": ["regress", "collect", *(word for pair in arguments.items() for word in pair)],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": RESULTS_DIR_VARIABLE, "value": RESULTS_MOUNT},
        ],
        # Where the harness states none, the namespace's defaults are to hold for all alike.
        **({"resources": _RESOURCES} if with_resources else {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumeMounts": [
            {"name": RESULTS_VOLUME, "mountPath": RESULTS_MOUNT, "readOnly": True},
            {"name": TOKEN_VOLUME, "mountPath": _TOKEN_MOUNT, "readOnly": True},
        ],
    }
