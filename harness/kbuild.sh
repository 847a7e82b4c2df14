# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced: one way of configuring and building a kernel, for all that do.

cc=${CC:-gcc}
arch=x86_64
export CCACHE_DIR=$cache/ccache CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-6G}
# Nothing of the day, the host or the count of builds in the kernel.
export KBUILD_BUILD_TIMESTAMP='2026-01-01' KBUILD_BUILD_USER=user \
       KBUILD_BUILD_HOST=host KBUILD_BUILD_VERSION=1

# use_tree [NAME COMMIT]: work on build/linux, or on COMMIT in build/NAME/linux
use_tree() {
	if [ $# -eq 0 ]; then
		src=$build/linux
		objroot=$build/kernel
		export CCACHE_BASEDIR=$build
	else
		worktree "$1" "$2"
		src=$build/$1/linux
		objroot=$build/$1/kernel
		export CCACHE_BASEDIR=$build/$1
	fi
	mkdir -p "$objroot"
	check_compiler
}

check_compiler() {
	local v min
	have "$cc" || die "no compiler '$cc': run 'make deps' or give CC="
	case $("$cc" --version | head -n 1) in
	*clang*)
		min=$("$src/scripts/min-tool-version.sh" llvm)
		v=$("$cc" -dumpversion) ;;
	*)
		min=$("$src/scripts/min-tool-version.sh" gcc)
		v=$("$cc" -dumpfullversion) ;;
	esac
	[ "$(printf '%s\n' "$min" "$v" | sort -V | head -n 1)" = "$min" ] ||
		die "$cc $v is too old, Linux $base_version wants $min: install a newer one, or give CC="
}

# link_output DIR LINK: what lies beside its own tree is found in build/kernel
link_output() {
	if [ -d "$2" ] && [ ! -L "$2" ]; then rm -rf "$2"; fi
	ln -sfn "$(realpath --relative-to="$(dirname "$2")" "$1")" "$2"
}

# fragments CONFIG: the options for it, those of the series where it has them
fragments() {
	local line sym
	case $1 in
	uml)	cat "$top/harness/kconfig/uml.config" ;;
	debug)	cat "$top/harness/kconfig/common.config" "$top/harness/kconfig/debug.config" ;;
	*)	cat "$top/harness/kconfig/common.config" ;;
	esac
	{
		cat "$top/harness/kconfig/series.config"
		case $1 in
		uml)	cat "$top/harness/kconfig/series-debug.config" ;;
		debug)	cat "$top/harness/kconfig/series-debug.config" "$top/harness/kconfig/series-dax.config" ;;
		*)	cat "$top/harness/kconfig/series-dax.config" ;;
		esac
	} | grep '^CONFIG_' | while read -r line; do
		sym=${line#CONFIG_}
		sym=${sym%%=*}
		if git -C "$src" grep -qE "^(menu)?config $sym\$" -- '*Kconfig*'; then
			echo "$line"
		fi
	done
}

# kmake OUT ARG...: the kernel's make
kmake() {
	local o=$1
	shift
	case " $* " in *' ARCH='*) ;; *) set -- "ARCH=$arch" "$@" ;; esac
	if have ccache; then
		set -- "CC=ccache $cc" "HOSTCC=ccache gcc" "$@"
	else
		set -- "CC=$cc" "$@"
	fi
	make -C "$src" O="$o" -j"$(($(nproc) + 1))" "$@"
}

# configure OUT FRAGMENT [uml]: the fragment on top of allnoconfig; each line
# of it has to hold in the end
configure() {
	local out=$1 bad
	[ "${3:-}" != uml ] || arch=um
	if ! kmake "$out" allnoconfig KCONFIG_ALLCONFIG="$2" > "$out/config.log" 2>&1; then
		tail -n 20 "$out/config.log" >&2
		die "configuring $out failed (above)"
	fi
	bad=$(dropped "$2" "$out/.config")
	[ -z "$bad" ] || die "the configuration did not take $(echo "$bad" | tr '\n' ' ')(missing dependency, or gone from this kernel): see harness/kconfig/"
	[ "$2" = "$out/fragment" ] || mv "$2" "$out/fragment"
}

# Those lines of a fragment (the last of each symbol) that .config disagrees with.
dropped() {
	awk -F= '
		FNR == NR { if (/^CONFIG_/) want[$1] = substr($0, length($1) + 2); next }
		/^CONFIG_/ { got[$1] = substr($0, length($1) + 2) }
		END {
			for (s in want) {
				v = (s in got) ? got[s] : "n"
				if (v != want[s])
					print s "=" want[s]
			}
		}' "$1" "$2" | sort
}

# progress TITLE OUT LOG: how far the build is, until that or this script ends.
# Only make knows how many of the objects of an earlier build it compiles again;
# one that was interrupted is gone on with.
progress() {
	local n start=$SECONDS total there
	there=$(find "$2" -name '.*.o.cmd' | wc -l)
	if [ -e "$2/vmlinux" ] || [ -e "$2/linux" ]; then
		total="at most $there"
		there=0
	else
		total="about $(awk -v c="${2##*/}" '$1 == c { print $2 }' "$top/harness/kconfig/objects")"
	fi
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		n=$(grep -cE '^  (CC|AS) ' "$3" || :)
		tick "$1: $((there + n)) of $total objects, $(mmss $((SECONDS - start)))"
	done
}

# kbuild TITLE OUT TARGET...: with a line now and then on how far it is
kbuild() {
	local title=$1 out=$2 log pid start=$SECONDS rc=0
	shift 2
	log=$build/log/${title// /-}.log
	say "$title: building, log in ${log#"$top/"}"
	: > "$log"
	progress "$title" "$out" "$log" &
	pid=$!
	# In the foreground: in the background it would not see Ctrl-C.
	kmake "$out" "$@" < /dev/null > "$log" 2>&1 || rc=$?
	kill $pid
	wait $pid 2>/dev/null || :
	tick_end
	if [ $rc -ne 0 ]; then
		grep -E 'error|Error|undefined reference|\*\*\*' "$log" | head -n 15 >&2 || tail -n 15 "$log" >&2
		die "$title: does not build (all of it in ${log#"$top/"})"
	fi
	say "$title: built in $(mmss $((SECONDS - start)))"
}
