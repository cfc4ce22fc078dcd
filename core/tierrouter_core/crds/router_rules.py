"""What an API server checks of a TierRouter across its fields, in CEL: ``resources.checks``, as far as CEL sees.

It doesn't see ``defaultTier`` (text or a list has no type there), other objects, or whether a rule compiles: the
operator checks these and says so in the router's conditions.
"""

from collections.abc import Mapping

from tierrouter_core.crds.address_rules import address_rules
from tierrouter_core.crds.schema import Validation, Validations
from tierrouter_core.names import HINT_NONE
from tierrouter_core.resources.addresses import OF_AN_OUTPUT_POLICY
from tierrouter_core.resources.guards import Budget, Ledger, LocalModel, OutputPolicy
from tierrouter_core.resources.router import FailoverSpec, HooksSpec, RouterSpec, RuleSpec, Threshold, TierSpec
from tierrouter_core.routing.expressions import MAX_EXPRESSION_BYTES

ROUTER_NOTES: Mapping[str, str] = {
    "defaultTier": "Text or a list of maps; the operator checks that its tiers exist.",
    "when": "The operator checks that it compiles.",
    "isThrottled": "The operator checks that it compiles.",
    "isComplexPlanning": "The operator checks that it compiles.",
    "outputFlagged": "The operator checks that it compiles.",
}


def _is_tier(name: str) -> str:
    return f"self.tiers.exists(tier, tier.name == {name})"


def _tier_or_none(path: str, *, outer: str = "") -> Validation:
    """An optional field names a tier or nothing."""
    guard = f"!has(self.{outer}) || " if outer else ""
    return Validation(
        rule=f"{guard}!has(self.{path}) || self.{path} == '' || {_is_tier(f'self.{path}')}",
        message=f"{path} names a tier that is not in tiers",
        message_expression=f"'no tier is named \"' + self.{path} + '\"'",
        field_path=f".{path}",
    )


# The rules about lists have no message_expression: one that looks for the wrong item is beyond an API server's cost
# limit. `tierrouter compile` names it, and so does the operator.
def _each(items: str, is_right: str, message: str) -> Validation:
    """``is_right`` holds for each ``item`` of a list that may be missing."""
    return Validation(
        rule=f"!has(self.{items}) || self.{items}.all(item, {is_right})", message=message, field_path=f".{items}"
    )


def _each_names_a_tier(items: str, what: str) -> Validation:
    return _each(items, _is_tier("item.tier"), f"the tier of one of the {what} is not in tiers")


def _each_names_a_tier_or_none(items: str, name: str) -> Validation:
    is_right = f"!has(item.{name}) || item.{name} == '' || {_is_tier(f'item.{name}')}"
    return _each(items, is_right, f"{name} of one of {items} names a tier that is not in tiers")


def _each_names_tiers(items: str, names: str) -> Validation:
    # The list around the tiers' names gives them a name of their own, so that they are gathered once.
    is_right = f"!has(item.{names}) || item.{names}.all(name, name in known)"
    return Validation(
        rule=(
            f"!has(self.{items}) || [self.tiers.map(tier, tier.name)].all(known, self.{items}.all(item, {is_right}))"
        ),
        message=f"{names} of one of {items} names a tier that is not in tiers",
        field_path=f".{items}",
    )


def _names_are_unique(items: str) -> Validation:
    """For lists with an order; those without one have unique keys anyway."""
    is_alone = f"self.{items}.exists_one(other, other.name == item.name)"
    return _each(items, is_alone, f"a name stands twice; give each of {items} a name of its own")


def _not_longer_than_the_whole(field: str) -> Validation:
    return Validation(
        rule=f"duration(self.{field}) <= duration(self.totalTimeout)",
        message="is longer than totalTimeout, so it would never be reached",
        field_path=f".{field}",
    )


def _is_short(field: str, *, optional: bool = False) -> Validation:
    return Validation(
        rule=f"{f'!has(self.{field}) || ' if optional else ''}size(bytes(self.{field})) <= {MAX_EXPRESSION_BYTES}",
        message=f"the expression has more than {MAX_EXPRESSION_BYTES} bytes",
        field_path=f".{field}",
    )


ROUTER_RULES: Validations = {
    RouterSpec: (
        _names_are_unique("tiers"),
        _names_are_unique("rules"),
        _tier_or_none("fallbackTier"),
        _tier_or_none("session.subagentTier", outer="session"),
        _each_names_a_tier_or_none("tiers", "spillTo"),
        _each_names_a_tier_or_none("tiers", "hedgeTo"),
        _each_names_tiers("tiers", "fallbackTo"),
        _each_names_a_tier("rules", "rules"),
        _each_names_a_tier("modelHints", "model hints"),
        Validation(
            rule=f"!has(self.hints) || !has(self.hints.allow) || self.hints.allow.all(name, {_is_tier('name')})",
            message="a hint that is allowed names a tier that is not in tiers",
            field_path=".hints.allow",
        ),
        _each_names_a_tier_or_none("budgets", "downgradeTo"),
        _each_names_tiers("budgets", "tiers"),
    ),
    OutputPolicy: address_rules("endpoint", OF_AN_OUTPUT_POLICY),
    TierSpec: (
        Validation(
            rule=f"self.name != '{HINT_NONE}'",
            message=f'"{HINT_NONE}" is the hint for the model that was asked for; choose another name',
            field_path=".name",
        ),
        Validation(
            rule="!has(self.spillTo) || self.spillTo != self.name",
            message="a tier can't spill to itself; name another tier",
            field_path=".spillTo",
        ),
        Validation(
            rule="!has(self.hedgeTo) || self.hedgeTo != self.name",
            message="a tier can't be its own hedge; name another tier",
            field_path=".hedgeTo",
        ),
        Validation(
            rule="!has(self.fallbackTo) || !(self.name in self.fallbackTo)",
            message="a tier can't be its own fallback; name another tier",
            field_path=".fallbackTo",
        ),
    ),
    Threshold: (
        Validation(rule="self.min <= self.max", message="min is more than max", field_path=".min"),
        Validation(
            rule="self.min > self.max || (self.min <= self.value && self.value <= self.max)",
            message="expected a value from min to max",
            field_path=".value",
        ),
    ),
    RuleSpec: (_is_short("when"),),
    HooksSpec: tuple(_is_short(name, optional=True) for name in ("isThrottled", "isComplexPlanning", "outputFlagged")),
    FailoverSpec: (
        _not_longer_than_the_whole("connectTimeout"),
        _not_longer_than_the_whole("headersTimeout"),
        _not_longer_than_the_whole("firstTokenTimeout"),
    ),
    Budget: (
        Validation(
            rule="self.onExhausted != 'Downgrade' || (has(self.downgradeTo) && self.downgradeTo != '')",
            message="downgradeTo is missing; onExhausted: Downgrade needs the tier that serves then",
        ),
        Validation(
            rule=(
                "self.onExhausted != 'Downgrade' || !has(self.downgradeTo) || !has(self.tiers) || "
                "!(self.downgradeTo in self.tiers)"
            ),
            message="downgradeTo is covered by this budget itself; name a tier outside of it",
            field_path=".downgradeTo",
        ),
    ),
    Ledger: (
        Validation(
            rule="self.store != 'Postgres'",
            message="Postgres is not implemented yet; use SQLite",
            field_path=".store",
        ),
    ),
    LocalModel: (
        Validation(
            rule="self.runtime != 'Ollama' || (has(self.model) && self.model != '')",
            message="model is missing; runtime: Ollama needs the model to load",
        ),
    ),
}
