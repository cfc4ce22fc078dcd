"""RouterRevision: one compiled state of a router, never changed once it is written (design section 3).

Every field of the spec is required, texts may be empty: what is left out at first could be added later, and then
the spec would have changed.
"""

from collections.abc import Mapping
from enum import StrEnum

from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import Choice, Integer, ListOf, MapOf, ObjectOf, Text
from tierrouter_core.resources.metadata import API_VERSION, MAX_ROUTER_NAME, ObjectMetadata, dns_label
from tierrouter_core.resources.provider import MODEL_NAME
from tierrouter_core.resources.router import FIGURE, THRESHOLD_NAME, TIER
from tierrouter_core.resources.status import (
    CONDITIONS,
    CONDITIONS_DOC,
    GENERATION,
    MESSAGE,
    OBSERVED_GENERATION_DOC,
    TIMESTAMP,
    Condition,
)

KIND = "RouterRevision"
MAX_ACTIVATIONS = 20

DIGEST = Text(
    pattern=r"[0-9a-f]{64}", words="a SHA-256 digest of 64 hex characters", short="64 hex characters", max_length=64
)
_RUN_OR_NONE = dns_label(63, may_be_empty=True)
_FIGURES = MapOf(key=THRESHOLD_NAME, item=FIGURE, max_items=64)
_MODELS = MapOf(key=TIER, item=MODEL_NAME, max_items=64)


class OriginType(StrEnum):
    """What made a revision."""

    SPEC_CHANGE = "SpecChange"
    PROVIDER_CHANGE = "ProviderChange"
    REGRESSION = "Regression"
    PROMOTION = "Promotion"
    RECOVERY = "Recovery"
    MANUAL = "Manual"


class Phase(StrEnum):
    """Where a revision is in its life."""

    CANDIDATE = "Candidate"
    CANARY = "Canary"
    ACTIVE = "Active"
    SUPERSEDED = "Superseded"
    ROLLED_BACK = "RolledBack"
    REJECTED = "Rejected"


@resource
class TunedValues:
    """Values that regression runs may move."""

    thresholds: Mapping[str, int] = setting(_FIGURES, "Thresholds by name.")
    tiers: Mapping[str, str] = setting(_MODELS, "Models by tier.")


@resource
class Origin:
    """Why there is a revision."""

    type: OriginType = setting(Choice(of=OriginType), "What made it.")
    run: str = setting(_RUN_OR_NONE, "The RegressionRun that made it; empty for none.")
    message: str = setting(MESSAGE, "Why, as a sentence for people.")


@resource
class RevisionSpec:
    """A RouterRevision's ``spec``."""

    router: str = setting(dns_label(MAX_ROUTER_NAME), "The TierRouter that it was compiled from.")
    number: int = setting(Integer(minimum=1), "Counted from 1 for each router.")
    inputs_digest: str = setting(
        DIGEST, "Digest of what was compiled: the router's spec, its providers, the overlay. No two revisions share it."
    )
    document_digest: str = setting(DIGEST, "Digest of the document that came of it.")
    base: TunedValues = setting(ObjectOf(cls=TunedValues), "What the router's spec said when it was made.")
    overlay: TunedValues = setting(
        ObjectOf(cls=TunedValues), "What holds instead, by decision of regression runs; empty for none."
    )
    origin: Origin = setting(ObjectOf(cls=Origin), "Why there is this revision.")


@resource
class Activation:
    """One time that a revision came into force."""

    time: str = setting(TIMESTAMP, "When.")
    reason: str = setting(Choice(of=OriginType), "Why, as a word for programs.")
    run: str = setting(_RUN_OR_NONE, "The RegressionRun that decided it; empty for none.", default="")
    message: str = setting(MESSAGE, "Why, as a sentence for people.", default="")


@resource
class RevisionStatus:
    """A RouterRevision's ``status``."""

    observed_generation: int = setting(GENERATION, OBSERVED_GENERATION_DOC, default=0)
    conditions: tuple[Condition, ...] = setting(CONDITIONS, CONDITIONS_DOC, default=())
    phase: Phase = setting(Choice(of=Phase), "Where it is in its life.", default=Phase.CANDIDATE)
    activations: tuple[Activation, ...] = setting(
        ListOf(item=ObjectOf(cls=Activation), max_items=MAX_ACTIVATIONS),
        f"When it came into force; the newest {MAX_ACTIVATIONS}.",
        default=(),
    )


@resource
class RouterRevision:
    """One compiled state of a router."""

    api_version: str = setting(Choice(of=(API_VERSION,)), "The format's version.")
    kind: str = setting(Choice(of=(KIND,)), "The resource's kind.")
    metadata: ObjectMetadata = setting(
        ObjectOf(cls=ObjectMetadata), "The router's name and the first ten characters of `documentDigest`."
    )
    spec: RevisionSpec = setting(ObjectOf(cls=RevisionSpec), "What was compiled; it never changes.")
    status: RevisionStatus = setting(ObjectOf(cls=RevisionStatus), "What became of it.", default_factory=RevisionStatus)
