"""A router and its surroundings as plain values, changed by plans as an API server would change them.

It knows only what the plan relies on: POST does not overwrite, an apply merges labels and annotations and sets data,
versions grow. What the real server does beside that is tested on the real server.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import yaml
from json_copy import json_copy

from tierrouter_core.canonical import canonical_json, digest
from tierrouter_core.contract import CANARY_REVISION, STABLE_FILE, active_name, credentials_name, model_server_name
from tierrouter_core.spend.price import Price
from tierrouter_operator.planning.kinds import (
    CONFIG_MAP,
    MODEL_SERVER,
    REVISION,
    ROUTER,
    RUN,
    SECRET,
    SUITE,
    Kind,
    kind_of,
)
from tierrouter_operator.planning.model_server_state import Said
from tierrouter_operator.planning.observed import Observed, Refusal
from tierrouter_operator.planning.plan import RouterPlanner
from tierrouter_operator.planning.rollout_verdict import Analysis
from tierrouter_operator.planning.sidecars import NOTHING_SEEN, Fleet
from tierrouter_operator.planning.writes import (
    Apply,
    ApplyStatus,
    Create,
    Delete,
    DeleteRevisions,
    MergeStatus,
    Plan,
    PostEvent,
    Replace,
    Tell,
    Write,
)

EXAMPLE = Path(__file__).parents[3] / "examples" / "coding.yaml"
Obj = dict[str, Any]


class AlreadyThere(Exception):
    """A POST of a name that is taken."""


@cache
def _example() -> bytes:
    """The example's objects as JSON: PyYAML takes a hundred times as long, and each test has a world."""
    return orjson.dumps(list(yaml.safe_load_all(EXAMPLE.read_text())))


class World:
    """One namespace with one router, which names no local model."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.objects: dict[tuple[Kind, str], Obj] = {}
        self.providers: dict[str, Obj] = {}
        self.events: list[PostEvent] = []
        self.told: list[Tell] = []
        self.fleet: Fleet = NOTHING_SEEN
        self.analysis: Analysis | None = None
        self.refused: Refusal | None = None
        self.said: Said | None = None
        self.prices: Mapping[tuple[str, str, str], Price] = {}
        self._version = 0
        for document in orjson.loads(_example()):
            document["metadata"]["namespace"] = "agents"
            if document["kind"] == "TierRouter":
                # Most tests are about what is published; those of the model server put it back.
                self.local_model = document["spec"].pop("localModel")
                self.put(ROUTER, document)
            else:
                self.providers[document["metadata"]["name"]] = self._stamped(document)
                secret = (document["spec"].get("credential") or {}).get("secretRef")
                if secret:
                    self.add_secret(secret["name"], secret.get("key", "api-key"))

    @property
    def router(self) -> Obj:
        return self.objects[ROUTER, "coding"]

    @property
    def spec(self) -> Obj:
        """The router's spec, to be changed; :meth:`change` tells that it was."""
        return self.router["spec"]

    @property
    def active(self) -> Obj:
        return self.objects[CONFIG_MAP, active_name("coding")]

    @property
    def stable(self) -> Obj:
        """The document in force."""
        return orjson.loads(self.active["data"][STABLE_FILE])

    @property
    def keys(self) -> dict[str, str]:
        """What the credentials Secret holds, decoded."""
        data = self.objects[SECRET, credentials_name("coding")]["data"]
        return {name: base64.b64decode(value).decode() for name, value in data.items()}

    @property
    def is_tried(self) -> bool:
        """Whether a canary lasts: then there is always something to look at again."""
        found = self.objects.get((CONFIG_MAP, active_name("coding")))
        return found is not None and CANARY_REVISION in (found["metadata"].get("annotations") or {})

    @property
    def revisions(self) -> list[Obj]:
        """Oldest first."""
        found = [obj for (kind, _), obj in self.objects.items() if kind == REVISION]
        return sorted(found, key=lambda obj: obj["spec"]["number"])

    def condition(self, type_: str) -> Obj:
        return next(each for each in self.router["status"]["conditions"] if each["type"] == type_)

    def threshold(self, name: str, value: int) -> None:
        """The user changes a threshold."""
        next(each for each in self.spec["thresholds"] if each["name"] == name)["value"] = value
        self.change()

    def change(self) -> None:
        """The user has changed the router's spec."""
        self.router["metadata"]["generation"] += 1

    def add_secret(self, name: str, key: str = "api-key", text: str = "", **annotations: str) -> None:
        data = {key: base64.b64encode((text or f"key-of-{name}").encode()).decode()}
        metadata = {"name": name, "namespace": "agents", "annotations": annotations}
        self.put(SECRET, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})

    def put(self, kind: Kind, obj: Obj) -> None:
        self.objects[kind, obj["metadata"]["name"]] = self._stamped(obj)

    def observed(self) -> Observed:
        objects = {key: json_copy(obj) for key, obj in self.objects.items()}
        for provider in self.providers.values():
            provider["metadata"]["generation"] = int(digest(canonical_json(provider["spec"]))[:8], 16)
        ours = credentials_name("coding")
        return Observed(
            router=objects[ROUTER, "coding"],
            providers=json_copy(self.providers),
            secrets={name: obj for (kind, name), obj in objects.items() if kind == SECRET and name != ours},
            revisions=tuple(obj for (kind, _), obj in objects.items() if kind == REVISION),
            config_maps={name: obj for (kind, name), obj in objects.items() if kind == CONFIG_MAP},
            credentials=objects.get((SECRET, ours)),
            now=self.now,
            model_server={
                kind: obj
                for kind in MODEL_SERVER
                if (obj := objects.get((kind, model_server_name("coding")))) is not None
            },
            said=self.said,
            suites={name: obj for (kind, name), obj in objects.items() if kind == SUITE},
            runs=tuple(obj for (kind, _), obj in objects.items() if kind == RUN),
            fleet=self.fleet,
            refused=self.refused,
        )

    def plan(self) -> Plan:
        planner = RouterPlanner(self.observed(), self.analysis)
        wanted = set(planner.wanted_prices())

        def price_of(*asked: str) -> Price | None:
            assert asked in wanted, f"{asked} is looked up, but was not said to be wanted"
            return self.prices.get(asked)

        return planner.plan(price_of)

    def settle(self, wait: bool = False, after: Callable[[Write], None] = lambda write: None) -> list[Write]:
        """Plan and do until nothing is left; all that was written."""
        done: list[Write] = []
        for _ in range(20):
            plan = self.plan()
            for write in plan.writes:
                self.do(write)
                done.append(write)
                after(write)
            self.now += timedelta(seconds=1)
            if not plan.writes:
                if self.is_tried or not wait or plan.look_again_after_s is None:
                    return done
                self.now += timedelta(seconds=plan.look_again_after_s)
        raise AssertionError(f"it never settles; the last writes were {done[-5:]}")

    def do(self, write: Write) -> None:
        match write:
            case PostEvent():
                self.events.append(write)
            case DeleteRevisions(kind, _, _, names):
                for name in names:
                    self.objects.pop((kind, name), None)
            case Create(body):
                key = (kind_of(body), body["metadata"]["name"])
                if key in self.objects:
                    raise AlreadyThere(key[1])
                self.put(key[0], json_copy(dict(body)))
            case Delete(kind, gone):
                assert self.objects[kind, gone["metadata"]["name"]]["metadata"]["uid"] == gone["metadata"]["uid"]
                del self.objects[kind, gone["metadata"]["name"]]
            case Apply(body) | Replace(body):
                self._update(dict(body), replaces=isinstance(write, Replace))
            case Tell():
                self.told.append(write)
            case MergeStatus(body):
                found = self.objects[kind_of(body), body["metadata"]["name"]]
                assert body["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]
                _merge(found.setdefault("status", {}), json_copy(body["status"]))
                self._touch(found)
            case ApplyStatus(body):
                found = self.objects[kind_of(body), body["metadata"]["name"]]
                found["status"] = json_copy(dict(body["status"]))
                self._touch(found)

    def _update(self, body: Obj, replaces: bool) -> None:
        found = self.objects[kind_of(body), body["metadata"]["name"]]
        assert found["metadata"]["uid"] == body["metadata"]["uid"]
        assert not found.get("immutable")
        if replaces:
            assert body["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]
            found["metadata"] |= {"labels": {}, "annotations": {}}
            found.pop("data", None)
            found.pop("spec", None)
        for key in ("labels", "annotations"):
            found["metadata"][key] = (found["metadata"].get(key) or {}) | (body["metadata"].get(key) or {})
        for key in ("data", "spec"):
            if key in body:
                found[key] = (found.get(key) or {}) | json_copy(body[key])
        self._touch(found)

    def _stamped(self, obj: Obj) -> Obj:
        self._version += 1
        obj["metadata"].setdefault("uid", str(uuid4()))
        obj["metadata"].setdefault("generation", 1)
        obj["metadata"].setdefault("creationTimestamp", self.now.strftime("%Y-%m-%dT%H:%M:%SZ"))
        self._touch(obj)
        return obj

    def _touch(self, obj: Obj) -> None:
        self._version += 1
        obj["metadata"]["resourceVersion"] = str(self._version)


def _merge(found: Obj, patch: Mapping[str, Any]) -> None:
    """A merge patch: maps are merged, all else is replaced."""
    for key, value in patch.items():
        if isinstance(value, Mapping):
            _merge(found.setdefault(key, {}), value)
        else:
            found[key] = value
