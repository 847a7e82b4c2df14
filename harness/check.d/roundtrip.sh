#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tree -> export -> tree changes nothing.

. "$(dirname "$0")/../tap.sh"

rc=0

# check NAME COMMAND...: what it says last is the reason, all of it if it fails
check() {
	local name=$1 r=0 out
	shift
	out=$("$@" 2>&1) || r=$?
	[ $r -eq 0 ] || { rc=1; diag <<< "$out"; }
	result $r "$name" "${out##*$'\n'}"
	return $r
}

if ! check 'tree: every patch applies with no fuzz' "$top/harness/tree.sh"; then
	plan
	exit 1
fi
check 'roundtrip: tree, export, tree' "$top/harness/series.py" roundtrip || :

# Without any tool of ours, on what the series touches of the base
am=$build/am/linux
mails=$build/am/mails

# at_base: an empty work tree but for that
at_base() {
	git -C "$am" am --abort 2>/dev/null || :
	git -C "$am" checkout -q -f --detach base
}

sparse() {
	local l=$build/linux
	rm -rf "$am"
	git -C "$l" worktree prune
	git -C "$l" worktree add -q -f --detach --no-checkout "$am" base || return
	git -C "$l" diff --name-only base series | sed 's,^,/,' |
		git -C "$am" sparse-checkout set --no-cone --stdin &&
	at_base
}

plain_am() {
	(cd "$top" && xargs realpath < series | xargs git -C "$am" am -q) &&
	git -C "$am" diff --exit-code --stat series
}

# of PART...: their mails, in order, without the letters
of() {
	local p
	for p; do find "$mails/$p" -name '*.patch' ! -name 'v*-0000-*' | sort; done
}

# mail_am PART NEEDS...: as who gets them applies them; his trees differ from ours
# where the needed parts were sent on their own
mail_am() {
	local part=$1
	shift
	at_base &&
	{ [ $# -eq 0 ] || of "$@" | xargs git -C "$am" am -q -3; } &&
	of "$part" | xargs git -C "$am" am -q
}

# all_am PART...: the series again, but for who maintains it
all_am() {
	at_base &&
	of "$@" | xargs git -C "$am" am -q -3 &&
	git -C "$am" diff --exit-code --stat series -- . ':!MAINTAINERS' &&
	git -C "$am" diff -U0 series -- MAINTAINERS | awk -v m="+M:\t$AUTHOR" '
		/^[-+]/ && !/^(---|\+\+\+) / && $0 != m { print; bad = 1 } END { exit bad }'
}

mailed() {
	local part needs all
	export AUTHOR='A Tester <tester@example.org>'
	unset PART V
	rm -rf "$mails"
	check 'mails can be written' "$top/harness/series.py" mail "$mails" || return
	while read -r part needs; do
		# shellcheck disable=SC2086
		check "the mails of $part apply" mail_am "$part" $needs || :
	done <<< "$parts"
	mapfile -t all < <(cut -d' ' -f1 <<< "$parts")
	check 'the mails of all parts make the same tree' all_am "${all[@]}" || :
}

if check 'what the series touches, checked out' sparse; then
	check 'git am $(cat series) makes the same tree' plain_am || :
	parts=$("$top/harness/series.py" parts)
	[ -z "$parts" ] || mailed
fi
git -C "$build/linux" worktree remove --force "$am" || :
plan
exit $rc
