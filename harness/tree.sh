#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# build/linux: the base kernel, then one commit a patch of the series, and a
# branch part/NAME at the end of each part.

. "$(dirname "$0")/common.sh"
. "$top/harness/untar.sh"

tune() {
	git -C "$1" config gc.auto 0
	git -C "$1" config core.fsync none
	git -C "$1" config core.looseCompression 1
	# What git rebase moves, the branches of the parts follow.
	git -C "$1" config rebase.updateRefs true
}

# The same tarball makes the same commit, whoever unpacks it and when.
unpack() {
	local src tmp=$build/.linux.tmp v
	src=$("$top/harness/fetch.sh")
	need_disk 10
	rm -rf "$tmp"
	if [ -d "$src" ]; then
		# The very base commit, with its history, and objects in common.
		git clone -q --shared --no-checkout "$src" "$tmp"
		tune "$tmp"
		git -C "$tmp" tag -f base "$(git -C "$src" rev-parse HEAD)" > /dev/null
		say "checking out ${src##*/}"
		git -C "$tmp" checkout "${checkout_flags[@]}" -B series base
		rm -rf "$build/linux"
		mv "$tmp" "$build/linux"
		return
	fi
	mkdir "$tmp"
	untar "$src" "$tmp"
	v=$(kernel_version < "$tmp/Makefile")
	# Debian's packaging makes git ignore everything at the top level, new
	# files in lib/ and elsewhere with it.
	sed -i '/^# Debian packaging: ignore everything/,$d' "$tmp/.gitignore"
	git -C "$tmp" init -q -b series
	tune "$tmp"
	add_all "$tmp" -C "$tmp"
	"$top/harness/series.py" base "$tmp" "Linux $v"
	rm -rf "$build/linux"
	mv "$tmp" "$build/linux"
}

have git || die "git is missing: run 'make deps'"
lock_build
[ -d "$build/linux/.git" ] || unpack
# One that was unpacked by an older version of this script
git -C "$build/linux" config --get rebase.updateRefs > /dev/null || tune "$build/linux"
exec "$top/harness/series.py" tree
