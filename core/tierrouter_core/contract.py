"""Names that operator, webhook, sidecar and plugin share, each in one place (design section 6).

What is mounted into a pod, how objects are found again, and the words of conditions and events. They are fixed: what
runs in a pod may be older than the operator that writes for it.
"""

from enum import StrEnum
from typing import Final

OPERATOR: Final = "tierrouter-operator"
"""The operator's field manager, and what it calls itself in events."""
WEBHOOK: Final = "tierrouter-webhook"
"""The webhook's field manager, and what it calls itself in events."""
PLUGIN: Final = "kubectl-tierrouter"
"""The plugin's field manager: `spec.pinnedRevision` is its field."""

# The active ConfigMap.
STABLE_FILE: Final = "stable.json"
CANARY_FILE: Final = "canary.json"
SPLIT_FILE: Final = "split.json"
# The credentials Secret: one of each for every provider that has a key.
KEY_SUFFIX: Final = ".key"
ORIGIN_SUFFIX: Final = ".origin"
# A revision's own ConfigMap.
DOCUMENT_FILE: Final = "document.json"

CONFIG_MOUNT: Final = "/etc/tierrouter/config"
CREDENTIALS_MOUNT: Final = "/etc/tierrouter/credentials"
STATE_MOUNT: Final = "/var/lib/tierrouter"
"""Where a pod's sidecar keeps its ledger and the last good document."""
CODEX_MOUNT: Final = "/etc/codex"
"""Where Codex looks for the settings of a machine, below those of a user."""
CONTAINER: Final = "tierrouter"
DATA_PORT: Final = 8383
"""What agents talk to, on loopback."""
ADMIN_PORT: Final = 9464
"""Health, metrics and status."""

# Volumes that the webhook adds to a pod.
CONFIG_VOLUME: Final = "tierrouter-config"
CREDENTIALS_VOLUME: Final = "tierrouter-credentials"
STATE_VOLUME: Final = "tierrouter-state"
NO_TOKEN_VOLUME: Final = "tierrouter-no-token"  # noqa: S105
CODEX_VOLUME: Final = "tierrouter-codex"

# Labels.
INJECT_LABEL: Final = "tierrouter.dev/inject"
"""On pods and namespaces: ``true``, ``false``, or the name of the router to use."""
ROUTER_LABEL: Final = "tierrouter.dev/router"
"""On pods: whose configuration they want. On what the operator made: whose it is."""
REVISION_LABEL: Final = "tierrouter.dev/revision"
"""On a RouterRevision and its ConfigMap: the revision's name."""
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"

RUN_LABEL: Final = "tierrouter.dev/run"
"""On the Jobs, pods and the ConfigMap of a RegressionRun: its name."""
CELL_LABEL: Final = "tierrouter.dev/cell"
"""On the Jobs and pods of a RegressionRun: the cell that is tested."""
SUITE_LABEL: Final = "tierrouter.dev/suite"
"""On a RegressionRun: its RegressionSuite's name."""

MODEL_SERVER_LABEL: Final = "tierrouter.dev/model-server"
"""On the pods of a model server: the router whose local tier it serves."""

# The model server.
OLLAMA_IMAGE: Final = "ollama/ollama:0.17.4"
OLLAMA_PORT: Final = 11434

# Annotations of pods, by users.
AGENT: Final = "tierrouter.dev/agent"
"""Which agent runs there, for its own settings: an ``Agent``."""
AGENT_CONTAINERS: Final = "tierrouter.dev/containers"
"""Names, separated by commas, of the containers that get an agent's settings; without it, all."""
TOKEN_SECRET: Final = "tierrouter.dev/token-secret"  # noqa: S105
"""``NAME`` or ``NAME/KEY``: a Secret with the token that agents have to show to the sidecar; without it, none."""
OVERRIDE_ENV_FROM: Final = "tierrouter.dev/override-env-from"
"""``true``: containers with ``envFrom`` get our variables too, which then win over what that brings."""

# Annotations of pods, by us.
CODEX_CONFIG: Final = "tierrouter.dev/codex-config"
"""The text of Codex's settings, which a volume shows as a file."""
INJECTED: Final = "tierrouter.dev/injected"
SIDECAR_VERSION: Final = "tierrouter.dev/sidecar-version"
POKE: Final = "tierrouter.dev/poke"
FORCE_TIER: Final = "tierrouter.dev/force-tier"
"""The tier that serves every turn of the pod, and no other: a suite measures one tier."""
FORCE_MODEL: Final = "tierrouter.dev/force-model"
"""With ``force-tier``: the model that serves instead of the tier's own, one of the tier's provider."""

# The same two, as the sidecar's environment has them.
FORCE_TIER_VARIABLE: Final = "TIERROUTER_FORCE_TIER"
FORCE_MODEL_VARIABLE: Final = "TIERROUTER_FORCE_MODEL"

# Annotations of the active ConfigMap. They are the truth; a status is what can be made again from them.
STABLE_REVISION: Final = "tierrouter.dev/stable-revision"
CANARY_REVISION: Final = "tierrouter.dev/canary-revision"
ACTIVATION: Final = "tierrouter.dev/activation"
"""Why and when the stable revision came into force: an ``Activation`` as JSON."""
INPUTS_DIGEST: Final = "tierrouter.dev/inputs-digest"
"""Digest of the inputs that the stable revision stands for, which other inputs than those it was made of may give."""
SPEC_DIGEST: Final = "tierrouter.dev/spec-digest"
"""Digest of the router's own part of those inputs: where it has not changed, a provider has."""
UNPINNED_REVISION: Final = "tierrouter.dev/unpinned-revision"
"""While a revision is pinned: the one that was in force before."""

ROLLOUT: Final = "tierrouter.dev/rollout"
"""The newest revision by a regression run that did not act at once: which, since when, what was counted so far and how
often it was looked at, and at last what became of it, as JSON."""
MOVED: Final = "tierrouter.dev/moved"
"""What regression runs have moved, ``{"base", "overlay"}`` as JSON, where that is not what the spec of the revision in
force says: a document that was there before, made of other inputs, is what they came to."""
PROPOSED_REVISION: Final = "tierrouter.dev/proposed-revision"
"""``REVISION@NONCE``: the revision that was made of the router's proposal, and which proposal that was."""

# Annotation of TierRouters, by `tierrouter tune`.
PROPOSAL: Final = "tierrouter.dev/proposal"
"""A ``Proposal`` as JSON: a spec that waits for a person, as a revision that serves nobody."""

# Annotations of TierRouters, by the plugin: a person's word on the revision that is tried, or waits to be.
PROMOTE: Final = "tierrouter.dev/promote"
"""``REVISION@SINCE``: this trial's revision shall be in force. It says nothing of any other trial."""
ABORT: Final = "tierrouter.dev/abort"
"""``REVISION@SINCE``: this trial shall end. It wins over ``promote``."""

# Annotation of users' RegressionSuites.
RUN_NOW: Final = "tierrouter.dev/run-now"
"""Any value that it has not had before begins a run."""

# A RegressionRun's Job.
RESULTS_CONTAINER: Final = "tierrouter-results"
"""The native sidecar that reads what the harness wrote and puts it into the run's status."""
RESULTS_ACCOUNT: Final = "tierrouter-results"
"""The service account of the Jobs' pods: it may write results, and nothing else."""
RESULTS_VOLUME: Final = "tierrouter-results"
RESULTS_MOUNT: Final = "/var/run/tierrouter/results"
"""Where a harness leaves its results; ``TIERROUTER_RESULTS_DIR`` says so."""
RESULTS_DIR_VARIABLE: Final = "TIERROUTER_RESULTS_DIR"
TASKS_FILE: Final = "tasks.jsonl.gz"
"""Key of the ConfigMap with a run's results task by task."""
MAX_TASKS_BYTES: Final = 900 * 1024
"""Of that file, as it is compressed."""

# Annotation of a revision's own ConfigMap, and of the active one.
REVISION_SPEC: Final = "tierrouter.dev/revision-spec"
"""The RouterRevision's spec as JSON, so that a lost one can be made again."""

# Annotation of the model server's parts.
WANTED_DIGEST: Final = "tierrouter.dev/wanted-digest"
"""Digest of what the operator last wanted: what it no longer wants has to go."""

# Annotation of users' Secrets.
ALLOWED_HOSTS: Final = "tierrouter.dev/allowed-hosts"
"""Hosts, separated by commas, that the Secret's keys may be sent to; without it, any that a ModelProvider names."""


def active_name(router: str) -> str:
    """The ConfigMap that pods mount."""
    return f"{router}-active"


def credentials_name(router: str) -> str:
    """The Secret that pods mount."""
    return f"{router}-credentials"


def tasks_name(run: str) -> str:
    """The ConfigMap with a run's results task by task."""
    return f"{run}-tasks"


def model_server_name(router: str) -> str:
    """The Deployment, Service, claim, NetworkPolicy and PodDisruptionBudget of a router's model server."""
    return f"{router}-ollama"


class ConditionType(StrEnum):
    """What a TierRouter's or ModelProvider's status judges; True is the good state of all but ``SidecarsOutdated``."""

    READY = "Ready"
    CONFIG_PUBLISHED = "ConfigPublished"
    PROVIDERS_READY = "ProvidersReady"
    SIDECARS_UP_TO_DATE = "SidecarsUpToDate"
    SIDECARS_OUTDATED = "SidecarsOutdated"
    """True while a pod runs a sidecar that is older than the operator, or reads another document format."""
    INJECTION_HEALTHY = "InjectionHealthy"
    MODEL_SERVER_READY = "ModelServerReady"
    BUDGETS_SHARED = "BudgetsShared"
    """False where a limit is meant for all pods and each pod's sidecar counts for itself."""
    ROLLOUT_SETTLED = "RolloutSettled"
    """Of routers and runs: Unknown while a revision is tried, False where it waits for a person or can't be made."""
    PROMETHEUS_USED = "PrometheusUsed"
    """While a canary is tried, where the operator was told of a Prometheus: False where its counts can't be used."""


def is_bad(type_: str, status: str) -> bool:
    """Whether a condition of a status says that something is wrong; what is not judged yet does not."""
    return status == ("True" if type_ == ConditionType.SIDECARS_OUTDATED else "False")


class ConditionReason(StrEnum):
    """Why a condition is as it is."""

    READY = "Ready"
    PUBLISHED = "Published"
    PINNED = "Pinned"
    """Published, and held: changes make no new revision active."""
    PIN_MISSING = "PinMissing"
    """`pinnedRevision` names a revision that is not there; what is active stays."""
    INVALID = "Invalid"
    """The spec, or a ModelProvider, can't be compiled."""
    BASELINE_PRICE_MISSING = "BaselinePriceMissing"
    DOCUMENT_TOO_LARGE = "DocumentTooLarge"
    DOCUMENT_LOST = "DocumentLost"
    """A revision's ConfigMap is gone, or holds something else than it was made with."""
    NAME_TAKEN = "NameTaken"
    """An object that is not ours has the name that we need."""
    WAITING_FOR_DELETION = "WaitingForDeletion"
    """A child of a deleted router of the same name has yet to go."""
    WRITE_REFUSED = "WriteRefused"
    """The API server refuses what the operator wants to write."""
    PROVIDERS_READY = "ProvidersReady"
    PROVIDER_MISSING = "ProviderMissing"
    PROVIDER_INVALID = "ProviderInvalid"
    SECRET_MISSING = "SecretMissing"  # noqa: S105
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105
    HOST_NOT_ALLOWED = "HostNotAllowed"
    ORIGIN_CHANGED = "OriginChanged"
    """The active revision would send a key elsewhere than its ModelProvider now says; the sidecar refuses that."""
    NO_CREDENTIAL = "NoCredential"
    """The provider needs no key."""
    UP_TO_DATE = "UpToDate"
    NO_SIDECARS = "NoSidecars"
    LAGGING = "Lagging"
    """Sidecars serve something else than the revision in force, or can't be asked."""
    CURRENT = "Current"
    """No sidecar is older than the operator."""
    OLDER_VERSION = "OlderVersion"
    OTHER_SCHEMA = "OtherSchema"
    """A sidecar reads another major of the document format than the operator writes."""
    INJECTED = "Injected"
    PODS_NOT_INJECTED = "PodsNotInjected"
    """Pods that asked for a sidecar run without one."""
    NOT_NEEDED = "NotNeeded"
    """The router names no local model."""
    STARTING = "Starting"
    UNSCHEDULABLE = "Unschedulable"
    """No node takes the model server's pod."""
    NO_GPU = "NoGPU"
    """No node has as many free GPUs as are asked for."""
    POD_FAILING = "PodFailing"
    """The model server's pod can't be made, or does not stay up."""
    PULLING = "Pulling"
    PULL_FAILED = "PullFailed"
    DISK_FULL = "DiskFull"
    LOADING = "Loading"
    LOAD_FAILED = "LoadFailed"
    CONTEXT_TOO_SMALL = "ContextTooSmall"
    """The model is loaded with a smaller context window than was asked for: prompts would be cut off unseen."""
    MODEL_MISSING = "ModelMissing"
    """An external model server does not have the model."""
    UNREACHABLE = "Unreachable"
    LOADED = "Loaded"
    AVAILABLE = "Available"
    """An external model server has the model, and says no more of it."""
    EACH_FOR_ITSELF = "EachForItself"
    """Sidecars have no ledger that they share."""
    NOTHING_TO_ROLL_OUT = "NothingToRollOut"
    CANARY_RUNS = "CanaryRuns"
    ROLLOUT_HELD = "RolloutHeld"
    """It begins again when a pin is gone, or what has changed is in force."""
    WAITING_FOR_PROMOTION = "WaitingForPromotion"
    ROLLOUT_BLOCKED = "RolloutBlocked"
    """The revision that a run decided on can't be made."""
    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    GIVEN_UP = "GivenUp"
    REJECTED = "Rejected"
    """A person did not want it."""
    SUPERSEDED = "Superseded"
    NOT_ACTED_ON = "NotActedOn"
    """Of runs: nothing of the decision was left to be done."""
    COUNTED_BY_PROMETHEUS = "CountedByPrometheus"
    COUNTED_BY_SIDECARS = "CountedBySidecars"
    """Prometheus gives no answer that can be used; the message says why."""
    NOT_OBSERVED = "NotObserved"
    """Nothing looks at this yet."""


class Agent(StrEnum):
    """Agents whose own settings are known."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    OPENCODE = "opencode"


class InjectionReason(StrEnum):
    """What became of a pod that the webhook was asked about; a label of its metric, and in warnings and events."""

    INJECTED = "Injected"
    ALREADY_INJECTED = "AlreadyInjected"
    NOT_ASKED_FOR = "NotAskedFor"
    OPTED_OUT = "OptedOut"
    NO_ROUTER = "NoRouter"
    """No router is named, and there is none in the namespace."""
    AMBIGUOUS_ROUTER = "AmbiguousRouter"
    """Several could be meant."""
    INVALID_NAME = "InvalidName"
    HOST_NETWORK = "HostNetwork"
    """Whoever is on the node could use the port, and with it the keys."""
    SHARED_PROCESSES = "SharedProcesses"
    """Other containers could read the sidecar's memory and files."""
    PORT_TAKEN = "PortTaken"
    NAME_TAKEN = "NameTaken"
    """A container or volume of the pod's own has the name that we need."""
    WINDOWS = "Windows"
    MIRROR_POD = "MirrorPod"
    FAILED = "Failed"
    """A defect of ours, or the API server did not say what we asked."""


class EventReason(StrEnum):
    """Reasons of the events that the operator posts."""

    REVISION_CREATED = "RevisionCreated"
    REVISION_ACTIVATED = "RevisionActivated"
    """A revision that was there before is in force again."""
    REVISION_PINNED = "RevisionPinned"
    CONFIG_REJECTED = "ConfigRejected"
    """What the user wrote can't be published; the message says why."""
    PROVIDER_NOT_READY = "ProviderNotReady"
    NAME_TAKEN = "NameTaken"
    MODEL_SERVER_READY = "ModelServerReady"
    MODEL_SERVER_NOT_READY = "ModelServerNotReady"
    DOCUMENT_RESTORED = "DocumentRestored"
    DOCUMENT_LOST = "DocumentLost"
    CHILD_RESTORED = "ChildRestored"
    """Something that the operator made was changed or deleted by somebody else."""
    WRITE_REFUSED = "WriteRefused"
    ROLLOUT_BEGAN = "RolloutBegan"
    ROLLOUT_WAITS = "RolloutWaits"
    """For a person: ``rollout.strategy: Manual``, or ``autoPromote: false``."""
    ROLLOUT_PROMOTED = "RolloutPromoted"
    ROLLOUT_ROLLED_BACK = "RolloutRolledBack"
    ROLLOUT_ENDED = "RolloutEnded"
    """Without a verdict: given up, rejected or overtaken."""
    ROLLOUT_HELD = "RolloutHeld"
    ROLLOUT_BLOCKED = "RolloutBlocked"
    DECISION_NOT_ACTED_ON = "DecisionNotActedOn"
    PROMETHEUS_UNUSABLE = "PrometheusUnusable"
    """A canary is judged by the sidecars' own counts, though the operator was told of a Prometheus."""
    NOT_INJECTED = "SidecarNotInjected"
    """A pod that asked for a sidecar starts without one; the message says why."""
    INJECTED_IN_PART = "SidecarInjectedInPart"
    """A pod has its sidecar, and something of it keeps an agent from using it."""
