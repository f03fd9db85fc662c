#!/bin/sh
# From the archive of a system on standard input to a raw disk that a PC's BIOS boots: disk.sh DISK MEBIBYTES
#
# Two partitions: FAT with syslinux, kernel and initramfs, and the ext4 root file system. Mounts nothing, so
# that it runs in a user namespace too, where files of all users can be made, but no devices: those come at boot.
set -eu
disk=$1 size=$2
boot_start=1 boot_size=64
root_start=$((boot_start + boot_size))
tree=$(mktemp -d "$TMPDIR/tree.XXXXXX")
trap 'rm -rf "$tree"' EXIT

tar --extract --directory "$tree" --exclude='./dev/*' --numeric-owner --xattrs --xattrs-include='*'

truncate --size "${size}M" "$disk"
mke2fs -q -F -t ext4 -L pathlab-root -E "offset=$((root_start * 1048576)),lazy_itable_init=1,lazy_journal_init=1,nodiscard" \
    -d "$tree" "$disk" "$((size - root_start))M"

printf 'label: dos\nstart=%sM, size=%sM, type=e, bootable\nstart=%sM, type=83\n' "$boot_start" "$boot_size" "$root_start" |
    sfdisk --quiet --no-reread --no-tell-kernel --wipe never "$disk"
boot=$disk@@${boot_start}M
mformat -i "$boot" -T $((boot_size * 2048)) -h 64 -s 32 -H $((boot_start * 2048)) ::
cat >"$tree/syslinux.cfg" <<'END'
DEFAULT linux
PROMPT 0
TIMEOUT 0
LABEL linux
  KERNEL vmlinuz
  INITRD initrd.img
  APPEND root=LABEL=pathlab-root ro fsck.mode=skip mitigations=off console=tty0 console=ttyS0,115200
END
mcopy -i "$boot" "$tree"/boot/vmlinuz-* ::vmlinuz
mcopy -i "$boot" "$tree"/boot/initrd.img-* ::initrd.img
mcopy -i "$boot" "$tree/syslinux.cfg" ::syslinux.cfg
syslinux --offset $((boot_start * 1048576)) --install "$disk"
dd if=/usr/lib/SYSLINUX/mbr.bin of="$disk" bs=440 count=1 conv=notrunc status=none
