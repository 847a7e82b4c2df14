#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build build/kernel/CONFIG[-base|-knobs|-PART]: CONFIG=default|debug, BASE=1
# without the series, KNOBS=1 with the patch that lets tests switch locks off,
# PART=name with the parts of the series up to that one.
# CONFIG=uml is the series as User Mode Linux, for KUnit.

. "$(dirname "$0")/common.sh"
. "$top/harness/kbuild.sh"

kernel_name
need_tools
lock_build
"$top/harness/tree.sh"

if [ -n "${BASE:-}" ]; then
	use_tree base base
elif [ -n "${PART:-}" ]; then
	commit=$("$top/harness/series.py" part "$PART")
	use_tree "part-$PART" "$commit"
elif [ -n "${KNOBS:-}" ]; then
	use_tree knobs "$("$top/harness/series.py" knobs)"
else
	use_tree
fi
out=$objroot/$config
mkdir -p "$out" "$build/kernel"
[ "$objroot" = "$build/kernel" ] || link_output "$out" "$build/kernel/$name"

fragments "$config" > "$out/fragment.new"

# A clean tree that was built before need not be looked at again.
stamp=$(cat "$out/fragment.new" <($cc --version) <(git -C "$src" rev-parse 'HEAD^{tree}') | sha256sum)
git -C "$src" diff-index --quiet HEAD || stamp=
if [ -n "$stamp" ] && [ "$stamp" = "$(cat "$out/built" 2>/dev/null)" ]; then
	say "kernel $name: up to date"
	exit
fi
rm -f "$out/built"

need_disk 3
configure "$out" "$out/fragment.new" "$config"
if [ "$config" = uml ]; then
	kbuild "kernel $name" "$out" linux
else
	kbuild "kernel $name" "$out" bzImage
fi
echo "$stamp" > "$out/built"
