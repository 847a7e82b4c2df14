# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# To be sourced: a KTAP report whose tests are programs with reports of their own.

passed=0 failed=0 n=0

# One line of ours, about a test that printed its own as a subtest
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		passed=$((passed + 1)); echo "ok $n $2"
	else
		failed=$((failed + 1)); echo "not ok $n $2"
	fi
}

# subtest NAME COMMAND...: its output indented, as it comes, and a line about it
subtest() {
	name=$1 n=$((n + 1)); shift
	echo "    KTAP version 1"
	echo "    # Subtest: $name"
	if { "$@"; echo "exit $?"; } 2>&1 | awk -v n="$n" -v name="$name" '
		/^exit [0-9]+$/		{ rc = $2; next }
		/^K?TAP version/	{ next }
		/^ *1\.\.[0-9]+/	{ if (plan == "") { plan = $1; sub(/.*\.\./, "", plan) } }
		/^(not )?ok /		{ ran++; bad += $1 == "not"; skipped += / # SKIP/; xfail += / # XFAIL/ }
					{ print "    " $0; fflush() }
		END {
			if (rc)
				why = "exit status " rc ", " bad + 0 " of " ran + 0 " failed"
			else if (plan == "" || ran + 0 != plan + 0)
				why = ran + 0 " results of " (plan == "" ? "an unknown number" : plan)
			else
				good = !bad
			if (why == "")
				why = ran - skipped - xfail - bad " passed, " skipped + 0 " skipped"
			if (xfail)
				why = why ", " xfail " failed as expected"
			print (good ? "ok " : "not ok ") n " " name " # " why
			exit !good
		}'
	then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# The last line; the exit status of all
totals() {
	echo "# totals: pass:$passed fail:$failed"
	[ "$failed" = 0 ]
}
