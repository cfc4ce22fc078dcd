#!/bin/sh
# Prints where Helm 4 is: in PATH, else where Go builds it once (a minute or two), in the cache of this user.
# (Helm 3 installs the chart as well, but words its messages otherwise.) Ends with 3 where there is neither.
set -eu
version=v4.1.4

case $(helm version --short 2>/dev/null || true) in v4.*) command -v helm && exit 0 ;; esac
folder=${XDG_CACHE_HOME:-$HOME/.cache}/tierrouter/helm-$version
if [ ! -x "$folder/helm" ]; then
    command -v go >/dev/null || {
        echo "helm.sh: neither Helm 4 nor Go is in PATH: install Helm (https://helm.sh/docs/intro/install) or Go" >&2
        exit 3
    }
    echo "helm.sh: building Helm $version into $folder, once" >&2
    mkdir -p "$folder"
    # Made beside it and renamed, so that a build that was interrupted is never taken for a whole one.
    made=$(mktemp -d "$folder/building-XXXXXX")
    trap 'rm -rf "$made"' EXIT
    GOBIN=$made CGO_ENABLED=0 GOFLAGS=-trimpath GOWORK=off \
        go install -ldflags "-s -w" "helm.sh/helm/v4/cmd/helm@$version" >&2
    mv "$made/helm" "$folder/helm"
fi
echo "$folder/helm"
