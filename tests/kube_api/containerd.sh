#!/bin/sh
# Imports the archives DIR/*.tar into a containerd of its own and prints what it has then.
#
#   containerd.sh DIR    copies the agent of its image to DIR/unpacked
#
# Runs in mount, network and PID namespaces of its own: containerd and its mounts end with them.
set -eu
dir=$1
mount --make-rprivate /
mount -t tmpfs containerd /run
mkdir "$dir/agent" "$dir/files"
containerd --config /dev/null --root "$dir/root" --state "$dir/state" --address "$dir/containerd.sock" \
    >"$dir/containerd.log" 2>&1 &
ctr() { command ctr --address "$dir/containerd.sock" --namespace k8s.io "$@"; }
tries=0
until ctr version >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { cat "$dir/containerd.log" >&2; exit 1; }
    sleep 0.1
done
for archive in "$dir"/*.tar; do
    ctr images import --snapshotter native "$archive"
done
ctr images list
ctr images check --snapshotter native
ctr images mount --snapshotter native docker.io/pathlab/agent:1 "$dir/agent"
cp "$dir/agent/lab-agent" "$dir/unpacked"
"$dir/agent/lab-agent" --version
ctr images mount --snapshotter native docker.io/pathlab/files:1 "$dir/files"
stat -c '%a %u %g %n' "$dir/files/usr/share/a" "$dir/files/tmp"
cat "$dir/files/a"
umount "$dir/agent" "$dir/files"
