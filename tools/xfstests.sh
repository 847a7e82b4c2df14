#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# fstests in the VM on DAX: XFSTESTS=dir (built), FS=ext4|xfs, ARGS='-g dax'.
# The guest gets the host's programs and the fstests directory as an ext4 disk
# image, and runs in it by chroot; pmem0 is TEST_DEV, pmem1 SCRATCH_DEV.

. "$(dirname "$0")/common.sh"

fs=${FS:-ext4}
[ -n "${XFSTESTS:-}" ] ||
	die "XFSTESTS= is not given: clone git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git, run make there, then make xfstests XFSTESTS=<that directory>"
[ -x "$XFSTESTS/check" ] || die "$XFSTESTS/check is not there: XFSTESTS is the fstests source directory"
[ -x "$XFSTESTS/ltp/fsstress" ] || die "$XFSTESTS is not built: run make in it first"
case $fs in ext4|xfs) ;; *) die "FS=$fs: there are ext4 and xfs" ;; esac

need_tools
"$top/tools/kernel.sh"

PATH=$PATH:/usr/sbin:/sbin
root=$build/xfstests-root
img=$build/xfstests.img
say "xfstests: copying the host's programs into ${img#"$top/"}"
rm -rf "$root"
mkdir -p "$root"/{dev,proc,sys,tmp,run,root,home,mnt/test,mnt/scratch,var/tmp,var/lib,fstests}
for d in bin sbin lib lib64; do
	if [ -L /$d ]; then cp -P /$d "$root/"; fi
done
# Headers, documentation and compilers are of no use there.
tar -C / -c --exclude='usr/share/doc' --exclude='usr/share/man' --exclude='usr/share/locale' \
	--exclude='usr/include' --exclude='usr/src' --exclude='usr/lib/gcc' --exclude='usr/lib/llvm*' \
	--exclude='usr/local' --exclude='usr/lib/modules' --exclude='usr/lib/node_modules' \
	--exclude='*.a' usr/bin usr/sbin usr/lib usr/lib64 usr/share/perl usr/share/perl5 usr/share/terminfo usr/share/zoneinfo 2>/dev/null |
	tar -C "$root" -x || :
for d in bin sbin lib lib64; do
	if [ -d /$d ] && [ ! -L /$d ]; then cp -a /$d "$root/"; fi
done
mkdir -p "$root/etc"
cp -rL /etc/{passwd,group,nsswitch.conf,ld.so.cache,ld.so.conf,ld.so.conf.d,alternatives,services,protocols,localtime} "$root/etc/" 2>/dev/null || :
cp -a "$XFSTESTS/." "$root/fstests/"
# The users that some tests become.
for u in fsgqa fsgqa2 123456-fsgqa; do
	grep -q "^$u:" "$root/etc/passwd" || {
		echo "$u:x:$((2000 + ${#u})):$((2000 + ${#u}))::/tmp:/bin/bash" >> "$root/etc/passwd"
		echo "$u:x:$((2000 + ${#u})):" >> "$root/etc/group"
	}
done
cat > "$root/fstests/local.config" <<-END
	export FSTYP=$fs
	export TEST_DEV=/dev/pmem0 TEST_DIR=/mnt/test
	export SCRATCH_DEV=/dev/pmem1 SCRATCH_MNT=/mnt/scratch
	export MOUNT_OPTIONS='-o dax=always' TEST_FS_MOUNT_OPTS='-o dax=always'
END
[ "$fs" = ext4 ] || echo "export MKFS_OPTIONS='-m reflink=1,rmapbt=1'" >> "$root/fstests/local.config"
mb=$(du -sm "$root" | cut -f1)
rm -f "$img"
truncate -s $((mb + mb / 4 + 1024))M "$img"
mkfs.ext4 -q -F -d "$root" "$img"
rm -rf "$root"

say "xfstests: $fs ${ARGS:=-g dax}"
# fstests provokes warnings of its own and looks for those that it does not.
APPEND=vm.bare DISK=$img VM_TRUST_KERNEL=1 EXPECT_WARN=1 TIMEOUT=${TIMEOUT:-1800} SMP=${SMP:-2} \
CMD="
mkdir -p /root && mount /dev/vda /root || exit 1
for d in dev proc sys; do mount -o bind /\$d /root/\$d; done
mount -t debugfs debug /root/sys/kernel/debug
mount -t tmpfs tmp /root/run
case $fs in
ext4) mkfs.ext4 -q -F -b 4096 /dev/pmem0 ;;
xfs)  mkfs.xfs -q -f -m reflink=1,rmapbt=1 /dev/pmem0 ;;
esac
exec chroot /root /bin/bash -c 'export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp; hostname vm; cd /fstests && ./check ${ARGS}'
" "$top/tools/vm.sh"
