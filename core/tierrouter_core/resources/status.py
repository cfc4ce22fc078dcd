"""What the operator says about resources: the condition that every status holds, and the statuses of users' kinds."""

from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import Choice, Integer, ListOf, ObjectOf, Text
from tierrouter_core.resources.metadata import dns_label

TIMESTAMP = Text(
    pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z",
    words="a time in UTC such as 2026-01-31T23:59:59Z",
    short="time in UTC",
    max_length=40,
    is_time=True,
)
GENERATION = Integer(maximum=2**53)  # What a schema's bounds, which are floats, can say exactly.
REVISION_NAME = dns_label(63, may_be_empty=True)
MESSAGE = Text(words="text", max_length=2048, multiline=True)

# As Kubernetes' own metav1.Condition has them.
_CONDITION_TYPE = Text(
    pattern=r"(?:[-A-Za-z0-9_.]+/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?",
    words="a word in CamelCase",
    max_length=316,
)
_CONDITION_REASON = Text(
    pattern=r"[A-Za-z](?:[A-Za-z0-9_,:]*[A-Za-z0-9_])?", words="a word in CamelCase", max_length=1024
)
_CONDITION_MESSAGE = Text(max_length=32_768, multiline=True)


@resource
class Condition:
    """One thing that was observed to be so, or not."""

    type: str = setting(_CONDITION_TYPE, "What is judged; `True` is the good state.")
    status: str = setting(Choice(of=("True", "False", "Unknown")), "Whether it is so.")
    observed_generation: int = setting(GENERATION, "The `metadata.generation` that was judged.", default=0)
    last_transition_time: str = setting(TIMESTAMP, "When `status` changed last.")
    reason: str = setting(_CONDITION_REASON, "Why, as a word for programs.")
    message: str = setting(_CONDITION_MESSAGE, "Why, as a sentence for people; may be empty.")


CONDITIONS = ListOf(item=ObjectOf(cls=Condition), max_items=32, ordered=False, keyed_by="type")
OBSERVED_GENERATION_DOC = "The `metadata.generation` that this status speaks of."
CONDITIONS_DOC = "What was observed, by `type`."
_COUNT = Integer()


@resource
class RouterStatus:
    """A TierRouter's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
    active_revision: str = setting(REVISION_NAME, "The revision that sidecars are told to serve.", default="")
    canary_revision: str = setting(REVISION_NAME, "The revision that some new sessions try.", default="")
    revisions: int = setting(_COUNT, "Revisions that are kept.", default=0)
    sidecars: int = setting(_COUNT, "Sidecars that were asked what they serve.", default=0)
    sidecars_up_to_date: int = setting(_COUNT, "Those of them that serve the active revision.", default=0)


@resource
class ProviderStatus:
    """A ModelProvider's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
