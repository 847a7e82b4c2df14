#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Remove what can be built again.  build/linux may hold work, it stays.

. "$(dirname "$0")/common.sh"

[ -d "$build" ] || exit 0
lock_build
for d in "$build"/*; do
	[ "$d" = "$build/linux" ] || rm -rf "$d"
done
if [ -d "$build/linux/.git" ]; then git -C "$build/linux" worktree prune; fi
