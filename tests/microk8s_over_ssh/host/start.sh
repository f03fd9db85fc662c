#!/bin/sh
# A host, for as long as this process lives: start.sh NAME BRIDGE ADDRESS/PREFIX [GATEWAY]
#
# Its network is a namespace at the bridge, made where it is missing; its control groups are below this process's.
set -eu
name=$1 bridge=$2 address=$3 gateway=${4-}
here=$(cd "$(dirname "$0")" && pwd)
ip link show "$bridge" >/dev/null 2>&1 || {
    ip link add "$bridge" type bridge
    ip link set "$bridge" up
}
ip netns add "$name"
ip link add "v-$name" master "$bridge" type veth peer name eth0 netns "$name"
ip link set "v-$name" up
in_network() { ip -n "$name" "$@"; }
in_network link set lo up
in_network address add "$address" dev eth0
in_network link set eth0 up
[ -z "$gateway" ] || in_network route add default via "$gateway"
for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
    own=$folder/$PATHLAB_OVER_SSH_INSIDE
    [ -e "$own/cgroup.procs" ] || continue
    mkdir "$own/$name"
    for file in cpuset.cpus cpuset.mems; do
        if [ -e "$own/$file" ] && [ ! -e "$own/cgroup.controllers" ]; then cat "$own/$file" >"$own/$name/$file"; fi
    done
    echo 0 >"$own/$name/cgroup.procs"
done
exec nsenter --net="/run/netns/$name" unshare --mount --uts --ipc --pid --fork --kill-child --cgroup \
    --propagation private sh "$here/init.sh" "$name"
