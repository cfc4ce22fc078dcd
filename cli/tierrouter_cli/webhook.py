"""``tierrouter webhook``: the admission webhook as a process."""

from pathlib import Path
from typing import Annotated

import typer

from tierrouter_cli.exits import explained_errors


def webhook(
    sidecar_image: Annotated[
        str,
        typer.Option(metavar="IMAGE", envvar="TIERROUTER_SIDECAR_IMAGE", show_envvar=False, help="What sidecars run."),
    ],
    sidecar_pull_policy: Annotated[
        str,
        typer.Option(
            metavar="Always|IfNotPresent|Never",
            envvar="TIERROUTER_SIDECAR_IMAGE_PULL_POLICY",
            show_envvar=False,
            help="Their imagePullPolicy. [default: Kubernetes' own]",
            show_default=False,
        ),
    ] = "",
    sidecar_cpu: Annotated[
        str,
        typer.Option(
            metavar="QUANTITY",
            envvar="TIERROUTER_SIDECAR_CPU",
            show_envvar=False,
            help="CPU that a sidecar asks for.",
        ),
    ] = "50m",
    sidecar_memory: Annotated[
        str,
        typer.Option(
            metavar="QUANTITY",
            envvar="TIERROUTER_SIDECAR_MEMORY",
            show_envvar=False,
            help="Memory that a sidecar asks for.",
        ),
    ] = "96Mi",
    sidecar_cpu_limit: Annotated[
        str,
        typer.Option(
            metavar="QUANTITY",
            envvar="TIERROUTER_SIDECAR_CPU_LIMIT",
            show_envvar=False,
            help="A sidecar's limit of CPU. [default: none]",
            show_default=False,
        ),
    ] = "",
    sidecar_memory_limit: Annotated[
        str,
        typer.Option(
            metavar="QUANTITY",
            envvar="TIERROUTER_SIDECAR_MEMORY_LIMIT",
            show_envvar=False,
            help="A sidecar's limit of memory; empty for none.",
        ),
    ] = "256Mi",
    certificate_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar="TIERROUTER_WEBHOOK_CERTIFICATE_DIR",
            show_envvar=False,
            help="tls.crt and tls.key, renewed by somebody else. [default: the webhook makes its own]",
            show_default=False,
        ),
    ] = None,
    certificate_secret: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="TIERROUTER_WEBHOOK_CERTIFICATE_SECRET",
            show_envvar=False,
            help="The Secret in which certificates of its own are kept.",
        ),
    ] = "tierrouter-webhook-tls",  # noqa: S107
    namespace: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="TIERROUTER_WEBHOOK_NAMESPACE",
            show_envvar=False,
            help="The namespace of that Secret and of the Service.",
        ),
    ] = "tierrouter-system",
    service: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="TIERROUTER_WEBHOOK_SERVICE",
            show_envvar=False,
            help="The Service by which the API server calls.",
        ),
    ] = "tierrouter-webhook",
    configuration: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            envvar="TIERROUTER_WEBHOOK_CONFIGURATION",
            show_envvar=False,
            help="The webhook configurations that are told whom to trust.",
        ),
    ] = "tierrouter",
    kubeconfig: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            envvar="TIERROUTER_WEBHOOK_KUBECONFIG",
            show_envvar=False,
            help="How to reach the cluster. [default: the pod's own account, else as kubectl]",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[
        str,
        typer.Option(
            metavar="text|json",
            envvar="TIERROUTER_WEBHOOK_LOG_FORMAT",
            show_envvar=False,
            help="How log lines look, on stderr.",
        ),
    ] = "text",
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            envvar="TIERROUTER_WEBHOOK_HOST",
            show_envvar=False,
            help="Address of both ports; the API server and probes come from outside the pod.",
        ),
    ] = "0.0.0.0",  # noqa: S104
    port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            envvar="TIERROUTER_WEBHOOK_PORT",
            show_envvar=False,
            help="Admissions, by HTTPS.",
        ),
    ] = 9443,
    admin_port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65535,
            metavar="PORT",
            envvar="TIERROUTER_WEBHOOK_ADMIN_PORT",
            show_envvar=False,
            help="/healthz, /readyz and /metrics.",
        ),
    ] = 9467,
) -> None:
    """Run the admission webhook: give each pod that asks for one its sidecar, and check rules as they are written."""
    if log_format not in ("text", "json"):
        raise typer.BadParameter(f'"{log_format}" is none of text, json', param_hint="--log-format")
    with explained_errors():
        from tierrouter_cli.operate import run_logged
        from tierrouter_core import __version__
        from tierrouter_operator.injection.container import SidecarImage
        from tierrouter_operator.injection.resources import Resources
        from tierrouter_operator.settings import LogFormat
        from tierrouter_operator.webhook.app import run
        from tierrouter_operator.webhook.settings import SelfManaged, WebhookSettings

        limits = {"cpu": sidecar_cpu_limit, "memory": sidecar_memory_limit}
        image = SidecarImage(
            image=sidecar_image,
            pull_policy=sidecar_pull_policy,
            version=__version__,
            resources=Resources(
                {"cpu": sidecar_cpu, "memory": sidecar_memory}, {name: limit for name, limit in limits.items() if limit}
            ),
        )
        own = SelfManaged(namespace=namespace, secret=certificate_secret, service=service, configuration=configuration)
        settings = WebhookSettings(
            sidecar=image,
            certificates=certificate_dir or own,
            kubeconfig=kubeconfig,
            log_format=LogFormat(log_format),
            host=host,
            port=port,
            admin_port=admin_port,
        )
        run_logged(run(settings), settings.log_format)
