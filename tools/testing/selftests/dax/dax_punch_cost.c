// SPDX-License-Identifier: GPL-2.0
/*
 * What a punch costs, where time counts instructions: no more if more pages of the
 * file are mapped.
 *
 *	dax_punch_cost DIR
 */
#include "dax_harness.h"
#ifdef __x86_64__
#include <x86intrin.h>
#else
static inline u64 __rdtsc(void) { return now_us() * 1000; }
#endif

static const unsigned long mapped_pages[] = { 1024, 4096, 16384, 65536 };

FIXTURE(cost) {
	struct dax_test test;
};

FIXTURE_SETUP(cost)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(cost)
{
	dax_teardown(_metadata, &self->test);
}

/* The file is the same each time, only more or fewer pages of it are mapped. */
TEST_F(cost, punch_by_pages_mapped)
{
	const int most = ARRAY_SIZE(mapped_pages) - 1;
	u64 best[ARRAY_SIZE(mapped_pages)], lo = ~0ULL, hi = 0, t, faults;
	int k, i;

	if (!room_for(mapped_pages[most]))
		SKIP(return, "the device is too small");
	for (k = 0; k <= most; k++) {
		int fd = t_open_written(dir, FILE_NAME, mapped_pages[most]);
		char *p = t_map_pages(fd, mapped_pages[most], MAP_SHARED, false);

		best[k] = ~0ULL;
		/*
		 * The smallest counts: ticks and the journal fall into some.  The
		 * first does not: it costs less, while the inode holds all
		 * extents.  A kernel that unmaps all has to map it all again
		 * each time.
		 */
		faults = t_faults() + 6 * mapped_pages[most];
		for (i = 0; i < 24 && t_faults() < faults; i++) {
			load_all(p, mapped_pages[k], mapped_pages[k]);
			sync();
			t = __rdtsc();
			ASSERT_EQ(0, do_op(fd, PUNCH, (100 + 8 * i) * PAGE, PAGE))
				SAY("punch: %s", strerror(errno));
			t = __rdtsc() - t;
			if (i && t < best[k])
				best[k] = t;
		}
		if (best[k] < lo)
			lo = best[k];
		if (best[k] > hi)
			hi = best[k];
		munmap(p, mapped_pages[most] * PAGE);
		close(fd);
		t_unlink(dir, FILE_NAME);
		sync();
		SAY("%lu pages: %llu", mapped_pages[k], (unsigned long long)best[k]);
	}
	SAY("at most 1.10 times as much: %.2f", (double)hi / lo);
	ASSERT_LE(hi * 10, lo * 11);
}

FAILS_ON_BASE(cost, all, punch_by_pages_mapped, "ext4 xfs");

DAX_HARNESS_MAIN
