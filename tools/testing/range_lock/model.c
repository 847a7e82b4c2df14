// SPDX-License-Identifier: GPL-2.0
/*
 * The range lock against a model that is too simple to be wrong: an array of
 * requests, each granted when no earlier one that it conflicts with is left.
 *
 * One thread.  Every request that may wait runs in a context of its own, and
 * schedule() returns from there to the driver, so whatever happens while a
 * task sleeps, or between two of its steps, happens where the driver says.
 */
#include <stdarg.h>
#include <string.h>
#include <ucontext.h>

#define STORE_BUFFER
#define COUNT_STEPS
#define test_unlock(lock)	check_unlock()
static void check_unlock(void);
#include "range_lock_test.h"

#define NR_REQ		40
#define NR_TREES	2
#define STACK_SIZE	(64 << 10)

enum how { PLAIN, KILLABLE, INTERRUPTIBLE, NR_HOW };
enum where { FREE, WAITING, HELD };

struct req {
	struct range_lock lock;
	struct task_struct task;
	/* the model */
	struct range_lock_tree *tree;
	unsigned long start, last;	/* of the lock, at any time in the tree */
	unsigned long order;
	enum where where;
	bool shared;
	struct task_struct *owner;
	/* the run */
	enum how how;
	unsigned int subclass;
	struct req *second;		/* what range_lock_two() takes next */
	struct range_lock_tree *two_tree1, *two_tree2;
	struct range_lock *two_lock1, *two_lock2;
	bool running;			/* has not returned */
	int ret;
	unsigned int wakes;
	ucontext_t context;
	char *stack;
};

static struct range_lock_tree trees[NR_TREES];
static struct req reqs[NR_REQ];
static ucontext_t driver;
static struct req *active;		/* whose context runs */
static struct task_struct driver_task, crowd_task;
static unsigned long orders, ops;
static void (*race)(void);		/* runs between a signal and its effect */
static struct req *arrives;		/* has to be in at the next unlock */
static bool one_step;			/* all has to be done at the next unlock */
static bool unsure;			/* debugging will look first */

static const unsigned long edge[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
	LONG_MAX - 2UL, LONG_MAX - 1UL, LONG_MAX, LONG_MAX + 1UL, LONG_MAX + 2UL,
	ULONG_MAX - 2, ULONG_MAX - 1, ULONG_MAX
};

static int req_nr(struct range_lock *lock)
{
	return container_of(lock, struct req, lock) - reqs;
}

static void __attribute__((__noreturn__, __format__(__printf__, 1, 2)))
fail(const char *fmt, ...)
{
	struct req *r;
	va_list args;

	va_start(args, fmt);
	printf("not ok %u - %s # after %lu operations: ", test_nr, test_name, ops);
	vprintf(fmt, args);
	printf("\n");
	for (r = reqs; r < reqs + NR_REQ; r++)
		if (r->where != FREE)
			printf("# %d: tree %d [%lu, %lu] %s %s order %lu seq %llu blocker %d\n",
			       (int)(r - reqs), (int)(r->tree - trees), r->start,
			       r->last, r->shared ? "shared" : "exclusive",
			       r->where == HELD ? "held" : "waits", r->order,
			       (unsigned long long)r->lock.seq,
			       r->lock.blocker ? req_nr(r->lock.blocker) : -1);
	exit(1);
}

/* ----- the model ----- */

static bool conflict(const struct req *a, const struct req *b)
{
	return a != b && a->where != FREE && b->where != FREE &&
	       a->tree == b->tree && !(a->shared && b->shared) &&
	       a->start <= b->last && b->start <= a->last;
}

/* The latest of the requests that @r has to wait for */
static struct req *model_blocker(const struct req *r)
{
	struct req *pos, *latest = NULL;

	for (pos = reqs; pos < reqs + NR_REQ; pos++)
		if (conflict(pos, r) && pos->order < r->order &&
		    (!latest || pos->order > latest->order))
			latest = pos;
	return latest;
}

static bool model_free(const struct req *r)
{
	struct req *pos;

	for (pos = reqs; pos < reqs + NR_REQ; pos++)
		if (conflict(pos, r))
			return false;
	return true;
}

static bool holds(struct task_struct *owner, struct range_lock_tree *tree,
		  unsigned long unit, bool exclusive)
{
	struct req *pos;

	for (pos = reqs; pos < reqs + NR_REQ; pos++)
		if (pos->where == HELD && pos->owner == owner &&
		    pos->tree == tree && !(exclusive && pos->shared) &&
		    pos->start <= unit && unit <= pos->last)
			return true;
	return false;
}

/* A gap, if there is one, begins at @start or right behind some range. */
static bool model_is_held(struct task_struct *owner,
			  struct range_lock_tree *tree, unsigned long start,
			  unsigned long last, bool exclusive)
{
	struct req *pos;

	if (!holds(owner, tree, start, exclusive))
		return false;
	for (pos = reqs; pos < reqs + NR_REQ; pos++)
		if (pos->where != FREE && pos->last >= start && pos->last < last &&
		    !holds(owner, tree, pos->last + 1, exclusive))
			return false;
	return true;
}

static void enter(struct req *r, struct range_lock_tree *tree,
		  unsigned long start, unsigned long last, bool shared)
{
	r->tree = tree;
	r->start = start;
	r->last = last;
	r->shared = shared;
	r->order = ++orders;
	r->where = WAITING;
	if (!model_blocker(r))
		r->where = HELD;
}

/* ----- the comparison ----- */

static void check_subtree(struct range_lock_tree *tree, struct rb_node *node,
			  struct range_lock **prev, unsigned int *nr,
			  struct range_lock_subtree *sub)
{
	struct range_lock_subtree left, right;
	struct range_lock *lock;
	struct req *r;

	*sub = (struct range_lock_subtree){ 0, UINT64_MAX, 0 };
	if (!node)
		return;
	lock = rb_entry(node, struct range_lock, node);
	r = container_of(lock, struct req, lock);
	check_subtree(tree, node->rb_left, prev, nr, &left);
	if (*prev && ((*prev)->shared > lock->shared ||
		      ((*prev)->shared == lock->shared &&
		       (*prev)->start > lock->start)))
		fail("the tree is out of order");
	*prev = lock;
	++*nr;
	if (r < reqs || r >= reqs + NR_REQ || r->where == FREE || r->tree != tree)
		fail("the tree holds a range that it should not");
	if (lock->start != r->start || lock->last != r->last ||
	    lock->shared != r->shared || lock->task != r->owner)
		fail("a range has changed");
	check_subtree(tree, node->rb_right, prev, nr, &right);
	sub->last = max(lock->last, max(left.last, right.last));
	sub->min_seq = min(lock->seq, min(left.min_seq, right.min_seq));
	sub->max_seq = max(lock->seq, max(left.max_seq, right.max_seq));
	if (lock->subtree.last != sub->last)
		fail("subtree.last is wrong");
	if (lock->subtree.min_seq != sub->min_seq)
		fail("subtree.min_seq is wrong");
	if (lock->subtree.max_seq != sub->max_seq)
		fail("subtree.max_seq is wrong");
}

/* A conflict that came before is the blocker of who waits, and knows it. */
static void check_blocker(struct req *r)
{
	struct range_lock *blocker = r->lock.blocker, *pos;
	unsigned int nr = 0;
	struct req *b;

	if (!blocker != !model_blocker(r))
		fail("%d %s", (int)(r - reqs),
		     blocker ? "waits for nothing" : "was let in too early");
	if (!blocker)
		return;
	b = container_of(blocker, struct req, lock);
	if (b < reqs || b >= reqs + NR_REQ || !conflict(b, r) ||
	    b->order > r->order)
		fail("%d waits for the wrong one", (int)(r - reqs));
	hlist_for_each_entry(pos, &blocker->waiters, link)
		if (pos == &r->lock || ++nr > NR_REQ)
			break;
	if (pos != &r->lock)
		fail("%d is not on the list of its blocker", (int)(r - reqs));
}

static void check_tree(struct range_lock_tree *tree)
{
	unsigned int nr = 0, model_nr = 0, waiting = 0, listed = 0;
	struct range_lock *prev = NULL, *pos;
	struct range_lock_subtree all;
	struct req *r, *other;

	check_subtree(tree, tree->root.rb_node, &prev, &nr, &all);
	for (r = reqs; r < reqs + NR_REQ; r++) {
		if (r->where == FREE || r->tree != tree)
			continue;
		model_nr++;
		check_blocker(r);
		waiting += !!r->lock.blocker;
		hlist_for_each_entry(pos, &r->lock.waiters, link)
			if (++listed > NR_REQ)
				fail("a list goes in a circle");
		for (other = reqs; other < r; other++)
			if (other->where != FREE && other->tree == tree &&
			    (other->order < r->order) !=
			    (other->lock.seq < r->lock.seq))
				fail("%d and %d are numbered in the wrong order",
				     (int)(other - reqs), (int)(r - reqs));
	}
	if (nr != model_nr)
		fail("%u ranges in the tree, not %u", nr, model_nr);
	/* Each of those that wait is on its blocker's list, and no one else. */
	if (listed != waiting)
		fail("%u on the lists, not %u", listed, waiting);
}

static void check_trees(void)
{
	struct range_lock_tree *tree;

	for (tree = trees; tree < trees + NR_TREES; tree++)
		check_tree(tree);
}

/*
 * Whoever takes tree->lock next may act on what he finds, so it has to be right
 * by then.  Who arrives waits for the latest conflict.
 */
static void check_unlock(void)
{
	struct req *r = arrives, *latest = r ? model_blocker(r) : NULL;

	if (one_step)
		check_trees();
	if (latest && r->lock.blocker != &latest->lock)
		fail("%d does not wait for the latest, %d",
		     (int)(r - reqs), (int)(latest - reqs));
	one_step = false;
	arrives = NULL;
}

/* Whom an operation let in was woken by it, once, and nobody else was. */
static void check(void)
{
	struct req *r;

	ops++;
	check_trees();
	for (r = reqs; r < reqs + NR_REQ; r++)
		if (r->where == WAITING && !model_blocker(r)) {
			r->where = HELD;
			/* A pair waits with the one task of its first half. */
			container_of(r->owner, struct req, task)->wakes--;
		}
	for (r = reqs; r < reqs + NR_REQ; r++) {
		if (r->wakes)
			fail("%d was woken %d times too often",
			     (int)(r - reqs), (int)r->wakes);
		if (r->task.refs || r->task.wake_next)
			fail("a reference to task %d is left", (int)(r - reqs));
	}
}

static void check_lockdep(void)
{
	struct req *r, *pos;

	for (r = reqs; r < reqs + NR_REQ; r++) {
		int held = 0;

		for (pos = reqs; pos < reqs + NR_REQ; pos++)
			held += pos->where != FREE && pos->owner == &r->task;
		if (r->task.dep_held != held)
			fail("lockdep: task %d has %d, not %d", (int)(r - reqs),
			     r->task.dep_held, held);
	}
}

static void check_annotation(struct task_struct *task, unsigned int expected)
{
	if (task->dep_last != expected)
		fail("lockdep was told %x, not %x", task->dep_last, expected);
}

/* ----- tasks ----- */

/* As the scheduler does, let run who was woken on the way here. */
void schedule(void)
{
	full_fence();
	drain_stores();
	if (escape)
		longjmp(escape->to, 1);
	if (current->state != TASK_RUNNING)
		swapcontext(&active->context, &driver);
}

void test_wake(struct task_struct *task)
{
	task->state = TASK_RUNNING;
	if (task != &crowd_task)
		container_of(task, struct req, task)->wakes++;
}

void test_signal_check(struct task_struct *task)
{
	void (*fn)(void) = race;

	race = NULL;
	if (fn)
		fn();
}

static int call(struct req *r)
{
	if (r->two_tree1) {
		if (r->how == KILLABLE)
			return range_lock_two_killable(r->two_tree1, r->two_lock1,
						       r->two_tree2, r->two_lock2);
		range_lock_two(r->two_tree1, r->two_lock1,
			       r->two_tree2, r->two_lock2);
		return 0;
	}
	switch (r->how) {
	case KILLABLE:
		if (r->subclass)
			return r->shared ?
				range_lock_shared_killable_nested(r->tree, &r->lock,
								  r->subclass) :
				range_lock_killable_nested(r->tree, &r->lock,
							   r->subclass);
		return r->shared ? range_lock_shared_killable(r->tree, &r->lock) :
				   range_lock_killable(r->tree, &r->lock);
	case INTERRUPTIBLE:
		if (r->subclass)
			return r->shared ?
				range_lock_shared_interruptible_nested(r->tree,
								       &r->lock,
								       r->subclass) :
				range_lock_interruptible_nested(r->tree, &r->lock,
								r->subclass);
		return r->shared ? range_lock_shared_interruptible(r->tree, &r->lock) :
				   range_lock_interruptible(r->tree, &r->lock);
	default:
		if (r->shared && r->subclass)
			range_lock_shared_nested(r->tree, &r->lock, r->subclass);
		else if (r->subclass)
			range_lock_nested(r->tree, &r->lock, r->subclass);
		else if (r->shared)
			range_lock_shared(r->tree, &r->lock);
		else
			range_lock(r->tree, &r->lock);
		return 0;
	}
}

static void run_requests(void)
{
	for (;;) {
		struct req *r = active;

		r->ret = call(r);
		r->running = false;
		drain_stores();
		swapcontext(&r->context, &driver);
	}
}

static void leave(struct req *r)
{
	r->where = FREE;
	r->owner = NULL;
}

static bool fatal(struct req *r)
{
	if (r->how == INTERRUPTIBLE)
		return r->task.sig != SIG_NONE;
	return r->how == KILLABLE && r->task.sig == SIG_KILL;
}

/*
 * Let @r run until it sleeps or returns.  Who has been let in returns 0, signal
 * or not; who has not sleeps, unless a signal ends it.
 */
static void resume(struct req *r)
{
	bool raced = race;
	struct req *next = r->second;
	struct req *waits = next && next->where == WAITING ? next : r;

	active = r;
	current = &r->task;
	current->state = TASK_RUNNING;
	swapcontext(&driver, &r->context);
	current = &driver_task;

	/* The first half of a pair is in, or was let in just now: go on. */
	if (next && r->where == HELD && next->where == FREE) {
		next->owner = r->owner;
		enter(next, next->tree, next->start, next->last, false);
		waits = next;
	}
	if (raced && waits->where == WAITING && !model_blocker(waits)) {
		waits->where = HELD;
		r->wakes--;
	}
	if (waits->where == HELD) {
		if (r->running || r->ret)
			fail("%d should have its range", (int)(r - reqs));
	} else if (fatal(r)) {
		if (r->running || r->ret != -EINTR)
			fail("%d should have left for its signal", (int)(r - reqs));
		leave(waits);
		if (waits != r)
			leave(r);
	} else if (!r->running) {
		fail("%d should still wait", (int)(r - reqs));
	}
	if (!r->running && r->task.state != TASK_RUNNING)
		fail("%d returned in state %x", (int)(r - reqs), r->task.state);
	if (!r->running)
		r->second = NULL;
	check();
	check_lockdep();
}

static void start_request(struct req *r, enum how how, int sig)
{
	r->owner = &r->task;
	r->how = how;
	r->task.sig = sig;
	r->task.might_sleep = 0;
	r->running = true;
	resume(r);
	if (!r->task.might_sleep)
		fail("a wait is not announced");
}

static void init(struct req *r, unsigned long start, unsigned long last)
{
	range_lock_init(&r->lock, start, last);
	if (warnings != (IS_ENABLED(CONFIG_DEBUG_RANGE_LOCK) && start > last))
		fail("%u warnings", warnings);
	warnings = 0;
}

static void op_lock(struct req *r, struct range_lock_tree *tree,
		    unsigned long start, unsigned long last, bool shared,
		    enum how how, int sig)
{
	init(r, start, last);
	r->two_tree1 = NULL;
	r->second = NULL;
	r->subclass = rnd(3);
	enter(r, tree, start, last, shared);
	one_step = true;
	arrives = r;
	start_request(r, how, sig);
	check_annotation(&r->task, r->subclass | (shared ? DEP_SHARED : 0));
}

static void op_lock_two(struct req *a, struct req *b, bool same, bool swap,
			unsigned long s1, unsigned long l1,
			unsigned long s2, unsigned long l2, enum how how)
{
	init(a, s1, l1);
	init(b, s2, l2);
	a->two_tree1 = &trees[swap];
	a->two_tree2 = &trees[same ? swap : !swap];
	a->two_lock1 = swap && !same ? &b->lock : &a->lock;
	a->two_lock2 = swap && !same ? &a->lock : &b->lock;
	if (same) {
		a->second = NULL;
		enter(a, a->two_tree1, s1 < s2 ? s1 : s2, l1 > l2 ? l1 : l2, false);
	} else {
		a->second = b;
		b->tree = &trees[1];
		b->start = s2;
		b->last = l2;
		enter(a, &trees[0], s1, l1, false);
	}
	start_request(a, how, SIG_NONE);
	warnings = 0;
	/* Whichever it took last */
	check_annotation(&a->task, !same && b->where != FREE ?
				   SINGLE_DEPTH_NESTING : 0);
}

static void op_trylock(struct req *r, struct task_struct *owner,
		       struct range_lock_tree *tree, unsigned long start,
		       unsigned long last, bool shared)
{
	bool got;

	init(r, start, last);
	r->owner = owner;
	r->second = NULL;
	enter(r, tree, start, last, shared);
	if (!model_free(r))
		leave(r);
	else
		r->where = HELD;
	current = owner;
	owner->may_not_sleep = true;
	one_step = true;
	got = shared ? range_trylock_shared(tree, &r->lock) :
		       range_trylock(tree, &r->lock);
	owner->may_not_sleep = false;
	current = &driver_task;
	if (got != (r->where == HELD))
		fail("trylock returned %d", got);
	if (got)
		check_annotation(owner, DEP_TRYLOCK | (shared ? DEP_SHARED : 0));
	check();
	check_lockdep();
}

static void op_unlock(struct req *r)
{
	current = r->owner;
	current->may_not_sleep = true;
	leave(r);
	one_step = !unsure;
	if (r->shared)
		range_unlock_shared(r->tree, &r->lock);
	else
		range_unlock(r->tree, &r->lock);
	current->may_not_sleep = false;
	current = &driver_task;
}

static void op_downgrade(struct req *r)
{
	current = r->owner;
	current->may_not_sleep = true;
	r->shared = true;
	one_step = !unsure;
	range_lock_downgrade(r->tree, &r->lock);
	current->may_not_sleep = false;
	current = &driver_task;
}

/* ----- tests ----- */

/* The request that a task of a pair waits with is not one to touch. */
static bool idle(struct req *r)
{
	struct req *pos;

	for (pos = reqs; pos < reqs + NR_REQ; pos++)
		if (pos->running && pos->second == r)
			return false;
	return !r->running;
}

static void pick_range(unsigned long *start, unsigned long *last)
{
	unsigned int a = rnd(ARRAY_SIZE(edge)), b = rnd(ARRAY_SIZE(edge));

	if (rnd(2))
		b = min_t(unsigned int, a + rnd(2), ARRAY_SIZE(edge) - 1);
	if (!rnd(50)) {
		a = 0;
		b = ARRAY_SIZE(edge) - 1;
	}
	*start = edge[a < b ? a : b];
	*last = edge[a < b ? b : a];
	if (!rnd(40))
		swap(*start, *last);
}

static void random_step(unsigned int crowd)
{
	struct req *r = &reqs[rnd(crowd)], *other = &reqs[rnd(crowd)];
	unsigned long start, last, s2, l2;

	pick_range(&start, &last);
	pick_range(&s2, &l2);
	if (r->running) {
		switch (rnd(4)) {
		case 0:
			r->task.sig = SIG_USER;
			break;
		case 1:
			r->task.sig = SIG_KILL;
			break;
		}
		resume(r);
		r->task.sig = r->running ? r->task.sig : SIG_NONE;
		return;
	}
	if (!idle(r))
		return;
	if (r->where == HELD) {
		if (!r->shared && !rnd(4))
			op_downgrade(r);
		else
			op_unlock(r);
		check();
		check_lockdep();
		return;
	}
	switch (rnd(8)) {
	case 0 ... 3:
		op_lock(r, &trees[rnd(NR_TREES)], start, last, rnd(2), rnd(NR_HOW),
			rnd(16) ? SIG_NONE : rnd(3));
		break;
	case 4:
	case 5:
		/* A few tasks that hold many ranges, so that some adjoin */
		op_trylock(r, &reqs[rnd(3)].task, &trees[rnd(NR_TREES)], start, last,
			   rnd(2));
		break;
	case 6:
		if (other != r && idle(other) && other->where == FREE)
			op_lock_two(r, other, !rnd(3), rnd(2), start, last, s2, l2,
				    rnd(2));
		break;
	default:
		for (r = reqs; r < reqs + crowd; r++) {
			bool excl = rnd(2), held;
			int t = rnd(NR_TREES);

			current = &r->task;
			held = range_lock_is_held(&trees[t], start, last, excl);
			current = &driver_task;
			if (held != model_is_held(&r->task, &trees[t], start,
						  last, excl))
				fail("is_held(%lu, %lu) of %d: %d", start, last,
				     (int)(r - reqs), held);
		}
	}
}

/* Everybody comes in and leaves again. */
static void drain(void)
{
	struct req *r;
	bool left;

	do {
		left = false;
		for (r = reqs; r < reqs + NR_REQ; r++) {
			if (r->running)
				resume(r);
			else if (idle(r) && r->where == HELD) {
				op_unlock(r);
				check();
			}
			left |= r->where != FREE;
		}
	} while (left && ++ops);
	check_lockdep();
}

static void test_random(void)
{
	unsigned long n, nr = 200000UL * scale;
	unsigned long first = ops;

	for (n = 0; n < nr; n++) {
		/* Few requests and many: both empty and crowded trees */
		random_step(n / 1000 % 2 ? NR_REQ : 5);
		if (n % 1000 == 999)
			drain();
	}
	drain();
	ok("%lu operations compared", ops - first);
}

/* How a queue of up to five may overlap, each row by start and last */
static const unsigned char shapes[][5][2] = {
	{ { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
	{ { 0, 9 }, { 0, 4 }, { 3, 6 }, { 5, 9 }, { 2, 8 } },
	{ { 0, 2 }, { 2, 4 }, { 4, 6 }, { 6, 8 }, { 0, 8 } },
	{ { 5, 5 }, { 4, 6 }, { 3, 7 }, { 2, 8 }, { 1, 9 } },
	{ { 0, 1 }, { 2, 3 }, { 1, 2 }, { 4, 5 }, { 3, 4 } },
};

static unsigned int race_nr;

/* Let go, as the tasks they belong to, all that is held. */
static void race_unlock(void)
{
	struct task_struct *task = current;
	unsigned int i;

	for (i = 0; i < race_nr; i++)
		if (!reqs[i].running && reqs[i].where == HELD)
			op_unlock(&reqs[i]);
	current = task;
}

/* The last two race with the grant, the last without a signal. */
enum point { BEFORE_SLEEP, ASLEEP, SIGNAL_RACE, SLEEP_RACE, NR_POINTS };

static void cancel_case(unsigned int nr, unsigned int modes,
			const unsigned char shape[5][2], unsigned int victim,
			enum point point)
{
	enum how how = rnd(2) ? KILLABLE : INTERRUPTIBLE;
	unsigned int i;

	race_nr = nr;
	for (i = 0; i < nr; i++) {
		race = i == victim && point == SLEEP_RACE ? race_unlock : NULL;
		op_lock(&reqs[i], &trees[0], shape[i][0], shape[i][1],
			modes >> i & 1, i == victim ? how : PLAIN,
			i == victim && point == BEFORE_SLEEP ? SIG_KILL : SIG_NONE);
		race = NULL;
	}
	if (reqs[victim].running) {
		reqs[victim].task.sig = SIG_KILL;
		race = point == SIGNAL_RACE ? race_unlock : NULL;
		resume(&reqs[victim]);
		race = NULL;
	}
	drain();
}

static void test_cancel(void)
{
	unsigned int nr, modes, s, victim, point, cases = 0;

	for (nr = 2; nr <= 5; nr++)
		for (modes = 0; modes < 1U << nr; modes++)
			for (s = 0; s < ARRAY_SIZE(shapes); s++)
				for (victim = 1; victim < nr; victim++)
					for (point = 0; point < NR_POINTS; point++, cases++)
						cancel_case(nr, modes, shapes[s],
							    victim, point);
	ok("%u queues, each left at one point by one waiter", cases);
}

/* A sleeper that is woken for nothing, or by a signal not its own, sleeps on. */
static void test_spurious(void)
{
	op_lock(&reqs[0], &trees[0], 0, ULONG_MAX, false, PLAIN, SIG_NONE);
	op_lock(&reqs[1], &trees[0], 3, 3, false, KILLABLE, SIG_USER);
	resume(&reqs[1]);
	op_lock(&reqs[2], &trees[0], 4, 4, true, PLAIN, SIG_KILL);
	resume(&reqs[2]);
	if (!reqs[1].running || !reqs[2].running)
		fail("a wait ended early");
	drain();
	ok("as it should");
}

/* Random histories seldom have ranges that adjoin and belong together. */
static void test_held(void)
{
	struct task_struct *task = &reqs[0].task;
	bool whole, more;

	op_trylock(&reqs[0], task, &trees[0], 5, 9, false);
	op_trylock(&reqs[1], task, &trees[0], 0, 4, false);
	current = task;
	whole = range_lock_is_held(&trees[0], 0, 9, true);
	more = range_lock_is_held(&trees[0], 0, 10, false);
	current = &driver_task;
	if (!whole || more)
		fail("two halves: %d, and one unit more: %d", whole, more);
	drain();
	ok("two halves, and no more");
}

/* ----- the cost ----- */

#define CROWD		4000UL

enum nest { EQUAL, INWARD, OUTWARD, ANYHOW, APART, NR_NESTS };
enum modes { EXCLUSIVE, READERS, MIXED, NR_MODES };

static struct range_lock crowd[CROWD];
static bool gone[CROWD];
static unsigned int held[CROWD], nr_held, next_in;
static unsigned long most_steps[NR_MODES];

static void count_steps(const char *what, unsigned int granted, enum modes modes)
{
	/* The height of the tree is 24 at most.  Both modes: its square */
	static const unsigned long limit[NR_MODES] = { 64, 64, 300 };

	steps /= granted + 1;
	if (steps > most_steps[modes])
		most_steps[modes] = steps;
	if (steps > limit[modes])
		fail("%s took %lu steps", what, steps);
	steps = 0;
}

/* Either all overlap, or none does, so they come in as they arrived. */
static unsigned int come_in(void)
{
	unsigned int before = nr_held;

	for (; next_in < CROWD && (gone[next_in] || !crowd[next_in].blocker); next_in++)
		if (!gone[next_in])
			held[nr_held++] = next_in;
	return nr_held - before;
}

static void cost_case(enum nest nest, enum modes modes)
{
	unsigned int i, n, left;

	current = &crowd_task;
	memset(gone, 0, sizeof(gone));
	nr_held = 0;
	next_in = 0;
	steps = 0;
	for (i = 0; i < CROWD; i++) {
		unsigned long margin[] = { 0, i, CROWD - i, rnd(CROWD) };

		if (nest == APART)
			range_lock_init(&crowd[i], i * 7919 % CROWD, i * 7919 % CROWD);
		else
			range_lock_init(&crowd[i], margin[nest],
					2 * CROWD - margin[nest]);
		queue_up(&trees[0], &crowd[i],
			 modes == MIXED ? rnd(2) : modes == READERS && i);
		count_steps("lock", 0, modes);
	}
	come_in();
	for (left = CROWD; left; left--) {
		i = next_in + rnd(4 * CROWD);
		if (i < CROWD && !gone[i]) {
			if (!range_lock_cancel(&trees[0], &crowd[i]))
				fail("one that waits cannot leave");
			debug_unlock(&crowd[i]);
			gone[i] = true;
			count_steps("cancel", come_in(), modes);
			continue;
		}
		if (!nr_held)
			fail("nobody holds what %u wait for", left);
		n = rnd(nr_held);
		i = held[n];
		held[n] = held[--nr_held];
		range_unlock(&trees[0], &crowd[i]);
		gone[i] = true;
		count_steps("unlock", come_in(), modes);
	}
	current = &driver_task;
}

static void test_cost(void)
{
	unsigned int nest, modes;

	for (nest = 0; nest < NR_NESTS; nest++)
		for (modes = 0; modes < NR_MODES; modes++)
			cost_case(nest, modes);
	ok("%lu waiters, at most %lu steps; both modes, %lu", CROWD,
	   max(most_steps[EXCLUSIVE], most_steps[READERS]), most_steps[MIXED]);
}

#ifdef CONFIG_DEBUG_RANGE_LOCK
static void warned(const char *what)
{
	if (warnings != 1)
		fail("%s: %u warnings", what, warnings);
	warnings = 0;
	check();
}

/* What would be there if nobody had cleared it */
static void stale(struct range_lock *lock)
{
	lock->magic = (unsigned long)lock ^ RANGE_LOCK_MAGIC;
}

/* A check that is wrong must not keep the lock from working. */
static void false_alarms(struct req *r, struct req *other)
{
	unsure = true;
	stale(&r->lock);
	range_lock_init(&r->lock, 3, 4);
	warned("init of a range with a stale magic");
	if (r->lock.start != 3 || r->lock.last != 4)
		fail("the range was not set up");
	stale(&r->lock);
	r->two_tree1 = NULL;
	r->subclass = 0;
	enter(r, &trees[0], 3, 4, false);
	start_request(r, PLAIN, SIG_NONE);
	warned("lock with a stale magic");
	op_lock(other, &trees[0], 4, 5, false, PLAIN, SIG_NONE);
	r->lock.magic = 0;
	op_unlock(r);
	warned("unlock without the magic");
	drain();

	range_lock_init(&r->lock, 3, 4);
	stale(&r->lock);
	enter(r, &trees[0], 3, 4, false);
	r->owner = &r->task;
	current = r->owner;
	if (!range_trylock(&trees[0], &r->lock))
		fail("trylock failed");
	current = &driver_task;
	warned("trylock with a stale magic");
	r->lock.magic = 0;
	op_downgrade(r);
	warned("downgrade without the magic");
	r->lock.magic = 0;
	op_unlock(r);
	warned("unlock without the magic");
}

static void misuse(struct req *r, struct req *other)
{
	range_lock_init(&r->lock, 5, 3);
	warned("start > last");
	if (r->lock.start != 5 || r->lock.last != 3)
		fail("the range was not set up as it is without debugging");
	op_trylock(r, &r->task, &trees[0], 1, 9, false);
	current = &r->task;
	range_unlock(&trees[1], &r->lock);
	warned("unlock in the wrong tree");
	range_lock_downgrade(&trees[1], &r->lock);
	warned("downgrade in the wrong tree");
	current = &driver_task;
	op_lock(other, &trees[0], 2, 2, false, PLAIN, SIG_NONE);
	current = &other->task;
	range_unlock(&trees[0], &other->lock);
	warned("unlock of a range that waits");
	current = &driver_task;
	drain();
	current = &r->task;
	range_unlock(&trees[0], &r->lock);
	warned("second unlock");
	current = &driver_task;

	/* Without debugging, too, this only overwrites what is there already. */
	op_trylock(r, &r->task, &trees[0], 1, 9, false);
	range_lock_init(&r->lock, 1, 9);
	warned("init of a held range");
	op_unlock(r);
	warned("unlock of what init has forgotten");
	unsure = false;
}

static void test_misuse(void)
{
	false_alarms(&reqs[0], &reqs[1]);
	misuse(&reqs[0], &reqs[1]);
	ok("each kind warned once, and the lock went on");
}
#endif

int main(void)
{
	struct req *r;

	current = &driver_task;
	test_setup();
	/* lock_two orders by address, which an array makes that of the index */
	range_lock_tree_init(&trees[0]);
	range_lock_tree_init(&trees[1]);
	for (r = reqs; r < reqs + NR_REQ; r++) {
		r->stack = malloc(STACK_SIZE);
		if (!r->stack || getcontext(&r->context))
			abort();
		r->context.uc_stack.ss_sp = r->stack;
		r->context.uc_stack.ss_size = STACK_SIZE;
		makecontext(&r->context, run_requests, 0);
	}
	plan(5 + IS_ENABLED(CONFIG_DEBUG_RANGE_LOCK));
	begin("cancel at every point");
	test_cancel();
	begin("no wait ends early");
	test_spurious();
	begin("ranges cover together");
	test_held();
	begin("few steps for many waiters");
	test_cost();
	begin("random histories against the model");
	test_random();
#ifdef CONFIG_DEBUG_RANGE_LOCK
	begin("misuse is noticed and harmless");
	test_misuse();
#endif
	for (r = reqs; r < reqs + NR_REQ; r++)
		free(r->stack);
	return 0;
}
