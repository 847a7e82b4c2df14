#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tree -> export -> tree changes nothing.

. "$(dirname "$0")/../tap.sh"

rc=0
out=$("$top/harness/tree.sh" 2>&1) || rc=$?
result $rc 'tree: every patch applies with no fuzz' "${out##*$'\n'}"
[ $rc -eq 0 ] || exit 1
out=$("$top/harness/series.py" roundtrip 2>&1) || rc=$?
result $rc 'roundtrip: tree, export, tree' "${out##*$'\n'}"

# Without any tool of ours, on what the series touches of the base
am=$build/am/linux
plain_am() {
	local l=$build/linux
	rm -rf "$am"
	git -C "$l" worktree prune
	git -C "$l" worktree add -q -f --detach --no-checkout "$am" base || return
	git -C "$l" diff --name-only base series | sed 's,^,/,' |
		git -C "$am" sparse-checkout set --no-cone --stdin &&
	git -C "$am" checkout -q --detach base &&
	(cd "$top" && xargs realpath < series | xargs git -C "$am" am -q) &&
	git -C "$am" diff --exit-code --stat series
}
mrc=0
out=$(plain_am 2>&1) || mrc=$?
result $mrc 'git am $(cat series) makes the same tree' "${out##*$'\n'}"
git -C "$build/linux" worktree remove --force "$am" || :
[ $mrc -eq 0 ] || rc=1
plan
exit $rc
