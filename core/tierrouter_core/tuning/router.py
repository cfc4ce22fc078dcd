"""A mix as a TierRouter: the split, the tiers, and a threshold and a rule for every limit.

A stage's tier is left by a rule ``session.calls_in_task > thresholds.x`` that escalates to the next stage's. The call
at hand is one of those that the rule sees, so ``x`` is what the stages so far may make together.

Tiers of last stages have the highest rank, so that no rule moves what has come there, or began there, in a tool loop.
A rule that could move what the task drew elsewhere in the mix also says which tiers it is meant for: the calls alone
don't tell, and after a compaction no rank holds what was drawn. These are the stage's and the next one's, where it
holds what has come there.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import yaml

from tierrouter_core.errors import ResultsError
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.resources.load import Resources, load_resources, unfolded
from tierrouter_core.resources.metadata import API_VERSION
from tierrouter_core.resources.provider import KIND as PROVIDER_KIND
from tierrouter_core.resources.provider import MODEL_NAME
from tierrouter_core.resources.router import KIND
from tierrouter_core.resources.yaml_text import parse_yaml
from tierrouter_core.routing.expressions import names_in
from tierrouter_core.routing.variables import THRESHOLD_PREFIX
from tierrouter_core.tuning.policy import Mix, Stage

PLACEHOLDER: Final = "replace-me"
"""The provider of a router file that was written without knowing where the models are."""

_LAST_RANK: Final = 3
_PERCENT: Final = 100
_LONGEST_SLUG: Final = 36
"""A tier's name has at most 40 characters; the rest is for a number."""
_DECIDED_BY_THE_MIX: Final = ("tiers", "defaultTier", "fallbackTier", "baselineModel", "thresholds", "rules")
_NAMES_TIERS: Final = ("modelHints", "budgets", "deepShare", "pinnedRevision")
"""Fields that would name tiers, or revisions, that are no more."""
_OF_A_TIER: Final = ("maxTokens", "maxTokensPolicy", "expensive", "hostedTools")
"""What a tier of the user's says of how its model is used, and nothing of when."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model of the results is to be had, by the names of a router file."""

    provider: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of a tier with it."""


PlaceOf = Callable[[str], Place]


@dataclass(frozen=True, slots=True)
class WrittenRouter:
    """A router file, ready to be compiled."""

    text: str
    spec: Mapping[str, Any]
    """The router's ``spec`` alone."""
    left_out: tuple[str, ...]
    """Fields of the user's router that were not taken over, as paths."""


class KnownModels:
    """What a user's router file has: where each model is, and what else the router says."""

    def __init__(self, text: str, source: str) -> None:
        """Read it; raises ConfigurationError with every problem."""
        self.source = source
        self.resources: Resources = load_resources([(source, text)])
        self.router = self.resources.one_router()
        self.documents = [raw.value for raw in unfolded(parse_yaml(text, source)[0])]
        self.document = next(value for value in self.documents if value.get("kind") == KIND)
        self._places = self._read_places()

    def check(self, models: Iterable[str], source: str) -> None:
        """Raises ResultsError for a model of the results that no provider has."""
        for model in models:
            if model not in self._places:
                raise ResultsError(
                    f'{source}: column model: "{model}" is unknown: no ModelProvider of {self.source} has a model of '
                    f"that name or id{did_you_mean(model, tuple(self._places))}; add it there, or leave out its rows"
                )

    def place(self, model: str) -> Place:
        """Where a model is, after :meth:`check`."""
        return self._places[model]

    def _read_places(self) -> dict[str, Place]:
        """By name and by id. A tier of the router says which provider is meant where several have a model."""
        places: dict[str, Place] = {}
        written = {tier.get("name"): tier for tier in self.document["spec"]["tiers"]}
        for tier in self.router.spec.tiers:
            settings = {key: value for key, value in written[tier.name].items() if key in _OF_A_TIER}
            places.setdefault(tier.model, Place(tier.provider, tier.model, settings))
        for (namespace, _), provider in self.resources.providers.items():
            if namespace in ("", self.router.namespace):
                for model in provider.spec.models:
                    place = places.setdefault(model.name, Place(provider.name, model.name))
                    if model.id:
                        places.setdefault(model.id, place)
        return places


def router_from(mix: Mix, baseline: str, known: KnownModels) -> WrittenRouter:
    """The user's router with ``mix`` in the place of what decided before, and the user's providers as they are."""
    spec = dict(known.document["spec"])
    left_out = [f"spec.{key}" for key in ("rules", "thresholds", *_NAMES_TIERS) if spec.pop(key, None)]
    for key, inner in (("hints", "allow"), ("session", "subagentTier")):
        if inner in (spec.get(key) or {}):
            left_out.append(f"spec.{key}.{inner}")
            spec[key] = {name: value for name, value in spec[key].items() if name != inner}
    hooks = spec.pop("hooks", None) or {}
    kept = {name: when for name, when in hooks.items() if _outlives_the_mix(name, when)}
    left_out += [f"spec.hooks.{name}" for name in hooks if name not in kept]
    spec |= {"hooks": kept} if kept else {}
    decided = mix_spec(mix, baseline, known.place)
    rest = {key: value for key, value in spec.items() if key not in _DECIDED_BY_THE_MIX}
    metadata = {key: value for key, value in known.document["metadata"].items() if key in _METADATA}
    tuned = {**decided, **rest}
    router = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": tuned}
    providers = [value for value in known.documents if value.get("kind") == PROVIDER_KIND]
    notes = [f"Not taken over from {known.source}, since the policy decides instead: {', '.join(left_out)}."]
    return WrittenRouter(_text([router, *providers], notes if left_out else []), tuned, tuple(left_out))


def _outlives_the_mix(hook: str, when: str) -> bool:
    """Whether a hook of the user's still means what it did: no rule is left to ask for complex planning."""
    return hook != "isComplexPlanning" and not any(
        name == "response.tier" or name.startswith(THRESHOLD_PREFIX) for name in names_in(when)
    )


_METADATA: Final = ("name", "namespace", "labels", "annotations")


def router_with_placeholders(mix: Mix, baseline: str) -> WrittenRouter:
    """A router file for ``mix`` with a provider that the user has to fill in; it compiles as it is."""
    models = list(dict.fromkeys([stage.model for entry in mix for stage in entry.policy.stages] + [baseline]))
    names = _model_names(models)
    spec = mix_spec(mix, baseline, lambda model: Place(PLACEHOLDER, names[model]))
    provider = {
        "apiVersion": API_VERSION,
        "kind": PROVIDER_KIND,
        "metadata": {"name": PLACEHOLDER},
        "spec": {
            "baseURL": f"https://{PLACEHOLDER}.invalid/v1",
            "dialects": ["OpenAIChat"],
            "credential": {"secretRef": {"name": PLACEHOLDER, "key": "api-key"}},
            "models": [{"name": name, "id": name} for name in names.values()],
        },
    }
    router = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": "tuned"}, "spec": spec}
    notes = [
        f'Before use: put your providers in the place of "{PLACEHOLDER}" (address, dialects, key, model ids);',
        "or give tune your router file with --router, and it takes them from there.",
    ]
    return WrittenRouter(_text([router, provider], notes), spec, ())


def mix_spec(mix: Mix, baseline: str, place_of: PlaceOf) -> dict[str, Any]:
    """The part of a TierRouter's ``spec`` that ``mix`` decides, as plain values."""
    tiers = _Tiers(place_of)
    split: list[dict[str, Any]] = []
    thresholds: list[dict[str, Any]] = []
    rules: list[dict[str, Any]] = []
    drawn = [[tiers.add(stage, rank) for rank, stage in enumerate(entry.policy.stages, 1)] for entry in mix]
    for entry_at, (entry, names) in enumerate(zip(mix, drawn, strict=True)):
        stages = entry.policy.stages
        elsewhere = {name for at, others in enumerate(drawn) if at != entry_at for name in others}
        split.append({"tier": names[0], "weight": round(entry.weight * _PERCENT)})
        for place, limit in enumerate(accumulate(stage.max_calls or 0 for stage in stages[:-1])):
            number = len(thresholds) + 1
            when = f"session.calls_in_task > thresholds.calls_{number}"
            if elsewhere - {names[place + 1]}:
                when = f'session.tier in ["{names[place]}", "{names[place + 1]}"] && {when}'
            thresholds.append({"name": f"calls_{number}", "value": limit})
            rules.append({"name": f"stalled-{number}", "when": when, "tier": names[place + 1], "escalate": True})
    spec: dict[str, Any] = {
        "tiers": tiers.written,
        "defaultTier": split[0]["tier"] if len(split) == 1 else split,
        "fallbackTier": tiers.last(mix[0].policy.stages[-1].model),
        "baselineModel": place_of(baseline).model,
    }
    if rules:
        # The first rule that is true wins, and past the second limit both are.
        spec |= {"thresholds": thresholds, "rules": rules[::-1]}
    return spec


class _Tiers:
    """Tiers in the making: one for each limited stage, and one for each model that is last somewhere."""

    def __init__(self, place_of: PlaceOf) -> None:
        self.written: list[dict[str, Any]] = []
        self._place_of = place_of
        self._last: dict[str, str] = {}

    def add(self, stage: Stage, rank: int) -> str:
        """The name of the stage's tier."""
        if stage.max_calls is None and stage.model in self._last:
            return self._last[stage.model]
        place = self._place_of(stage.model)
        name = _free(_slug(stage.model), [tier["name"] for tier in self.written])
        if stage.max_calls is None:
            self._last[stage.model] = name
            rank = _LAST_RANK
        settings = dict(place.settings)
        self.written.append({"name": name, "rank": rank, "model": place.model, "provider": place.provider, **settings})
        return name

    def last(self, model: str) -> str:
        """The tier in which ``model`` is a last stage."""
        return self._last[model]


def _slug(model: str) -> str:
    """A model's name as a tier's: ``moonshotai/Kimi-K2.6`` is ``kimi-k2-6``."""
    slug = re.sub(r"[^a-z0-9]+", "-", model.rpartition("/")[2].lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    return "tier" if slug in ("", "none") else slug


def _free(name: str, taken: Sequence[str]) -> str:
    if name not in taken:
        return name
    return next(other for number in range(2, 1000) if (other := f"{name}-{number}") not in taken)


def _model_names(models: Sequence[str]) -> dict[str, str]:
    """Names that a router file allows; the results' own where they are so already."""
    names: dict[str, str] = {}
    for model in models:
        fits = re.fullmatch(MODEL_NAME.pattern, model) and len(model) <= MODEL_NAME.max_length
        names[model] = _free(model if fits else _slug(model), list(names.values()))
    return names


def _text(documents: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    head = "".join(f"# {note}\n" for note in ["Written by tierrouter tune.", *notes])
    bodies = (
        yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
        for document in documents
    )
    return head + "---\n".join(bodies)
