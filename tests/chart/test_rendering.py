"""What the chart makes is what Kubernetes accepts, from the oldest supported version to the newest known one."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from helm_chart import CHART, NAMESPACE, Obj, helm, refusal, render, values
from tierrouter_core import __version__

MATRIX = [
    pytest.param(path, id=path.stem.removesuffix("-values")) for path in sorted((CHART / "ci").glob("*-values.yaml"))
]
OLDEST = 30
NEWEST = int(kubernetes_validate.latest_version().split(".")[1])
# Kinds of programs that are installed besides; their schemas are not Kubernetes'.
FOREIGN_GROUPS = {"monitoring.coreos.com", "cert-manager.io"}


def pod_specs(objects: tuple[Obj, ...]) -> list[Obj]:
    return [
        each["spec"] if each["kind"] == "Pod" else each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in ("Pod", "Deployment")
    ]


def test_the_newest_version_that_is_known_is_not_behind() -> None:
    assert NEWEST >= 37


@pytest.mark.parametrize("path", MATRIX)
def test_the_linter_has_nothing_to_say(path: Path) -> None:
    done = helm("lint", "--strict", CHART, "--values", path)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout
    assert "[ERROR]" not in done.stdout


@pytest.mark.parametrize("minor", range(OLDEST, NEWEST + 1))
@pytest.mark.parametrize("path", MATRIX)
def test_every_object_is_valid_in_every_supported_version(path: Path, minor: int) -> None:
    rendered = render("--values", path, "--kube-version", f"1.{minor}.0")
    own = [each for each in rendered.objects if each["apiVersion"].partition("/")[0] not in FOREIGN_GROUPS]
    assert own
    for each in own:
        kubernetes_validate.validate(each, f"1.{minor}", strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    deployment = render().one("Deployment", "-webhook")
    deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailble"] = 1
    with pytest.raises(kubernetes_validate.ValidationError, match="maxUnavailble"):
        kubernetes_validate.validate(deployment, "1.30", strict=True)


def test_a_version_before_that_is_refused() -> None:
    assert "kubeVersion: >=1.30.0-0" in refusal("--kube-version", "1.29.9")


@pytest.mark.parametrize("path", MATRIX)
def test_no_object_comes_twice(path: Path) -> None:
    objects = render("--values", path).objects
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", MATRIX)
def test_no_key_comes_twice_in_a_map(path: Path) -> None:
    def doubled(node: yaml.Node) -> list[str]:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            return [key for key in keys if keys.count(key) > 1] + [each for _, of in node.value for each in doubled(of)]
        return [each for of in node.value for each in doubled(of)] if isinstance(node, yaml.SequenceNode) else []

    text = helm("template", "tierrouter", CHART, "--namespace", NAMESPACE, "--values", path).stdout
    nodes = [node for node in yaml.compose_all(text, Loader=yaml.CSafeLoader) if node is not None]
    assert nodes and not [each for node in nodes for each in doubled(node)]


def test_more_particular_labels_beat_common_ones() -> None:
    rendered = render("--values", CHART / "ci/everything-values.yaml")
    teams = {
        name: rendered.one("Deployment", f"-{name}")["spec"]["template"]["metadata"]["labels"]["team"]
        for name in ("operator", "webhook")
    }
    assert teams == {"operator": "platform", "webhook": "agents"}


@pytest.mark.parametrize("path", MATRIX)
def test_every_pod_keeps_to_the_profile_restricted_and_writes_to_no_file_of_its_image(path: Path) -> None:
    specs = pod_specs(render("--values", path).objects)
    assert specs
    for spec in specs:
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert not {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"} & set(spec)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


@pytest.mark.parametrize("path", MATRIX)
def test_every_object_has_the_standard_labels(path: Path) -> None:
    for each in render("--values", path).objects:
        if each["metadata"]["name"].endswith("-extra"):  # of extraObjects
            continue
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "tierrouter"
        assert labels["app.kubernetes.io/part-of"] == "tierrouter"
        assert labels["app.kubernetes.io/version"] == __version__
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert {"app.kubernetes.io/name", "app.kubernetes.io/component", "helm.sh/chart"} <= set(labels)


def test_selectors_select_the_pods_that_they_mean() -> None:
    rendered = render("--values", CHART / "ci/everything-values.yaml")
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"] for each in rendered.of("Deployment")
    }
    for kind in ("Deployment", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor", "Service"):
        for each in rendered.of(kind):
            selector = each["spec"].get("selector", each["spec"].get("podSelector"))
            wanted = selector if kind == "Service" else selector.get("matchLabels")
            name = each["metadata"]["name"]
            if name.endswith("-sidecars"):
                continue
            assert [pod for pod, labels in pods.items() if wanted.items() <= labels.items()] == [
                name if name in pods else ""
            ], (kind, name)


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({}, {}),
        (
            {"url": "http://prometheus.monitoring.svc:9090"},
            {"": "http://prometheus.monitoring.svc:9090", "_NAMESPACE_LABEL": "namespace"},
        ),
        (
            {"url": "https://metrics.example.com", "namespaceLabel": ""},
            {"": "https://metrics.example.com", "_NAMESPACE_LABEL": ""},
        ),
    ],
)
def test_the_operator_is_told_of_a_prometheus_alone_where_there_is_one(
    settings: dict[str, str], variables: dict[str, str]
) -> None:
    rendered = render(*values(**{f"operator.prometheus.{key}": value for key, value in settings.items()}))
    (operator,) = [each for each in rendered.of("Deployment") if each["metadata"]["name"].endswith("-operator")]
    env = operator["spec"]["template"]["spec"]["containers"][0]["env"]
    told = {each["name"]: each["value"] for each in env if "PROMETHEUS" in each["name"]}
    assert told == {f"TIERROUTER_OPERATOR_PROMETHEUS{name}": value for name, value in variables.items()}


def test_what_prometheus_is_shown_and_believed_by_is_mounted_from_secrets_so_that_what_is_renewed_arrives() -> None:
    settings = {"url": "https://prometheus.monitoring.svc:9091", "tokenSecret.name": "reader", "caSecret.name": "ca"}
    rendered = render(*values(**{f"operator.prometheus.{key}": value for key, value in settings.items()}))
    (operator,) = [each for each in rendered.of("Deployment") if each["metadata"]["name"].endswith("-operator")]
    pod = operator["spec"]["template"]["spec"]
    container = pod["containers"][0]
    told = {each["name"]: each.get("value") for each in container["env"]}
    (mount,) = container["volumeMounts"]
    assert mount == {"name": "prometheus", "mountPath": "/var/run/tierrouter/prometheus", "readOnly": True}
    (volume,) = pod["volumes"]
    assert all(each["secret"]["optional"] for each in volume["projected"]["sources"]), "it does without them"
    keys = {
        each["secret"]["name"]: (item["key"], f"{mount['mountPath']}/{item['path']}")
        for each in volume["projected"]["sources"]
        for item in each["secret"]["items"]
    }
    assert keys == {
        "reader": ("token", told["TIERROUTER_OPERATOR_PROMETHEUS_TOKEN_FILE"]),
        "ca": ("ca.crt", told["TIERROUTER_OPERATOR_PROMETHEUS_CA_FILE"]),
    }


def test_a_long_name_of_a_release_makes_no_name_that_is_too_long() -> None:
    rendered = render(release="a" * 53)
    for each in rendered.of("Service", "Deployment", "Pod", "Secret"):
        assert len(each["metadata"]["name"]) <= 63
        assert all(len(value) <= 63 for value in each["metadata"]["labels"].values())


def test_the_chart_is_of_the_same_version_as_what_it_installs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({}, f"tierrouter/operator:{__version__}"),
        ({"tag": "1.2"}, "tierrouter/operator:1.2"),
        ({"repository": "r:5000/o", "tag": "1.2", "digest": "sha256:" + "a" * 64}, "r:5000/o@sha256:" + "a" * 64),
    ],
)
def test_an_image_is_named_by_its_digest_else_its_tag_else_the_version(image: dict[str, str], reference: str) -> None:
    rendered = render(*values(**{f"image.{key}": value for key, value in image.items()}))
    images = {container["image"] for spec in pod_specs(rendered.objects) for container in spec["containers"]}
    assert images == {reference}
