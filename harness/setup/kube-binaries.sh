#!/usr/bin/env bash
# Builds the Kubernetes programs of `--cluster kubernetes` from the distribution's own source package, once, and prints
# the folder that holds them. About 10 minutes on two processors; later calls are instant.
#
#   kube-binaries.sh [DIR]      default DIR: ${XDG_CACHE_HOME:-~/.cache}/pathlab/kube-1.20.2
#
# Debian packages the clients of this release but no servers any more; its source package holds all of them. Compiler
# and tools are installed with packages.sh (group kube-build). Nothing is installed but these and the five programs.
set -euo pipefail
release=1.20.2
package=kubernetes=1.20.5+really1.20.2-1.1+deb12u1
out=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/pathlab/kube-$release}
names=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

complete() {
    local name
    for name in "${names[@]}"; do [[ -x $out/$name ]] || return 1; done
}

if complete; then
    echo "$out"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "error: the sources come from Debian's package: build them there, then point PATHLAB_KUBE_BIN to the folder" >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# This machine's own sources with source packages switched on, in a state folder of our own: the machine's lists stay.
sources() {
    mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"
    local file=/etc/apt/sources.list.d/debian.sources
    if [[ -e $file ]]; then
        sed 's/^Types: deb$/Types: deb-src/' "$file" >"$work/parts/src.sources"
    else
        sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$work/parts/src.list"
    fi
    local options=(-o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts"
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root)
    apt-get "${options[@]}" -qq update
    (cd "$work" && apt-get "${options[@]}" -qq source --download-only "$package")
    tar -xzf "$work"/kubernetes_*.orig.tar.gz -C "$work"
}

# Go 1.18 gave the function that starts the iteration of a map a third argument, and the vendored reflect2 1.0.1 does
# not know it: the API server crashes when it writes indented JSON, as it does for curl. This is what 1.0.2 does.
mend_reflect2() {
    local folder=$1/vendor/github.com/modern-go/reflect2
    sed -i 's/^func mapiterinit(rtype unsafe.Pointer, m unsafe.Pointer) \*hiter$/func mapiterinit(rtype unsafe.Pointer, m unsafe.Pointer, it *hiter)/
        s|^\t// rest fields are ignored$|\trest  [10]unsafe.Pointer // as large as the runtime takes it to be|' "$folder/unsafe_link.go"
    sed -i 's/^\treturn &UnsafeMapIterator{$/\tit := new(hiter)\n\tmapiterinit(type2.rtype, *(*unsafe.Pointer)(obj), it)\n&/
        s/^\t\thiter:      mapiterinit(.*$/\t\thiter:      it,/' "$folder/unsafe_map.go"
    grep -q 'it \*hiter)' "$folder/unsafe_link.go"
    grep -q 'it := new(hiter)' "$folder/unsafe_map.go"
}

{
    sh "$here/packages.sh" kube-build
    sources
    mend_reflect2 "$work/kubernetes-$release"
    PATH=/usr/lib/go-1.19/bin:$PATH GO111MODULE=off KUBE_GIT_VERSION=v$release \
        make -C "$work/kubernetes-$release" all WHAT="$(printf 'cmd/%s ' "${names[@]}")"
    mkdir -p "$out"
    for name in "${names[@]}"; do
        install -m 755 "$work/kubernetes-$release/_output/local/bin/linux/amd64/$name" "$out/$name"
    done
} >&2
complete && echo "$out"
