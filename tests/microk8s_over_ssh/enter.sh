#!/bin/sh
# First process of the namespaces of these tests: enter.sh GROUP PROGRAM [ARGUMENT…]
#
# A network without uplink, whose hosts are network namespaces of names, and a folder of its own for their files. GROUP is
# the name of a control group that is there in every hierarchy. All of it ends with this process.
set -eu
group=$1
shift
for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [ -e "$folder/$group/cgroup.procs" ]; then echo 0 >"$folder/$group/cgroup.procs"; fi
done
ip link set lo up
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /mnt
mkdir -p /run/netns /run/sshd /mnt/hosts
export PATHLAB_OVER_SSH_INSIDE="$group"
# The first process has to reap what is orphaned, as any machine's does.
"$@" && exit 0 || exit $?
