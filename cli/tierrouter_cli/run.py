"""``tierrouter run`` and ``tierrouter sidecar``: the same server, told where its configuration is."""

import asyncio
import gc
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tierrouter_cli.exits import say
from tierrouter_core.contract import FORCE_MODEL_VARIABLE, FORCE_TIER_VARIABLE
from tierrouter_sidecar.configuration import MountedBundle, RouterFiles, RouterText, Source
from tierrouter_sidecar.credentials import CREDENTIALS_DIR_VARIABLE, Credentials
from tierrouter_sidecar.errors import StartError
from tierrouter_sidecar.guard import EVERY_ADDRESS
from tierrouter_sidecar.memory import give_back
from tierrouter_sidecar.settings import Settings
from tierrouter_sidecar.state_dir import default_state_dir, prepare_state_dir
from tierrouter_telemetry.logs import LogFormat, log_to, stderr

if TYPE_CHECKING:
    from tierrouter_sidecar.live import InForce

TOKEN_VARIABLE = "TIERROUTER_TOKEN"  # noqa: S105 (the name of a variable)
TOKEN_FILE_VARIABLE = "TIERROUTER_TOKEN_FILE"  # noqa: S105 (likewise)
LOG_LEVEL_VARIABLE = "TIERROUTER_LOG_LEVEL"
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

Tell = Callable[[str], None]


def run_router(
    *,
    files: Sequence[Path],
    host: str,
    port: int,
    admin_port: int,
    state_dir: Path | None,
    embedded: bool,
    allowed_hosts: tuple[str, ...],
    drain_s: float,
    log_format: str,
    otel: bool,
    statsd: str,
) -> None:
    """Serve until stopped; see the options of the command for the arguments."""
    tell = _log_to_stderr(log_format)
    folder = state_dir or default_state_dir()
    prepare_state_dir(folder)
    settings = Settings(
        host=host,
        port=port,
        admin_port=admin_port,
        state_dir=folder,
        credentials_dir=_credentials_dir(),
        token=_token(),
        allowed_hosts=allowed_hosts,
        drain_s=drain_s,
        otel=otel,
        statsd=statsd,
        force_tier=_force_tier(),
        force_model=os.environ.get(FORCE_MODEL_VARIABLE, ""),
    )
    if files and not embedded:
        source = RouterFiles(files, folder)
        source.begin()
        _run(settings, source, Credentials(settings.credentials_dir, os.environ), tell, require_configuration=True)
    else:
        _run_embedded(settings, tell)


def run_sidecar(
    *,
    config_dir: Path,
    host: str,
    port: int,
    admin_host: str,
    admin_port: int,
    state_dir: Path | None,
    log_turns: bool,
    log_format: str,
    otel: bool,
    statsd: str,
) -> None:
    """Serve a mounted configuration until stopped."""
    tell = _log_to_stderr(log_format)
    folder = state_dir or default_state_dir()
    prepare_state_dir(folder)
    pod_ips = os.environ.get("POD_IPS", "").split(",")
    settings = Settings(
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        state_dir=folder,
        credentials_dir=_credentials_dir(),
        token=_token(),
        allowed_hosts=tuple(each for each in pod_ips if each),
        router_name=os.environ.get("TIERROUTER_ROUTER", ""),
        pod=os.environ.get("POD_NAME", ""),
        log_turns=log_turns,
        otel=otel,
        statsd=statsd,
        force_tier=_force_tier(),
        force_model=os.environ.get(FORCE_MODEL_VARIABLE, ""),
    )
    credentials = Credentials(settings.credentials_dir, os.environ)
    _run(settings, MountedBundle(config_dir), credentials, tell, require_configuration=False)


def _run_embedded(settings: Settings, tell: Tell) -> None:
    from tierrouter_sidecar.embedded import EmbeddedModel, embedded_resources_yaml

    tell("loading the embedded model (SmolLM2 135M, for trying things out; it is small and often wrong)")
    model = EmbeddedModel.start(settings.state_dir / "embedded.log")
    try:
        source = RouterText(embedded_resources_yaml(model.base_url), "embedded.yaml")
        credentials = Credentials(None, {"EMBEDDED_API_KEY": model.api_key})
        _run(settings, source, credentials, tell, require_configuration=True)
    finally:
        model.stop()


def _run(
    settings: Settings, source: Source, credentials: Credentials, tell: Tell, *, require_configuration: bool
) -> None:
    # Nothing that is made while modules load is garbage.
    gc.disable()
    # Only here: the router's file is being compiled in another process while this one loads the server.
    from tierrouter_sidecar.server import serve

    def on_ready(in_force: "InForce | None") -> None:
        _settle_memory()
        if in_force is not None:
            _greet(settings, in_force, tell)
        else:
            tell(f"tierrouter: waiting for the configuration of router {settings.router_name or '(unnamed)'}")

    main = serve(settings, source, credentials, on_ready=on_ready, require_configuration=require_configuration)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def _settle_memory() -> None:
    # What is there now stays: the collector need not look at it again. And a 400 KB request makes thousands of objects
    # that die with the turn, so looking for cycles among every few hundred of them would be time taken from the agent.
    give_back()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def _greet(settings: Settings, in_force: "InForce", tell: Tell) -> None:
    document = in_force.document
    for warning in in_force.warnings:
        tell(f"warning: {warning}")
    tell(f"tierrouter: router {document.router}, revision {in_force.revision}, mode {document.mode}")
    width = max(len(name) for name in document.tiers)
    for tier in document.tiers.values():
        tell(f"  {tier.name:<{width}}  {tier.model} at {tier.provider}")
    is_everywhere = settings.host in EVERY_ADDRESS
    here = "127.0.0.1" if is_everywhere else settings.host
    origin = f"http://[{here}]:{settings.port}" if ":" in here else f"http://{here}:{settings.port}"
    tell(f"agents:  OPENAI_BASE_URL={origin}/v1  ANTHROPIC_BASE_URL={origin}")
    if is_everywhere:
        names = ", ".join(settings.allowed_hosts) or "a name of this machine that --allow-host NAME has to give"
        tell(f"         from other machines: in place of {here}, {names}")
    tell(f"figures: http://127.0.0.1:{settings.admin_port}/  (metrics: /metrics)    ledger: {settings.state_dir}")
    tell("ready; Ctrl-C stops")


def _credentials_dir() -> Path | None:
    directory = os.environ.get(CREDENTIALS_DIR_VARIABLE)
    return Path(directory) if directory else None


def _force_tier() -> str:
    tier = os.environ.get(FORCE_TIER_VARIABLE, "")
    if not tier and os.environ.get(FORCE_MODEL_VARIABLE):
        raise StartError(f"{FORCE_MODEL_VARIABLE} is set without {FORCE_TIER_VARIABLE}; name the tier that it serves")
    return tier


def _token() -> str:
    """What agents have to show; empty where nothing is asked of them."""
    file = os.environ.get(TOKEN_FILE_VARIABLE)
    if not file:
        token = os.environ.get(TOKEN_VARIABLE, "")
        if TOKEN_VARIABLE in os.environ and not token.strip():
            raise StartError(f"{TOKEN_VARIABLE} is empty; give it a value that agents show as their key, or unset it")
        return token.strip()
    try:
        token = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"the token can't be read from {file} ({TOKEN_FILE_VARIABLE}): {error}") from None
    if not token:
        raise StartError(f"{file} ({TOKEN_FILE_VARIABLE}) is empty; write the token into it")
    return token


def _log_to_stderr(log_format: str) -> Tell:
    """How a person is told things at the start: as they are, but for a log that machines read."""
    level = os.environ.get(LOG_LEVEL_VARIABLE) or "INFO"
    if level.upper() not in _LOG_LEVELS:
        raise StartError(f"{LOG_LEVEL_VARIABLE} is {level!r}; {', '.join(_LOG_LEVELS)} are allowed")
    chosen = log_to(stderr(), LogFormat(log_format), level.upper())
    # aiohttp and asyncio log clients that go away as errors, with tracebacks; our own log says what matters.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return say if chosen is LogFormat.TEXT else logging.getLogger("tierrouter").info
