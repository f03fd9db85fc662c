#!/bin/sh
# Installs packages, as root, behind the guard: packages.sh calls it.
#
#   install.sh apt|dnf "REQUIRED…" "OPTIONAL…" "UNIT…"
#
# "a|b" in a list is the first of the two that the package manager knows. A failing required package is an
# error; a failing optional one is said. HUP, INT and TERM are obeyed between two runs of the package manager,
# never in the midst of one, which would leave packages half configured.
set -eu

manager=$1 required=$2 optional=$3 units=$4
# shellcheck source=guard.sh
. "$(dirname "$0")/guard.sh"

apt() {
    # --no-remove: ufw, for one, would push the user's iptables-persistent out.
    DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 apt-get \
        --yes --quiet --quiet --no-remove --no-install-recommends \
        -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold "$@"
}

refresh() {
    case $manager in
    apt) apt update || echo 'warning: the package lists could not be refreshed; going on with those that are here' >&2 ;;
    esac
}

# The packages of the list $1, alternatives decided.
decide() {
    for package in $1; do
        case $manager$package in
        apt*'|'*) package=$(first_known "$package") ;;
        esac
        printf '%s ' "$package"
    done
}

# The first package of "a|b" that apt has; the last if it has none, so that apt's own error names it.
first_known() {
    for package in $(echo "$1" | tr '|' ' '); do
        if apt-cache show --no-all-versions "$package" >/dev/null 2>&1; then
            break
        fi
    done
    echo "$package"
}

# Installs all of its arguments or fails. The lock of the guard stays ours alone.
install() {
    case $manager in
    apt) apt install "$@" 9>&- ;;
    dnf) dnf install --assumeyes --setopt=install_weak_deps=False "$@" 9>&- ;;
    esac
}

stop_if_asked() {
    [ -z "$signal" ] || exit $((128 + signal))
}

signal=''
obey_signals
guard_lock
trap guard_end EXIT
guard_end
if [ -z "$required$optional" ]; then
    exit 0
fi
guard_begin "$units"

refresh
stop_if_asked
if [ -n "$required" ]; then
    # shellcheck disable=SC2046 # one word per package
    install $(decide "$required")
    stop_if_asked
fi
for package in $(decide "$optional"); do
    install "$package" || echo "warning: $package could not be installed; Pathlab works without, see above" >&2
    stop_if_asked
done
