#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Move the series in build/linux to another base, three-way: LINUX=<git tree or
# tarball>, of any version.  TRY=1 only tells which patches would conflict.

. "$(dirname "$0")/common.sh"
. "$top/harness/untar.sh"

l=$build/linux
new=
[ -n "${LINUX:-}" ] || die "to which base? make rebase LINUX=<git tree or tarball>"
[ -e "$LINUX" ] || die "LINUX=$LINUX does not exist"
lock_build
env -u LINUX "$top/harness/tree.sh"
[ -z "$(git -C "$l" status --porcelain -uno)" ] ||
	die "build/linux has uncommitted changes: commit them, or git stash, first"

# commit_tarball FILE: its contents as a commit without history
commit_tarball() {
	local tmp=$build/.base.tmp
	need_disk 4
	v=$(tarball_version "$1")
	rm -rf "$tmp"
	mkdir "$tmp"
	untar "$1" "$tmp"
	sed -i '/^# Debian packaging: ignore everything/,$d' "$tmp/.gitignore"
	export GIT_INDEX_FILE=$build/.base.index
	rm -f "$GIT_INDEX_FILE"
	add_all "$tmp" --git-dir="$l/.git" --work-tree="$tmp"
	new=$(git -C "$l" commit-tree -m "Linux $v" "$(git -C "$l" write-tree)")
	rm -rf "$tmp" "$GIT_INDEX_FILE"
	unset GIT_INDEX_FILE
}

if [ -d "$LINUX" ]; then
	git -C "$l" fetch -q "$LINUX" HEAD ||
		die "LINUX=$LINUX is a directory but no git tree; give a git tree or a tarball"
	new=$(git -C "$l" rev-parse FETCH_HEAD)
	v=$(git -C "$l" show "$new:Makefile" | kernel_version)
else
	commit_tarball "$LINUX"
fi

# Which patches conflict; of these the files are taken as the series has them.
try() {
	local at=$new c bad=0 n=0 out wt=$build/try/linux
	rm -rf "$wt"
	git -C "$l" worktree prune
	git -C "$l" worktree add -q -f --detach --no-checkout "$wt" "$new"
	git -C "$l" diff --name-only base series | sed 's,^,/,' |
		git -C "$wt" sparse-checkout set --no-cone --stdin
	git -C "$wt" checkout -q --detach "$at"
	for c in $(git -C "$l" rev-list --reverse base..series); do
		n=$((n + 1))
		if git -C "$wt" -c advice.sequencerInUse=false cherry-pick "$c" > /dev/null 2>&1; then
			continue
		fi
		bad=$((bad + 1))
		out=$(git -C "$wt" diff --name-only --diff-filter=U | tr '\n' ' ')
		echo "patch $n conflicts in ${out% }: $(git -C "$l" show -s --format=%s "$c")"
		# Those after it shall not stumble over the same.
		# shellcheck disable=SC2086
		git -C "$wt" checkout -q "$c" -- $out
		git -C "$wt" -c core.editor=true cherry-pick --continue > /dev/null 2>&1
	done
	git -C "$l" worktree remove --force "$wt"
	say "Linux $v: $((n - bad)) of $n patches go on it as they are"
	[ $bad -eq 0 ]
}

if [ -n "${TRY:-}" ]; then
	try
	exit
fi

old=$(git -C "$l" rev-parse 'base^{commit}')
git -C "$l" tag -f base-before "$old" > /dev/null
git -C "$l" tag -f base "$new" > /dev/null
if git -C "$l" -c rebase.updateRefs=true rebase -q --onto "$new" "$old" series; then
	say "the series is on Linux $v: build and test it, make export, and set base_version in harness/common.sh"
	exit
fi
cat >&2 <<EOF
rebase.sh: stopped at '$(git -C "$l" show -s --format=%s REBASE_HEAD)'
  conflicts: $(git -C "$l" diff --name-only --diff-filter=U | tr '\n' ' ')
  go on:     in build/linux: edit, git add, git rebase --continue; then make export
  go back:   in build/linux: git rebase --abort; git tag -f base base-before
EOF
exit 1
