"""The sidecar's metrics as they are counted and exposed; ``tierrouter_core.observability.sidecar`` declares them."""

from collections.abc import Iterable, Sequence

from tierrouter_core import __version__
from tierrouter_core.document.model import Document
from tierrouter_core.names import Outcome
from tierrouter_core.observability import sidecar as m
from tierrouter_core.observability.metric import Metric
from tierrouter_core.routing.hooks import SEEN_BY
from tierrouter_core.routing.targets import NO_TIER, OTHER_MODEL, stand_ins
from tierrouter_telemetry.series import Series

TOKEN_KINDS = ("input", "cache_read", "cache_write", "output", "reasoning")


class Metrics(Series):
    """The process's metrics; call them from the event loop's thread alone."""

    def __init__(self) -> None:
        super().__init__(m.SIDECAR_METRICS)
        self._elsewhere: dict[Metric, float] = {}
        self.set(m.BUILD_INFO, 1, __version__)

    def counted_elsewhere(self, metric: Metric, total: float) -> None:
        """Bring a counter without labels to what others have counted, which never gets less."""
        self.count(metric, by=total - self._elsewhere.get(metric, 0))
        self._elsewhere[metric] = total

    def adopt(self, documents: Iterable[Document]) -> None:
        """Take up the documents that turns are decided by from now on.

        What their tiers may count is there from the start: a rate over a series that begins with its first count
        misses that one. What other tiers have counted stays for a while.
        """
        documents = tuple(documents)
        self.keep(_label_values(documents))
        self.count(m.TURNS, "", "", Outcome.REFUSED, by=0)
        for document in documents:
            if document.baseline is not None:
                self.count(m.BASELINE_COST, document.baseline.model, by=0)
                self.count(m.COMPARED_COST, document.baseline.model, by=0)
            for tier in document.tiers.values():
                for outcome in Outcome:
                    self.count(m.TURNS, tier.name, tier.model, outcome, by=0)
                for kind in TOKEN_KINDS:
                    self.count(m.TOKENS, tier.name, tier.model, kind, by=0)
                self.count(m.COST, tier.name, tier.model, by=0)
                self.count(m.UNPRICED, tier.name, tier.model, by=0)
                self.count(m.USAGE_MISSING, tier.name, by=0)
                for name in stand_ins(document, tier):
                    self.count(m.FAILOVERS, tier.name, name, by=0)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return self.text().encode() + _of_the_process()


def _of_the_process() -> bytes:
    """The usual ``process_*`` and ``python_gc_*``."""
    # Loaded by the first scrape: an agent's start does not wait for it.
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.gc_collector import GCCollector
    from prometheus_client.process_collector import ProcessCollector

    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return generate_latest(registry)


def _label_values(documents: Sequence[Document]) -> dict[str, frozenset[str]]:
    """What the labels may say that speak of a configuration."""
    tiers, models, providers, budgets = {"", NO_TIER}, {"", OTHER_MODEL}, set[str](), set[str]()
    # Hooks count their errors as rules do.
    rules: set[str] = set(SEEN_BY)
    for document in documents:
        tiers.update(document.tiers)
        rules.update(rule.name for rule in document.rules)
        budgets.update(budget.name for budget in document.budgets)
        providers.update(document.providers)
        for provider in document.providers.values():
            # Circuits are by the provider's names of models, everything else by the user's.
            models.update(name for model in provider.models.values() for name in (model.name, model.id))
    of_tiers = dict.fromkeys(("tier", "from_tier", "to_tier", "hedge_tier"), frozenset(tiers))
    return {
        **of_tiers,
        "model": frozenset(models),
        "provider": frozenset(providers),
        "rule": frozenset(rules),
        "budget": frozenset(budgets),
        "baseline_model": frozenset(each.baseline.model for each in documents if each.baseline is not None),
    }
