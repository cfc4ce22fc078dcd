"""What tuning reads of a cluster, and the proposal that it writes into it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml

from tierrouter_cli.regress.connection import RegressError, the_suite
from tierrouter_cli.tuning.files import Found
from tierrouter_cli.tuning.finished_runs import FinishedRun, finished_runs
from tierrouter_core.contract import PROPOSAL, PROPOSED_REVISION, SUITE_LABEL, ConditionType, active_name
from tierrouter_core.resources.proposal import MAX_PROPOSAL_BYTES, Proposal, asked_digest, proposal_text
from tierrouter_core.tuning.policy_json import policy_to_json
from tierrouter_operator.errors import NotFoundError
from tierrouter_operator.planning.kinds import CONFIG_MAP, PROVIDER, ROUTER, RUN, Kind, Obj
from tierrouter_operator.planning.references import suite_of

if TYPE_CHECKING:
    from tierrouter_operator.client import Client

_WAIT_S: Final = 10.0
"""For the operator to make a revision."""
_ASK_AGAIN_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A suite's router and runs."""

    router: Obj
    text: str
    """The router with the namespace's ModelProviders, as a router file."""
    runs: list[FinishedRun]

    @property
    def router_name(self) -> str:
        """Its name."""
        return str(self.router["metadata"]["name"])


async def read_cluster(client: "Client", namespace: str, suite: str) -> Seen:
    """Read it.

    Raises:
        RegressError: there is no such suite, or it has no router.
        ResultsError: a run's rows can't be read.
    """
    name = str((await the_suite(client, namespace, suite))["spec"]["router"])
    try:
        router = await client.get(ROUTER.path(namespace, name))
    except NotFoundError:
        raise RegressError(f"suite {suite} names TierRouter {name}, which is not there") from None
    providers = [each async for each in client.list(PROVIDER.path(namespace))]
    runs = [each async for each in client.list(RUN.path(namespace)) if suite_of(each) == suite]
    kept = [each async for each in client.list(CONFIG_MAP.path(namespace), labels=f"{SUITE_LABEL}={suite}")]
    documents = [_as_written(ROUTER, router), *(_as_written(PROVIDER, each) for each in providers)]
    text = "---\n".join(yaml.safe_dump(each, sort_keys=False, allow_unicode=True) for each in documents)
    return Seen(router=router, text=text, runs=finished_runs(runs, kept))


async def propose(
    client: "Client", namespace: str, seen: Seen, found: Found, message: str, say: Callable[[str], None]
) -> bool:
    """Write the proposal and say what became of it; whether the operator can make a revision of it.

    Raises:
        RegressError: it is too long for where it is kept.
    """
    policy = policy_to_json(found.tuned, 0)
    expected = {**policy["expected"], "floor": policy["floor"], "baseline_model": policy["baseline_model"]}
    proposal = Proposal(
        spec=found.router.spec,
        made_from=asked_digest(seen.router["spec"]),
        message=message,
        expected=expected,
    )
    text = proposal_text(proposal)
    if len(text.encode()) > MAX_PROPOSAL_BYTES:
        raise RegressError(
            f"the tuned router is {len(text.encode()):,} bytes, and {MAX_PROPOSAL_BYTES:,} can be proposed; write a "
            "file by --out, and apply that"
        )
    name = seen.router_name
    body = {"metadata": {"uid": seen.router["metadata"]["uid"], "annotations": {PROPOSAL: text}}}
    await client.merge(ROUTER.path(namespace, name), body)
    revision, said = await _until_made(client, namespace, name, proposal)
    of = f"-n {namespace}"
    if revision:
        say(
            f"proposed as revision {revision} of router {name}, which serves nobody. To see what is different: kubectl "
            f"tierrouter diff active {revision} --router {name} {of}; to put it in force: kubectl tierrouter promote "
            f"{name} {revision} {of}; to take it back: kubectl tierrouter abort {name} {revision} {of}"
        )
        return True
    why = said or "is the operator running?"
    say(f"proposed to router {name}, but no revision was made of it in {_WAIT_S:g} s: {why}")
    return not said


async def _until_made(client: "Client", namespace: str, router: str, proposal: Proposal) -> tuple[str, str]:
    """The revision, or why there is none; both empty where nobody has said anything in time."""
    until = time.monotonic() + _WAIT_S
    while True:
        active = await _found(client, CONFIG_MAP, namespace, active_name(router))
        revision, _, nonce = _annotation(active, PROPOSED_REVISION).partition("@")
        if nonce == proposal.nonce:
            return revision, ""
        if time.monotonic() > until:
            break
        await asyncio.sleep(_ASK_AGAIN_S)
    status = (await _found(client, ROUTER, namespace, router)).get("status") or {}
    said = {each["type"]: str(each.get("message")) for each in status.get("conditions") or ()}
    message = said.get(ConditionType.ROLLOUT_SETTLED, "")
    return "", message if "proposed" in message else ""


async def _found(client: "Client", kind: Kind, namespace: str, name: str) -> Mapping[str, Any]:
    try:
        return await client.get(kind.path(namespace, name))
    except NotFoundError:
        return {"metadata": {}}


def _annotation(obj: Mapping[str, Any], name: str) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(name, ""))


def _as_written(kind: Kind, obj: Obj) -> dict[str, Any]:
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace")}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": obj["spec"]}
