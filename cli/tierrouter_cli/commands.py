"""The commands and their options.

Imports are inside the commands on purpose: ``run`` must not pay for what ``report`` needs.
"""

from pathlib import Path
from typing import Annotated

import typer

from tierrouter_cli.exits import explained_errors
from tierrouter_cli.options import (
    DataHost,
    Dialect,
    Format,
    Headers,
    address,
    check_log_format,
    log_format_variable,
    port_option,
    port_variable,
    seconds_option,
    seconds_variable,
    state_folder,
    variable,
)
from tierrouter_cli.regress.group import regress
from tierrouter_cli.replay.command import replay
from tierrouter_cli.report import report
from tierrouter_cli.serving import become_server
from tierrouter_cli.top.command import top
from tierrouter_cli.tuning.command import tune
from tierrouter_cli.webhook import webhook

app = typer.Typer(
    name="tierrouter",
    help="Send each coding-agent turn to the cheapest model tier that is good enough, and write down what it cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Files = Annotated[
    list[Path], typer.Option("--file", "-f", metavar="FILE", help="A router file; may be given several times.")
]
StateDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        parser=state_folder,
        help="Where the ledger is kept. [default: $TIERROUTER_STATE_DIR, else $XDG_STATE_HOME/tierrouter, "
        "else ~/.local/state/tierrouter]",
        show_default=False,
    ),
]

Otel = Annotated[
    bool,
    typer.Option(
        "--otel/--no-otel",
        envvar="TIERROUTER_OTEL",
        show_envvar=False,
        help="Also tell of turns by OTLP over HTTP, as OTEL_EXPORTER_OTLP_ENDPOINT and its like say.",
    ),
]
StatsD = Annotated[
    str,
    variable("TIERROUTER_STATSD", "HOST:PORT", "Also tell of turns by StatsD, over UDP.", show_default=False),
]
LogFormats = Annotated[str, log_format_variable("TIERROUTER_LOG_FORMAT")]


def _version(wanted: bool) -> None:
    if wanted:
        from tierrouter_core import __version__

        typer.echo(f"tierrouter {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(short_help="Run the router on this machine.")
def run(
    file: Files = [],  # noqa: B006 (typer copies it)
    host: DataHost = "127.0.0.1",
    port: Annotated[int, port_option("The data port: what agents talk to.")] = 8383,
    admin_port: Annotated[int, port_option("Health, metrics and status, on loopback.")] = 9464,
    state_dir: StateDir = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Serve all tiers by the embedded model (the default without a FILE).")
    ] = False,
    allow_host: Annotated[
        list[str],
        typer.Option("--allow-host", metavar="NAME", help="Also accept requests whose Host header has this name."),
    ] = [],  # noqa: B006
    drain: Annotated[
        float,
        seconds_option("On a stop, how long running turns may take to end; then they are cut.", min=0, max=86400),
    ] = 30.0,
    log_format: LogFormats = "auto",
    otel: Otel = False,
    statsd: StatsD = "",
) -> None:
    """Run the router on this machine: from FILE, or with an embedded model when there is none."""
    check_log_format(log_format)
    become_server(
        "run",
        {
            "files": file,
            "host": host,
            "port": port,
            "admin_port": admin_port,
            "state_dir": state_dir,
            "embedded": embedded,
            "allowed_hosts": allow_host,
            "drain_s": drain,
            "log_format": log_format,
            "otel": otel,
            "statsd": statsd,
        },
    )


@app.command(short_help="Run the router beside an agent in a pod.")
def sidecar(
    config_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="The mounted ConfigMap with the compiled document.")
    ] = Path("/etc/tierrouter/config"),
    host: DataHost = "127.0.0.1",
    port: Annotated[int, port_option("The data port: what the agent talks to.")] = 8383,
    admin_host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", parser=address, help="Address of the admin port; probes come from outside the pod."
        ),
    ] = "::",
    admin_port: Annotated[int, port_option("Health, metrics and status.")] = 9464,
    state_dir: StateDir = None,
    log_turns: Annotated[
        bool,
        typer.Option(
            "--log-turns/--no-log-turns",
            envvar="TIERROUTER_LOG_TURNS",
            show_envvar=False,
            help="Print each row of the ledger on stdout too, as a line of JSON.",
        ),
    ] = True,
    log_format: LogFormats = "auto",
    otel: Otel = False,
    statsd: StatsD = "",
) -> None:
    """Run the router beside an agent in a pod: from a compiled document that is mounted, and may come later."""
    check_log_format(log_format)
    become_server(
        "sidecar",
        {
            "config_dir": config_dir,
            "host": host,
            "port": port,
            "admin_host": admin_host,
            "admin_port": admin_port,
            "state_dir": state_dir,
            "log_turns": log_turns,
            "log_format": log_format,
            "otel": otel,
            "statsd": statsd,
        },
    )


@app.command(name="compile", short_help="Check a router file and print the configuration document.")
def compile_(
    file: Annotated[
        list[Path],
        typer.Option("--file", "-f", metavar="FILE", help="A router file, or - for stdin; may be given several times."),
    ],
) -> None:
    """Check FILE and print the configuration document that a sidecar reads (canonical JSON)."""
    with explained_errors():
        from tierrouter_cli.compile import compile_files

        compile_files(file)


@app.command(short_help="Say which tier would serve a request, and why.")
def explain(
    file: Files,
    dialect: Dialect = None,
    header: Headers = [],  # noqa: B006
    format: Format = "text",
) -> None:
    """Say which tier would serve a request (JSON on stdin), by which rules, and why."""
    with explained_errors():
        from tierrouter_cli.explain import explain_request

        explain_request(file, dialect, header, format)


app.command(short_help="Say what was spent, and what routing saved.")(report)
app.command(short_help="Watch what is served, spent and failing.")(top)
app.command(short_help="Replay recorded calls: what would a router file have cost?")(replay)
app.command(short_help="Find the cheapest policy that holds a quality floor.")(tune)


@app.command(name="operator", short_help="Run the operator of a cluster.")
def operator_(
    namespace: Annotated[
        list[str],
        typer.Option(
            "--namespace",
            "-n",
            metavar="NAME",
            envvar="TIERROUTER_OPERATOR_NAMESPACES",
            show_envvar=False,
            help="Work in this namespace alone; may be given several times. [default: all]",
        ),
    ] = [],  # noqa: B006
    kubeconfig: Annotated[
        str | None,
        variable(
            "TIERROUTER_OPERATOR_KUBECONFIG",
            "FILE",
            "How to reach the cluster. [default: the pod's own account, else as kubectl]",
            show_default=False,
        ),
    ] = None,
    context: Annotated[
        str | None,
        variable(
            "TIERROUTER_OPERATOR_CONTEXT",
            "NAME",
            "A context of the kubeconfig. [default: its current one]",
            show_default=False,
        ),
    ] = None,
    log_format: Annotated[str, log_format_variable("TIERROUTER_OPERATOR_LOG_FORMAT")] = "auto",
    host: Annotated[
        str,
        variable(
            "TIERROUTER_OPERATOR_HOST",
            "ADDRESS",
            "Address of both ports; probes and Prometheus come from outside the pod.",
            parser=address,
        ),
    ] = "0.0.0.0",  # noqa: S104
    metrics_port: Annotated[
        int,
        port_variable("TIERROUTER_OPERATOR_METRICS_PORT", "/metrics."),
    ] = 9465,
    health_port: Annotated[
        int,
        port_variable("TIERROUTER_OPERATOR_HEALTH_PORT", "/healthz and /readyz."),
    ] = 9466,
    resync: Annotated[
        float,
        seconds_variable(
            "TIERROUTER_OPERATOR_RESYNC", "How often everything is compared with the API server.", min=1, max=3600
        ),
    ] = 30.0,
    results_image: Annotated[
        str,
        variable(
            "TIERROUTER_OPERATOR_RESULTS_IMAGE",
            "IMAGE",
            "What collects the results of regression runs; without it none can begin.",
            show_default=False,
        ),
    ] = "",
    results_role: Annotated[
        str,
        variable("TIERROUTER_OPERATOR_RESULTS_ROLE", "NAME", "The ClusterRole of the account that does so."),
    ] = "tierrouter-results",
    prometheus: Annotated[
        str,
        variable(
            "TIERROUTER_OPERATOR_PROMETHEUS",
            "URL",
            "Whose counts canaries are judged by, where it can be used; without it, the sidecars' own.",
            show_default=False,
        ),
    ] = "",
    prometheus_namespace_label: Annotated[
        str,
        variable(
            "TIERROUTER_OPERATOR_PROMETHEUS_NAMESPACE_LABEL",
            "NAME",
            "The label by which it knows a pod's namespace; empty: none is looked at.",
        ),
    ] = "namespace",
    prometheus_token_file: Annotated[
        str,
        variable(
            "TIERROUTER_OPERATOR_PROMETHEUS_TOKEN_FILE",
            "FILE",
            "A file with the bearer token that it wants; read anew at each question.",
            show_default=False,
        ),
    ] = "",
    prometheus_ca_file: Annotated[
        str,
        variable(
            "TIERROUTER_OPERATOR_PROMETHEUS_CA_FILE",
            "FILE",
            "The authorities (PEM) of its certificate, instead of the system's; read anew at each question.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Run the operator: compile every TierRouter of a cluster into what its sidecars mount."""
    check_log_format(log_format)
    with explained_errors(extra="operator"):
        from tierrouter_cli.operate import operate
        from tierrouter_operator.settings import Settings
        from tierrouter_telemetry.logs import LogFormat

        operate(
            Settings(
                namespaces=tuple(namespace),
                kubeconfig=kubeconfig,
                context=context,
                log_format=LogFormat(log_format),
                host=host,
                metrics_port=metrics_port,
                health_port=health_port,
                resync_s=resync,
                results_image=results_image,
                results_role=results_role,
                prometheus_url=prometheus,
                prometheus_namespace_label=prometheus_namespace_label,
                prometheus_token_file=prometheus_token_file,
                prometheus_ca_file=prometheus_ca_file,
            )
        )


app.command(short_help="Run the webhook that gives pods their sidecar.")(webhook)
app.add_typer(regress, name="regress", short_help="Run suites of tasks, collect their results, decide by them.")
