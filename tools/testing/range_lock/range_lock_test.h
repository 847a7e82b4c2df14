/* SPDX-License-Identifier: GPL-2.0 */
/* The lock itself, for its insides to be looked at, and what all tests share. */
#ifndef _RANGE_LOCK_TEST_H
#define _RANGE_LOCK_TEST_H

#include <setjmp.h>
#include "shim.h"

__thread struct task_struct *current;
__thread unsigned int warnings;

#ifndef RANGE_LOCK_C
#define RANGE_LOCK_C "../../../lib/range_lock.c"
#endif
#include RANGE_LOCK_C

static unsigned int test_nr;
static const char *test_name;
static unsigned int scale = 10;
static u64 seed = 1;
static __thread u64 rnd_state;

static inline unsigned int rnd(unsigned int below)
{
	/* xorshift64 */
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (rnd_state >> 16) % below;
}

/*
 * Ask for a range and, where that means to wait, go on without: schedule() jumps
 * back here.  The range stays in its queue, and is held once its turn comes.
 */
static struct escape {
	jmp_buf to;
} *escape;

static inline void queue_up(struct range_lock_tree *tree, struct range_lock *lock,
			    bool shared)
{
	struct escape here;

	if (!setjmp(here.to)) {
		escape = &here;
		if (shared)
			range_lock_shared(tree, lock);
		else
			range_lock(tree, lock);
	}
	escape = NULL;
}

static inline void test_setup(void)
{
	const char *env;

	setvbuf(stdout, NULL, _IOLBF, 0);
	env = getenv("SEED");
	if (env && *env)
		seed = strtoull(env, NULL, 0);
	env = getenv("SCALE");
	if (env && *env)
		scale = strtoul(env, NULL, 0);
	/* zero is the one state that xorshift never leaves */
	rnd_state = seed * 0x9e3779b97f4a7c15ULL | 1;
}

static inline void plan(unsigned int nr)
{
	printf("TAP version 13\n1..%u\n# SEED=%llu SCALE=%u\n", nr,
	       (unsigned long long)seed, scale);
}

static inline void begin(const char *name)
{
	test_nr++;
	test_name = name;
}

#define ok(fmt, ...)							\
	printf("ok %u - %s # " fmt "\n", test_nr, test_name, ##__VA_ARGS__)

#endif /* _RANGE_LOCK_TEST_H */
