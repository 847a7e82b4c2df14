#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# DAX at work on both file systems, for people to read.

. "$(dirname "$0")/dirs.sh"
uname -sr
# shellcheck disable=SC2086
exec ./dax_scenario "$@" $dirs
