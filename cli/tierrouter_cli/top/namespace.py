"""The sidecars of a namespace, asked through the API server: it needs nothing but the kubeconfig's user."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tierrouter_cli.top.look import Look, LookError, Pod
from tierrouter_cli.top.one import OLDER
from tierrouter_core.contract import ADMIN_PORT, ROUTER_LABEL, RUN_LABEL
from tierrouter_core.summary.codec import summary_from_json
from tierrouter_core.summary.model import Summary
from tierrouter_core.summary.total import added_up
from tierrouter_operator.client import Client
from tierrouter_operator.errors import ApiError, NotFoundError, RefusedError, UnavailableError
from tierrouter_operator.injection.forced import forced_variables
from tierrouter_operator.injection.inject import is_injected
from tierrouter_operator.planning.kinds import POD

_AT_ONCE = 16


class Namespace:
    """All sidecars of a namespace, or those of one router."""

    def __init__(self, client: Client, namespace: str, router: str | None) -> None:
        self._client = client
        self._namespace = namespace
        self._router = router
        self._limit = asyncio.Semaphore(_AT_ONCE)

    async def look(self) -> Look:
        """As :meth:`Source.look`."""
        try:
            found = await self._pods()
        except RefusedError as error:
            raise LookError(f"the API server refuses it: {error.said}") from None
        except ApiError as error:
            raise LookError(str(error)) from None
        counted = [pod for pod in found if not _is_of_a_suite(pod)]
        pods = await asyncio.gather(*(self._asked(pod) for pod in counted))
        where = f"namespace {self._namespace}" + (f", router {self._router}" if self._router else "")
        return Look(
            where=where,
            total=added_up([pod.summary for pod in pods if pod.summary is not None]),
            pods=tuple(sorted(pods, key=_order)),
            left_out=len(found) - len(counted),
        )

    async def _pods(self) -> list[Mapping[str, Any]]:
        labels = ROUTER_LABEL if self._router is None else f"{ROUTER_LABEL}={self._router}"
        listed = self._client.list(POD.path(self._namespace), labels=labels)
        return [pod async for pod in listed if is_injected(pod) and _runs(pod)]

    async def _asked(self, pod: Mapping[str, Any]) -> Pod:
        name, address = pod["metadata"]["name"], str((pod.get("status") or {}).get("podIP") or "")
        if not address:
            return Pod(name, None, "it has no address yet")
        path = f"{POD.path(self._namespace, name)}:{ADMIN_PORT}/proxy/summary"
        try:
            async with self._limit:
                # The API server passes the name on by which it was asked itself; the sidecar knows the pod's.
                said = await self._client.get(path, host=f"[{address}]" if ":" in address else address)
            return Pod(name, summary_from_json(said))
        except NotFoundError:
            return Pod(name, None, f"it is gone, or {OLDER}")
        except RefusedError as error:
            return Pod(name, None, error.said)
        except UnavailableError as error:
            return Pod(name, None, f"it does not answer: {error}")
        except ApiError as error:
            return Pod(name, None, str(error))
        except ValueError as error:
            return Pod(name, None, f"it does not answer as a sidecar does: {error}")


def _order(pod: Pod) -> tuple[bool, int, str]:
    """Those that did not answer, then the busiest."""
    return pod.summary is not None, -_turns(pod.summary), pod.name


def _turns(summary: Summary | None) -> int:
    return 0 if summary is None else summary.turns


def _is_of_a_suite(pod: Mapping[str, Any]) -> bool:
    """Whether its turns measure a tier: it is a run's, or its tier is forced. Prometheus goes by the same marks."""
    metadata = pod["metadata"]
    variables, _ = forced_variables(metadata.get("annotations") or {})
    return RUN_LABEL in (metadata.get("labels") or {}) or bool(variables)


def _runs(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")
