#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ext4 on the base zeroes blocks on top of what was stored: there dax_zeroing
# must fail, which it judges itself (DAX_BASE).  That it passes with the series is
# for the stages default and debug.

. "$(dirname "$0")/../tap.sh"

BASE=1 need_kernel zeroing
plan 1
BASE=1 EXPECT_WARN=1 CMD='DAX_BASE=1 /dax/dax_zeroing -t 20 /mnt/ext4' vm_tap 'base: zeroing'
