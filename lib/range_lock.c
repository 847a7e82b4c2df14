// SPDX-License-Identifier: GPL-2.0
/*
 * Range lock: locks parts of an object against each other.
 *
 * The tree holds every range that is held or waited for.  Two of them conflict
 * if they overlap and are not both shared.  Who arrives takes a number, @seq,
 * above all that are in the tree; so the lower number came first.  A range is
 * granted once no conflict of a lower number is in the tree (Jan Kara, "lib:
 * Implement range locks", 2013; the shared mode follows Davidlohr Bueso, 2017).
 *
 * Kara counts these conflicts.  Here a range names one of them, its @blocker,
 * and is on the list of that one's @waiters.  It is granted if and only if
 * @blocker is NULL:
 *
 *  - Who arrives looks for a conflict.  All that are there have lower numbers.
 *  - Who comes later has a higher number, and changes nothing for the others.
 *  - In the tree @start, @last and @seq do not change, and @shared only becomes
 *    true.  So no two ranges there begin to conflict.  They cease to if one
 *    leaves (unlock, cancel) or becomes shared (downgrade).  This one then looks
 *    for another conflict of a lower number for each of its @waiters that it
 *    does not conflict with any more, and grants it if there is none.
 *
 * So conflicting ranges are served first come, first served.  A waiter is woken
 * to be granted, and for nothing else.  From blocker to blocker the number
 * falls, so there is no cycle, and each chain ends with a range that is held.
 *
 * Who arrives names its latest conflict.  If all ranges overlap, that makes a
 * queue: who leaves has the next writer to look after, and the readers before
 * it.  If not, a waiter changes its blocker at most once for each conflict that
 * it met.  What a search takes is told at find_in_half().
 *
 * tree->lock protects the tree and all of the above.  It is never taken from
 * interrupts.
 */
#include <linux/export.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/range_lock.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/wake_q.h>

#include <trace/events/lock.h>

static inline struct range_lock *range_lock_entry(const struct rb_node *node)
{
	return rb_entry_safe(node, struct range_lock, node);
}

static inline bool ranges_conflict(const struct range_lock *a,
				   const struct range_lock *b)
{
	return a->start <= b->last && b->start <= a->last &&
	       !(a->shared && b->shared);
}

static inline void subtree_init(struct range_lock *lock)
{
	lock->subtree.last = lock->last;
	lock->subtree.min_seq = lock->seq;
	lock->subtree.max_seq = lock->seq;
}

/* Add what is below @child, or about to be, to what is below @lock. */
static inline void subtree_add(struct range_lock *lock,
			       const struct range_lock *child)
{
	struct range_lock_subtree *sub = &lock->subtree;

	if (!child)
		return;
	sub->last = max(sub->last, child->subtree.last);
	sub->min_seq = min(sub->min_seq, child->subtree.min_seq);
	sub->max_seq = max(sub->max_seq, child->subtree.max_seq);
}

static bool subtree_compute(struct range_lock *lock, bool exit)
{
	struct range_lock_subtree old = lock->subtree;

	subtree_init(lock);
	subtree_add(lock, range_lock_entry(lock->node.rb_left));
	subtree_add(lock, range_lock_entry(lock->node.rb_right));
	return exit && old.last == lock->subtree.last &&
	       old.min_seq == lock->subtree.min_seq &&
	       old.max_seq == lock->subtree.max_seq;
}

RB_DECLARE_CALLBACKS(static, range_lock_augment, struct range_lock, node,
		     subtree, subtree_compute)

/*
 * One tree in two halves: exclusive ranges sort below all shared ones.  Who
 * asks for shared access searches the lower half only, and need not step over
 * the shared ranges, which may be many and are no conflict.
 */
static inline bool sorts_below(const struct range_lock *a,
			       const struct range_lock *b)
{
	return a->shared == b->shared ? a->start < b->start : b->shared;
}

static void __range_lock_insert(struct range_lock_tree *tree,
				struct range_lock *lock)
{
	struct rb_node **link = &tree->root.rb_node, *parent = NULL;

	while (*link) {
		struct range_lock *pos = range_lock_entry(*link);

		parent = *link;
		subtree_add(pos, lock);
		link = sorts_below(lock, pos) ? &parent->rb_left :
						&parent->rb_right;
	}
	rb_link_node(&lock->node, parent, link);
	rb_insert_augmented(&lock->node, &tree->root, &range_lock_augment);
}

/* Mostly a range is alone in its tree, which rbtrees are slow to find out. */
static inline void range_lock_insert(struct range_lock_tree *tree,
				     struct range_lock *lock)
{
	subtree_init(lock);
	if (!RB_EMPTY_ROOT(&tree->root)) {
		__range_lock_insert(tree, lock);
		return;
	}
	rb_link_node(&lock->node, NULL, &tree->root.rb_node);
	rb_set_parent_color(&lock->node, NULL, RB_BLACK);
}

static void __range_lock_remove(struct range_lock_tree *tree,
				struct range_lock *lock)
{
	rb_erase_augmented(&lock->node, &tree->root, &range_lock_augment);
}

static inline void range_lock_remove(struct range_lock_tree *tree,
				     struct range_lock *lock)
{
	if (tree->root.rb_node == &lock->node && !lock->node.rb_left &&
	    !lock->node.rb_right)
		tree->root = RB_ROOT;
	else
		__range_lock_remove(tree, lock);
}

/*
 * Whether to look below @node for a range that came before @lock.  If there is a
 * @best already, only a later one will do, and only where all came before @lock;
 * elsewhere @max_seq says nothing of those that did.
 */
static inline bool worth_a_look(const struct rb_node *node,
				const struct range_lock *lock,
				const struct range_lock *best)
{
	const struct range_lock_subtree *sub;

	if (!node)
		return false;
	sub = &range_lock_entry(node)->subtree;
	if (sub->last < lock->start)
		return false;
	if (!best)
		return sub->min_seq < lock->seq;
	return best->seq < sub->max_seq && sub->max_seq < lock->seq;
}

static inline u64 latest_below(const struct rb_node *node)
{
	return node ? range_lock_entry(node)->subtree.max_seq : 0;
}

/*
 * Look in one half for a conflict that came before @lock, but after @best;
 * return @best if there is none.  If all in the tree came before @lock, the
 * latest conflict is found, as no subtree is left out that has a later one.
 *
 * The walk comes to a range, then to the child with the later ranges below it,
 * then to the other child.  It needs no stack: where it comes from tells what is
 * left to do.
 *
 * Each subtree that it enters has a range that overlaps @lock, or is on the way
 * to an end of the half or to @lock->last.  So it takes O((1 + c) log n) steps,
 * where c ranges overlap.
 *
 * If all overlap @lock, as equal and nested ones do, it takes less.  Where all
 * are in this half and came before @lock, the latest below the first child, or
 * @best, is later than all below the second; so the walk enters one of them at
 * most, and takes O(log n) steps.  There are O(log n) such subtrees next to the
 * way to an end of the half and to the first @best, which makes O(log^2 n).
 */
static struct range_lock *find_in_half(struct range_lock_tree *tree,
				       const struct range_lock *lock,
				       bool shared, struct range_lock *best)
{
	struct rb_node *node = tree->root.rb_node, *from = NULL;

	if (!worth_a_look(node, lock, best))
		return best;
	while (node) {
		struct range_lock *pos = range_lock_entry(node);
		struct rb_node *first = node->rb_left, *second = node->rb_right;
		struct rb_node *parent = rb_parent(node), *next = parent;

		/* On one side there is the other half only, or it is too far. */
		if (pos->shared < shared)
			first = NULL;
		else if (pos->shared > shared || pos->start > lock->last)
			second = NULL;
		if (latest_below(first) < latest_below(second))
			swap(first, second);

		if (from == parent) {
			if (ranges_conflict(pos, lock) &&
			    pos->seq < lock->seq &&
			    (!best || best->seq < pos->seq))
				best = pos;
			if (worth_a_look(first, lock, best))
				next = first;
			else if (worth_a_look(second, lock, best))
				next = second;
		} else if (from == first && worth_a_look(second, lock, best)) {
			next = second;
		}
		from = node;
		node = next;
	}
	return best;
}

/* A conflict that came before @lock, the latest if all in the tree did. */
static struct range_lock *find_conflict(struct range_lock_tree *tree,
					const struct range_lock *lock)
{
	struct range_lock *best = find_in_half(tree, lock, false, NULL);

	return lock->shared ? best : find_in_half(tree, lock, true, best);
}

/* Give @lock, which arrives, its number, and return its latest conflict. */
static inline struct range_lock *range_lock_arrive(struct range_lock_tree *tree,
						   struct range_lock *lock)
{
	lock->seq = 0;
	if (RB_EMPTY_ROOT(&tree->root))
		return NULL;
	/* 64 bits do not wrap. */
	lock->seq = range_lock_entry(tree->root.rb_node)->subtree.max_seq + 1;
	return find_conflict(tree, lock);
}

/*
 * Let @lock, which its blocker no longer blocks, wait for another conflict, or
 * grant it.  The conflict may be @blocker, which blocks that blocker, or what
 * blocks @blocker, if any: in a queue one of them does.
 *
 * The caller holds tree->lock, which the owner of @lock needs to leave the tree;
 * but by the time of the wakeup it may have left, and exited, hence the
 * reference.  The wakeup is queued after the grant: were the task on another
 * waker's queue already, that one might wake it any time.
 */
static void range_lock_unblock(struct range_lock_tree *tree,
			       struct range_lock *lock,
			       struct range_lock *blocker,
			       struct wake_q_head *wake_q)
{
	struct task_struct *task = lock->task;

	if (blocker && !ranges_conflict(blocker, lock))
		blocker = blocker->blocker;
	if (!blocker || !ranges_conflict(blocker, lock))
		blocker = find_conflict(tree, lock);
	hlist_del(&lock->link);
	if (blocker) {
		hlist_add_head(&lock->link, &blocker->waiters);
		WRITE_ONCE(lock->blocker, blocker);
		return;
	}
	get_task_struct(task);
	/*
	 * Orders what the earlier holders did, here or before they took
	 * tree->lock, before the grant.  Pairs with the acquire in
	 * range_lock_wait().
	 */
	smp_store_release(&lock->blocker, NULL);
	wake_q_add_safe(wake_q, task);
}

static inline void range_lock_leave(struct range_lock_tree *tree,
				    struct range_lock *lock,
				    struct wake_q_head *wake_q)
{
	struct hlist_node *next;
	struct range_lock *pos;

	range_lock_remove(tree, lock);
	hlist_for_each_entry_safe(pos, next, &lock->waiters, link)
		range_lock_unblock(tree, pos, lock->blocker, wake_q);
}

#ifdef CONFIG_DEBUG_RANGE_LOCK
/*
 * A check that fires warns.  Then all goes on as without it, since the check
 * might be wrong, and a lock that is not taken, or not given back, would be
 * worse.  Only range_unlock() and range_lock_downgrade() turn back, and only if
 * the tree itself proves that there is nothing to give back.
 */
#define RANGE_LOCK_MAGIC	0x52414e47UL

/*
 * The magic is read before anybody wrote it, but only a lock that is queued at
 * this very address has this value.
 */
static __no_sanitize_memory bool range_lock_queued(const struct range_lock *lock)
{
	return READ_ONCE(lock->magic) == ((unsigned long)lock ^ RANGE_LOCK_MAGIC);
}

void range_lock_init(struct range_lock *lock, unsigned long start,
		     unsigned long last)
{
	WARN_ONCE(range_lock_queued(lock),
		  "range lock: setting up a range that is held or waiting\n");
	WARN_ONCE(start > last, "range lock: start %lu > last %lu\n",
		  start, last);
	lock->start = start;
	lock->last = last;
	WRITE_ONCE(lock->magic, 0);
}
EXPORT_SYMBOL_GPL(range_lock_init);

static void debug_lock(struct range_lock_tree *tree, struct range_lock *lock)
{
	WARN_ONCE(range_lock_queued(lock),
		  "range lock: locking a range that is held or waiting\n");
	lock->tree = tree;
	WRITE_ONCE(lock->magic, (unsigned long)lock ^ RANGE_LOCK_MAGIC);
}

static bool debug_held(struct range_lock_tree *tree, struct range_lock *lock)
{
	struct rb_node *node;

	if (!WARN_ONCE(!range_lock_queued(lock) || lock->tree != tree ||
		       READ_ONCE(lock->blocker),
		       "range lock: the range is not held in this tree\n"))
		return true;

	spin_lock(&tree->lock);
	for (node = rb_first(&tree->root); node; node = rb_next(node))
		if (node == &lock->node && !lock->blocker)
			break;
	spin_unlock(&tree->lock);
	return node;
}

/* The lock may be about to die; the store must not be optimised away. */
static void debug_unlock(struct range_lock *lock)
{
	WRITE_ONCE(lock->magic, 0);
}
#else
static void debug_lock(struct range_lock_tree *tree, struct range_lock *lock) { }
static void debug_unlock(struct range_lock *lock) { }

static bool debug_held(struct range_lock_tree *tree, struct range_lock *lock)
{
	return true;
}
#endif

/* Leave the queue, unless granted meanwhile. */
static bool range_lock_cancel(struct range_lock_tree *tree,
			      struct range_lock *lock)
{
	DEFINE_WAKE_Q(wake_q);
	bool waiting;

	spin_lock(&tree->lock);
	waiting = lock->blocker;
	if (waiting) {
		hlist_del(&lock->link);
		range_lock_leave(tree, lock, &wake_q);
	}
	spin_unlock(&tree->lock);
	wake_up_q(&wake_q);
	return waiting;
}

static int __sched range_lock_wait(struct range_lock_tree *tree,
				   struct range_lock *lock, unsigned int state,
				   unsigned long ip)
{
	int ret = 0;

	lock_contended(&tree->dep_map, ip);
	trace_contention_begin(tree, LCB_F_RANGE |
			       (lock->shared ? LCB_F_READ : LCB_F_WRITE));
	for (;;) {
		set_current_state(state);
		/* Pairs with the release in range_lock_unblock() */
		if (!smp_load_acquire(&lock->blocker))
			break;
		if (!signal_pending_state(state, current)) {
			schedule();
		} else if (range_lock_cancel(tree, lock)) {
			ret = -EINTR;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	trace_contention_end(tree, ret);
	return ret;
}

static __always_inline int __sched
__range_lock(struct range_lock_tree *tree, struct range_lock *lock, bool shared,
	     unsigned int state, unsigned int subclass)
{
	struct range_lock *blocker;
	int ret = 0;

	might_sleep();
	debug_lock(tree, lock);
	if (shared)
		rwsem_acquire_read(&tree->dep_map, subclass, 0, _RET_IP_);
	else
		rwsem_acquire(&tree->dep_map, subclass, 0, _RET_IP_);

	lock->shared = shared;
	lock->task = current;
	INIT_HLIST_HEAD(&lock->waiters);

	spin_lock(&tree->lock);
	blocker = range_lock_arrive(tree, lock);
	lock->blocker = blocker;
	if (blocker)
		hlist_add_head(&lock->link, &blocker->waiters);
	range_lock_insert(tree, lock);
	spin_unlock(&tree->lock);

	if (blocker)
		ret = range_lock_wait(tree, lock, state, _RET_IP_);
	if (ret) {
		debug_unlock(lock);
		lock_release(&tree->dep_map, _RET_IP_);
	} else {
		lock_acquired(&tree->dep_map, _RET_IP_);
	}
	return ret;
}

/**
 * range_lock_nested() - lock a range exclusively, with a lockdep subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass
 *
 * For a second range of one tree, or of one class of trees, where the caller
 * has an order that rules out deadlock and documents it.  Being disjoint is
 * not enough: both tasks may wait behind a third that waits for both.
 *
 * Context: process context; may sleep.
 */
void __sched range_lock_nested(struct range_lock_tree *tree,
			       struct range_lock *lock, unsigned int subclass)
{
	__range_lock(tree, lock, false, TASK_UNINTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_nested);

/**
 * range_lock_interruptible_nested() - lock unless a signal comes, with subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a signal came first; then nothing is held.
 */
int __sched range_lock_interruptible_nested(struct range_lock_tree *tree,
					    struct range_lock *lock,
					    unsigned int subclass)
{
	return __range_lock(tree, lock, false, TASK_INTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_interruptible_nested);

/**
 * range_lock_killable_nested() - lock unless killed, with subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
int __sched range_lock_killable_nested(struct range_lock_tree *tree,
				       struct range_lock *lock,
				       unsigned int subclass)
{
	return __range_lock(tree, lock, false, TASK_KILLABLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_killable_nested);

/**
 * range_lock_shared_nested() - lock for shared use, with a lockdep subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 */
void __sched range_lock_shared_nested(struct range_lock_tree *tree,
				      struct range_lock *lock,
				      unsigned int subclass)
{
	__range_lock(tree, lock, true, TASK_UNINTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_shared_nested);

/**
 * range_lock_shared_interruptible_nested() - shared unless a signal comes
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a signal came first; then nothing is held.
 */
int __sched range_lock_shared_interruptible_nested(struct range_lock_tree *tree,
						   struct range_lock *lock,
						   unsigned int subclass)
{
	return __range_lock(tree, lock, true, TASK_INTERRUPTIBLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_shared_interruptible_nested);

/**
 * range_lock_shared_killable_nested() - shared unless killed, with subclass
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 * @subclass: lockdep subclass; see range_lock_nested()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
int __sched range_lock_shared_killable_nested(struct range_lock_tree *tree,
					      struct range_lock *lock,
					      unsigned int subclass)
{
	return __range_lock(tree, lock, true, TASK_KILLABLE, subclass);
}
EXPORT_SYMBOL_GPL(range_lock_shared_killable_nested);

static __always_inline bool __range_trylock(struct range_lock_tree *tree,
					    struct range_lock *lock,
					    bool shared)
{
	bool free;

	debug_lock(tree, lock);
	lock->shared = shared;
	lock->task = current;
	lock->blocker = NULL;
	INIT_HLIST_HEAD(&lock->waiters);

	spin_lock(&tree->lock);
	free = !range_lock_arrive(tree, lock);
	if (free)
		range_lock_insert(tree, lock);
	spin_unlock(&tree->lock);

	if (!free)
		debug_unlock(lock);
	else if (shared)
		rwsem_acquire_read(&tree->dep_map, 0, 1, _RET_IP_);
	else
		rwsem_acquire(&tree->dep_map, 0, 1, _RET_IP_);
	return free;
}

/**
 * range_trylock() - lock a range exclusively if that needs no waiting
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Exact: fails only if an overlapping range is held or waited for.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 * Return: true if the range was locked.
 */
bool range_trylock(struct range_lock_tree *tree, struct range_lock *lock)
{
	return __range_trylock(tree, lock, false);
}
EXPORT_SYMBOL_GPL(range_trylock);

/**
 * range_trylock_shared() - lock a range for shared use if nobody minds
 * @tree: the tree
 * @lock: the acquisition, set up by range_lock_init()
 *
 * Exact: fails only if an overlapping range is held, or waited for,
 * exclusively.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 * Return: true if the range was locked.
 */
bool range_trylock_shared(struct range_lock_tree *tree, struct range_lock *lock)
{
	return __range_trylock(tree, lock, true);
}
EXPORT_SYMBOL_GPL(range_trylock_shared);

/**
 * range_unlock() - unlock a range, held shared or exclusively
 * @tree: the tree
 * @lock: the acquisition; the task that locked it unlocks it
 *
 * Wakes those that waited for nothing else.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 */
void range_unlock(struct range_lock_tree *tree, struct range_lock *lock)
{
	DEFINE_WAKE_Q(wake_q);

	if (!debug_held(tree, lock))
		return;
	lock_release(&tree->dep_map, _RET_IP_);

	spin_lock(&tree->lock);
	range_lock_leave(tree, lock, &wake_q);
	spin_unlock(&tree->lock);

	debug_unlock(lock);
	if (!wake_q_empty(&wake_q))
		wake_up_q(&wake_q);
}
EXPORT_SYMBOL_GPL(range_unlock);

/**
 * range_lock_downgrade() - turn an exclusive range into a shared one
 * @tree: the tree
 * @lock: the acquisition, held exclusively
 *
 * Lets in the shared requests that waited for nothing else.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 */
void range_lock_downgrade(struct range_lock_tree *tree, struct range_lock *lock)
{
	struct hlist_node *next;
	struct range_lock *pos;
	DEFINE_WAKE_Q(wake_q);

	if (!debug_held(tree, lock))
		return;
	/*
	 * To lockdep the range stays exclusive.  lock_downgrade() would take
	 * the last range that the task has locked in this tree, which may be
	 * another one, and complain if that is shared.  To deadlocks the mode
	 * of a holder matters only where readers are recursive.
	 */
	spin_lock(&tree->lock);
	range_lock_remove(tree, lock);
	lock->shared = true;
	range_lock_insert(tree, lock);
	/* Exclusive ones go on waiting for this range. */
	hlist_for_each_entry_safe(pos, next, &lock->waiters, link)
		if (pos->shared)
			range_lock_unblock(tree, pos, NULL, &wake_q);
	spin_unlock(&tree->lock);
	wake_up_q(&wake_q);
}
EXPORT_SYMBOL_GPL(range_lock_downgrade);

static __always_inline int __sched
__range_lock_two(struct range_lock_tree *tree1, struct range_lock *lock1,
		 struct range_lock_tree *tree2, struct range_lock *lock2,
		 unsigned int state)
{
	int ret;

	if (tree1 == tree2) {
		range_lock_init(lock1, min(lock1->start, lock2->start),
				max(lock1->last, lock2->last));
		return __range_lock(tree1, lock1, false, state, 0);
	}
	if (tree1 > tree2) {
		swap(tree1, tree2);
		swap(lock1, lock2);
	}
	ret = __range_lock(tree1, lock1, false, state, 0);
	if (ret)
		return ret;
	ret = __range_lock(tree2, lock2, false, state, SINGLE_DEPTH_NESTING);
	if (ret)
		range_unlock(tree1, lock1);
	return ret;
}

/**
 * range_lock_two() - lock a range in each of two trees exclusively
 * @tree1: one tree
 * @lock1: the acquisition in @tree1, set up by range_lock_init()
 * @tree2: the other tree, of the same lockdep class, or @tree1 again
 * @lock2: the acquisition in @tree2, set up by range_lock_init()
 *
 * Locks in the order of the trees' addresses, so that the callers may name
 * them in any order.  If both are one tree, @lock1 is widened to span both
 * ranges, and stays so, and @lock2 is not used.
 *
 * Context: process context; may sleep.
 */
void __sched range_lock_two(struct range_lock_tree *tree1,
			    struct range_lock *lock1,
			    struct range_lock_tree *tree2,
			    struct range_lock *lock2)
{
	__range_lock_two(tree1, lock1, tree2, lock2, TASK_UNINTERRUPTIBLE);
}
EXPORT_SYMBOL_GPL(range_lock_two);

/**
 * range_lock_two_killable() - range_lock_two() unless killed
 * @tree1: one tree
 * @lock1: the acquisition in @tree1, set up by range_lock_init()
 * @tree2: the other tree, of the same lockdep class, or @tree1 again
 * @lock2: the acquisition in @tree2, set up by range_lock_init()
 *
 * Context: process context; may sleep.
 * Return: 0, or -EINTR if a fatal signal came first; then nothing is held.
 */
int __sched range_lock_two_killable(struct range_lock_tree *tree1,
				    struct range_lock *lock1,
				    struct range_lock_tree *tree2,
				    struct range_lock *lock2)
{
	return __range_lock_two(tree1, lock1, tree2, lock2, TASK_KILLABLE);
}
EXPORT_SYMBOL_GPL(range_lock_two_killable);

/**
 * range_unlock_two() - undo range_lock_two()
 * @tree1: as passed to range_lock_two()
 * @lock1: as passed to range_lock_two()
 * @tree2: as passed to range_lock_two()
 * @lock2: as passed to range_lock_two()
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 */
void range_unlock_two(struct range_lock_tree *tree1, struct range_lock *lock1,
		      struct range_lock_tree *tree2, struct range_lock *lock2)
{
	range_unlock(tree1, lock1);
	if (tree1 != tree2)
		range_unlock(tree2, lock2);
}
EXPORT_SYMBOL_GPL(range_unlock_two);

/**
 * range_lock_is_held() - does the current task hold a whole range?
 * @tree: the tree
 * @start: first unit that must be covered
 * @last: last unit that must be covered, inclusive
 * @exclusive: whether only exclusive ranges count
 *
 * For assertions (see lockdep_assert_range_held()), as it walks over all that
 * is in the tree.
 *
 * Context: process context, also under irq-unsafe spinlocks; does not sleep.
 * Return: whether the ranges that the current task holds cover [@start, @last].
 */
bool range_lock_is_held(struct range_lock_tree *tree, unsigned long start,
			unsigned long last, bool exclusive)
{
	struct range_lock *pos;
	struct rb_node *node;
	bool held = false;

	spin_lock(&tree->lock);
again:
	for (node = rb_first(&tree->root); node; node = rb_next(node)) {
		pos = range_lock_entry(node);
		if (pos->task != current || pos->blocker ||
		    (exclusive && pos->shared) ||
		    pos->start > start || pos->last < start)
			continue;
		held = pos->last >= last;
		if (held)
			break;
		start = pos->last + 1;
		goto again;
	}
	spin_unlock(&tree->lock);
	return held;
}
EXPORT_SYMBOL_GPL(range_lock_is_held);
