"""A router with its providers and Secrets in a namespace of the real API server."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import yaml

from control_plane import Api
from tierrouter_core.contract import STABLE_FILE, active_name

EXAMPLE = Path(__file__).parents[1] / "examples" / "coding.yaml"
GROUP = "/apis/tierrouter.dev/v1alpha1"
Obj = dict[str, Any]


class RouterInCluster:
    """What a user has of it. Paths are of the namespace; the API is asked, never the operator."""

    def __init__(self, api: Api, namespace: str, name: str = "coding") -> None:
        self.api = api
        self.namespace = namespace
        self.name = name
        self.base = f"{GROUP}/namespaces/{namespace}"
        self.core = f"/api/v1/namespaces/{namespace}"
        self.path = f"{self.base}/tierrouters/{name}"

    async def apply(self, secrets: bool = True, provider_url: str = "", **changes: Any) -> None:
        """``kubectl apply`` of the example under this name, with ``spec`` fields changed (None: left out), and of its Secrets.

        With a ``provider_url`` every ModelProvider is there instead of where the example has it.
        """
        for document in yaml.safe_load_all(EXAMPLE.read_text()):
            document["metadata"]["namespace"] = self.namespace
            if document["kind"] == "TierRouter":
                document["metadata"]["name"] = self.name
                changed = document["spec"] | changes
                document["spec"] = {field: value for field, value in changed.items() if value is not None}
                router = document
                continue
            if provider_url:
                document["spec"]["baseURL"] = provider_url
            await self.api.apply(document, self.namespace, manager="user")
            secret = (document["spec"].get("credential") or {}).get("secretRef")
            if secret and secrets:
                await self.put_secret(secret["name"], secret.get("key", "api-key"))
        await self.api.apply(router, self.namespace, manager="user")

    async def put_secret(self, name: str, key: str = "api-key", text: str = "", **annotations: str) -> None:
        metadata: Obj = {"name": name, "annotations": annotations} if annotations else {"name": name}
        data = {key: text or f"key-of-{name}"}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        await self.api.apply(secret, self.namespace, manager="user")

    async def patch(self, **spec: Any) -> Obj:
        return await self.api.patch(self.path, {"spec": spec})

    async def threshold(self, name: str, value: int) -> None:
        """Change one threshold, as ``kubectl edit`` would."""
        thresholds = (await self.get())["spec"]["thresholds"]
        for each in thresholds:
            each["value"] = value if each["name"] == name else each["value"]
        await self.patch(thresholds=thresholds)

    async def get(self) -> Obj:
        return await self.api.get(self.path)

    async def active(self) -> Obj:
        return await self.api.get(f"{self.core}/configmaps/{active_name(self.name)}")

    async def stable(self) -> Obj:
        """The document in force."""
        return orjson.loads((await self.active())["data"][STABLE_FILE])

    async def credentials(self) -> Obj:
        return (await self.api.get(f"{self.core}/secrets/{self.name}-credentials")).get("data") or {}

    async def revisions(self) -> list[Obj]:
        """Oldest first."""
        items = (await self.api.get(f"{self.base}/routerrevisions"))["items"]
        return sorted(
            (each for each in items if each["spec"]["router"] == self.name), key=lambda o: o["spec"]["number"]
        )

    async def condition(self, type_: str) -> Obj:
        conditions = (await self.get()).get("status", {}).get("conditions") or []
        return next((each for each in conditions if each["type"] == type_), {})

    async def until_served(self, timeout_s: float = 30, **thresholds: int) -> Obj:
        """The document in force, once it has these thresholds."""

        async def served() -> Obj | None:
            document = await self.stable()
            return document if thresholds.items() <= document["thresholds"].items() else None

        found: Obj = await self.api.until(served, f"{self.name} serves {thresholds}", timeout_s)
        return found

    async def until_condition(
        self, type_: str, status: str, reason: str = "", timeout_s: float = 30, *, says: str = ""
    ) -> Obj:
        """The condition, once it is so for the newest generation and its message says `says`.

        What is applied object by object is judged in between, too, so that the first message may not be the last.
        """

        async def is_so() -> Obj | None:
            router = await self.get()
            found = await self.condition(type_)
            is_new = found.get("observedGeneration") == router["metadata"]["generation"]
            is_it = is_new and found["status"] == status and reason in ("", found["reason"])
            return found if is_it and says in found["message"] else None

        found: Obj = await self.api.until(is_so, f"{self.name} is {type_}={status} {reason} {says}".rstrip(), timeout_s)
        return found

    async def until_settled(self) -> None:
        """Published, and the model server's pod was seen: nothing is left to write."""
        await self.until_condition("Ready", "True")

        async def is_seen() -> bool:
            return "Pod" in (await self.condition("ModelServerReady"))["message"]

        await self.api.until(is_seen, "the model server's pod is seen")

    async def children(self) -> list[str]:
        """Paths of everything that belongs to the router."""
        uid = (await self.get())["metadata"]["uid"]
        found = []
        for collection in (f"{self.base}/routerrevisions", f"{self.core}/configmaps", f"{self.core}/secrets"):
            for item in (await self.api.get(collection))["items"]:
                if any(reference["uid"] == uid for reference in item["metadata"].get("ownerReferences", ())):
                    found.append(f"{collection}/{item['metadata']['name']}")
        return found


async def quiet(seconds: float) -> None:
    """Let time pass in which nothing should happen."""
    await asyncio.sleep(seconds)
