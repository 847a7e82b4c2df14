#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Growth of struct address_space, and of the inodes that hold it, by pahole.
# The kernels are built without debug info, which would cost a third of the
# build time; the three objects asked here are compiled once more, with it,
# by the very commands that built them.

. "$(dirname "$0")/../tap.sh"

plan 4
BASE=1 need_kernel size
need_kernel size

# struct_size KERNEL OBJECT STRUCT
struct_size() {
	local out cmd o=$build/log/pahole.$$.o
	out=$(realpath "$build/kernel/$1")
	cmd=$(sed -n 's/^savedcmd_[^ ]* := //p' "$out/$(dirname "$2")/.$(basename "$2").cmd")
	# What follows the compilation (objtool) would look at the object.
	cmd=${cmd%%;*}
	(cd "$out" && eval "${cmd/ -o $2 / -g -Wp,-MMD,$o.d -o $o }")
	pahole --sizes "$o" | awk -v s="$3" '$1 == s { print $2 }'
	rm -f "$o" "$o.d"
}

# check STRUCT OBJECT LIMIT
check() {
	local a b
	a=$(struct_size default-base "$2" "$1") || :
	b=$(struct_size default "$2" "$1") || :
	[ -n "$a" ] && [ -n "$b" ] || { not_ok "size of struct $1" "pahole does not know it"; return; }
	result $((b - a > $3)) "size of struct $1" "base $a, patched $b, may grow by $3"
}

check address_space fs/inode.o 8
check inode fs/inode.o 8
check ext4_inode_info fs/ext4/super.o 8
check xfs_inode fs/xfs/xfs_super.o 8
