"""Checks of a TierRouter across its fields, and across documents: one small function per rule.

Each takes what it judges and yields findings. What a single field can say about itself stands in its declaration.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tierrouter_core.names import HINT_NONE
from tierrouter_core.resources.addresses import OF_AN_OUTPUT_POLICY, bad_address, in_the_clear
from tierrouter_core.resources.findings import Check, Finding, NameCheck
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.router import RouterSpec, TierRouter
from tierrouter_core.resources.yaml_text import Path
from tierrouter_core.routing.hooks import IS_COMPLEX_PLANNING, IS_THROTTLED, OUTPUT_FLAGGED, check_hook
from tierrouter_core.routing.rules import check_rule

_ENDPOINT: Path = ("spec", "outputPolicy", "endpoint")
FindProvider = Callable[[str, str], ModelProvider | None]
"""``(namespace, name)`` to the provider that a router of that namespace means."""


def repeated(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """``(index, name)`` of every name that stands there a second time."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield index, name
        seen.add(name)


def names_are_unique(router: TierRouter) -> Iterator[Finding]:
    """Tiers, rules, thresholds and budgets are told apart by name."""
    spec = router.spec
    lists = {
        "tiers": [tier.name for tier in spec.tiers],
        "rules": [rule.name for rule in spec.rules],
        "thresholds": [threshold.name for threshold in spec.thresholds],
        "budgets": [budget.name for budget in spec.budgets],
    }
    for key, names in lists.items():
        for index, name in repeated(names):
            yield Finding(("spec", key, index, "name"), f'"{name}" stands twice; give each of {key} a name of its own')


def no_tier_has_a_reserved_name(router: TierRouter) -> Iterator[Finding]:
    """The hint ``none`` means something else, so no tier can be asked for by it."""
    for index, tier in enumerate(router.spec.tiers):
        if tier.name == HINT_NONE:
            message = f'"{HINT_NONE}" is the hint for the model that was asked for; choose another name'
            yield Finding(("spec", "tiers", index, "name"), message)


def _tier_references(spec: RouterSpec) -> Iterator[tuple[Path, str]]:
    """Every place that names a tier, with the name; empty names are left out."""
    if isinstance(spec.default_tier, str):
        yield ("spec", "defaultTier"), spec.default_tier
    else:
        for index, share in enumerate(spec.default_tier):
            yield ("spec", "defaultTier", index, "tier"), share.tier
    yield ("spec", "fallbackTier"), spec.fallback_tier
    yield ("spec", "session", "subagentTier"), spec.session.subagent_tier
    for index, tier in enumerate(spec.tiers):
        yield ("spec", "tiers", index, "spillTo"), tier.spill_to
        yield ("spec", "tiers", index, "hedgeTo"), tier.hedge_to
        for inner, name in enumerate(tier.fallback_to):
            yield ("spec", "tiers", index, "fallbackTo", inner), name
    for index, rule in enumerate(spec.rules):
        yield ("spec", "rules", index, "tier"), rule.tier
    for index, hint in enumerate(spec.model_hints):
        yield ("spec", "modelHints", index, "tier"), hint.tier
    for index, name in enumerate(spec.hints.allow or ()):
        yield ("spec", "hints", "allow", index), name
    for index, budget in enumerate(spec.budgets):
        yield ("spec", "budgets", index, "downgradeTo"), budget.downgrade_to
        for inner, name in enumerate(budget.tiers):
            yield ("spec", "budgets", index, "tiers", inner), name


def references_name_tiers(router: TierRouter, tiers: Sequence[str]) -> Iterator[Finding]:
    """Whatever names a tier names one of this router."""
    for path, name in _tier_references(router.spec):
        if name and name not in tiers:
            message = f'no tier is named "{name}"; there are: {", ".join(tiers)}{did_you_mean(name, tiers)}'
            yield Finding(path, message)


def no_tier_falls_back_to_itself(router: TierRouter) -> Iterator[Finding]:
    """A tier that fails is no help to itself."""
    for index, tier in enumerate(router.spec.tiers):
        for inner, name in enumerate(tier.fallback_to):
            if name == tier.name:
                at = ("spec", "tiers", index, "fallbackTo", inner)
                yield Finding(at, f'the tier "{name}" can\'t be its own fallback; name another tier')
        if tier.spill_to == tier.name:
            message = f'the tier "{tier.name}" can\'t spill to itself; name another tier'
            yield Finding(("spec", "tiers", index, "spillTo"), message)
        if tier.hedge_to == tier.name:
            message = f'the tier "{tier.name}" can\'t be its own hedge; name another tier'
            yield Finding(("spec", "tiers", index, "hedgeTo"), message)


def a_split_names_each_tier_once(router: TierRouter) -> Iterator[Finding]:
    """Two weights for one tier are a slip."""
    for index, name in repeated([tier for tier, _ in router.spec.shares]):
        path = ("spec", "defaultTier", index, "tier")
        yield Finding(path, f'"{name}" has a weight already; add the two weights up in one entry')


def thresholds_are_within_their_bounds(router: TierRouter) -> Iterator[Finding]:
    """min <= value <= max."""
    for index, threshold in enumerate(router.spec.thresholds):
        path = ("spec", "thresholds", index)
        if threshold.min > threshold.max:
            yield Finding((*path, "min"), f"found {threshold.min}, which is more than max, {threshold.max}")
        elif not threshold.min <= threshold.value <= threshold.max:
            message = f"found {threshold.value}, expected a value from min, {threshold.min}, to max, {threshold.max}"
            yield Finding((*path, "value"), message)


def rules_compile(router: TierRouter, thresholds: Sequence[str]) -> Iterator[Finding]:
    """Every rule is CEL over known variables and thresholds, gives a bool, and has at most 1024 bytes."""
    for index, rule in enumerate(router.spec.rules):
        message = check_rule(rule.when, thresholds)
        if message is not None:
            about = f'the rule "{rule.name}" does not compile: {message}'
            yield Finding(("spec", "rules", index, "when"), about)


def hooks_compile(router: TierRouter, thresholds: Sequence[str]) -> Iterator[Finding]:
    """Every hook is CEL over what it may see, gives a bool, and has at most 1024 bytes."""
    hooks = router.spec.hooks
    if hooks is None:
        return
    declared = {
        IS_THROTTLED: hooks.is_throttled,
        IS_COMPLEX_PLANNING: hooks.is_complex_planning,
        OUTPUT_FLAGGED: hooks.output_flagged,
    }
    for name, when in declared.items():
        message = check_hook(name, when, thresholds) if when else None
        if message is not None:
            yield Finding(("spec", *name.split(".")), f"the expression does not compile: {message}")


def the_ledger_store_exists(router: TierRouter) -> Iterator[Finding]:
    """A store that would write nothing is refused, not ignored."""
    if router.spec.ledger.store == "Postgres":
        yield Finding(("spec", "ledger", "store"), "Postgres is not implemented yet; use SQLite")


def budgets_say_where_to_go(router: TierRouter) -> Iterator[Finding]:
    """A budget that downgrades names a tier outside of those that it covers."""
    for index, budget in enumerate(router.spec.budgets):
        path = ("spec", "budgets", index, "downgradeTo")
        if budget.on_exhausted != "Downgrade":
            continue
        if not budget.downgrade_to:
            yield Finding(path, "is missing; onExhausted: Downgrade needs the tier that serves then")
        elif budget.downgrade_to in budget.tiers:
            yield Finding(path, f'"{budget.downgrade_to}" is covered by this budget itself; name a tier outside of it')


def the_output_policy_is_at_an_address(router: TierRouter) -> Iterator[Finding]:
    """What agents are told does not cross the internet in the clear."""
    policy = router.spec.output_policy
    if policy is not None:
        yield from bad_address(policy.endpoint, _ENDPOINT, OF_AN_OUTPUT_POLICY)
        yield from in_the_clear(policy.endpoint, _ENDPOINT)


def a_local_model_is_named(router: TierRouter) -> Iterator[Finding]:
    """Ollama can't load a model that has no name."""
    local = router.spec.local_model
    if local is not None and local.runtime == "Ollama" and not local.model:
        yield Finding(("spec", "localModel", "model"), "is missing; runtime: Ollama needs the model to load")


def timeouts_leave_room_for_an_answer(router: TierRouter) -> Iterator[Finding]:
    """A turn's whole time is not shorter than what one attempt may take."""
    failover = router.spec.failover
    for key, value in (
        ("connectTimeout", failover.connect_timeout_ms),
        ("headersTimeout", failover.headers_timeout_ms),
        ("firstTokenTimeout", failover.first_token_timeout_ms),
    ):
        if value > failover.total_timeout_ms:
            message = f"is longer than totalTimeout, {failover.total_timeout_ms} ms, so it would never be reached"
            yield Finding(("spec", "failover", key), message)


ROUTER_CHECKS: tuple[Check[TierRouter], ...] = (
    names_are_unique,
    no_tier_has_a_reserved_name,
    no_tier_falls_back_to_itself,
    a_split_names_each_tier_once,
    thresholds_are_within_their_bounds,
    the_ledger_store_exists,
    budgets_say_where_to_go,
    the_output_policy_is_at_an_address,
    a_local_model_is_named,
    timeouts_leave_room_for_an_answer,
)
ROUTER_NAME_CHECKS: tuple[tuple[str, NameCheck[TierRouter]], ...] = (
    ("tiers", references_name_tiers),
    ("thresholds", rules_compile),
    ("thresholds", hooks_compile),
)
"""Checks that are handed the names of a list of ``spec``."""


def tiers_have_models(
    router: TierRouter, find: FindProvider, known: Sequence[tuple[str, str]], unread: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Every tier's provider and model exist.

    Args:
        router: the router.
        find: the provider that a name means in a namespace.
        known: ``(namespace, name)`` of all providers.
        unread: names of providers that have problems of their own; nothing is said about them.
    """
    for index, tier in enumerate(router.spec.tiers):
        if tier.provider in unread:
            continue
        provider = find(router.namespace, tier.provider)
        if provider is None:
            yield Finding(("spec", "tiers", index, "provider"), _no_provider(router, tier.provider, known))
        elif provider.model(tier.model) is None:
            models = [model.name for model in provider.spec.models]
            message = f'the provider "{tier.provider}" has no model "{tier.model}"; it has: {", ".join(models)}'
            yield Finding(("spec", "tiers", index, "model"), message + did_you_mean(tier.model, models))


def _no_provider(router: TierRouter, name: str, known: Sequence[tuple[str, str]]) -> str:
    elsewhere = sorted(namespace for namespace, other in known if other == name)
    if elsewhere:
        return (
            f'the ModelProvider "{name}" is in the namespace {", ".join(elsewhere)}, this router in '
            f"{router.namespace}; give both one namespace, or leave the provider's out in a local file"
        )
    visible = [other for namespace, other in known if namespace in ("", router.namespace)]
    if not visible:
        return f'no ModelProvider is named "{name}", for there is none at all; add its document to the file'
    return f'no ModelProvider is named "{name}"; there are: {", ".join(visible)}{did_you_mean(name, visible)}'


def documents_are_unique(keys: Sequence[tuple[str, str, str]]) -> Iterator[tuple[int, str]]:
    """``(index, message)`` of each ``(kind, namespace, name)`` that stands there a second time."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for index, (kind, namespace, name) in enumerate(keys):
        if counts[kind, namespace, name]:
            where = f" in the namespace {namespace}" if namespace else ""
            yield index, f'a {kind} named "{name}"{where} stands above already; remove or rename one'
        counts[kind, namespace, name] += 1
