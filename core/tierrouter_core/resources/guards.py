"""The parts of a TierRouter that guard it: budgets, shares, the ledger, rollouts and the local model.

``compile`` warns about those that nothing acts on outside of a cluster.
"""

from collections.abc import Mapping
from decimal import Decimal

from tierrouter_core.contract import OLLAMA_IMAGE
from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import Boolean, Choice, Duration, Integer, ListOf, MapOf, Money, ObjectOf, Text
from tierrouter_core.resources.metadata import dns_label

_TIER = dns_label(40)
_LABEL_NAME = Text(pattern=r"(?:[!-.0-~]+/)?[-A-Za-z0-9_.]*", words="a label's name", max_length=316)
_LABEL_VALUE = Text(pattern=r"[-A-Za-z0-9_.]*", words="a label's value", max_length=63)
_OBJECT_NAME = Text(
    pattern=r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)?",
    words="an object's name of lower-case letters, digits, dashes and dots",
    max_length=253,
)
_DAY_MS = 24 * 3_600_000
_IMAGE_NAME = Text(pattern=r"[!-~]*", words="a container image's name without blanks", max_length=512)
_QUANTITY = Text(
    pattern=r"[0-9]+(?:\.[0-9]+)?(?:[KMGTPE]i|[kMGTPE])?", words="a Kubernetes quantity such as 40Gi", max_length=32
)


@resource
class Budget:
    """A spending limit."""

    name: str = setting(dns_label(63), "The budget's name.")
    scope: str = setting(Choice(of=("Session", "Router")), "Whose spending is added up.", default="Session")
    window_ms: int = setting(Duration(), "Over how long.", default=_DAY_MS)
    limit_usd: Decimal = setting(Money(), "The limit in USD.")
    tiers: tuple[str, ...] = setting(
        ListOf(item=_TIER, max_items=64, unique=True, ordered=False),
        "The tiers that it covers.",
        default=(),
        means="every tier",
    )
    on_exhausted: str = setting(
        Choice(of=("Downgrade", "Reject", "Warn")), "What happens at the limit.", default="Downgrade"
    )
    downgrade_to: str = setting(
        dns_label(40, may_be_empty=True), "The tier that serves then; `Downgrade` needs it.", default=""
    )
    grace_usd: Decimal = setting(
        Money(), "What a prompt in progress may spend beyond the limit, in USD.", default=Decimal(0)
    )


@resource
class DeepShare:
    """The share of turns, or of cost, that expensive tiers may have."""

    max_percent: int = setting(Integer(maximum=100), "The most that they may have.", default=5)
    by: str = setting(Choice(of=("Turns", "Spend")), "What is counted.", default="Turns")
    window_ms: int = setting(Duration(), "Over how long.", default=_DAY_MS)
    min_prompts: int = setting(Integer(), "Prompts to wait for before judging.", default=200)
    action: str = setting(
        Choice(of=("Alert", "RequireHint")),
        "`RequireHint`: expensive tiers then serve only turns that hint at them.",
        default="Alert",
    )


@resource
class OutputPolicy:
    """A service that judges answers when they are over; the next turn's ``turn.output_flagged`` is what it says."""

    endpoint: str = setting(
        Text(pattern=r"[!-~]+", words="an http or https address without blanks", max_length=1024),
        'Gets `{"text": ...}` by POST and answers `{"flagged": true}` or `false`.',
    )
    timeout_ms: int = setting(Duration(), "For its whole answer.", default=2_000)
    on_failure: str = setting(
        Choice(of=("Open", "Closed")),
        "Where it fails: `Open` takes the answer for fine, `Closed` for flagged.",
        default="Open",
    )


@resource
class Ledger:
    """Where turns are written down."""

    store: str = setting(Choice(of=("SQLite", "Postgres")), "`Postgres` is refused until it exists.", default="SQLite")
    persistent_volume_claim: str = setting(
        Text(
            pattern=r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)?",
            words="a claim's name of lower-case letters, digits, dashes and dots",
            max_length=253,
        ),
        "In a cluster: the claim that keeps the files.",
        default="",
        means="the pod's own, lost with it",
    )


@resource
class Rollout:
    """How a revision that a regression run made takes over."""

    strategy: str = setting(
        Choice(of=("Canary", "Immediate", "Manual")),
        "`Immediate`: every session at once; `Manual`: none until somebody says `kubectl tierrouter promote`.",
        default="Canary",
    )
    canary_percent: int = setting(
        Integer(minimum=1, maximum=100), "New sessions that try it first, in percent.", default=10
    )
    min_turns: int = setting(Integer(), "Turns to wait for before judging.", default=200)
    analysis_window_ms: int = setting(Duration(), "The time that is judged.", default=1_800_000)
    max_error_percent: int = setting(Integer(maximum=100), "More failed turns than this roll it back.", default=2)
    deadline_ms: int = setting(Duration(), "When it ends without `minTurns`.", default=_DAY_MS)
    auto_promote: bool = setting(Boolean(), "Take over without asking.", default=True)


@resource
class Toleration:
    """A taint of nodes that the model server's pod puts up with, as Kubernetes has it."""

    key: str = setting(_LABEL_NAME, "The taint's key.", default="", means="every taint")
    operator: str = setting(Choice(of=("Equal", "Exists")), "`Exists`: whatever its value is.", default="Equal")
    value: str = setting(_LABEL_VALUE, "The taint's value.", default="")
    effect: str = setting(
        Choice(of=("", "NoSchedule", "PreferNoSchedule", "NoExecute")),
        "The taint's effect.",
        default="",
        means="every effect",
    )


@resource
class LocalModel:
    """The model server of the local tier."""

    runtime: str = setting(
        Choice(of=("Ollama", "External")),
        "`Ollama`: run by the operator; `External`: run by somebody else.",
        default="Ollama",
    )
    tier: str = setting(
        _TIER, "The tier that it serves; its ModelProvider says where an external server is.", default="local"
    )
    image: str = setting(_IMAGE_NAME, "Its container image.", default="", means=f"`{OLLAMA_IMAGE}`")
    model: str = setting(
        Text(pattern=r"[!-~]*", words="a model's name without blanks", max_length=256),
        "The model to load; `Ollama` needs it.",
        default="",
    )
    context_length: int = setting(
        Integer(minimum=512, maximum=100_000_000), "Its context window in tokens.", default=65_536
    )
    gpus: int = setting(Integer(maximum=64), "GPUs to ask for.", default=1)
    gpu_resource: str = setting(
        Text(
            pattern=r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?",
            words="a resource's name such as amd.com/gpu",
            max_length=316,
        ),
        "What the cluster calls a GPU. Its taint of the same name is tolerated.",
        default="nvidia.com/gpu",
    )
    storage: str = setting(_QUANTITY, "Disk space for its weights.", default="40Gi")
    storage_class_name: str = setting(
        _OBJECT_NAME, "The storage class of the claim that is made for them.", default="", means="the cluster's default"
    )
    existing_claim: str = setting(
        _OBJECT_NAME,
        "A claim that is there already: none is made, and the weights outlive the router.",
        default="",
        means="one is made",
    )
    runtime_class_name: str = setting(
        _OBJECT_NAME, "The pod's runtime class, where GPUs need one.", default="", means="the cluster's default"
    )
    node_selector: Mapping[str, str] = setting(
        MapOf(key=_LABEL_NAME, item=_LABEL_VALUE, max_items=32),
        "Labels of the nodes that it may run on.",
        default_factory=dict,
        means="any node",
    )
    tolerations: tuple[Toleration, ...] = setting(
        ListOf(item=ObjectOf(cls=Toleration), max_items=32),
        "Taints of nodes that it puts up with.",
        default=(),
        means="none",
    )
