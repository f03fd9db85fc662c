# shellcheck shell=sh
# Instances of the stand-in for `multipass`, to be read by `.`: hosts at a bridge, as tests/microk8s_over_ssh makes them,
# on which Kubernetes can run. This machine's own network is outside of them, as it is with Multipass.
scripts=$(dirname "${PATHLAB_STAND_IN_HOSTS:?}")/../microk8s_over_ssh/host

# Names of network namespaces and links are short.
host() {
    # shellcheck disable=SC2154 # set by who reads this
    echo "h$(cat "$all/$1/number")"
}

number() {
    mkdir -p /mnt/numbers
    for number in $(seq 11 99); do
        if mkdir "/mnt/numbers/$number" 2>/dev/null; then echo "$number" && return; fi
    done
    return 1
}

boot() {
    dir=$all/$1
    [ -e "$dir/number" ] || number >"$dir/number"
    host=$(host "$1")
    own=/mnt/hosts/$host
    mkdir -p "$own/ssh"
    sed -n 's/^hostname: //p' "$dir/user-data" >"$own/name"
    setsid sh "$scripts/start.sh" "$host" mpqemubr0 "$(address "$1")/24" 192.0.2.254 \
        </dev/null >"$dir/console" 2>&1 &
    for _ in $(seq 1200); do
        [ -e "$own/up" ] && break
        sleep 0.05
    done
    pgrep -P $! >"$dir/pid"
    # Tests that need no MicroK8s have no bundle.
    if [ -d /mnt/bundle ] && [ ! -e "$dir/set-up" ]; then
        (inside "$1" /opt/stand-ins/set-up) >>"$dir/console" 2>&1 || return
        touch "$dir/set-up"
    fi
}

halt() {
    dir=$all/$1
    host=$(host "$1")
    rm -f "/mnt/hosts/$host/up"
    kill -KILL "$(cat "$dir/pid")" 2>/dev/null
    # The mounts of a host end with its last process.
    for _ in $(seq 200); do
        [ -e "/proc/$(cat "$dir/pid")" ] || break
        sleep 0.05
    done
    ip netns delete "$host"
    ip link delete "v-$host" 2>/dev/null
    for _ in $(seq 100); do
        left=$(find /sys/fs/cgroup -depth -type d -path "*/$PATHLAB_OVER_SSH_INSIDE/$host*")
        [ -n "$left" ] || break
        # shellcheck disable=SC2086 # several folders
        rmdir $left 2>/dev/null || sleep 0.1
    done
}

# In the place of this process.
inside() {
    pid=$(cat "$all/$1/pid")
    shift
    exec nsenter --target "$pid" --mount --net --uts --pid --ipc --cgroup --root --wd -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

address() {
    echo "192.0.2.$(cat "$all/$1/number")"
}

# All that is on a host's disk.
save() {
    for part in upper snap firewalld sbin; do cp -a "/mnt/hosts/$(host "$1")/$part" "$2/$part"; done
}

load() {
    own=/mnt/hosts/$(host "$1")
    for part in upper snap firewalld sbin; do
        rm -rf "${own:?}/$part"
        cp -a "$2/$part" "$own/$part"
    done
    rm -rf "${own:?}/work"
}

forget() {
    rm -rf --one-file-system "/mnt/hosts/$(host "$1")"
    rmdir "/mnt/numbers/$(cat "$all/$1/number")"
}
