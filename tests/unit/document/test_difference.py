"""Differences between documents: all of them, by path, and none where there is none."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from test_codec import GOLDEN

from tierrouter_core.document.codec import document_digest, document_from_bytes
from tierrouter_core.document.difference import Difference, differences
from tierrouter_core.document.model import Document
from tierrouter_core.names import Mode

DOCUMENT = document_from_bytes(GOLDEN.read_bytes())


def test_a_changed_threshold_is_named() -> None:
    changed = replace(DOCUMENT, thresholds={**DOCUMENT.thresholds, "file_count": 6})
    assert differences(DOCUMENT, changed) == (Difference("thresholds.file_count", 8, 6),)


def test_items_are_named_and_not_counted() -> None:
    tier = DOCUMENT.tiers["deep"]
    changed = replace(DOCUMENT, tiers={**DOCUMENT.tiers, "deep": replace(tier, max_tokens=1)})
    assert differences(DOCUMENT, changed) == (Difference("tiers[deep].maxTokens", tier.max_tokens, 1),)


def test_another_order_of_rules_is_a_difference_of_its_own() -> None:
    (found,) = differences(DOCUMENT, replace(DOCUMENT, rules=DOCUMENT.rules[::-1]))
    assert found.path == "rules (order)"
    assert found.before.split(", ") == found.after.split(", ")[::-1]


def test_a_rule_that_is_gone_is_shown_with_what_it_said() -> None:
    (found,) = differences(DOCUMENT, replace(DOCUMENT, rules=DOCUMENT.rules[1:]))
    assert found.path == f"rules[{DOCUMENT.rules[0].name}]"
    assert found.after is None


_DOCUMENTS = st.builds(
    lambda thresholds, mode, rules: replace(
        DOCUMENT, thresholds={**DOCUMENT.thresholds, **thresholds}, mode=mode, rules=tuple(rules)
    ),
    st.dictionaries(st.sampled_from(sorted(DOCUMENT.thresholds)), st.integers(0, 5)),
    st.sampled_from(Mode),
    st.lists(st.sampled_from(DOCUMENT.rules), unique_by=lambda rule: rule.name),
)


@given(_DOCUMENTS, _DOCUMENTS)
def test_there_is_a_difference_exactly_where_the_digests_differ(one: Document, other: Document) -> None:
    assert bool(differences(one, other)) == (document_digest(one) != document_digest(other))


@given(_DOCUMENTS, _DOCUMENTS)
def test_the_other_way_round_before_and_after_change_places(one: Document, other: Document) -> None:
    there = {(each.path, str(each.before), str(each.after)) for each in differences(one, other)}
    back = {(each.path, str(each.after), str(each.before)) for each in differences(other, one)}
    assert there == back
