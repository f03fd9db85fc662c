#!/bin/sh
# Installs packages, as root, behind the guard: packages.sh calls it.
#
#   install.sh apt|dnf "REQUIRED…" "OPTIONAL…" "UNIT…" "PROGRAM…"
#
# REQUIRED and OPTIONAL are packages, UNITs the services that they may bring; PROGRAMs must be here at the end.
# "a|b" in a list is the first of the two that the package manager knows. A failing required package is an
# error; a failing optional one is said. HUP, INT and TERM are obeyed between two runs of the package manager,
# never in the midst of one, which would leave packages half configured.
set -eu

manager=$1 required=$2 optional=$3 units=$4 programs=$5
here=$(dirname "$0")
# shellcheck source=programs.sh
. "$here/programs.sh"
# shellcheck source=guard.sh
. "$here/guard.sh"

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
    dnf)
        # RHEL and its kin keep static libraries in a repository that is off unless asked for; others lack it.
        dnf install --assumeyes --setopt=install_weak_deps=False \
            --setopt=crb.enabled=1 --setopt='codeready-builder-for-rhel-*.enabled=1' "$@" 9>&-
        ;;
    esac
}

configure_pending() {
    DEBIAN_FRONTEND=noninteractive dpkg --configure --pending --force-confold 9>&-
}

# Packages that dpkg says must be installed again.
cut_off_packages() {
    dpkg-query --show --showformat '${db:Status-Abbrev}|${binary:Package}\n' | sed -n 's/^..R|//p'
}

# Packages that were unpacked but not configured are, while the guard is still up, then it ends.
finish_interrupted() {
    if [ "$manager" = apt ]; then
        forbid_starts
        # A package whose unpacking was cut off is beyond configuring: it is unpacked again, once dpkg has taken
        # up what it had written down.
        if ! configure_pending; then
            refresh
            # shellcheck disable=SC2046 # one word per package
            apt install --reinstall $(cut_off_packages) 9>&-
            configure_pending
        fi
    fi
    guard_end
}

stop_if_asked() {
    [ -z "$signal" ] || exit $((128 + signal))
}

signal=''
obey_signals
guard_lock
trap guard_end EXIT
if [ -e "$ledger" ]; then
    echo 'Cleaning up behind a set-up that did not end.'
    finish_interrupted
fi
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

for program in $programs; do
    if ! is_here "$program"; then
        echo "error: $program is still not here after the installation" >&2
        exit 1
    fi
done
