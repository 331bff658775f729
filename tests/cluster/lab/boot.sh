#!/bin/bash
# Process 1 of a machine of the lab, in its own namespaces: mounts, host name, processes, network.
# $1 name, $2 folder of the image, $3 folder of the disk, $4 site-packages of the lab's environment, $5 checkout
set -euo pipefail
name=$1 image=$2 disk=$3 packages=$4 checkout=$5

mount --make-rprivate /
hostname "$name"

# Changes in the home and /tmp go to the disk; the image is only read (overlays).
mount --bind "$disk" /srv
mkdir -p /srv/home /srv/home.new /srv/home.work /srv/packages.new /srv/packages.work /srv/tmp
chmod 1777 /srv/tmp
mount -t overlay -o "lowerdir=$image/home,upperdir=/srv/home.new,workdir=/srv/home.work" home /srv/home
mount -t overlay -o "lowerdir=$packages,upperdir=/srv/packages.new,workdir=/srv/packages.work" packages \
  "$(echo /srv/home/erpo-venv/lib/python3*/site-packages)"
mkdir -p /srv/home/checkout
if [ -n "$checkout" ]; then mount --bind -o ro "$checkout" /srv/home/checkout; fi

# root's home and the accounts; one processor, so that Ray counts one slot
mount --bind "$image/passwd" /etc/passwd
mount --bind "$image/shadow" /etc/shadow
mount --bind "$image/one-processor" /sys/devices/system/cpu/online
mount -t tmpfs memory /dev/shm
mount -t tmpfs run /run
mkdir /run/sshd
cp "$image/sshd_config" "$image/host_key" /run/sshd/
chmod 600 /run/sshd/host_key
mount --bind /srv/tmp /tmp # last, since the image and the checkout may be in the host's /tmp
cd /

# Not exec: bash reaps orphaned processes, and sshd does not.
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin /usr/sbin/sshd -D -f /run/sshd/sshd_config &
wait
