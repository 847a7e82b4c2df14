# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the other scripts: where things are, and how to fail.

set -euo pipefail
# Bash would go on after a child that sees to Ctrl-C itself, as vm.sh does.
trap 'exit 130' HUP INT TERM

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$top/build
cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}/dax-range-lock
base_version=7.3.4

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# mmss SECONDS
mmss() { printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); }

# writable DIR CURE: it can be made, and takes a megabyte.  A disk that is full or
# read-only fails in a hundred odd ways later on; say it once, up front.
writable() {
	local probe=$1/.probe.$$ err
	if ! err=$({ mkdir -p "$1" && head -c 1M /dev/zero > "$probe"; } 2>&1); then
		rm -f "$probe"
		die "cannot write to $1 (${err##*: }): $2"
	fi
	rm -f "$probe"
}

# Removing is the cure of a full disk.
if [ "${0##*/}" != clean.sh ]; then
	writable "$build/log" "make room there ('make clean' removes what can be built again), or clone to a disk that can be written to"
	writable "${TMPDIR:-/tmp}" "make room there, or give TMPDIR=<another directory>"
	writable "$cache" "make room there, or give XDG_CACHE_HOME=<another directory>"
fi

# lock FILE: one at a time, until this shell and what it has started end.  Whom it
# calls has the lock as well.
lock() {
	local fd
	case :${LOCKS:-}: in *:$1:*) return ;; esac
	have flock || die "flock is missing: run 'make deps'"
	exec {fd}>> "$1"
	if ! flock -n "$fd"; then
		say "${0##*/} waits for $(cat "$1")" >&2
		flock "$fd"
	fi
	{ echo "${0##*/} (process $$, since $(date +%H:%M))" > "$1"; } 2> /dev/null || :
	export LOCKS=${LOCKS:-}:$1
}
# For what changes build/linux, the other trees, or what is built of them
lock_build() { lock "$build/.lock"; }

# tick TEXT: how far it is; on a terminal in place, else a line twice a minute
ticked=$SECONDS
tick() {
	if [ -t 2 ]; then
		printf '\r== %s\033[K' "$1" >&2
	elif [ $((SECONDS - ticked)) -ge 30 ]; then
		ticked=$SECONDS
		say "$1" >&2
	fi
}
tick_end() { [ ! -t 2 ] || printf '\r\033[K' >&2; }

# What git checkout shows of itself, where somebody looks
checkout_flags=(-q)
[ ! -t 2 ] || checkout_flags+=(--progress)

# need_disk GB: free, before much is written
need_disk() {
	local gb
	gb=$(df -Pk "$build" | awk 'NR == 2 { print int($4 / 1048576) }')
	[ "$gb" -ge "$1" ] ||
		die "$gb GB free under $build, $1 GB needed: make room or clone elsewhere"
}

# Looked for once a boot of the machine, or when the list has changed.
need_tools() {
	local stamp=$build/tools-found
	[ "$stamp" -nt "$top/harness/deps.sh" ] && [ "$stamp" -nt /proc/1 ] && return
	if ! "$top/harness/deps.sh" check; then
		say "some tools are missing: running 'make deps'"
		"$top/harness/deps.sh" install
	fi
	: > "$stamp"
}

# The version that a kernel Makefile (on stdin) says it is.
kernel_version() {
	awk '$2 == "=" && /^(VERSION|PATCHLEVEL|SUBLEVEL) / { v = v s $3; s = "." }
	     END { print v }'
}

# parts: the names of the parts, exported or not yet
parts() {
	{
		sed 's/#.*//' "$top/series" | awk -F/ 'NF == 3 { print $2 }'
		[ ! -d "$build/linux/.git" ] ||
			git -C "$build/linux" for-each-ref --format='%(refname:lstrip=3)' refs/heads/part/
	} | awk '!seen[$0]++'
}

# kernel_name: which kernel CONFIG, BASE, KNOBS and PART ask for: $config and $name
kernel_name() {
	config=${CONFIG:-default}
	case $config in
	default|debug|uml) ;;
	*) die "CONFIG=$config: there are default, debug and uml" ;;
	esac
	case ${BASE:-1}${KNOBS:-1} in
	11) ;;
	*) die "BASE=${BASE:-} KNOBS=${KNOBS:-}: each is 1, or not given" ;;
	esac
	case ${BASE:+x}${KNOBS:+x}${PART:+x} in
	xx*) die "BASE=, KNOBS= and PART= are three different kernels: give one of them" ;;
	esac
	if [ -n "${PART:-}" ] && ! parts | grep -qxF -e "$PART"; then
		die "PART=$PART: $(parts | awk '{ s = s " " $0 } END { print s ? "there is" s : "the series has no parts" }')"
	fi
	name=$config${BASE:+-base}${KNOBS:+-knobs}${PART:+-$PART}
}

# worktree NAME COMMIT: build/NAME/linux is COMMIT.  It stands to
# build/NAME/kernel as build/linux stands to build/kernel, so that relative
# to the output directory the compiler sees the same paths in each of them,
# and ccache shares objects between them.
worktree() {
	local dir=$build/$1/linux
	if [ ! -e "$dir/.git" ]; then
		rm -rf "$dir"
		git -C "$build/linux" worktree prune
		git -C "$build/linux" worktree add -q -f --detach --no-checkout "$dir" "$2"
	fi
	if [ "$(git -C "$dir" rev-parse HEAD)" != "$(git -C "$dir" rev-parse "$2^{commit}")" ] ||
	   ! git -C "$dir" diff-index --quiet HEAD 2>/dev/null; then
		say "build/$1/linux: checking out"
		rm -f "$(git -C "$dir" rev-parse --git-dir)/index.lock"
		git -C "$dir" checkout "${checkout_flags[@]}" -f --detach "$2" ||
			die "build/$1/linux: cannot check out $2 (above)"
	fi
}
