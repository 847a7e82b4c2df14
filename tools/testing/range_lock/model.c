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
#include "range_lock_test.h"

#define NR_REQ		20
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
static struct task_struct driver_task;
static unsigned long orders, ops;
static void (*race)(void);		/* runs between a signal and its effect */

static const unsigned long edge[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
	LONG_MAX - 2UL, LONG_MAX - 1UL, LONG_MAX, LONG_MAX + 1UL, LONG_MAX + 2UL,
	ULONG_MAX - 2, ULONG_MAX - 1, ULONG_MAX
};

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
			printf("# %d: tree %d [%lu, %lu] %s %s order %lu blockers %u\n",
			       (int)(r - reqs), (int)(r->tree - trees), r->start,
			       r->last, r->shared ? "shared" : "exclusive",
			       r->where == HELD ? "held" : "waits", r->order,
			       r->lock.blockers);
	exit(1);
}

/* ----- the model ----- */

static bool conflict(const struct req *a, const struct req *b)
{
	return a != b && a->where != FREE && b->where != FREE &&
	       a->tree == b->tree && !(a->shared && b->shared) &&
	       a->start <= b->last && b->start <= a->last;
}

static unsigned int model_blockers(const struct req *r)
{
	unsigned int nr = 0;
	struct req *pos;

	for (pos = reqs; pos < reqs + NR_REQ; pos++)
		nr += conflict(pos, r) && pos->order < r->order;
	return nr;
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
	if (!model_blockers(r))
		r->where = HELD;
}

/* ----- the comparison ----- */

static u64 check_subtree(struct range_lock_tree *tree, struct rb_node *node,
			 u64 *prev, unsigned int *nr)
{
	struct range_lock *lock;
	struct req *r;
	u64 last, sub;

	if (!node)
		return 0;
	lock = rb_entry(node, struct range_lock, node);
	r = container_of(lock, struct req, lock);
	last = check_subtree(tree, node->rb_left, prev, nr);
	if (range_lock_key_start(lock) < *prev)
		fail("the tree is out of order");
	*prev = range_lock_key_start(lock);
	++*nr;
	if (r < reqs || r >= reqs + NR_REQ || r->where == FREE || r->tree != tree)
		fail("the tree holds a range that it should not");
	if (lock->start != r->start || lock->last != r->last ||
	    lock->shared != r->shared || lock->task != r->owner)
		fail("a range has changed");
	if (range_lock_key_last(lock) > last)
		last = range_lock_key_last(lock);
	sub = check_subtree(tree, node->rb_right, prev, nr);
	if (sub > last)
		last = sub;
	if (lock->__subtree_last != last)
		fail("__subtree_last is wrong");
	return last;
}

/* Whom an operation let in was woken by it, once, and nobody else was. */
static void check(void)
{
	unsigned int nr, model_nr, blockers;
	struct range_lock_tree *tree;
	struct req *r;
	u64 prev;

	ops++;
	for (r = reqs; r < reqs + NR_REQ; r++) {
		unsigned int expect = 0;

		if (r->where != FREE) {
			blockers = model_blockers(r);
			if (r->where == WAITING && !blockers) {
				r->where = HELD;
				expect = 1;
			}
			if (r->lock.blockers != blockers)
				fail("%d has %u blockers, not %u",
				     (int)(r - reqs), r->lock.blockers, blockers);
		}
		/* A pair waits with the one task of its first half. */
		if (expect)
			container_of(r->owner, struct req, task)->wakes--;
	}
	for (r = reqs; r < reqs + NR_REQ; r++) {
		if (r->wakes)
			fail("%d was woken %d times too often",
			     (int)(r - reqs), (int)r->wakes);
		if (r->task.refs || r->task.wake_next)
			fail("a reference to task %d is left", (int)(r - reqs));
	}
	for (tree = trees; tree < trees + NR_TREES; tree++) {
		prev = 0;
		nr = 0;
		model_nr = 0;
		check_subtree(tree, tree->root.rb_node, &prev, &nr);
		for (r = reqs; r < reqs + NR_REQ; r++)
			model_nr += r->where != FREE && r->tree == tree;
		if (nr != model_nr)
			fail("%u ranges in the tree, not %u", nr, model_nr);
	}
}

static void check_lockdep(void)
{
	struct req *r, *pos;

	for (r = reqs; r < reqs + NR_REQ; r++) {
		int excl = 0, shared = 0;

		for (pos = reqs; pos < reqs + NR_REQ; pos++)
			if (pos->where != FREE && pos->owner == &r->task)
				*(pos->shared ? &shared : &excl) += 1;
		if (r->task.dep_excl != excl || r->task.dep_shared != shared)
			fail("lockdep: task %d has %d+%d, not %d+%d",
			     (int)(r - reqs), r->task.dep_excl,
			     r->task.dep_shared, excl, shared);
	}
}

/* ----- tasks ----- */

/* As the scheduler does, let run who was woken on the way here. */
void schedule(void)
{
	if (current->state != TASK_RUNNING)
		swapcontext(&active->context, &driver);
}

void test_wake(struct task_struct *task)
{
	task->state = TASK_RUNNING;
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
		return r->shared ? range_lock_shared_killable(r->tree, &r->lock) :
				   range_lock_killable(r->tree, &r->lock);
	case INTERRUPTIBLE:
		return r->shared ? range_lock_shared_interruptible(r->tree, &r->lock) :
				   range_lock_interruptible(r->tree, &r->lock);
	default:
		if (r->shared)
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
	if (raced && waits->where == WAITING && !model_blockers(waits)) {
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
	r->running = true;
	resume(r);
}

static void op_lock(struct req *r, struct range_lock_tree *tree,
		    unsigned long start, unsigned long last, bool shared,
		    enum how how, int sig)
{
	range_lock_init(&r->lock, start, last);
	r->two_tree1 = NULL;
	r->second = NULL;
	enter(r, tree, start, last, shared);
	start_request(r, how, sig);
}

static void op_lock_two(struct req *a, struct req *b, bool same, bool swap,
			unsigned long s1, unsigned long l1,
			unsigned long s2, unsigned long l2, enum how how)
{
	range_lock_init(&a->lock, s1, l1);
	range_lock_init(&b->lock, s2, l2);
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
}

static void op_trylock(struct req *r, struct task_struct *owner,
		       struct range_lock_tree *tree, unsigned long start,
		       unsigned long last, bool shared)
{
	bool got;

	range_lock_init(&r->lock, start, last);
	r->owner = owner;
	r->second = NULL;
	enter(r, tree, start, last, shared);
	if (!model_free(r))
		leave(r);
	else
		r->where = HELD;
	current = owner;
	owner->may_not_sleep = true;
	got = shared ? range_trylock_shared(tree, &r->lock) :
		       range_trylock(tree, &r->lock);
	owner->may_not_sleep = false;
	current = &driver_task;
	if (got != (r->where == HELD))
		fail("trylock returned %d", got);
	check();
	check_lockdep();
}

static void op_unlock(struct req *r)
{
	current = r->owner;
	current->may_not_sleep = true;
	if (r->shared)
		range_unlock_shared(r->tree, &r->lock);
	else
		range_unlock(r->tree, &r->lock);
	current->may_not_sleep = false;
	current = &driver_task;
	leave(r);
}

static void op_downgrade(struct req *r)
{
	current = r->owner;
	current->may_not_sleep = true;
	range_lock_downgrade(r->tree, &r->lock);
	current->may_not_sleep = false;
	current = &driver_task;
	r->shared = true;
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

#ifdef CONFIG_DEBUG_RANGE_LOCK
static void warned(const char *what)
{
	if (warnings != 1)
		fail("%s: %u warnings", what, warnings);
	warnings = 0;
	check();
}

static void test_misuse(void)
{
	struct req *r = &reqs[0], *other = &reqs[1];

	current = &r->task;
	range_lock_init(&r->lock, 5, 3);
	warned("start > last");
	current = &driver_task;
	op_trylock(r, &r->task, &trees[0], 1, 9, false);
	current = &r->task;
	range_lock_init(&r->lock, 20, 30);
	warned("init of a held range");
	range_lock(&trees[0], &r->lock);
	warned("locking a held range");
	if (range_trylock(&trees[0], &r->lock))
		fail("a held range was locked again");
	warned("trylock of a held range");
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
	ok("each kind warned once and changed nothing");
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
	plan(4 + IS_ENABLED(CONFIG_DEBUG_RANGE_LOCK));
	begin("cancel at every point");
	test_cancel();
	begin("no wait ends early");
	test_spurious();
	begin("ranges cover together");
	test_held();
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
