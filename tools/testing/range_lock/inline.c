// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of CONFIG_DEBUG_RANGE_LOCK, built as one program by a compiler that
 * sees everything.  It then knows that an acquisition on the stack dies after
 * the unlock, and may leave out what is stored there for the next one to find.
 */
#include "range_lock_test.h"
#include "../shared/rbtree-shim.c"

#define NR_PAIRS	10U

static DEFINE_RANGE_LOCK_TREE(tree);

void schedule(void)
{
	abort();
}

void test_wake(struct task_struct *task)
{
}

void test_signal_check(struct task_struct *task)
{
}

static unsigned int failed;

static inline void pair(unsigned int n)
{
	struct range_lock lock;
	bool got = true;

	range_lock_init(&lock, n, n);
	if (n & 1)
		range_lock(&tree, &lock);
	else
		got = range_trylock(&tree, &lock);
	failed += tree.root.rb_node != &lock.node;
	if (got)
		range_unlock(&tree, &lock);
	failed += !!tree.root.rb_node;
}

int main(void)
{
	static struct task_struct task;
	unsigned int n;

	current = &task;
	test_setup();
	plan(1);
	begin("no false warnings");
	for (n = 0; n < NR_PAIRS; n++)
		pair(n);
	if (warnings || failed) {
		printf("not ok %u - %s # %u in %u pairs, of which %u did not lock\n",
		       test_nr, test_name, warnings, NR_PAIRS, failed);
		return 1;
	}
	ok("%u pairs", NR_PAIRS);
	return 0;
}
