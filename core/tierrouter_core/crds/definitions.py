"""The five kinds as an API server gets to know them: names, columns, statuses, and rules about whole objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tierrouter_core.crds.provider_rules import FREE_FIELDS, PROVIDER_NOTES, PROVIDER_RULES
from tierrouter_core.crds.router_rules import ROUTER_NOTES, ROUTER_RULES
from tierrouter_core.crds.schema import Schema, SchemaWriter, Validation, Validations, anchored
from tierrouter_core.resources import provider, regression, regression_run, revision, router
from tierrouter_core.resources.fields import declared
from tierrouter_core.resources.metadata import API_VERSION, GROUP, MAX_ROUTER_NAME, dns_label
from tierrouter_core.resources.status import ProviderStatus, RouterStatus

CATEGORY = "tierrouter-all"
"""kubectl takes the word as all five kinds. Not "tierrouter", or `kubectl get tierrouter NAME` would mean all five."""
VERSION = API_VERSION.partition("/")[2]

_IMMUTABLE = Validation(rule="self == oldSelf", message="spec never changes; make a new object instead")
_SUITE_RULES: Validations = {
    regression.RegressionPolicy: (
        Validation(
            rule="self.tierFloorPercent <= self.regressBelowPercent",
            message="tierFloorPercent is more than regressBelowPercent, so a tier would be barred before it regressed",
        ),
        Validation(
            rule="self.regressBelowPercent <= self.promoteAtPercent",
            message="regressBelowPercent is more than promoteAtPercent, so what was promoted would have regressed",
        ),
    ),
    regression.SuiteSpec: (
        Validation(
            rule="has(self.jobTemplate.spec)",
            message="jobTemplate has no spec; write it as spec.jobTemplate of a CronJob",
            field_path=".jobTemplate",
        ),
        Validation(
            rule=(
                "!has(self.candidates) || self.candidates.all(item, self.candidates.exists_one(other, other == item))"
            ),
            message="a candidate stands twice",
            field_path=".candidates",
        ),
    ),
}
_SUITE_FREE_FIELDS: Mapping[str, Mapping[str, Schema]] = {
    "jobTemplate": {
        "spec": {
            "description": "A Job's spec.",
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        }
    }
}
_RESULTS_STAY = Validation(
    rule=(
        "!has(oldSelf.status) || !has(oldSelf.status.results) || (has(self.status) && has(self.status.results) && "
        "oldSelf.status.results.all(old, self.status.results.exists(new, new.name == old.name)))"
    ),
    message="results are written once; they never change or leave",
)
_RESULT_STAYS = Validation(rule="self == oldSelf", message="results are written once; they never change or leave")
_NO_MORE_SOLVED_THAN_TRIED = Validation(rule="self.resolved <= self.tasks", message="resolved is more than tasks")
_NO_TASK_WITHOUT_RESULTS = Validation(
    rule="!has(self.error) || self.error == '' || (self.tasks == 0 && (!has(self.rows) || self.rows == ''))",
    message="error says that there are no results, but tasks or rows says otherwise",
)
_DECISION_STAYS = Validation(
    rule=("!has(oldSelf.status) || !has(oldSelf.status.decision) || (has(self.status) && has(self.status.decision))"),
    message="a run is decided once; a decision never leaves",
)
_DECIDED_ONCE = Validation(
    rule=" && ".join(
        [
            "self.action == oldSelf.action",
            "self.reason == oldSelf.reason",
            *(
                f"has(self.{key}) == has(oldSelf.{key}) && (!has(self.{key}) || self.{key} == oldSelf.{key})"
                for key in ("lowPercent", "highPercent", "overlay", "decidedFrom", "cells", "state")
            ),
            "(!has(oldSelf.revision) || oldSelf.revision == '' || "
            "(has(self.revision) && self.revision == oldSelf.revision))",
        ]
    ),
    message="a run is decided once; of a decision only an empty revision may still be set",
)
_THE_END_STAYS = Validation(
    rule=(
        "!has(oldSelf.status) || !has(oldSelf.status.phase) || !(oldSelf.status.phase in ['Decided', 'Failed']) || "
        "(has(self.status) && has(self.status.phase) && self.status.phase == oldSelf.status.phase)"
    ),
    message="a run that is Decided or Failed stays so; make a new run instead",
)
_RESULTS_ARE_OF_THE_MATRIX = Validation(
    rule=(
        "!has(self.status) || !has(self.status.results) || "
        "self.status.results.all(result, self.spec.matrix.exists(cell, cell.name == result.name))"
    ),
    message="a result names a cell that spec.matrix has not",
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of ``kubectl get``."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    """Shown by ``-o wide`` alone."""

    @property
    def entry(self) -> Schema:
        """As the definition has it."""
        entry: Schema = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return {**entry, "priority": 1} if self.wide else entry


_AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One kind."""

    cls: type[Any]
    kind: str
    plural: str
    short_name: str
    description: str
    status: type[Any]
    columns: tuple[Column, ...]
    max_name: int = 63
    rules: Validations = field(default_factory=dict)
    root_rules: tuple[Validation, ...] = ()
    free_fields: Mapping[str, Mapping[str, Schema]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The definition's own name."""
        return f"{self.plural}.{GROUP}"

    def manifest(self) -> Schema:
        """The CustomResourceDefinition."""
        version = {
            "name": VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [column.entry for column in self.columns],
            "schema": {"openAPIV3Schema": self._schema()},
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name},
            "spec": {
                "group": GROUP,
                "scope": "Namespaced",
                "names": {
                    "kind": self.kind,
                    "listKind": f"{self.kind}List",
                    "plural": self.plural,
                    "singular": self.kind.lower(),
                    "shortNames": [self.short_name],
                    "categories": [CATEGORY],
                },
                "versions": [version],
            },
        }

    def _schema(self) -> Schema:
        spec = SchemaWriter(validations=self.rules, free_fields=self.free_fields, notes=self.notes)
        status = SchemaWriter(validations=self.rules, with_defaults=False)
        return {
            "description": self.description,
            "type": "object",
            "required": ["spec"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"},
                "spec": spec.field_of(declared(self.cls)["spec"]),
                "status": status.object_of(self.status, "What the operator observed; nobody else writes it."),
            },
            "x-kubernetes-validations": [rule.entry for rule in (self._name_rule(), *self.root_rules)],
        }

    def _name_rule(self) -> Validation:
        label = dns_label(self.max_name)
        return Validation(
            rule=(
                f"size(self.metadata.name) <= {self.max_name} && "
                f"self.metadata.name.matches('{anchored(label.pattern)}')"
            ),
            message=f"metadata.name must be {label.words}",
        )


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        cls=router.TierRouter,
        kind=router.KIND,
        plural="tierrouters",
        short_name="tro",
        description="One router: the tiers, and what decides between them.",
        status=RouterStatus,
        max_name=MAX_ROUTER_NAME,
        rules=ROUTER_RULES,
        notes=ROUTER_NOTES,
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Mode", ".spec.mode"),
            Column("Revision", ".status.activeRevision"),
            Column("Local-Model", '.status.conditions[?(@.type=="ModelServerReady")].reason'),
            Column("Canary", ".status.canaryRevision", wide=True),
            Column("Sidecars", ".status.sidecars", "integer", wide=True),
            Column("Up-To-Date", ".status.sidecarsUpToDate", "integer", wide=True),
            _AGE,
        ),
    ),
    Definition(
        cls=provider.ModelProvider,
        kind=provider.KIND,
        plural="modelproviders",
        short_name="mp",
        description="Where models live, what they are called there, and what they cost.",
        status=ProviderStatus,
        rules=PROVIDER_RULES,
        free_fields=FREE_FIELDS,
        notes=PROVIDER_NOTES,
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("URL", ".spec.baseURL"),
            _AGE,
        ),
    ),
    Definition(
        cls=revision.RouterRevision,
        kind=revision.KIND,
        plural="routerrevisions",
        short_name="rr",
        description="One compiled state of a router. The operator makes it; its spec never changes.",
        status=revision.RevisionStatus,
        rules={revision.RevisionSpec: (_IMMUTABLE,)},
        columns=(
            Column("Router", ".spec.router"),
            Column("Number", ".spec.number", "integer"),
            Column("Phase", ".status.phase"),
            Column("Origin", ".spec.origin.type"),
            Column("Run", ".spec.origin.run"),
            Column("Why", ".spec.origin.message", wide=True),
            _AGE,
        ),
    ),
    Definition(
        cls=regression.RegressionSuite,
        kind=regression.SUITE_KIND,
        plural="regressionsuites",
        short_name="rsuite",
        description="Tasks that every tier has to solve, and what follows when it does not.",
        status=regression.SuiteStatus,
        max_name=regression.MAX_SUITE_NAME,
        rules=_SUITE_RULES,
        free_fields=_SUITE_FREE_FIELDS,
        columns=(
            Column("Router", ".spec.router"),
            Column("Schedule", ".spec.schedule"),
            Column("Suspended", ".spec.suspend", "boolean"),
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Last-Run", ".status.lastRun"),
            Column("Decision", ".status.lastDecision"),
            Column("Next", ".status.nextScheduleTime", wide=True),
            _AGE,
        ),
    ),
    Definition(
        cls=regression_run.RegressionRun,
        kind=regression_run.RUN_KIND,
        plural="regressionruns",
        short_name="rrun",
        description="One time that a suite ran. Its spec never changes, its results are written once.",
        status=regression_run.RunStatus,
        max_name=regression_run.MAX_RUN_NAME,
        rules={
            regression_run.RunSpec: (_IMMUTABLE,),
            regression_run.CellResult: (_NO_MORE_SOLVED_THAN_TRIED, _NO_TASK_WITHOUT_RESULTS, _RESULT_STAYS),
            regression_run.RunDecision: (_DECIDED_ONCE,),
        },
        root_rules=(_RESULTS_STAY, _RESULTS_ARE_OF_THE_MATRIX, _DECISION_STAYS, _THE_END_STAYS),
        columns=(
            Column("Suite", ".spec.suite"),
            Column("Source", ".spec.source"),
            Column("Phase", ".status.phase"),
            Column("Decision", ".status.decision.action"),
            Column("Low", ".status.decision.lowPercent"),
            Column("High", ".status.decision.highPercent"),
            Column("Tested", ".spec.revision"),
            Column("Made", ".status.decision.revision"),
            Column("Reason", ".status.decision.reason", wide=True),
            _AGE,
        ),
    ),
)


def definitions_by_file() -> Iterator[tuple[str, Definition]]:
    """The file of each definition in ``crds/``, with the definition."""
    for definition in DEFINITIONS:
        yield f"{definition.plural}.yaml", definition
