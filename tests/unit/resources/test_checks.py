"""Checks across fields and documents: for each rule a file that is refused, and one beside it that is not."""

from typing import Any

import pytest
from router_files import PROVIDER, ROUTER, changed, problems_of, problems_with, text_of


def tiers(*more: dict[str, Any], **first: Any) -> list[dict[str, Any]]:
    one, two = (dict(tier) for tier in ROUTER["spec"]["tiers"])
    return [one | first, two, *more]


def threshold(**values: Any) -> dict[str, Any]:
    return {"thresholds": [{"name": "files", "value": 5, **values}]}


def rule(when: str, name: str = "r") -> dict[str, Any]:
    return {"name": name, "when": when, "tier": "deep"}


def budget(**values: Any) -> dict[str, Any]:
    return {"budgets": [{"name": "b", "limitUSD": "5", "tiers": ["deep"], "downgradeTo": "routine"} | values]}


def model(**values: Any) -> list[dict[str, Any]]:
    return [{"name": "small"} | values, {"name": "large"}]


def above(*steps: int) -> dict[str, Any]:
    rates = {"input": "1", "output": "2"}
    return {"models": model(priceUSDPerMTok={**rates, "above": [{"inputTokens": step, **rates} for step in steps]})}


THIRD = {"name": "third", "model": "small", "provider": "vendor"}
PEM = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n"
UNREADABLE = "spec.caBundle: its certificate 2 can't be read"
KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

# rule in words, accepted spec, refused spec, the field and a part of the message
ROUTER_CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "tiers have names of their own",
        {"tiers": tiers(THIRD)},
        {"tiers": tiers(THIRD, THIRD)},
        'tiers[3].name: "third" st',
    ),
    (
        "rules have names of their own",
        {"rules": [rule("true"), rule("true", "s")]},
        {"rules": [rule("true"), rule("true")]},
        "spec.rules[1].name: ",
    ),
    (
        "thresholds have names of their own",
        threshold(),
        {"thresholds": threshold()["thresholds"] * 2},
        "spec.thresholds[1].name: ",
    ),
    ("budgets have names of their own", budget(), {"budgets": budget()["budgets"] * 2}, "spec.budgets[1].name: "),
    (
        "no tier is called none",
        {"tiers": tiers(THIRD | {"name": "nothing"})},
        {"tiers": tiers(THIRD | {"name": "none"})},
        'spec.tiers[2].name: "none" is the hint',
    ),
    (
        "defaultTier is a tier",
        {"defaultTier": "deep"},
        {"defaultTier": "deap"},
        'spec.defaultTier: no tier is named "deap"; there are: routine, deep; did you mean "deep"?',
    ),
    (
        "a split is over tiers",
        {"defaultTier": [{"tier": "deep", "weight": 1}]},
        {"defaultTier": [{"tier": "x", "weight": 1}]},
        "spec.defaultTier[0].tier: no tier",
    ),
    (
        "weights are more than 0",
        {"defaultTier": [{"tier": "deep", "weight": 1}]},
        {"defaultTier": [{"tier": "deep", "weight": 0}]},
        "spec.defaultTier[0].weight: found 0",
    ),
    (
        "a split names each tier once",
        {"defaultTier": [{"tier": "deep", "weight": 1}, {"tier": "routine", "weight": 1}]},
        {"defaultTier": [{"tier": "deep", "weight": 1}, {"tier": "deep", "weight": 1}]},
        'spec.defaultTier[1].tier: "deep" has a weight already',
    ),
    *(
        (
            f"an output policy is called as it stands: {bad}",
            {"outputPolicy": {"endpoint": "https://judge.example/check"}},
            {"outputPolicy": {"endpoint": bad}},
            f"spec.outputPolicy.endpoint: {message}",
        )
        for bad, message in [
            ("https://judge.example/check?a=b", "holds a query or a fragment; the service gets no parameters"),
            ("https://key@judge.example/check", "holds a user name or a key before the @; the service is shown no key"),
            ("http://judge.example/check", '"judge.example" is not a local host'),
        ]
    ),
    ("fallbackTier is a tier", {"fallbackTier": "deep"}, {"fallbackTier": "x"}, "spec.fallbackTier: no tier"),
    (
        "fallbackTo names tiers",
        {"tiers": tiers(fallbackTo=["deep"])},
        {"tiers": tiers(fallbackTo=["deep", "x"])},
        "spec.tiers[0].fallbackTo[1]: no tier",
    ),
    (
        "a tier is not its own fallback",
        {"tiers": tiers(fallbackTo=["deep"])},
        {"tiers": tiers(fallbackTo=["routine"])},
        "spec.tiers[0].fallbackTo[0]: the tier",
    ),
    ("spillTo is a tier", {"tiers": tiers(spillTo="deep")}, {"tiers": tiers(spillTo="x")}, "tiers[0].spillTo: no tier"),
    ("hedgeTo is a tier", {"tiers": tiers(hedgeTo="deep")}, {"tiers": tiers(hedgeTo="x")}, "tiers[0].hedgeTo: no tier"),
    (
        "a tier is not its own hedge",
        {"tiers": tiers(hedgeTo="deep")},
        {"tiers": tiers(hedgeTo="routine")},
        "spec.tiers[0].hedgeTo: the tier",
    ),
    (
        "a tier does not spill to itself",
        {"tiers": tiers(spillTo="deep")},
        {"tiers": tiers(spillTo="routine")},
        "spec.tiers[0].spillTo: the tier",
    ),
    (
        "a rule names a tier",
        {"rules": [rule("true")]},
        {"rules": [rule("true") | {"tier": "x"}]},
        "spec.rules[0].tier: no tier",
    ),
    (
        "a model hint names a tier",
        {"modelHints": [{"match": "*", "tier": "deep"}]},
        {"modelHints": [{"match": "*", "tier": "x"}]},
        "spec.modelHints[0].tier: no tier",
    ),
    ("allowed hints are tiers", {"hints": {"allow": ["deep"]}}, {"hints": {"allow": ["x"]}}, "hints.allow[0]: no tier"),
    (
        "subagentTier is a tier",
        {"session": {"subagentTier": "deep"}},
        {"session": {"subagentTier": "x"}},
        "spec.session.subagentTier: no tier",
    ),
    ("a budget covers tiers", budget(), budget(tiers=["x"]), "spec.budgets[0].tiers[0]: no tier"),
    ("a budget downgrades to a tier", budget(), budget(downgradeTo="x"), "spec.budgets[0].downgradeTo: no tier"),
    (
        "a budget that downgrades says where to",
        budget(onExhausted="Reject", downgradeTo=""),
        budget(downgradeTo=""),
        "spec.budgets[0].downgradeTo: is missing",
    ),
    (
        "a budget does not downgrade to what it covers",
        budget(),
        budget(downgradeTo="deep"),
        'spec.budgets[0].downgradeTo: "deep" is covered',
    ),
    (
        "a threshold's value is within its bounds",
        threshold(min=5, max=5),
        threshold(min=6, max=9),
        "spec.thresholds[0].value: found 5, expected a value from min, 6, to max, 9",
    ),
    ("min is at most max", threshold(min=5, max=5), threshold(min=7, max=3), "spec.thresholds[0].min: found 7"),
    (
        "a rule is CEL over known names",
        {"rules": [rule("task.file_count > 3")]},
        {"rules": [rule("task.file_cuont > 3")]},
        'spec.rules[0].when: the rule "r" does not compile',
    ),
    (
        "a rule's thresholds exist",
        {"rules": [rule("task.file_count > thresholds.files")], **threshold()},
        {"rules": [rule("task.file_count > thresholds.flies")], **threshold()},
        "spec.rules[0].when: ",
    ),
    (
        "a rule has at most 1024 bytes",
        {"rules": [rule("true" + " " * 1020)]},
        {"rules": [rule("true" + " " * 1021)]},
        "spec.rules[0].when: ",
    ),
    ("a rule gives a bool", {"rules": [rule("1 == 1")]}, {"rules": [rule("1 + 1")]}, "spec.rules[0].when: "),
    (
        "the ledger's store exists",
        {"ledger": {"store": "SQLite"}},
        {"ledger": {"store": "Postgres"}},
        "spec.ledger.store: Postgres is not implemented yet; use SQLite",
    ),
    (
        "Ollama is told what to load",
        {"localModel": {"runtime": "External"}},
        {"localModel": {"runtime": "Ollama"}},
        "spec.localModel.model: is missing",
    ),
    (
        "timeouts leave room for an answer",
        {"failover": {"firstTokenTimeout": "10m"}},
        {"failover": {"firstTokenTimeout": "11m"}},
        "spec.failover.firstTokenTimeout: is longer than totalTimeout",
    ),
    (
        "a tier's provider exists",
        {"tiers": tiers(provider="vendor")},
        {"tiers": tiers(provider="vendro")},
        'spec.tiers[0].provider: no ModelProvider is named "vendro"; there are: vendor; did you mean "vendor"?',
    ),
    (
        "a tier's model exists",
        {"tiers": tiers(model="large")},
        {"tiers": tiers(model="smal")},
        'spec.tiers[0].model: the provider "vendor" has no model "smal"; it has: small, large; did you mean "small"?',
    ),
]

PROVIDER_CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    *(
        (f"{good} may be an address, {bad} not", {"baseURL": good}, {"baseURL": bad}, f"spec.baseURL: {message}")
        for good, bad, message in [
            ("https://api.x.example/v1", "ftp://api.x.example/v1", 'found "ftp://'),
            ("https://api.x.example/v1", "api.x.example/v1", "found "),
            ("https://api.x.example:8443/v1", "https://api.x.example:99999/v1", "found "),
            ("https://[2001:db8::1]/v1", "https://[2001:db8/v1", "found "),
            ("https://api.x.example/v1/", "https://api.x.example/v1?key=1", "holds a query"),
            ("https://api.x.example", "https://api.x.example/v1#top", "holds a query"),
            ("https://api.x.example/v1", "https://me:sk-secret@api.x.example/v1", "holds a user name"),
            ("http://127.0.0.1:11434/v1", "http://api.x.example/v1", '"api.x.example" is not a local host'),
            ("http://localhost:11434/v1", "http://8.8.8.8/v1", '"8.8.8.8" is not a local host'),
            ("http://ollama:11434/v1", "http://134744072/v1", '"134744072" is not a local host'),
            ("http://ollama.agents.svc/v1", "http://ollama.svc.evil.example/v1", '"ollama.svc.evil.example" is not'),
            ("http://ollama.agents.svc.cluster.local/v1", "http://0x08080808/v1", '"0x08080808" is not'),
            ("http://box.local/v1", "http://boxlocal.example/v1", '"boxlocal.example" is not'),
            ("http://10.1.2.3/v1", "http://11.1.2.3/v1", '"11.1.2.3" is not'),
            ("http://[::1]:11434/v1", "http://[2606:4700::1]/v1", '"2606:4700::1" is not'),
        ]
    ),
    (
        "every model has a dialect",
        {"dialects": [], "models": [{"name": name, "dialects": ["OpenAIChat"]} for name in ("small", "large")]},
        {"dialects": [], "models": model(dialects=["OpenAIChat"])},
        'spec.models[1].dialects: "large" has no dialect',
    ),
    (
        "models have names of their own",
        {"models": model()},
        {"models": [*model(), {"name": "small"}]},
        'spec.models[2].name: "small" stands twice',
    ),
    ("long rates rise", above(1000, 2000), above(2000, 2000), "priceUSDPerMTok.above[1].inputTokens: found 2000 after"),
    ("a caBundle is PEM", {"caBundle": PEM}, {"caBundle": "hello"}, "spec.caBundle: holds no certificate"),
    *(
        (f"a caBundle's certificates are whole, not {cut!r}", {"caBundle": PEM}, {"caBundle": PEM + cut}, UNREADABLE)
        for cut in (
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMAMC?QE=\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n",
        )
    ),
    ("a caBundle holds no key", {"caBundle": PEM}, {"caBundle": PEM + KEY}, "spec.caBundle: holds a private key"),
    (
        "a turn's own keys have no default",
        {"requestDefaults": {"temperature": 0.5}},
        {"requestDefaults": {"model": "x"}},
        "spec.requestDefaults.model: can't have a default",
    ),
    (
        "request defaults hold no key",
        {"requestDefaults": {"a": {"max_tokens": 5}}},
        {"requestDefaults": {"a": [{"api_key": "sk-secret"}]}},
        "spec.requestDefaults.a[0].api_key: looks like a key",
    ),
    (
        "a credential is a name",
        {"credential": {"secretRef": {"name": "v"}}},
        {"credential": {"apiKey": "sk-secret"}},
        "",
    ),
]


@pytest.mark.parametrize(
    ("accepted", "refused", "expected"), [case[1:] for case in ROUTER_CASES], ids=[case[0] for case in ROUTER_CASES]
)
def test_a_router_is_held_to(accepted: dict[str, Any], refused: dict[str, Any], expected: str) -> None:
    assert problems_with(changed(ROUTER, **accepted), PROVIDER) == []
    found = problems_with(changed(ROUTER, **refused), PROVIDER)
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("accepted", "refused", "expected"), [case[1:] for case in PROVIDER_CASES], ids=[case[0] for case in PROVIDER_CASES]
)
def test_a_provider_is_held_to(accepted: dict[str, Any], refused: dict[str, Any], expected: str) -> None:
    assert problems_with(ROUTER, changed(PROVIDER, **accepted)) == []
    found = problems_with(ROUTER, changed(PROVIDER, **refused))
    assert any(expected in problem for problem in found), found
    assert all("sk-secret" not in problem for problem in found)


def test_what_could_not_be_read_is_not_reported_a_second_time_as_missing() -> None:
    router = changed(ROUTER, tiers=tiers(name="Not A Name"))
    assert [problem.split(": ")[2] for problem in problems_with(router, PROVIDER)] == ["spec.tiers[0].name"]
    provider = changed(PROVIDER, models=[{"name": "small", "contextWindow": "big"}, {"name": "large"}])
    assert len(problems_with(ROUTER, provider)) == 1


def test_a_tier_with_a_bad_field_does_not_hide_an_unknown_tier_elsewhere() -> None:
    router = changed(ROUTER, tiers=tiers(THIRD | {"rank": "high"}), rules=[rule("true") | {"tier": "dep"}])
    rank, unknown = problems_with(router, PROVIDER)
    assert "spec.tiers[2].rank" in rank
    assert 'no tier is named "dep"; there are: routine, deep, third; did you mean "deep"?' in unknown


def test_a_threshold_with_a_bad_field_does_not_hide_an_unknown_one_in_a_rule() -> None:
    router = changed(ROUTER, **threshold(min="low"), rules=[rule("task.file_count > thresholds.fils")])
    low, unknown = problems_with(router, PROVIDER)
    assert "spec.thresholds[0].min" in low
    assert "fils" in unknown


@pytest.mark.parametrize(
    "bad",
    [{"rank": "high"}, {"provider": 5}, {"fallbackTo": "routine"}, {"name": "Third"}, {"name": None}, "third"],
    ids=str,
)
def test_a_tier_that_could_not_be_read_is_not_called_unknown(bad: Any) -> None:
    third = THIRD | bad if isinstance(bad, dict) else bad
    router = changed(ROUTER, tiers=tiers(third), fallbackTier="third", rules=[rule("true") | {"tier": "third"}])
    (problem,) = problems_with(router, PROVIDER)
    assert "spec.tiers[2]" in problem


def test_a_misspelt_field_does_not_hide_a_reference_that_leads_nowhere() -> None:
    assert len(problems_with(changed(ROUTER, colour="blue", fallbackTier="x"), PROVIDER)) == 2


def test_after_a_syntax_error_nothing_is_called_missing() -> None:
    (problem,) = problems_of(text_of(ROUTER) + "---\nkind: [\n")
    assert "not valid YAML" in problem
