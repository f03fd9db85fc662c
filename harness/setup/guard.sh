# Keeps package installation from starting or enabling services on this machine. Sourced by install.sh.
#
# Installing firewalld, nginx or ufw on Debian and Ubuntu starts and enables them; a preset does the second on
# Fedora and RHEL. Between guard_begin and guard_end
#   * policy-rc.d forbids every start (one that is there already is put back afterwards, the same inode),
#   * the services in question are masked, unless the machine has them already,
# and guard_end disables every service that became enabled in between. What must be undone is written to the
# ledger first, so that guard_end, called by the next run, also cleans up after `kill -9` or a power cut.
# Services that were enabled before stay so. Works without systemd as well.
# shellcheck shell=sh

ledger=/var/lib/pathlab-setup
policy=/usr/sbin/policy-rc.d
masks=/etc/systemd/system
mark='pathlab set-up: nothing may start while packages are installed'

# One set-up at a time; the lock ends with the process.
guard_lock() {
    exec 9>/run/pathlab-setup.lock
    if command -v flock >/dev/null && ! flock --nonblock 9; then
        echo 'waiting for another Pathlab set-up on this machine…' >&2
        flock 9
    fi
}

# guard_begin "UNIT…": nothing starts or becomes enabled from here on.
guard_begin() {
    rm -rf "$ledger.new"
    mkdir -p "$ledger.new"
    enabled_links >"$ledger.new/enabled"
    for unit in $1; do
        is_installed "$unit" || echo "$unit"
    done >"$ledger.new/units"
    # A unit in /etc, masked or not, is the administrator's.
    while read -r unit; do
        [ -e "$masks/$unit" ] || [ -L "$masks/$unit" ] || echo "$unit"
    done <"$ledger.new/units" >"$ledger.new/masked"
    mv "$ledger.new" "$ledger"

    forbid_starts
    if [ -d "$masks" ]; then
        while read -r unit; do
            ln -s /dev/null "$masks/$unit"
        done <"$ledger/masked"
        reload_systemd
    fi
}

# Undoes guard_begin, whether this process began or one that was killed; does nothing when there is nothing.
guard_end() {
    [ -e "$ledger" ] || return 0
    trap '' HUP INT TERM
    # Whatever fails here, the rest must still be undone.
    set +e
    disable_new_services
    while read -r unit; do
        if [ "$(readlink "$masks/$unit")" = /dev/null ]; then
            rm "$masks/$unit"
        fi
    done <"$ledger/masked"
    # Debian takes a service without a record for enabled, and would enable it when it is upgraded.
    while read -r unit; do
        is_installed "$unit" && helper update-state "$unit"
    done <"$ledger/units"
    reload_systemd
    allow_starts
    # In one step, so that half a ledger is never read.
    mv "$ledger" "$ledger.new"
    rm -rf "$ledger.new"
    set -e
    obey_signals
}

# A signal is noted, and obeyed when the caller looks at `signal`.
obey_signals() {
    trap 'signal=1' HUP
    trap 'signal=2' INT
    trap 'signal=15' TERM
}

# policy-rc.d is what Debian's maintainer scripts ask; others do not start services on installation.
forbid_starts() {
    command -v dpkg >/dev/null || return 0
    grep -qs "$mark" "$policy" && return 0
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        ln -P "$policy" "$policy.pathlab-kept"
    fi
    printf '#!/bin/sh\n# %s\necho "$*" >>%s/denied\nexit 101\n' "$mark" "$ledger" >"$policy.pathlab-new"
    chmod 755 "$policy.pathlab-new"
    mv "$policy.pathlab-new" "$policy"
}

allow_starts() {
    rm -f "$policy.pathlab-new"
    if ! grep -qs "$mark" "$policy"; then
        # Not ours (any more): what was kept is the very same file, or out of date.
        rm -f "$policy.pathlab-kept"
    elif [ -e "$policy.pathlab-kept" ] || [ -L "$policy.pathlab-kept" ]; then
        mv "$policy.pathlab-kept" "$policy"
    else
        rm "$policy"
    fi
}

# Does the machine have a package with this unit?
is_installed() {
    for folder in /usr/local/lib /lib /usr/lib; do
        [ -e "$folder/systemd/system/$1" ] && return 0
    done
    return 1
}

# Every link that makes something start at boot or on demand, masks excepted, sorted.
enabled_links() {
    for link in "$masks"/* "$masks"/*/* /etc/rc[2345S].d/S*; do
        if [ -L "$link" ] && [ "$(readlink "$link")" != /dev/null ]; then
            echo "$link"
        fi
    done | sort
}

# Disables what became enabled of the units in the ledger, by whatever link. Other parts of the system that a
# package needs and brings, such as dbus, stay as the distribution sets them.
disable_new_services() {
    enabled_links | comm -13 "$ledger/enabled" - | while read -r link; do
        case $link in
        /etc/rc*) name=${link##*/S[0-9][0-9]} ;;
        *) name=$(readlink "$link") && name=${name##*/} && name=${name%.service} ;;
        esac
        if grep -qx "$name.service" "$ledger/units"; then
            disable "$link" "$name"
            echo "$name"
        fi
    done | sort -u | sed 's/^/installed, not enabled: /'
}

# disable LINK NAME: the service NAME, of which LINK is one link.
disable() {
    case $1 in
    /etc/rc*) update-rc.d "$2" disable ;;
    *)
        helper disable "$2.service"
        command -v systemctl >/dev/null && systemctl --quiet disable "$2.service"
        rm -f "$1"
        ;;
    esac >&2
}

# Debian's own record of what is enabled.
helper() {
    if command -v deb-systemd-helper >/dev/null; then
        DPKG_MAINTSCRIPT_PACKAGE=pathlab-setup deb-systemd-helper "$@"
    fi
}

reload_systemd() {
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
    fi
}
