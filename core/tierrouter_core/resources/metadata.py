"""What all kinds of resources share: names, and what the API server adds to them."""

from collections.abc import Mapping
from typing import ClassVar

from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import MapOf, Text

GROUP = "tierrouter.dev"
API_VERSION = f"{GROUP}/v1alpha1"
DEFAULT_NAMESPACE = "default"
MAX_ROUTER_NAME = 40

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_LABEL_WORDS = "a name of lower-case letters, digits and inner dashes"


def dns_label(max_length: int = 63, *, may_be_empty: bool = False) -> Text:
    """A Kubernetes name without dots; empty too where a field means "none" by it."""
    words = f"{_LABEL_WORDS}, at most {max_length} characters"
    pattern = f"(?:{_LABEL})?" if may_be_empty else _LABEL
    return Text(pattern=pattern, words=words, short=f"name, at most {max_length} characters", max_length=max_length)


# What `kubectl get -o yaml` prints beside a user's own metadata.
_SERVERS_OWN = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)

_NAMESPACE = dns_label(63)
_LABELS = MapOf(item=Text(max_length=63), max_items=4096)
_ANNOTATIONS = MapOf(item=Text(max_length=262_144, multiline=True), max_items=4096)


@resource
class RouterMetadata:
    """A TierRouter's ``metadata``."""

    TOLERATED: ClassVar[frozenset[str]] = _SERVERS_OWN

    name: str = setting(dns_label(MAX_ROUTER_NAME), "The router's name.")
    namespace: str = setting(_NAMESPACE, "Its namespace.", default=DEFAULT_NAMESPACE)
    labels: Mapping[str, str] = setting(_LABELS, "Kubernetes labels; not used.", default_factory=dict)
    annotations: Mapping[str, str] = setting(_ANNOTATIONS, "Kubernetes annotations; not used.", default_factory=dict)


@resource
class ProviderMetadata:
    """A ModelProvider's ``metadata``."""

    TOLERATED: ClassVar[frozenset[str]] = _SERVERS_OWN

    name: str = setting(dns_label(), "The provider's name, as tiers say it.")
    namespace: str = setting(
        _NAMESPACE, "The namespace whose routers may use it.", default="", means="in a local file: every namespace"
    )
    labels: Mapping[str, str] = setting(_LABELS, "Kubernetes labels; not used.", default_factory=dict)
    annotations: Mapping[str, str] = setting(_ANNOTATIONS, "Kubernetes annotations; not used.", default_factory=dict)


@resource
class ObjectMetadata:
    """The ``metadata`` of the kinds that never stand in router files."""

    TOLERATED: ClassVar[frozenset[str]] = _SERVERS_OWN

    name: str = setting(dns_label(), "Its name.")
    namespace: str = setting(_NAMESPACE, "The router's namespace.")
    labels: Mapping[str, str] = setting(_LABELS, "Kubernetes labels.", default_factory=dict)
    annotations: Mapping[str, str] = setting(_ANNOTATIONS, "Kubernetes annotations.", default_factory=dict)
