"""A request as one target gets it: as it is but for a few edits, in another dialect, or not at all."""

from tierrouter_core.names import Dialect
from tierrouter_core.routing.targets import Target, spoken
from tierrouter_core.wire.claude import takes_system_messages
from tierrouter_core.wire.edits import Edited, EditPlan, edit_request
from tierrouter_core.wire.quirks import profile_of
from tierrouter_core.wire.render import Wanted
from tierrouter_core.wire.request import Request
from tierrouter_core.wire.translate import Refused, Translated, translate_request

Fit = Edited | Translated | Refused


def dialect_for(request: Request, target: Target) -> Dialect:
    """The dialect in which ``target`` gets ``request``."""
    model = target.model
    wanted = None if model is None else spoken(model, request.dialect, has_tools=request.has_tools)
    return request.dialect if wanted is None else wanted


def fit(request: Request, target: Target, seal_key: bytes) -> Fit:
    """``request`` as ``target`` gets it; ``seal_key`` proves what was thought before."""
    dialect = dialect_for(request, target)
    if dialect is not request.dialect:
        return translate_request(request, dialect, _wanted(target, seal_key))
    capabilities = {} if target.model is None else target.model.capabilities
    if request.media.images and capabilities.get("vision") is False:
        return Refused("image", f"the model {target.model_name} takes no images")
    if request.media.documents and capabilities.get("pdf") is False:
        return Refused("document", f"the model {target.model_name} takes no documents")
    return edit_request(request, _plan(target))


def _plan(target: Target) -> EditPlan:
    model, tier = target.model, target.tier
    return EditPlan(
        model_id=target.model_id,
        cap=None if model is None else model.max_output_tokens,
        tier_max_tokens=0 if tier is None else tier.max_tokens,
        clamp=tier is not None and tier.clamp,
        request_defaults=target.provider.request_defaults,
        inject_usage=_reports_when_asked(target),
        folds_system=_refuses_system_messages(target),
    )


def _wanted(target: Target, seal_key: bytes) -> Wanted:
    model, tier = target.model, target.tier
    cap = None if model is None else model.max_output_tokens
    default = 4096 if tier is None else tier.max_tokens
    if tier is not None and tier.clamp:
        cap = tier.max_tokens if cap is None else min(cap, tier.max_tokens)
    return Wanted(
        model_id=target.model_id,
        profile=profile_of(target.provider.base_url, target.model_id, {} if model is None else model.capabilities),
        cap=cap,
        default_cap=default if cap is None else min(default, cap),
        request_defaults=target.provider.request_defaults,
        include_usage=_reports_when_asked(target),
        strips_hosted=tier is None or tier.hosted_tools == "Strip",
        seal_key=seal_key,
    )


def _refuses_system_messages(target: Target) -> bool:
    stated = None if target.model is None else target.model.capabilities.get("midSystem")
    return (takes_system_messages(target.model_id) if stated is None else stated) is False


def _reports_when_asked(target: Target) -> bool:
    return target.model is None or target.model.capabilities.get("includeUsage", True) is not False
