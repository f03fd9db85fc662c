# shellcheck shell=sh
# Instances of the stand-in for `multipass`, to be read by `.`: hosts in namespaces of their own, each alone in its
# network, with the machine's own files below a layer of theirs.

boot() {
    # shellcheck disable=SC2154 # set by who reads this
    dir=$all/$1
    mkdir -p "$dir/upper" "$dir/work" "$dir/root"
    setsid unshare --mount --net --uts --pid --ipc --fork --propagation private sh "$here/host/init.sh" "$1" \
        </dev/null >"$dir/console" 2>&1 &
    for _ in $(seq 1200); do
        [ -e "$dir/up" ] && break
        sleep 0.05
    done
    pgrep -P $! >"$dir/pid"
}

halt() {
    dir=$all/$1
    rm -f "$dir/up"
    kill -KILL "$(cat "$dir/pid")" 2>/dev/null
    # The mounts of a host end with its last process.
    for _ in $(seq 100); do
        [ -e "/proc/$(cat "$dir/pid")" ] || break
        sleep 0.05
    done
}

# In the place of this process.
inside() {
    pid=$(cat "$all/$1/pid")
    shift
    exec nsenter --target "$pid" --mount --net --uts --pid --ipc --root --wd -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
}

address() {
    echo 192.0.2.11
}

save() {
    cp -a "$all/$1/upper" "$2/upper"
}

load() {
    rm -rf "$all/$1/upper" "$all/$1/work"
    cp -a "$2/upper" "$all/$1/upper"
}

# Nothing of a host is left when it has ended, but for its folder.
forget() {
    :
}
