"""``tierrouter webhook``: the admission webhook as a process."""

from pathlib import Path
from typing import Annotated

from tierrouter_cli.exits import explained_errors
from tierrouter_cli.options import address, check_log_format, log_format_variable, port_variable, variable


def webhook(
    sidecar_image: Annotated[
        str,
        variable("TIERROUTER_SIDECAR_IMAGE", "IMAGE", "What sidecars run."),
    ],
    sidecar_pull_policy: Annotated[
        str,
        variable(
            "TIERROUTER_SIDECAR_IMAGE_PULL_POLICY",
            "Always|IfNotPresent|Never",
            "Their imagePullPolicy. [default: Kubernetes' own]",
            show_default=False,
        ),
    ] = "",
    sidecar_cpu: Annotated[
        str,
        variable("TIERROUTER_SIDECAR_CPU", "QUANTITY", "CPU that a sidecar asks for."),
    ] = "50m",
    sidecar_memory: Annotated[
        str,
        variable("TIERROUTER_SIDECAR_MEMORY", "QUANTITY", "Memory that a sidecar asks for."),
    ] = "96Mi",
    sidecar_cpu_limit: Annotated[
        str,
        variable(
            "TIERROUTER_SIDECAR_CPU_LIMIT", "QUANTITY", "A sidecar's limit of CPU. [default: none]", show_default=False
        ),
    ] = "",
    sidecar_memory_limit: Annotated[
        str,
        variable("TIERROUTER_SIDECAR_MEMORY_LIMIT", "QUANTITY", "A sidecar's limit of memory; empty for none."),
    ] = "256Mi",
    certificate_dir: Annotated[
        Path | None,
        variable(
            "TIERROUTER_WEBHOOK_CERTIFICATE_DIR",
            "DIR",
            "tls.crt and tls.key, renewed by somebody else. [default: the webhook makes its own]",
            show_default=False,
        ),
    ] = None,
    certificate_secret: Annotated[
        str,
        variable(
            "TIERROUTER_WEBHOOK_CERTIFICATE_SECRET", "NAME", "The Secret in which certificates of its own are kept."
        ),
    ] = "tierrouter-webhook-tls",  # noqa: S107
    namespace: Annotated[
        str,
        variable("TIERROUTER_WEBHOOK_NAMESPACE", "NAME", "The namespace of that Secret and of the Service."),
    ] = "tierrouter-system",
    service: Annotated[
        str,
        variable("TIERROUTER_WEBHOOK_SERVICE", "NAME", "The Service by which the API server calls."),
    ] = "tierrouter-webhook",
    configuration: Annotated[
        str,
        variable("TIERROUTER_WEBHOOK_CONFIGURATION", "NAME", "The webhook configurations that are told whom to trust."),
    ] = "tierrouter",
    kubeconfig: Annotated[
        str | None,
        variable(
            "TIERROUTER_WEBHOOK_KUBECONFIG",
            "FILE",
            "How to reach the cluster. [default: the pod's own account, else as kubectl]",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[str, log_format_variable("TIERROUTER_WEBHOOK_LOG_FORMAT")] = "auto",
    host: Annotated[
        str,
        variable(
            "TIERROUTER_WEBHOOK_HOST",
            "ADDRESS",
            "Address of both ports; the API server and probes come from outside the pod.",
            parser=address,
        ),
    ] = "0.0.0.0",  # noqa: S104
    port: Annotated[
        int,
        port_variable("TIERROUTER_WEBHOOK_PORT", "Admissions, by HTTPS."),
    ] = 9443,
    admin_port: Annotated[
        int,
        port_variable("TIERROUTER_WEBHOOK_ADMIN_PORT", "/healthz, /readyz and /metrics."),
    ] = 9467,
) -> None:
    """Run the admission webhook: give each pod that asks for one its sidecar, and check rules as they are written."""
    check_log_format(log_format)
    with explained_errors(extra="operator"):
        from tierrouter_cli.operate import run_logged
        from tierrouter_core import __version__
        from tierrouter_operator.injection.container import SidecarImage
        from tierrouter_operator.injection.resources import Resources
        from tierrouter_operator.webhook.app import run
        from tierrouter_operator.webhook.settings import SelfManaged, WebhookSettings
        from tierrouter_telemetry.logs import LogFormat

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
