#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What can be said without running: checkpatch, kernel-doc, W=1, sparse, clang,
# other configurations, and that the series builds after every patch.
# A warning counts when the base does not give it as well.

. "$(dirname "$0")/../tap.sh"
. "$top/harness/kbuild.sh"

"$top/harness/tree.sh" >&2
base=$(git -C "$build/linux" rev-parse 'base^{commit}')
head=$(git -C "$build/linux" rev-parse HEAD)
list=$("$top/harness/series.py" commits)
mapfile -t commits <<< "$list"
failed=0
fail() { failed=1; not_ok "$@"; }
# first N TEXT: its first lines, as diagnostic lines
first() { head -n "$1" <<< "$2" | diag; }

subject() { git -C "$build/linux" show -s --format=%s "$1"; }

# touched FROM TO PATTERN...: files that differ and that TO has
touched() {
	local a=$1 b=$2
	shift 2
	git -C "$build/linux" diff --name-only --diff-filter=d "$a" "$b" -- "$@" ':!tools' ':!arch' ':!Documentation'
}

# objects COMMIT: those of the series' .c files that it has.  The tests of locking
# want a configuration that the stage uml has.
objects() {
	touched "$base" "$1" '*.c' ':!lib/locking-selftest.c' ':!kernel/locking/locktorture.c' |
		sed 's/c$/o/'
}

# warnings LOG: without line numbers, which move, and without our own paths
warnings() {
	grep -E '(warning|error):|Warning:' "$1" |
		sed -E "s,$build/([a-z]+/)?linux/|\.\./\.\./linux/,,g; s/:[0-9]+(:[0-9]+)?:/:/g" | sort -u || :
}

# compile COMMIT-OR-HEAD VARIANT FRAGMENT-LINES MAKE-ARGS...: log on stdout;
# targets are in $targets, warnings of make are for the caller to judge
compile() (
	lock_build
	local where=$1 variant=$2 lines=$3 out log
	shift 3
	case $where in
	head) use_tree ;;
	*)    use_tree base "$base" ;;
	esac
	out=$objroot/$variant
	log=$build/log/static-$variant-$where.log
	mkdir -p "$out"
	{ fragments default; echo "$lines"; } > "$out/fragment.new"
	# Options that this variant rules out may go; what makes it one may not.
	local karch=ARCH=$arch
	case $variant in x86-32) karch=ARCH=i386 ;; esac
	kmake "$out" "$karch" allnoconfig KCONFIG_ALLCONFIG="$out/fragment.new" > "$log" 2>&1 || return 1
	echo "$lines" > "$out/lines"
	[ -z "$(dropped "$out/lines" "$out/.config")" ] || {
		echo "error: configuration refused: $(dropped "$out/lines" "$out/.config")" > "$log"
		return 1
	}
	# shellcheck disable=SC2086
	kmake "$out" "$karch" -k "$@" $targets > "$log" 2>&1
)

# compare NAME VARIANT LINES MAKE-ARGS...: no warning that is not in the base
compare() {
	local name=$1 variant=$2 lines=$3 all new='' n
	shift 3
	all=$(objects "$head")
	case $variant in
	# No DAX on 32 bits either: what is built only for it stays out.
	nodax|x86-32) targets=$(grep -vE '^fs/(fuse/)?dax\.o$' <<< "$all") ;;
	*)	targets=$all ;;
	esac
	n=$(wc -w <<< "$targets")
	if ! compile head "$variant" "$lines" "$@"; then
		first 15 "$(grep -E 'error|\*\*\*' "$build/log/static-$variant-head.log")"
		fail "$name" "does not build: build/log/static-$variant-head.log"
		return
	fi
	warnings "$build/log/static-$variant-head.log" > "$build/log/$variant.head"
	if [ -s "$build/log/$variant.head" ]; then
		# Only then is the base of interest.
		targets=$(for o in $targets; do
			git -C "$build/linux" cat-file -e "$base:${o%o}c" 2>/dev/null && echo "$o"
			done)
		compile base "$variant" "$lines" "$@" || :
		warnings "$build/log/static-$variant-base.log" > "$build/log/$variant.base"
		new=$(comm -23 "$build/log/$variant.head" "$build/log/$variant.base")
	fi
	if [ -n "$new" ]; then
		first 20 "$new"
		fail "$name" "new warnings, see build/log/static-$variant-head.log"
	else
		ok "$name" "$n objects, no new warning"
	fi
}

# Three of checkpatch's types do not understand what mainline's own lock headers
# do as well: attributes on lines of their own, iterators, and guard definers.
# User space has no barriers, attribute macros or volatile of the kernel's.
kernel_ignore=FUNCTION_ARGUMENTS,MACRO_ARG_REUSE,MULTISTATEMENT_MACRO_USE_DO_WHILE
tools_ignore=VOLATILE,PREFER_DEFINED_ATTRIBUTE_MACRO,MACRO_ARG_UNUSED,MEMORY_BARRIER
tools_ignore+=,MACRO_WITH_FLOW_CONTROL,SINGLE_STATEMENT_DO_WHILE_MACRO,CAMELCASE
tools_ignore+=,LONG_LINE,LONG_LINE_COMMENT,LONG_LINE_STRING,REPEATED_WORD,BRACES
tools_ignore+=,LINE_SPACING,PARENTHESIS_ALIGNMENT,UNNECESSARY_PARENTHESES,BIT_MACRO

checkpatch() {
	local c out ignore
	for c in "${commits[@]}"; do
		# The base's history, with what Fixes: names, need not be here.
		ignore=FILE_PATH_CHANGES,GIT_COMMIT_ID,UNKNOWN_COMMIT_ID,$kernel_ignore
		git -C "$build/linux" diff --quiet "$c~" "$c" -- tools ||
			ignore+=,$tools_ignore
		# xfs has a line for each argument, and two tabs before what
		# continues; so have trace events; fs/dax.c has both kinds.
		git -C "$build/linux" diff --quiet "$c~" "$c" -- fs/xfs fs/dax.c include/trace ||
			ignore+=,OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT
		# This one prints tables, from a time when printk() had no levels.
		git -C "$build/linux" diff --quiet "$c~" "$c" -- lib/locking-selftest.c ||
			ignore+=,PRINTK_WITHOUT_KERN_LEVEL,LOGGING_CONTINUATION
		# Sign-offs and maintainers are added when the series is sent; the
		# one patch to MAINTAINERS speaks for all new files.
		if out=$(cd "$build/linux" && scripts/checkpatch.pl --strict --no-signoff --terse --no-summary \
				--show-types --ignore "$ignore" -g "$c" 2>&1); then
			ok "checkpatch: $(subject "$c")"
		else
			diag <<< "$out"
			fail "checkpatch: $(subject "$c")" "$(wc -l <<< "$out") complaints"
		fi
	done
}

# kdoc TREE FILES: its warnings
kdoc() {
	local tree=$1
	shift
	(cd "$tree" && scripts/kernel-doc -none -Wall "$@" 2>&1) |
		sed -E 's/:[0-9]+/:/' | sort -u || :
}

kernel_doc() {
	local files old new
	mapfile -t files < <(touched "$base" "$head" '*.c' '*.h')
	[ ${#files[@]} -gt 0 ] || { ok 'kernel-doc' 'no file'; return; }
	mapfile -t old < <(for f in "${files[@]}"; do
		git -C "$build/linux" cat-file -e "$base:$f" 2>/dev/null && echo "$f"; done)
	(lock_build && worktree base "$base" >&2)
	new=$(comm -23 <(kdoc "$build/linux" "${files[@]}") <(kdoc "$build/base/linux" "${old[@]}"))
	if [ -n "$new" ]; then
		first 20 "$new"
		fail 'kernel-doc' "$(wc -l <<< "$new") new warnings"
	else
		ok 'kernel-doc' "${#files[@]} files, no new warning"
	fi
}

# build_step COMMIT LOG: all that any patch touches: that is who uses what they
# change.  The file systems come whole.
build_step() (
	lock_build
	local c=$1 out
	use_tree steps "$c" >&2
	out=$objroot/default
	if [ ! -e "$out/configured" ] || ! git -C "$build/linux" diff --quiet "$c~" "$c" -- '*Kconfig*'; then
		mkdir -p "$out"
		fragments default > "$out/fragment.new"
		configure "$out" "$out/fragment.new"
		touch "$out/configured"
	fi
	# shellcheck disable=SC2046
	kmake "$out" -k $(objects "$head" | while read -r o; do
			[ ! -e "$src/${o%o}c" ] || echo "$o"; done) > "$2" 2>&1 &&
		! grep -q 'warning:' "$2"
)

every_patch() {
	local c log n=0
	rm -f "$build/steps/kernel/default/configured"
	for c in "${commits[@]}"; do
		n=$((n + 1))
		log=$build/log/step-$n.log
		if git -C "$build/linux" diff --quiet "$c~" "$c" -- . ':!Documentation' ':!tools' ':!MAINTAINERS'; then
			ok "builds after patch $n: $(subject "$c")" 'nothing to build'
		elif build_step "$c" "$log"; then
			ok "builds after patch $n: $(subject "$c")"
		else
			first 15 "$(grep -E 'error|warning:' "$log")"
			fail "builds after patch $n: $(subject "$c")" "${log#"$top/"}"
		fi
	done
}

if [ -z "$list" ]; then
	plan 1
	not_ok 'static' 'the series is empty'
	exit 1
fi

# checkpatch and a build for each, and those below
plan $((2 * ${#commits[@]} + 7))
checkpatch
kernel_doc
compare 'W=1 and sparse' w1 '' W=1 C=2
clang=$("$top/harness/clang.sh")
if [ -n "$clang" ]; then
	cc=$clang compare "clang ($clang)" clang '' CC="$clang"
else
	fail clang "none that is new enough: run 'make deps'"
fi
compare 'FS_DAX=n' nodax $'CONFIG_FS_DAX=n\nCONFIG_FUSE_DAX=n'
compare 'SMP=n' nosmp $'CONFIG_SMP=n\nCONFIG_NR_CPUS=1'
compare 'PREEMPT_RT' rt $'CONFIG_PREEMPT_RT=y\nCONFIG_PREEMPT=n'
compare '32-bit x86' x86-32 $'CONFIG_64BIT=n'
every_patch
exit $failed
