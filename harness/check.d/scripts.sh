#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The house itself: scripts parse, nothing stands where it should not.

. "$(dirname "$0")/../tap.sh"

cd "$top"
rc=0
for f in harness/*.sh harness/check.d/*.sh .ci/run tools/testing/selftests/dax/*.sh; do
	[ -e "$f" ] || continue
	bash -n "$f" || rc=1
done
sh -n harness/guest-init || rc=1
python3 -m py_compile harness/*.py || rc=1
rm -rf harness/__pycache__
result $rc 'scripts parse'

if have shellcheck; then
	rc=0
	shellcheck -x -S warning harness/*.sh harness/check.d/*.sh .ci/run harness/guest-init || rc=1
	result $rc 'shellcheck'
fi
plan
