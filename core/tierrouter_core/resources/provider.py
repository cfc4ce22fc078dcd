"""ModelProvider: where models live, what they are called there, and what they cost (design section 3)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from tierrouter_core.names import Dialect
from tierrouter_core.resources.fields import resource, setting
from tierrouter_core.resources.kinds import (
    Boolean,
    Choice,
    Duration,
    FreeObject,
    Integer,
    ListOf,
    Money,
    ObjectOf,
    Text,
)
from tierrouter_core.resources.metadata import API_VERSION, ProviderMetadata

KIND = "ModelProvider"

MODEL_NAME = Text(
    pattern=r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*",
    words="a model's name of letters, digits and . _ : / @ + -",
    max_length=128,
)
_DIALECTS = ListOf(item=Choice(of=Dialect), max_items=len(Dialect), unique=True)
_TOKENS = Integer(minimum=1, maximum=100_000_000)


@resource
class SecretRef:
    """One key of a Secret, by name: a key itself never stands in a resource."""

    name: str = setting(
        Text(
            pattern=r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?",
            words="a Secret's name of lower-case letters, digits, dashes and dots",
            max_length=253,
        ),
        "The Secret's name. In a local run `{name: openrouter, key: api-key}` is the variable `OPENROUTER_API_KEY`.",
    )
    key: str = setting(
        Text(pattern=r"[-._A-Za-z0-9]+", words="a Secret's key of letters, digits and - . _", max_length=253),
        "Which of the Secret's entries holds the API key.",
        default="api-key",
    )


@resource
class Credential:
    """How a provider's key is found."""

    secret_ref: SecretRef = setting(ObjectOf(cls=SecretRef), "Where the API key is kept; only its name stands here.")


@resource
class Rejection:
    """Turns of one dialect that a model refuses though it speaks the dialect."""

    dialect: Dialect = setting(Choice(of=Dialect), "The dialect.")
    when: str = setting(Choice(of=("tools",)), "What the refused turns have.", default="tools")


@resource
class Capabilities:
    """What a model can do; left out means unknown."""

    vision: bool | None = setting(Boolean(), "Takes images.", default=None)
    tools: bool | None = setting(Boolean(), "Takes tool definitions.", default=None)
    prefill: bool | None = setting(Boolean(), "Continues a trailing assistant message.", default=None)
    parallel_tools: bool | None = setting(Boolean(), "Calls several tools in one answer.", default=None)
    tool_choice: bool | None = setting(Boolean(), "Obeys a forced tool choice.", default=None)
    pdf: bool | None = setting(Boolean(), "Takes PDF documents.", default=None)
    mid_system: bool | None = setting(Boolean(), "Takes system messages in mid-conversation.", default=None)
    structured_output: bool | None = setting(Boolean(), "Answers by a JSON schema.", default=None)
    sampling: bool | None = setting(Boolean(), "Takes `temperature` and `top_p`.", default=None)
    plain_schemas: bool | None = setting(
        Boolean(), "Takes only plain JSON Schemas: translated ones lose notes and references.", default=None
    )
    include_usage: bool | None = setting(Boolean(), "Takes `stream_options.include_usage`.", default=None)
    strict_ids: bool | None = setting(Boolean(), "Insists on its own form of tool call ids.", default=None)


@resource
class Cache:
    """How a model's prompt cache behaves."""

    ttl_ms: int = setting(Duration(), "How long a cached prompt lives after its last use.", default=300_000)
    min_tokens: int = setting(Integer(), "The shortest prompt that is cached.", default=1024)


_INPUT = "USD per million uncached input tokens."
_OUTPUT = "USD per million output tokens, reasoning included."
_CACHE_READ = "USD per million input tokens read from the prompt cache."
_CACHE_WRITE = "USD per million tokens written to the prompt cache."
_CACHE_WRITE_1H = "The same, written with the extended time to live."
_AS_INPUT = "as `input`"


@resource
class LongRates:
    """Rates of turns whose input exceeds a number of tokens."""

    input_tokens: int = setting(_TOKENS, "Turns whose whole input exceeds this many tokens cost these rates.")
    input: Decimal = setting(Money(), _INPUT)
    output: Decimal = setting(Money(), _OUTPUT)
    cache_read: Decimal | None = setting(Money(), _CACHE_READ, default=None, means=_AS_INPUT)
    cache_write: Decimal | None = setting(Money(), _CACHE_WRITE, default=None, means=_AS_INPUT)
    cache_write_1h: Decimal | None = setting(Money(), _CACHE_WRITE_1H, default=None, means="as `cacheWrite`")


@resource
class ConfiguredPrice:
    """``priceUSDPerMTok``. Free is a price (``"0"``); unknown is leaving the whole price out."""

    input: Decimal = setting(Money(), _INPUT)
    output: Decimal = setting(Money(), _OUTPUT)
    cache_read: Decimal | None = setting(Money(), _CACHE_READ, default=None, means=_AS_INPUT)
    cache_write: Decimal | None = setting(Money(), _CACHE_WRITE, default=None, means=_AS_INPUT)
    cache_write_1h: Decimal | None = setting(Money(), _CACHE_WRITE_1H, default=None, means="as `cacheWrite`")
    above: tuple[LongRates, ...] = setting(
        ListOf(item=ObjectOf(cls=LongRates), max_items=8),
        "Other rates for turns with a long input, in rising order of `inputTokens`.",
        default=(),
    )


@resource
class ModelSpec:
    """One model of a provider."""

    name: str = setting(MODEL_NAME, "The model's name, as tiers say it.")
    id: str = setting(
        Text(pattern=r"[!-~]+", words="a model id without blanks", max_length=256),
        "The provider's own name for it, which goes into requests.",
        default="",
        means="as `name`",
    )
    context_window: int | None = setting(_TOKENS, "Tokens that input and output together may have.", default=None)
    max_output_tokens: int | None = setting(
        _TOKENS, "The most output tokens it gives; always lowers a client's own cap.", default=None
    )
    dialects: tuple[Dialect, ...] = setting(
        _DIALECTS, "What this model is spoken to in, best first.", default=(), means="the provider's"
    )
    reject: tuple[Rejection, ...] = setting(
        ListOf(item=ObjectOf(cls=Rejection), max_items=8), "Turns that it refuses, so that none is sent.", default=()
    )
    capabilities: Capabilities = setting(ObjectOf(cls=Capabilities), "What it can do.", default_factory=Capabilities)
    cache: Cache = setting(ObjectOf(cls=Cache), "Its prompt cache.", default_factory=Cache)
    price_usd_per_mtok: ConfiguredPrice | None = setting(
        ObjectOf(cls=ConfiguredPrice),
        'What it costs; `"0"` is free.',
        default=None,
        means="the price that genai-prices knows, else unknown",
    )


@resource
class ProviderSpec:
    """A ModelProvider's ``spec``."""

    base_url: str = setting(
        Text(pattern=r"[!-~]+", words="an http or https address without blanks", max_length=1024),
        "The API's address with its version prefix (`https://api.anthropic.com/v1`); endpoint paths are appended.",
    )
    dialects: tuple[Dialect, ...] = setting(
        _DIALECTS, "What its models are spoken to in, best first.", default=(), means="each model names its own"
    )
    credential: Credential | None = setting(
        ObjectOf(cls=Credential), "Where its API key is kept.", default=None, means="none: it needs no key"
    )
    ca_bundle: str = setting(
        Text(max_length=200_000, multiline=True),
        "PEM certificates to trust for this provider beside the system's.",
        default="",
    )
    request_defaults: Mapping[str, Any] = setting(
        FreeObject(), "Top-level body keys that are added to a request that lacks them.", default_factory=dict
    )
    models: tuple[ModelSpec, ...] = setting(
        ListOf(item=ObjectOf(cls=ModelSpec), min_items=1, ordered=False, keyed_by="name"),
        "Its models that tiers may name.",
    )


@resource
class ModelProvider:
    """Where models live."""

    TOLERATED: ClassVar[frozenset[str]] = frozenset({"status"})

    api_version: str = setting(Choice(of=(API_VERSION,)), "The format's version.")
    kind: str = setting(Choice(of=(KIND,)), "The resource's kind.")
    metadata: ProviderMetadata = setting(ObjectOf(cls=ProviderMetadata), "Its name.")
    spec: ProviderSpec = setting(ObjectOf(cls=ProviderSpec), "What it is.")

    @property
    def name(self) -> str:
        """The name that tiers use."""
        return self.metadata.name

    def model(self, name: str) -> ModelSpec | None:
        """The model that the user calls ``name``."""
        return next((model for model in self.spec.models if model.name == name), None)
