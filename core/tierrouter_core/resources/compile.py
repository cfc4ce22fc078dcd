"""A TierRouter and its ModelProviders to the document that a sidecar routes by. Pure: prices are passed in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tierrouter_core.document.model import (
    Baseline,
    Budget,
    DeepShare,
    Document,
    Failover,
    Hints,
    Hooks,
    Model,
    ModelHint,
    OutputPolicy,
    Provider,
    Rule,
    Session,
    Tier,
)
from tierrouter_core.errors import ConfigurationError, Problem
from tierrouter_core.resources.caveats import warnings_of
from tierrouter_core.resources.checks import tiers_have_models
from tierrouter_core.resources.fields import declared
from tierrouter_core.resources.load import ProviderKey, find_provider
from tierrouter_core.resources.prices import PriceOf, base_url_of, looked_up, model_id_of, price_of_model
from tierrouter_core.resources.provider import Capabilities, ModelProvider, ModelSpec
from tierrouter_core.resources.router import RouterSpec, SessionSpec, TierRouter
from tierrouter_core.resources.yaml_text import format_path

Providers = Mapping[ProviderKey, ModelProvider]

_SWITCH_BUDGET_PERCENT = 20


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came of compiling a router."""

    document: Document
    warnings: tuple[str, ...]
    """What works otherwise than the files may lead one to expect, a sentence each."""


def compile_router(router: TierRouter, providers: Providers, price_of: PriceOf) -> Compiled:
    """Resolve everything that ``router`` says into a document.

    Args:
        router: the router, checked by ``load_resources``.
        providers: all providers by ``(namespace, name)``; those that the router does not use are left out.
        price_of: a price list, asked only for models without ``priceUSDPerMTok`` (see :func:`needs_prices`).

    Raises:
        ConfigurationError: a tier names a provider or a model that is not there.
    """
    used = _used_providers(router, providers)
    spec = router.spec
    document = Document(
        namespace=router.namespace,
        router=router.name,
        mode=spec.mode,
        tiers={tier.name: tier for tier in _tiers(spec)},
        default_tier=spec.shares,
        fallback_tier=spec.fallback_tier or spec.shares[0][0],
        baseline=_baseline(router, providers, price_of),
        thresholds={threshold.name: threshold.value for threshold in spec.thresholds},
        rules=tuple(
            Rule(name=rule.name, when=rule.when, tier=rule.tier, escalate=rule.escalate, essential=rule.essential)
            for rule in spec.rules
        ),
        model_hints=tuple(ModelHint(match=hint.match, tier=hint.tier, pin=hint.pin) for hint in spec.model_hints),
        hints=_hints(spec),
        session=_session(spec.session),
        failover=_failover(spec),
        response_model=spec.response_model,
        providers={name: _provider(provider, price_of) for name, provider in used.items()},
        budgets=_budgets(spec),
        deep_share=_deep_share(spec),
        output_policy=_output_policy(spec),
        hooks=_hooks(spec),
    )
    return Compiled(document, tuple(warnings_of(router, document)))


def needs_prices(router: TierRouter, providers: Providers) -> tuple[tuple[str, str, str], ...]:
    """What ``compile_router`` will ask its ``price_of``: ``(provider's name, base URL, model id)``, each once."""
    asked: dict[tuple[str, str, str], None] = {}

    def note(provider_name: str, base_url: str, model_id: str) -> None:
        asked[provider_name, base_url, model_id] = None

    for provider in _used_providers(router, providers).values():
        for model in provider.spec.models:
            price_of_model(provider, model, note)
    _baseline(router, providers, note)
    return tuple(asked)


def _used_providers(router: TierRouter, providers: Providers) -> dict[str, ModelProvider]:
    """The providers that the tiers name, in the tiers' order."""
    findings = tiers_have_models(
        router, lambda namespace, name: find_provider(providers, namespace, name), tuple(providers)
    )
    document = f"TierRouter/{router.name}"
    problems = [Problem("", document, format_path(finding.path), finding.message) for finding in findings]
    if problems:
        raise ConfigurationError(problems)
    found = {tier.provider: find_provider(providers, router.namespace, tier.provider) for tier in router.spec.tiers}
    return {name: provider for name, provider in found.items() if provider is not None}


def _tiers(spec: RouterSpec) -> Iterator[Tier]:
    for tier in spec.tiers:
        yield Tier(
            name=tier.name,
            rank=tier.rank,
            provider=tier.provider,
            model=tier.model,
            max_tokens=tier.max_tokens,
            clamp=tier.max_tokens_policy == "Clamp",
            expensive=tier.expensive,
            fallback_to=tier.fallback_to,
            spill_to=tier.spill_to,
            hedge_to=tier.hedge_to,
            hosted_tools=tier.hosted_tools,
        )


def _hints(spec: RouterSpec) -> Hints:
    every_tier = tuple(tier.name for tier in spec.tiers)
    allow = every_tier if spec.hints.allow is None else spec.hints.allow
    return Hints(allow=allow, model_aliases=spec.hints.model_aliases)


def _session(session: SessionSpec) -> Session:
    budget = session.switch_budget_percent
    return Session(
        affinity=session.affinity,
        switch_budget_percent=_SWITCH_BUDGET_PERCENT if budget is None else budget,
        idle_timeout_ms=session.idle_timeout_ms,
        subagent_tier=session.subagent_tier,
    )


def _failover(spec: RouterSpec) -> Failover:
    given = spec.failover
    return Failover(
        connect_timeout_ms=given.connect_timeout_ms,
        headers_timeout_ms=given.headers_timeout_ms,
        first_token_timeout_ms=given.first_token_timeout_ms,
        hold_headers_ms=given.hold_headers_ms,
        idle_timeout_ms=given.idle_timeout_ms,
        total_timeout_ms=given.total_timeout_ms,
        max_attempts=given.max_attempts,
        resume_cut_streams=given.resume_cut_streams,
        circuit_failures=given.circuit.failures,
        circuit_cool_down_ms=given.circuit.cool_down_ms,
    )


def _budgets(spec: RouterSpec) -> tuple[Budget, ...]:
    return tuple(
        Budget(
            name=budget.name,
            scope=budget.scope,
            window_ms=budget.window_ms,
            limit_usd=budget.limit_usd,
            tiers=budget.tiers,
            on_exhausted=budget.on_exhausted,
            downgrade_to=budget.downgrade_to,
            grace_usd=budget.grace_usd,
        )
        for budget in spec.budgets
    )


def _deep_share(spec: RouterSpec) -> DeepShare | None:
    given = spec.deep_share
    if given is None:
        return None
    return DeepShare(
        max_percent=given.max_percent,
        by=given.by,
        window_ms=given.window_ms,
        min_prompts=given.min_prompts,
        action=given.action,
    )


def _output_policy(spec: RouterSpec) -> OutputPolicy | None:
    given = spec.output_policy
    if given is None:
        return None
    return OutputPolicy(endpoint=given.endpoint, timeout_ms=given.timeout_ms, on_failure=given.on_failure)


def _hooks(spec: RouterSpec) -> Hooks | None:
    given = spec.hooks
    if given is None:
        return None
    hooks = Hooks(
        is_throttled=given.is_throttled,
        is_complex_planning=given.is_complex_planning,
        output_flagged=given.output_flagged,
    )
    return None if hooks == Hooks() else hooks


def _provider(provider: ModelProvider, price_of: PriceOf) -> Provider:
    spec = provider.spec
    reference = None if spec.credential is None else spec.credential.secret_ref
    return Provider(
        name=provider.name,
        base_url=base_url_of(provider),
        secret_name="" if reference is None else reference.name,
        secret_key="" if reference is None else reference.key,
        ca_bundle=spec.ca_bundle.strip(),
        request_defaults=spec.request_defaults,
        models={model.name: _model(provider, model, price_of) for model in spec.models},
    )


def _model(provider: ModelProvider, model: ModelSpec, price_of: PriceOf) -> Model:
    return Model(
        name=model.name,
        id=model_id_of(model),
        dialects=model.dialects or provider.spec.dialects,
        reject=tuple((rejection.dialect, rejection.when) for rejection in model.reject),
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        capabilities=_capabilities(model.capabilities),
        cache_ttl_ms=model.cache.ttl_ms,
        cache_min_tokens=model.cache.min_tokens,
        price=price_of_model(provider, model, price_of),
    )


def _capabilities(capabilities: Capabilities) -> dict[str, bool]:
    """What is known, by the names that files use."""
    values = {key: getattr(capabilities, entry.name) for key, entry in declared(Capabilities).items()}
    return {key: value for key, value in values.items() if value is not None}


def _baseline(router: TierRouter, providers: Providers, price_of: PriceOf) -> Baseline | None:
    """The baseline model: one of a tier, else of any provider in sight, else one that the price list knows."""
    name = router.spec.baseline_model
    if not name:
        return None
    for provider, model in _candidates(router, providers):
        if name in (model.name, model_id_of(model)):
            price = price_of_model(provider, model, price_of)
            cache = model.cache
            return Baseline(model=name, price=price, cache_ttl_ms=cache.ttl_ms, cache_min_tokens=cache.min_tokens)
    return Baseline(model=name, price=looked_up(price_of, "", "", name))


def _candidates(router: TierRouter, providers: Providers) -> Iterator[tuple[ModelProvider, ModelSpec]]:
    for tier in router.spec.tiers:
        provider = find_provider(providers, router.namespace, tier.provider)
        model = None if provider is None else provider.model(tier.model)
        if provider is not None and model is not None:
            yield provider, model
    for (namespace, _), provider in providers.items():
        if namespace in ("", router.namespace):
            for model in provider.spec.models:
                yield provider, model
