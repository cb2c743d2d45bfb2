#!/bin/bash
# Runs a script as a fresh machine would: in a mount namespace of its own, where /etc, /opt, /run, /usr and /var are copies.
# usage: unshare --mount own-machine.sh DIR SCRIPT, with an empty directory DIR and BIN, the place of more programs, in PATH
set -euo pipefail
dir=$1 script=$2
mount -t tmpfs tmpfs "$dir"
for tree in etc opt run usr var; do
    mkdir -p "$dir/$tree/upper" "$dir/$tree/work"
    mount -t overlay -o "lowerdir=/$tree,upperdir=$dir/$tree/upper,workdir=$dir/$tree/work" overlay "/$tree"
done
# an upper directory cannot lie on an overlay
for tree in /run /var/lib/layerhook /var/lib/containers /var/lib/containerd; do
    mkdir -p "$tree"
    mount -t tmpfs tmpfs "$tree"
done
# podman with cgroups of version 1 and a hybrid hierarchy
umount /sys/fs/cgroup/unified 2> /dev/null || true
mkdir -p "$dir/work"
cat > "$dir/containers.conf" << 'CONF'
[containers]
cgroups = "disabled"
netns = "none"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
CONF
export CONTAINERS_CONF=$dir/containers.conf
cd "$dir/work"
trap 'kill $(jobs -p) $(cat "$dir/containerd.pid" 2> /dev/null) 2> /dev/null; wait' EXIT
PS4='# '
set -x
. "$script"
