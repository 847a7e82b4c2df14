#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# tree -> export -> tree changes nothing.

. "$(dirname "$0")/../tap.sh"

rc=0
out=$("$top/tools/tree.sh" 2>&1) || rc=$?
result $rc 'tree: every patch applies with no fuzz' "${out##*$'\n'}"
[ $rc -eq 0 ] || exit 1
out=$("$top/tools/series.py" roundtrip 2>&1) || rc=$?
result $rc 'roundtrip: tree, export, tree' "${out##*$'\n'}"
plan
exit $rc
