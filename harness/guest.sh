#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# build/guest: what runs in the VM, as /dax there.  Statically linked, from the
# tests in build/linux, as the kernel is.

. "$(dirname "$0")/common.sh"

from=$build/linux/tools/testing/selftests/dax
to=$build/guest
lock "$build/.guest.lock"
[ -d "$from" ] || "$top/harness/tree.sh"
mkdir -p "$to"

# What has lost its source goes.
for f in "$to"/*; do
	n=${f##*/}
	[ -e "$from/$n" ] || [ -e "$from/$n.c" ] || rm -f "$f"
done
for f in "$from"/*.sh; do
	[ -e "$f" ] || continue
	cmp -s "$f" "$to/${f##*/}" || install -m 755 "$f" "$to/"
done
# The tests' own Makefile knows what a program is made of.
make -s -C "$from" CC="${CC:-gcc}" OUTPUT="$to" USERLDFLAGS=-static >&2 ||
	die "${from#"$top/"} does not compile (above)"
