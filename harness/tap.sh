# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Sourced by the stages in check.d/: TAP, and kernels for the tests.

# shellcheck source=harness/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

tests=0
ok() { tests=$((tests + 1)); echo "ok $tests - $1${2:+ # $2}"; }
not_ok() { tests=$((tests + 1)); echo "not ok $tests - $1${2:+ # $2}"; }
plan() { echo "1..$tests"; }

# result STATUS NAME [REASON]
result() { if [ "$1" -eq 0 ]; then shift; ok "$@"; else shift; not_ok "$@"; fi; }

# need_kernel NAME: build it (CONFIG, BASE, KNOBS from the caller) or fail the stage
need_kernel() {
	"$top/harness/kernel.sh" && return
	not_ok "$1" "the kernel does not build"
	exit 1
}

# vm_tap NAME: run CMD in the VM; its TAP is ours, and so is its exit status
vm_tap() {
	local rc=0
	tap_out=$build/log/tap.$$
	trap 'rm -f "$tap_out"' EXIT
	VM_TRUST_KERNEL=1 "$top/harness/vm.sh" | tee "$tap_out" || rc=$?
	if ! grep -qE '^(not )?ok ' "$tap_out" || { [ $rc -ne 0 ] && ! grep -q '^not ok ' "$tap_out"; }; then
		not_ok "$1" "exit status $rc, see above"
	fi
	return $rc
}

# ktap LOG: KUnit's results in a console log as one line a test case
ktap() {
	sed 's/\r$//; s/^\[ *[0-9.]*\] //' "$1" |
	awk '/^ *# Subtest: /	{ if (match($0, /[^ ]/) > 4) suite = $NF }
	     /^    (not )?ok [0-9]+ /	{ sub(/^ +/, ""); n = ($1 == "not") ? 4 : 3
					  status = ($1 == "not") ? "not ok" : "ok"
					  name = $n; sub(/^- */, "", name)
					  reason = ""; if (match($0, / # /)) reason = substr($0, RSTART)
					  print status, ++i, "- kunit " name reason }'
}
