// SPDX-License-Identifier: GPL-2.0
/*
 * What an operation must not take away from the rest of a DAX file: what is dirty
 * stays so until it is flushed, and what is mapped stays mapped.
 *
 *	dax_flush [options of the harness] DIR
 */
#include "dax_trace.h"

/* What is dirty and stays is flushed by the next fsync. */

struct flush_case {
	enum op op;
	off_t off, len;			/* multiples of 8: words are compared */
	bool huge;
	unsigned long first, step, n;	/* pages that are dirty */
};

FIXTURE_VARIANT(fsync_after) {
	struct flush_case c;
};

FIXTURE(fsync_after) {
	struct dax_test test;
};

FIXTURE_SETUP(fsync_after)
{
	dax_setup(&self->test);
	trace_setup();
}

FIXTURE_TEARDOWN_PARENT(fsync_after)
{
	dax_teardown(_metadata, &self->test);
	trace_end();
}

static bool is_dirty(const struct flush_case *c, unsigned long page)
{
	unsigned long k = page - c->first;

	return page >= c->first && k % c->step == 0 &&
	       k / c->step < c->n;
}

static bool is_removed(const struct flush_case *c, off_t pos)
{
	return c->op != ALLOC && c->op != CLONE && pos >= c->off &&
	       pos < c->off + c->len;
}

static u64 value(u64 pos, int round)
{
	return 0xda00000000000001 + (pos << 16) + (round << 4);
}

static void store(const struct flush_case *c, char *p, int round, bool removed_too)
{
	unsigned long i, pos;

	for (i = 0; i < NPAGES; i++)
		for (pos = i * PAGE; is_dirty(c, i) && pos < (i + 1) * PAGE; pos += 8)
			if (removed_too || !is_removed(c, pos))
				*(volatile u64 *)(p + pos) = value(pos, round);
}

/* Pages that fsync has flushed all of that is not removed, of how many */
static unsigned long count(const struct flush_case *c, unsigned long *all)
{
	unsigned long i, n = 0, pos;

	*all = 0;
	for (i = 0; i < NPAGES; i++) {
		bool live = false, ok = true;

		for (pos = i * PAGE; is_dirty(c, i) && pos < (i + 1) * PAGE; pos += 8) {
			if (is_removed(c, pos))
				continue;
			live = true;
			ok &= flushed[pos / LINE];
		}
		*all += live;
		n += live && ok;
	}
	return n;
}

/* Position of the first word that is not as it should be, or -1 */
static off_t differs(const struct flush_case *c, const char *p, off_t size, int round)
{
	off_t pos;

	for (pos = 0; pos < size; pos += 8) {
		u64 want = is_dirty(c, pos / PAGE) && !is_removed(c, pos) ?
			   value(pos, round) : 0;

		if (*(const volatile u64 *)(p + pos) != want)
			return pos;
	}
	return -1;
}

static void
sync_and_count(struct __test_metadata *_metadata, const struct flush_case *c,
	       int fd, const char *p, int round, const char *when, unsigned long *n,
	       unsigned long *all)
{
	unsigned long i, clean = 0;
	struct stat st;
	off_t at;
	char *buf;

	if (fsync(fd) || fstat(fd, &st))
		t_bail("fsync");
	if (st.st_size > (off_t)SIZE)
		st.st_size = SIZE;
	trace_read(fd);
	*n = count(c, all);
	for (i = 0; i < NPAGES && !c->huge; i++)
		clean += written[i] && !is_dirty(c, i);
	ASSERT_EQ(0, clean)
		SAY("%s: %lu clean pages were written back", when, clean);

	at = differs(c, p, st.st_size & ~7, round);
	ASSERT_LT(at, 0)
		SAY("%s: mapped at %#lx: %llx", when, (long)at,
		    *(unsigned long long *)(p + at));
	buf = malloc(SIZE);
	if (!buf || pread(fd, buf, SIZE, 0) != st.st_size)
		t_bail("pread");
	at = differs(c, buf, st.st_size & ~7, round);
	free(buf);
	ASSERT_LT(at, 0)
		SAY("%s: read at %#lx", when, (long)at);
}

static const char * const when[] = {
	"flushed", "stored again after it", "stored again after fsync",
};

/* What fsync flushes after the operation; if @again, of what is stored after it, too. */
static void flush(struct __test_metadata *_metadata, const struct flush_case *c,
		  bool again, unsigned long *n, unsigned long *all)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, c->huge);
	u64 faults;

	find_memory(fd);
	trace_clear();
	faults = t_faults();
	store(c, p, again, true);
	faults = t_faults() - faults;
	ASSERT_FALSE(c->huge && faults > 8)
		SAY("no huge pages: %llu faults", (unsigned long long)faults);
	if (do_op(fd, c->op, c->off, c->len)) {
		if (errno == EOPNOTSUPP)
			SKIP(_exit(0), "no shared blocks here");
		ASSERT_TRUE(false)
			SAY("the operation: %s", strerror(errno));
	}

	/*
	 * The operation may flush what it leaves.  If it does, the page
	 * must be able to become dirty again.
	 */
	if (again) {
		trace_clear();
		store(c, p, again, false);
	}
	sync_and_count(_metadata, c, fd, p, again, when[again], &n[again], &all[again]);
	if (again) {
		trace_clear();
		store(c, p, 2, false);
		sync_and_count(_metadata, c, fd, p, 2, when[2], &n[2], &all[2]);
	}
	munmap(p, SIZE);
	close(fd);
}

TEST_F(fsync_after, flushes_the_rest)
{
	unsigned long n[3] = { 0 }, all[3] = { 0 };
	int i;

	flush(_metadata, &variant->c, false, n, all);
	flush(_metadata, &variant->c, true, n, all);
	SAY("%s: %lu of %lu pages; %s: %lu; %s: %lu%s", when[0], n[0], all[0],
	    when[1], n[1], when[2], n[2],
	    flushes_seen ? "" : "; only what fsync flushed was seen");
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(all[i], n[i]);
	}
}

FIXTURE_VARIANT_ADD(fsync_after, punch_of_another_page) {
	.c = { .op = PUNCH, .off = 1000 * PAGE, .len = PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, punch_of_another_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, truncate_by_a_page) {
	.c = { .op = TRUNCATE, .off = SIZE - PAGE, .len = PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, truncate_by_a_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, zero_range_of_another_page) {
	.c = { .op = ZERO, .off = 1000 * PAGE, .len = PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, zero_range_of_another_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, fallocate_inside_the_file) {
	.c = { .op = ALLOC, .off = 1000 * PAGE, .len = PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, fallocate_inside_the_file, flushes_the_rest, "xfs");

FIXTURE_VARIANT_ADD(fsync_after, unaligned_punch) {
	.c = { .op = PUNCH, .off = 120 * PAGE + 1000, .len = 3 * PAGE - 496,
	       .first = 100, .step = 1, .n = 100 },
};

FAILS_ON_BASE(fsync_after, unaligned_punch, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, unaligned_zero_range) {
	.c = { .op = ZERO, .off = 120 * PAGE + 1000, .len = 3 * PAGE - 496,
	       .first = 100, .step = 1, .n = 100 },
};

FAILS_ON_BASE(fsync_after, unaligned_zero_range, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, unaligned_truncate) {
	.c = { .op = TRUNCATE, .off = 160 * PAGE + 2504, .len = SIZE,
	       .first = 100, .step = 1, .n = 100 },
};

FAILS_ON_BASE(fsync_after, unaligned_truncate, flushes_the_rest, "ext4 xfs");

/* Two huge pages, the second of which stays for some of them */

FIXTURE_VARIANT_ADD(fsync_after, punch_in_a_huge_page) {
	.c = { .op = PUNCH, .off = 700 * PAGE, .len = PAGE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, punch_in_a_huge_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, punch_across_huge_pages) {
	.c = { .op = PUNCH, .off = 1000 * PAGE + 104, .len = 50 * PAGE + 1896,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, punch_across_huge_pages, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, zero_range_in_a_huge_page) {
	.c = { .op = ZERO, .off = 700 * PAGE + 104, .len = PAGE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, zero_range_in_a_huge_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, truncate_in_a_huge_page) {
	.c = { .op = TRUNCATE, .off = 1200 * PAGE + 2504, .len = SIZE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, truncate_in_a_huge_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, fallocate_inside_a_huge_page) {
	.c = { .op = ALLOC, .off = 700 * PAGE, .len = PAGE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, fallocate_inside_a_huge_page, flushes_the_rest, "xfs");

FIXTURE_VARIANT_ADD(fsync_after, truncate_at_the_start_of_a_huge_page) {
	.c = { .op = TRUNCATE, .off = 1024 * PAGE + 2504, .len = SIZE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, truncate_at_the_start_of_a_huge_page, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, truncate_upwards) {
	.c = { .op = TRUNCATE, .off = SIZE + PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, truncate_upwards, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, fallocate_past_the_end) {
	.c = { .op = ALLOC, .off = SIZE, .len = PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, fallocate_past_the_end, flushes_the_rest, "xfs");

FIXTURE_VARIANT_ADD(fsync_after, clone_of_another_page) {
	.c = { .op = CLONE, .off = 1000 * PAGE, .len = PAGE,
	       .first = 3, .step = 7, .n = 100 },
};

FAILS_ON_BASE(fsync_after, clone_of_another_page, flushes_the_rest, "xfs");

FIXTURE_VARIANT_ADD(fsync_after, truncate_upwards_huge_pages) {
	.c = { .op = TRUNCATE, .off = SIZE + PAGE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, truncate_upwards_huge_pages, flushes_the_rest, "ext4 xfs");

FIXTURE_VARIANT_ADD(fsync_after, clone_of_a_part_of_a_huge_page) {
	.c = { .op = CLONE, .off = 700 * PAGE, .len = PAGE,
	       .huge = true, .first = PMD_PAGES, .step = 1, .n = 2 * PMD_PAGES },
};

FAILS_ON_BASE(fsync_after, clone_of_a_part_of_a_huge_page, flushes_the_rest, "xfs");

/* Only what is removed must be faulted in again, or what shares its page table. */

FIXTURE_VARIANT(faults_after_punch) {
	unsigned long pages;
};

FIXTURE(faults_after_punch) {
	struct dax_test test;
};

FIXTURE_SETUP(faults_after_punch)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(faults_after_punch)
{
	dax_teardown(_metadata, &self->test);
}

TEST_F(faults_after_punch, pages_mapped)
{
	unsigned long pages = variant->pages, hole = 77;
	u64 faults;
	char *p;
	int fd;

	if (!room_for(pages))
		SKIP(return, "the device is too small");
	fd = t_open_written(dir, FILE_NAME, pages);
	p = t_map_pages(fd, pages, MAP_SHARED, false);
	load_all(p, pages, pages);
	ASSERT_EQ(0, do_op(fd, PUNCH, hole * PAGE, PAGE));
	faults = t_faults();
	load_all(p, pages, hole);
	faults = t_faults() - faults;
	SAY("%llu of %lu pages had to be faulted in again, %lu are allowed",
	    (unsigned long long)faults, pages - 1, PMD_PAGES);
	ASSERT_LE(faults, PMD_PAGES);
}

FAILS_ON_BASE(faults_after_punch, all, pages_mapped, "ext4 xfs");

FIXTURE_VARIANT_ADD(faults_after_punch, 1024) {
	.pages = 1024,
};

FIXTURE_VARIANT_ADD(faults_after_punch, 4096) {
	.pages = 4096,
};

FIXTURE_VARIANT_ADD(faults_after_punch, 16384) {
	.pages = 16384,
};

FIXTURE_VARIANT_ADD(faults_after_punch, 65536) {
	.pages = 65536,
};

DAX_HARNESS_MAIN
