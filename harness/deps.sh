#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# deps.sh check    say nothing and succeed when all tools are here
# deps.sh install  install what is missing, or say what to install

. "$(dirname "$0")/common.sh"

# clang is for a second opinion; one that this kernel accepts is wanted.
good_clang() { [ -n "$("$top/harness/clang.sh")" ]; }

links() {
	local rc=0
	echo 'int main(void) { return 0; }' |
		gcc -x c "$@" -o "$build/log/conftest.$$" - >/dev/null 2>&1 || rc=1
	rm -f "$build/log/conftest.$$"
	return $rc
}

# tool, and its package on Debian/Ubuntu, Fedora, Arch
missing() {
	local apt=$1 dnf=$2 pacman=$3 tool a d p
	while read -r tool a d p; do
		[ -n "$tool" ] || continue
		case $tool in
		lib:*)	links ${tool#lib:} && continue ;;
		hdr:*)	echo "#include <${tool#hdr:}>" | gcc -E - >/dev/null 2>&1 && continue ;;
		clang)	good_clang && continue ;;
		*)	PATH=$PATH:/usr/sbin:/sbin
			have "$tool" && continue ;;
		esac
		if [ "$apt" ]; then echo "$a"; elif [ "$dnf" ]; then echo "$d"
		elif [ "$pacman" ]; then echo "$p"; else echo "${tool#*:}"; fi
	done <<-END | tr ',' '\n' | sort -u
		gcc                 gcc,libc6-dev       gcc                  base-devel
		make                make                make                 base-devel
		flex                flex                flex                 base-devel
		bison               bison               bison                base-devel
		bc                  bc                  bc                   bc
		git                 git                 git                  git
		perl                perl                perl                 perl
		python3             python3             python3              python
		xz                  xz-utils            xz                   xz
		cpio                cpio                cpio                 cpio
		gzip                gzip                gzip                 gzip
		diff                diffutils           diffutils            diffutils
		flock               util-linux          util-linux-core      util-linux
		curl                curl                curl                 curl
		/usr/bin/time       time                time                 time
		hdr:libelf.h        libelf-dev          elfutils-libelf-devel libelf
		hdr:urcu.h          liburcu-dev         userspace-rcu-devel  liburcu
		lib:-static         libc6-dev           glibc-static         glibc
		lib:-fsanitize=thread  libtsan2         libtsan              gcc-libs
		lib:-fsanitize=address libasan8         libasan              gcc-libs
		ccache              ccache              ccache               ccache
		pahole              pahole              dwarves              pahole
		sparse              sparse              sparse               sparse
		clang               $(apt_clang)        clang                clang
		qemu-system-x86_64  qemu-system-x86     qemu-system-x86-core qemu-system-x86
		busybox             busybox-static      busybox              busybox
		mkfs.ext4           e2fsprogs           e2fsprogs            e2fsprogs
		mkfs.xfs            xfsprogs            xfsprogs             xfsprogs
	END
}

# Debian's default clang may be older than what the kernel wants.
apt_clang() {
	local v
	for v in 22 21 20 19 18 17; do
		if have apt-cache && apt-cache show clang-$v >/dev/null 2>&1; then
			echo clang-$v
			return
		fi
	done
	echo clang
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"
	elif have sudo; then sudo "$@"
	else die "not root and no sudo; as root: $*"
	fi
}

lack=$(missing '' '' '')
if [ "$1" = check ]; then
	[ -z "$lack" ]
	exit
fi
[ -n "$lack" ] || { say "nothing is missing"; exit; }
say "missing: $(echo $lack)"

if have apt-get; then
	as_root apt-get -q update || say "apt-get update failed, trying with the lists that are here"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \
		$(missing y '' '') || die "apt-get could not install: $(echo $(missing y '' ''))"
elif have dnf; then
	as_root dnf -y install $(missing '' y '') || die "dnf could not install: $(echo $(missing '' y ''))"
elif have pacman; then
	as_root pacman -S --needed --noconfirm $(missing '' '' y) || die "pacman could not install: $(echo $(missing '' '' y))"
else
	die "no package manager that is known here; install what provides: $(echo $lack)"
fi

lack=$(missing '' '' '')
[ -z "$lack" ] || die "still missing after the installation: $(echo $lack)"
