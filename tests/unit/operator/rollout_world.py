"""A router with a suite whose runs decide, and an analysis that says what a test wants it to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from router_world import Obj, World

from tierrouter_core.contract import CANARY_FILE, ROLLOUT, SPLIT_FILE, STABLE_REVISION
from tierrouter_core.rollout.analysis import Action
from tierrouter_operator.planning.kinds import RUN, SUITE
from tierrouter_operator.planning.rollout_verdict import Question, Verdict
from tierrouter_operator.planning.sidecars import Counted, Fleet


@dataclass
class ScriptedAnalysis:
    """Counts are a number; the verdict is what the test has set."""

    action: Action = Action.WAIT
    looks: Mapping[str, Any] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)

    def gathered(self, written: Mapping[str, Any]) -> Any:
        return written.get("turns", 0)

    def written(self, counts: Any) -> Mapping[str, Any]:
        return {"turns": counts}

    def after_look(self, counts: Any, said: Mapping[str, Any], running: Collection[str], trial: str) -> Any:
        return counts + len(said)

    def after_answer(self, counts: Any, answer: Any, now_s: float) -> Any:
        return counts

    def problem_of(self, counts: Any) -> str:
        return ""

    def judge(self, question: Question) -> Verdict:
        self.asked.append(question)
        return Verdict(self.action, f"{question.counts} turns were counted", self.looks)


class RolloutWorld(World):
    """With a suite ``nightly``, whose runs the test makes."""

    def __init__(self, **rollout: Any) -> None:
        super().__init__()
        self.analysis = self.verdicts = ScriptedAnalysis()
        self.spec["rollout"] = rollout
        self.add_suite("nightly")
        self.settle()
        self.first = self.revisions[0]["metadata"]["name"]

    def add_suite(self, name: str) -> None:
        notify = {"secretRef": {"name": "slack", "key": "url"}}
        spec = {"router": "coding", "notify": notify}
        metadata = {"name": name, "namespace": "agents"}
        self.put(
            SUITE, {"apiVersion": "tierrouter.dev/v1alpha1", "kind": SUITE.kind, "metadata": metadata, "spec": spec}
        )

    def decide(
        self,
        name: str = "nightly-1",
        action: str = "Regress",
        suite: str = "nightly",
        tested: str = "",
        tiers: Mapping[str, str] | None = None,
        began: Mapping[str, Any] | None = None,
        **thresholds: int,
    ) -> Obj:
        """A run has decided that this overlay should hold."""
        metadata = {"name": name, "namespace": "agents"}
        decision: Obj = {
            "action": action,
            "reason": f"routine solved 90 % ({name})",
            "overlay": {"thresholds": thresholds, "tiers": dict(tiers or {})},
        }
        if began is not None:
            decision["decidedFrom"] = began
        time = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"phase": "Decided", "completionTime": time, "decision": decision}
        spec = {"suite": suite, "revision": tested or self.in_force}
        body = {"apiVersion": "tierrouter.dev/v1alpha1", "kind": RUN.kind, "metadata": metadata, "spec": spec}
        self.put(RUN, {**body, "status": status})
        return self.run(name)

    def moved(self) -> Obj:
        """What is in force, as a decision that is made now names it."""
        spec = next(obj["spec"] for obj in self.revisions if obj["metadata"]["name"] == self.in_force)
        return {key: spec[key] for key in ("base", "overlay")}

    def run(self, name: str = "nightly-1") -> Obj:
        return self.objects[RUN, name]

    def said_in(self, name: str = "nightly-1") -> Obj:
        """The run's condition about its rollout."""
        found = self.run(name)["status"].get("conditions") or ()
        return next((each for each in found if each["type"] == "RolloutSettled"), {})

    def made_by(self, name: str = "nightly-1") -> str:
        return self.run(name)["status"]["decision"].get("revision", "")

    @property
    def in_force(self) -> str:
        return self.active["metadata"]["annotations"][STABLE_REVISION]

    @property
    def rollout(self) -> Obj:
        return orjson.loads(self.active["metadata"]["annotations"].get(ROLLOUT, "{}"))

    @property
    def canary(self) -> Obj:
        """The canary's document; empty for none."""
        return orjson.loads(self.active["data"].get(CANARY_FILE, "{}"))

    @property
    def split(self) -> Obj:
        return orjson.loads(self.active["data"][SPLIT_FILE])

    def phase(self, name: str) -> str:
        return next(obj["status"]["phase"] for obj in self.revisions if obj["metadata"]["name"] == name)

    def count(self, turns: int, prometheus: str | None = None) -> None:
        """So many turns of the trial are counted; ``prometheus``: why not by it, empty where by it."""
        found = self.rollout
        trial = "/".join((found["revision"], found["salt"], found["since"]))
        self.fleet = Fleet(counted=Counted(trial, turns, prometheus))

    def judge(self, action: Action, turns: int = 500) -> None:
        """Sidecars were asked, and this follows."""
        self.count(turns)
        self.verdicts.action = action
        self.verdicts.looks = {"used": len(self.verdicts.looks) + 1}
        self.settle()

    def annotate(self, name: str, value: str) -> None:
        self.router["metadata"].setdefault("annotations", {})[name] = value
        self._touch(self.router)


def tried(world: RolloutWorld) -> str:
    """A decision whose canary has begun; its revision."""
    world.decide(file_count=7)
    world.settle()
    return str(world.rollout["revision"])
