#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The main job: from nothing to the DAX scenario in a VM, with its report.

. "$(dirname "$0")/common.sh"

kernel_name
need_tools
[ -e "$top/tools/testing/selftests/dax/scenario.sh" ] ||
	die "tools/testing/selftests/dax/scenario.sh is missing from this checkout"
"$top/harness/kernel.sh"
VM_TRUST_KERNEL=1 CMD=/dax/scenario.sh "$top/harness/vm.sh"
