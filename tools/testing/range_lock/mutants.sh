#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Breaks the lock in one place at a time and expects the tests to notice.
# The first few are bugs that earlier range locks had.
#
# Usage: mutants.sh OUTPUT_DIR LOCK_SOURCE COMPILE TSAN_COMPILE TSAN_RUN
#        COMPILE... mutant.c, program.c and -o are appended by run_one()

out=$1 lock=$2 compile=$3 tsan_compile=$4 tsan_run=$5
src=$(dirname "$0")
nr=0 failed=0
dir=$out/mutants
mkdir -p "$dir"

# program, limit in seconds; leaves the reason in $why
survives() {
	case $1 in
	tsan)	cmd="$tsan_compile" prog=stress run="$tsan_run" ;;
	*)	cmd="$compile" prog=$1 run= ;;
	esac
	$cmd -DRANGE_LOCK_C="\"$dir/mutant.c\"" -o "$dir/$1" \
		"$src/$prog.c" >"$dir/cc.log" 2>&1 ||
		{ why="does not compile: $(grep -m1 error "$dir/cc.log")"; return 2; }
	SEED=$SEED SCALE=2 WATCHDOG=2 TSAN_OPTIONS=exitcode=66:halt_on_error=1 \
		timeout 30 $run "$dir/$1" >"$dir/log" 2>&1
	rc=$?
	case $rc in
	0)	return 0 ;;
	124|126|127)
		why="$1 did not run or did not end: exit status $rc"; return 2 ;;
	esac
	why=$(sed -n 's/^not ok.*# //p; s/^SUMMARY: //p' "$dir/log" | head -1)
	why="$1: ${why:-exit status $rc}"
	return 1
}

# name, the programs that must all notice, sed script
mutant() {
	nr=$((nr + 1))
	sed "$3" "$lock" >"$dir/mutant.c"
	if cmp -s "$lock" "$dir/mutant.c"; then
		echo "not ok $nr - mutant: $1 # the pattern matches nothing"
		failed=1
		return
	fi
	all=
	for p in $2; do
		survives "$p"
		case $? in
		0)	echo "not ok $nr - mutant: $1 # not caught by $p"
			failed=1
			return ;;
		1)	all="$all${all:+; }$why" ;;
		2)	echo "not ok $nr - mutant: $1 # $why"
			failed=1
			return ;;
		esac
	done
	echo "ok $nr - mutant: $1 # caught by $all"
}

echo "TAP version 13"
echo "1..$(grep -cE '^(mutant|control) ' "$0")"

# The programs must be content with the lock as it is, under the same limits.
control() {
	cp "$lock" "$dir/mutant.c"
	for p; do
		nr=$((nr + 1))
		why=
		if survives "$p"; then
			echo "ok $nr - no mutant: $p"
		else
			echo "not ok $nr - no mutant: $p # $why"
			failed=1
		fi
	done
}

control model
control stress
control tsan

# Bugs of earlier range locks
mutant "cancel decrements ranges that never counted it" "model stress" \
	's/if (pos->blockers && pos->seq > lock->seq)/if (pos->blockers)/'
mutant "trylock tests the hull of the tree" model \
	's/free = !first_conflict(tree, lock);/free = !tree->root.rb_node || lock->last < rb_entry(rb_first(\&tree->root), struct range_lock, node)->start || lock->start > rb_entry(tree->root.rb_node, struct range_lock, node)->__subtree_last;/'
mutant "shared trylock without its lockdep annotation" model \
	'/else if (shared)/{n;s/rwsem_acquire_read.*/;/}'
mutant "shared lock without its lockdep annotation" "model stress" \
	's/rwsem_acquire_read(&tree->dep_map, subclass.*/;/'
mutant "the grant is read without acquire" tsan \
	's/smp_load_acquire(&lock->blockers)/READ_ONCE(lock->blockers)/'
mutant "unlock wakes all it can see" model \
	's/if (lock->blockers > 1) {/if (lock->blockers > 1) { get_task_struct(task); wake_q_add_safe(wake_q, task);/'

# The count
mutant "cancel wakes nobody" "model stress" \
	'/pos->seq > lock->seq/{n;s/.*/;/}'
mutant "cancel forgets who came before" model \
	's/pos->blockers && pos->seq > lock->seq/pos->seq < lock->seq/'
mutant "cancel after the grant" model \
	's/if (!lock->blockers) {/if (0) {/'
mutant "cancel stays in the tree" model \
	'/^static bool range_lock_cancel/,/^}/s/range_lock_remove(tree, lock);//'
mutant "waiters draw no number" model \
	's/lock->seq = atomic64_inc_return.*/lock->seq = 0;/'
mutant "every request but the first counts one too few" "model stress" \
	's/\tblockers++;/blockers += blockers != 1;/'
mutant "downgrade wakes nobody" model \
	'/if (pos->shared)/{n;s/.*/;/}'
mutant "downgrade lets writers in" "model stress" \
	's/if (pos->shared)/if (true)/'
mutant "downgrade stays exclusive" model \
	's/lock->shared = true;/;/'
mutant "unlock wakes without granting" model \
	's/smp_store_release(&lock->blockers, 0);//'
mutant "unlock grants without waking" "model stress" \
	's/wake_q_add_safe(wake_q, task);/wake_q_add_safe(\&(struct wake_q_head){ WAKE_Q_TAIL }, task);/'

# The range that is alone in its tree
mutant "the first to go takes the others along" "model stress" \
	's/&& !lock->node.rb_left &&/\&\&/'
mutant "the first to come leaves its subtree's end unset" model \
	's/lock->__subtree_last = range_lock_key_last(lock);/;/'
mutant "a tree that is not empty is taken for one that is" "model stress" \
	's/if (!RB_EMPTY_ROOT(&tree->root)) {/if (false) {/'

# Who conflicts
mutant "the shared half is forgotten" "model stress" \
	's/if (shared || lock->shared)/if (true)/'
mutant "readers conflict" model \
	's/if (shared || lock->shared)/if (shared)/'
mutant "readers pass waiting writers" "model stress" \
	's/} else if (lock->start <= prev->last/} else if (!(lock->shared \&\& prev->blockers) \&\& lock->start <= prev->last/'
mutant "ranges that touch at the end do not overlap" model \
	's/lock->start <= prev->last/lock->start < prev->last/'
mutant "ranges that touch at the start do not overlap" model \
	's/prev->start <= lock->last/prev->start < lock->last/'
mutant "positions above LONG_MAX are one" model \
	's/} else if (lock->start <= prev->last/} else if (true || lock->start <= prev->last/'
mutant "trylock does not look" "model stress" \
	's/free = !first_conflict(tree, lock);/free = true;/'

# Sleeping
mutant "one wakeup is enough" model \
	's/^\t\t\tschedule();/\t\t\t{ schedule(); break; }/'
mutant "killable waits end for any signal" model \
	's/TASK_KILLABLE/TASK_INTERRUPTIBLE/'
mutant "interruptible waits end for fatal signals only" model \
	's/TASK_INTERRUPTIBLE/TASK_KILLABLE/'
mutant "the task stays in its sleeping state" model \
	's/__set_current_state(TASK_RUNNING);//'
mutant "the condition is tested before the state is set" model \
	's/set_current_state(state);/;/; s/^\t\t\tschedule();/\t\t\t{ set_current_state(state); schedule(); }/'
mutant "the waker keeps no reference" model \
	's/get_task_struct(task);//'
mutant "the grant is stored without release" tsan \
	's/smp_store_release(&lock->blockers, 0)/WRITE_ONCE(lock->blockers, 0)/'
mutant "the tree is searched without its spinlock" tsan \
	'/^void range_unlock(/,/^}/{s/spin_lock(.*;//;s/spin_unlock(.*;//}'

# The rest
mutant "is_held counts the ranges of others" model \
	's/pos->task != current || pos->blockers/pos->blockers/'
mutant "is_held counts ranges that wait" model \
	's/pos->task != current || pos->blockers/pos->task != current/'
mutant "is_held takes shared for exclusive" model \
	's/(exclusive && pos->shared)/false/'
mutant "is_held is content with a part" model \
	's/held = pos->last >= last;/held = true;/'
mutant "is_held wants one range" model \
	's/goto again;/break;/'
mutant "two trees in the order of the caller" model \
	's/if (tree1 > tree2)/if (false)/'
mutant "two ranges of one tree: the first only" model \
	's/max(lock1->last, lock2->last)/lock1->last/'
mutant "two trees: the first is kept on a signal" model \
	'/SINGLE_DEPTH_NESTING/,/return ret/s/range_unlock(tree1, lock1);/;/'
exit $failed
