#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# build/guest: what runs in the VM, as /dax there.  Statically linked, from the
# tests in build/linux, as the kernel is.

. "$(dirname "$0")/common.sh"

from=$build/linux/tools/testing/selftests/dax
to=$build/guest
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
for f in "$from"/*.c; do
	[ -e "$f" ] || continue
	bin=$to/$(basename "$f" .c)
	# A header may have changed too: any file newer than the program counts.
	if [ -e "$bin" ] && [ -z "$(find "$from" -name '*.[ch]' -newer "$bin")" ]; then
		continue
	fi
	${CC:-gcc} -static -O2 -g -Wall -pthread -o "$bin.tmp" "$f" ||
		die "${f#"$top/"} does not compile (above)"
	mv "$bin.tmp" "$bin"
done
