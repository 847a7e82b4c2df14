#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# fstests in the VM on DAX: XFSTESTS=dir (built), FS=ext4|xfs, ARGS='-g dax'.
# The guest gets an ext4 image with fstests and what it needs of the host's
# programs, and runs in it by chroot; pmem0 is TEST_DEV, pmem1 SCRATCH_DEV.

. "$(dirname "$0")/common.sh"

fs=${FS:-ext4}
args=${ARGS:--g dax}
[ -n "${XFSTESTS:-}" ] ||
	die "XFSTESTS= is not given: clone git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git, run make there, then make xfstests XFSTESTS=<that directory>"
[ -x "$XFSTESTS/check" ] || die "$XFSTESTS/check is not there: XFSTESTS is the fstests source directory"
[ -x "$XFSTESTS/ltp/fsstress" ] || die "$XFSTESTS is not built: run make in it first"
case $fs in
ext4) mkfs='-b 4096' ;;
xfs)  mkfs='-m reflink=1,rmapbt=1' ;;
*) die "FS=$fs: there are ext4 and xfs" ;;
esac

need_tools
need_disk 3
lock "$build/.xfstests.lock"

PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
root=$build/xfstests-root
img=$build/xfstests.img
results=$build/log/xfstests-$fs

# Every program of the host whose name is a word in fstests, a superset of
# what it calls, without some that are large and cannot work there.
programs() {
	{
		comm -12 <(cd /usr && find bin/ sbin/ ! -type d -printf '%f\n' | sort -u) \
			<(cat "$XFSTESTS"/{check,common/*,tests/*/[0-9]*} 2>/dev/null |
				grep -aoE '[][a-zA-Z0-9_.+-]+' | sort -u) |
			grep -vxE 'node|kvm|g(it|db)|perf|systemd.*|systemctl|udevadm|su'
		echo fsck.ext4
		echo fsck.xfs
	} | while read -r p; do type -P "$p" || :; done
}

say "xfstests: copying fstests and programs of the host into ${img#"$top/"}"
rm -rf "$root" "$results"
mkdir -p "$root"/{dev,proc,sys,tmp,run,etc,home,usr/{bin,sbin,lib,lib64},mnt/{test,scratch},var/{tmp,lib},fstests}
for d in bin sbin lib lib64; do
	if [ -L /$d ]; then cp -P /$d "$root/"; fi
done
cp -a "$XFSTESTS/." "$root/fstests/"
{
	programs
	perl -e '-d && print "$_\n" for @INC'
	# Their libraries, and the loader.
	{ programs; find -L "$XFSTESTS"/{src,ltp} -type f -executable; } |
		xargs ldd 2>/dev/null | grep -o '/[^ ]*[^: ]' || :
	for f in group.conf ld.so.{cache,conf,conf.d} mke2fs.conf nsswitch.conf protocols services; do
		[ ! -e /etc/$f ] || echo /etc/$f
	done
} | sort -u | tar -C / -c -h -T - 2>/dev/null | tar -x -C "$root" || :
# The host's su wants PAM and its configuration; busybox's does without.
cp "$(type -P busybox)" "$root/usr/bin/su"
ln -s /proc/self/mounts "$root/etc/mtab"
echo 'root:x:0:0::/:/bin/bash' > "$root/etc/passwd"
echo 'root:x:0:' > "$root/etc/group"
id=1000
for u in bin daemon nobody fsgqa fsgqa2 123456-fsgqa; do
	id=$((id + 1))
	echo "$u:x:$id:$id::/tmp:/bin/bash" >> "$root/etc/passwd"
	echo "$u:x:$id:" >> "$root/etc/group"
done
cat > "$root/fstests/local.config" <<-END
	export FSTYP=$fs
	export TEST_DEV=/dev/pmem0 TEST_DIR=/mnt/test
	export SCRATCH_DEV=/dev/pmem1 SCRATCH_MNT=/mnt/scratch
	export MKFS_OPTIONS='$mkfs'
	export MOUNT_OPTIONS='-o dax=always' TEST_FS_MOUNT_OPTS='-o dax=always'
END
cat > "$root/fstests/run" <<-END
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
	hostname vm
	cd /fstests
	mkfs.$fs -q $mkfs /dev/pmem0 && exec ./check $args
END
mb=$(du -sm "$root" | cut -f1)
rm -f "$img"
truncate -s $((mb + 1024))M "$img"
# Without a journal, a sync is all that debugfs needs to read it.
mkfs.ext4 -q -F -O ^has_journal -d "$root" "$img"
rm -rf "$root"

say "xfstests: $fs $args"
# fstests provokes warnings of its own and looks for those that it does not.
rc=0
APPEND=vm.bare DISK=$img EXPECT_WARN=1 TIMEOUT=${TIMEOUT:-1800} CMD="
mount /dev/vda /root || exit 1
for d in dev proc sys; do mount -o rbind /\$d /root/\$d; done
mount -t tmpfs run /root/run
ln -s /proc/self/fd /dev/fd
exec chroot /root /bin/bash /fstests/run
" "$top/harness/vm.sh" || rc=$?
debugfs -R "rdump /fstests/results $build/log" "$img" 2>/dev/null
if [ -d "$build/log/results" ]; then
	mv "$build/log/results" "$results"
	say "xfstests: what the tests said is in ${results#"$top/"}"
fi
exit $rc
