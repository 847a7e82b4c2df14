#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Breaks the lock in one place at a time and expects the tests to notice.
# The first few are bugs that earlier range locks had.
#
# Usage: mutants.sh OUTPUT_DIR LOCK_SOURCE COMPILE DEBUG_COMPILE INLINE_COMPILE
#        TSAN_COMPILE TSAN_RUN
#        COMPILE... the mutant, program.c and -o are appended by survives()

out=$1 lock=$2 compile=$3 debug_compile=$4 inline_compile=$5
tsan_compile=$6 tsan_run=$7
src=$(dirname "$0")
nr=0 failed=0
dir=$out/mutants
mkdir -p "$dir"

# program, limit in seconds; leaves the reason in $why
survives() {
	case $1 in
	tsan)	cmd="$tsan_compile" prog=stress run="$tsan_run" ;;
	debug)	cmd="$debug_compile" prog=model run= ;;
	inline)	cmd="$inline_compile" prog=inline run= ;;
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
control debug
control inline
control stress
control tsan

# Bugs of earlier range locks
mutant "cancel lets in whom others still block" "model stress" \
	's/blocker = find_conflict(tree, lock);/blocker = NULL;/'
mutant "trylock tests the hull of the tree" model \
	's/free = !range_lock_arrive(tree, lock);/free = !range_lock_arrive(tree, lock) \&\& (!tree->root.rb_node || lock->last < range_lock_entry(rb_first(\&tree->root))->start || lock->start > range_lock_entry(tree->root.rb_node)->subtree.last);/'
mutant "shared trylock without its lockdep annotation" model \
	'/else if (shared)/{n;s/rwsem_acquire_read.*/;/}'
mutant "shared lock without its lockdep annotation" "model stress" \
	's/rwsem_acquire_read(&tree->dep_map, subclass.*/;/'
mutant "the grant is read without acquire" tsan \
	's/smp_load_acquire(&lock->blocker)/READ_ONCE(lock->blocker)/'
mutant "unlock wakes all it can see" model \
	's/^\tif (blocker) {$/if (blocker) { get_task_struct(task); wake_q_add_safe(wake_q, task);/'

# The number
mutant "all have one number" "model stress" \
	's/lock->seq = range_lock_entry.*/;/'
mutant "the number is that of another" "model stress" \
	's/subtree.max_seq + 1;/subtree.max_seq;/'
mutant "the number is higher than one other only" model \
	's/->subtree.max_seq + 1;/->seq + 1;/'

# What is known of a subtree
mutant "the end of a subtree is its root's" "model stress" \
	's/sub->last = max(.*/;/'
mutant "the lowest number of a subtree is its root's" "model stress" \
	's/sub->min_seq = min(.*/;/'
mutant "the highest number of a subtree is its root's" "model stress" \
	's/sub->max_seq = max(.*/;/'
mutant "a change does not reach the root" model \
	's/return exit && old.last == lock->subtree.last &&/return exit;/'
mutant "a change of the end does not reach the root" model \
	's/old.last == lock->subtree.last &&//'
mutant "a change of the lowest number does not reach the root" model \
	's/old.min_seq == lock->subtree.min_seq &&//'
mutant "a change of the highest number does not reach the root" model \
	's/old.max_seq == lock->subtree.max_seq;/true;/'
mutant "who comes tells none of its parents" "model stress" \
	's/subtree_add(pos, lock);/;/'
mutant "who comes knows nothing of itself" model \
	'/^static inline void range_lock_insert/,/^}/s/subtree_init(lock);//'
mutant "the halves are mixed" model \
	's/a->start < b->start : b->shared/a->start < b->start : a->start < b->start/'

# The range that is alone in its tree
mutant "the first to go takes the others along" "model stress" \
	's/&& !lock->node.rb_left &&/\&\&/'
mutant "a tree that is not empty is taken for one that is" "model stress" \
	's/if (!RB_EMPTY_ROOT(&tree->root)) {/if (false) {/'

# The search
mutant "who came later blocks" model \
	's/pos->seq < lock->seq &&//'
mutant "who arrives waits for any conflict" model \
	's/(!best || best->seq < pos->seq))/!best)/'
mutant "the second child is forgotten after the first" "model stress" \
	's/} else if (from == first && worth_a_look.*/} else if (0) {/'
mutant "the second child is forgotten without the first" "model stress" \
	's/else if (worth_a_look(second, lock, best))/else if (0)/'
mutant "the child with the earlier ranges comes first" model \
	's/if (latest_below(first) < latest_below(second))/if (latest_below(first) > latest_below(second))/'
mutant "later ones are looked for where there are none" model \
	's/return best->seq < sub->max_seq &&/return/'
mutant "earlier ones are looked for where there are none" model \
	's/return sub->min_seq < lock->seq;/return true;/'
mutant "subtrees that end too early are searched" model \
	's/if (sub->last < lock->start)/if (0)/'
mutant "subtrees that begin too late are searched" model \
	's/else if (pos->shared > shared || pos->start > lock->last)/else if (pos->shared > shared)/'
mutant "readers search the shared half" model \
	's/else if (pos->shared > shared || pos->start > lock->last)/else if (pos->start > lock->last)/'
mutant "writers search the exclusive half twice" model \
	's/if (pos->shared < shared)/if (0)/'
mutant "a subtree that ends where the range starts is left out" model \
	's/if (sub->last < lock->start)/if (sub->last <= lock->start)/'
mutant "a subtree that starts where the range ends is left out" model \
	's/pos->start > lock->last)/pos->start >= lock->last)/'
mutant "the shared half is forgotten" "model stress" \
	's/return lock->shared ? best :.*/return best;/'

# Who conflicts
mutant "readers conflict" model \
	's/!(a->shared && b->shared);/true;/'
mutant "readers pass waiting writers" "model stress" \
	's/if (ranges_conflict(pos, lock) &&/if (ranges_conflict(pos, lock) \&\& !(lock->shared \&\& pos->blocker) \&\&/'
mutant "ranges that touch at the end do not overlap" model \
	's/a->start <= b->last/a->start < b->last/'
mutant "ranges that touch at the start do not overlap" model \
	's/b->start <= a->last/b->start < a->last/'
mutant "trylock does not look" "model stress" \
	's/free = !range_lock_arrive(tree, lock);/range_lock_arrive(tree, lock); free = true;/'
mutant "the tree changes between the search and the insertion" model \
	'/blocker = range_lock_arrive(tree, lock);/s/$/spin_unlock(\&tree->lock); spin_lock(\&tree->lock);/'
mutant "the tree changes within trylock" model \
	'/free = !range_lock_arrive(tree, lock);/s/$/spin_unlock(\&tree->lock); spin_lock(\&tree->lock);/'

# Who waits for whom
mutant "who arrives joins no list" "model stress" \
	'/^\tlock->blocker = blocker;/{n;s/if (blocker)/if (0)/}'
mutant "who arrives names no blocker" model \
	's/^\tlock->blocker = blocker;/lock->blocker = NULL;/'
mutant "who changes its blocker joins no list" "model stress" \
	'/^static void range_lock_unblock/,/^}/s/hlist_add_head(&lock->link, &blocker->waiters);//'
mutant "who changes its blocker stays on the old list" model \
	'/^static void range_lock_unblock/,/^}/s/hlist_del(&lock->link);//'
mutant "who changes its blocker still names the old one" model \
	's/WRITE_ONCE(lock->blocker, blocker);/;/'
mutant "the blocker's blocker will do in any case" model \
	's/if (!blocker || !ranges_conflict(blocker, lock))/if (!blocker)/'
mutant "who leaves looks after one waiter only" "model stress" \
	's/range_lock_unblock(tree, pos, lock->blocker, wake_q);/{ range_lock_unblock(tree, pos, lock->blocker, wake_q); break; }/'
mutant "who leaves stays in the tree" model \
	'/^static inline void range_lock_leave/,/^}/s/range_lock_remove(tree, lock);//'
mutant "who cancels stays on the list" model \
	'/^static bool range_lock_cancel/,/^}/s/hlist_del(&lock->link);//'
mutant "who cancels leaves its waiters behind" "model stress" \
	'/^static bool range_lock_cancel/,/^}/s/range_lock_leave(tree, lock, &wake_q);/range_lock_remove(tree, lock);/'
mutant "cancel after the grant" model \
	's/waiting = lock->blocker;/waiting = true;/'
mutant "downgrade wakes nobody" model \
	'/if (pos->shared)/{n;s/.*/;/}'
mutant "downgrade stays exclusive" model \
	's/lock->shared = true;/;/'
mutant "downgrade stays in its half" model \
	'/^void range_lock_downgrade/,/^}/{s/range_lock_remove(tree, lock);//;s/range_lock_insert(tree, lock);//}'
mutant "unlock wakes without granting" model \
	's/smp_store_release(&lock->blocker, NULL);//'
mutant "unlock grants without waking" "model stress" \
	's/wake_q_add_safe(wake_q, task);/wake_q_add_safe(\&(struct wake_q_head){ WAKE_Q_TAIL }, task);/'

# Sleeping
mutant "no word that it may sleep" model \
	's/^\tmight_sleep();//'
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
mutant "the condition may be read before the state is seen" model \
	's/\tset_current_state(state);/__set_current_state(state);/'
mutant "the waker keeps no reference" model \
	's/get_task_struct(task);//'
mutant "the grant is stored without release" tsan \
	's/smp_store_release(&lock->blocker, NULL)/WRITE_ONCE(lock->blocker, NULL)/'
mutant "the tree is searched without its spinlock" tsan \
	'/^void range_unlock(/,/^}/{s/spin_lock(.*;//;s/spin_unlock(.*;//}'

# Debugging
mutant "the magic is cleared by a store that may go" inline \
	'/^static void debug_unlock/,/^}/s/WRITE_ONCE(lock->magic, 0);/lock->magic = 0;/'
mutant "a false alarm keeps from locking" debug \
	's/^\tdebug_lock(tree, lock);/if (range_lock_queued(lock)) { debug_lock(tree, lock); return 0; } debug_lock(tree, lock);/'
mutant "a false alarm keeps from setting up" debug \
	'/^void range_lock_init/,/^}/s/lock->start = start;/if (range_lock_queued(lock)) return; lock->start = start;/'
mutant "a false alarm keeps from unlocking" debug \
	's/^\treturn node;/return false;/'
mutant "who waits may be unlocked" debug \
	's/if (node == &lock->node && !lock->blocker)/if (node == \&lock->node)/'
mutant "what is not in the tree is unlocked" debug \
	's/^\treturn node;/return true;/'
mutant "debugging mends the range" debug \
	'/^void range_lock_init/,/^}/s/lock->start = start;/if (start > last) swap(start, last); lock->start = start;/'

# The rest
mutant "the subclass is forgotten" model \
	's/TASK_UNINTERRUPTIBLE, subclass)/TASK_UNINTERRUPTIBLE, 0)/'
mutant "is_held counts the ranges of others" model \
	's/pos->task != current || pos->blocker/pos->blocker/'
mutant "is_held counts ranges that wait" model \
	's/pos->task != current || pos->blocker/pos->task != current/'
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
mutant "two trees: to lockdep the second is as the first" model \
	's/state, SINGLE_DEPTH_NESTING)/state, 0)/'
exit $failed
