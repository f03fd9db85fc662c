#!/bin/sh
# First process of the namespaces of these tests: enter.sh PROGRAM [ARGUMENT…]
#
# No network but loopback, and a folder of their own for all that the stand-ins keep. All of it ends with this process.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ip link set lo up
mount -t tmpfs -o mode=755 none /mnt
mkdir -p /mnt/instances /mnt/cluster /mnt/images
echo 'an image' >/mnt/images/rhel.qcow2
export PATHLAB_STAND_INS="$here"
export PATHLAB_STAND_INS_INSIDE=1
# The first process has to reap what is orphaned, as any machine's does.
"$@" && exit 0 || exit $?
