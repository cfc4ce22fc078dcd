#!/usr/bin/env bash
# Builds the images, brings them onto the node of the current context (kind-*, no other), installs the chart there, and
# runs the end-to-end tests. Which cluster that is says $KUBECONFIG. $LOAD_IMAGE is a command that builds an image and
# brings it onto the node, given a tag, a Dockerfile and a context (without it: docker build, kind load).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# As kubectl has it; the tests want it said.
export KUBECONFIG="${KUBECONFIG:-$HOME/.kube/config}"
context=$(kubectl config current-context)
case $context in
kind-*) ;;
*)
    echo "e2e: the current context is $context; these tests run on kind-* only (make kind makes one)" >&2
    exit 2
    ;;
esac
version=$(.venv/bin/python -c 'import tierrouter_core; print(tierrouter_core.__version__)')
load() { # TAG DOCKERFILE CONTEXT
    echo "e2e: building $1"
    if [ -n "${LOAD_IMAGE:-}" ]; then
        # A command and its arguments. shellcheck disable=SC2086
        $LOAD_IMAGE "$1" "$2" "$3" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
    else
        docker build -q -t "$1" -f "$2" "$3" >/dev/null && kind load docker-image --name "${context#kind-}" "$1"
    fi
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
load "tierrouter/sidecar:$version" sidecar/Dockerfile .
load "tierrouter/operator:$version" operator/Dockerfile .
load tierrouter/e2e-agent:dev tests/e2e/agent/Dockerfile tests
load tierrouter/e2e-registry:dev tests/e2e/registry/Dockerfile tests/e2e/registry
helm upgrade --install tierrouter charts/tierrouter --namespace tierrouter-system --create-namespace \
    --wait --timeout 3m >/dev/null
# What is told by tag alone may be older than what was just built.
kubectl --namespace tierrouter-system rollout restart deployment >/dev/null
kubectl --namespace tierrouter-system rollout status deployment --timeout 3m >/dev/null
.venv/bin/pytest tests/e2e "$@"
