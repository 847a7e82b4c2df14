#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# build/initramfs.cpio.gz: busybox, mkfs, harness/guest-init and build/guest.

. "$(dirname "$0")/common.sh"

PATH=$PATH:/usr/sbin:/sbin
img=$build/initramfs.cpio.gz
root=$build/initramfs
tools=(mkfs.ext4 mkfs.xfs xfs_io xfs_db xfs_repair e2fsck)

lock "$build/.guest.lock"
"$top/harness/guest.sh"
if [ -e "$img" ] && [ -z "$(find "$build/guest" "$top/harness/guest-init" "$0" \
				-newer "$img" -print -quit)" ]; then
	exit
fi

# add PROGRAM: with its libraries, and the loader where its name says
add() {
	local f
	cp -L "$1" "$root/bin/"
	{ ldd "$1" 2>/dev/null | grep -o "/[^ ]*" || :; } | while read -r f; do
		mkdir -p "$root$(dirname "$f")"
		cp -nL "$f" "$root$f"
	done
}

busybox=$(command -v busybox) || die "no busybox: run 'make deps'"
rm -rf "$root"
mkdir -p "$root"/{bin,dev,proc,sys,tmp,mnt/ext4,mnt/xfs,dax,etc}
add "$busybox"
for t in "${tools[@]}"; do
	if have "$t"; then add "$(command -v "$t")"; fi
done
"$busybox" --list | grep -vx busybox | while read -r t; do
	[ -e "$root/bin/$t" ] || ln -s busybox "$root/bin/$t"
done
: > "$root/etc/mke2fs.conf"
cp "$top/harness/guest-init" "$root/init"
chmod 755 "$root/init"
cp -r "$build/guest/." "$root/dax/"
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --owner 0:0 --quiet | gzip -1) > "$img.tmp"
mv "$img.tmp" "$img"
