// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong only on kernels with break-locks.patch: layouts that are not
 * broken, copies that fail, slow faults.
 *
 *	dax_knobs [options of the harness] DIR
 */
#include "dax_trace.h"

static const char * const knobs[] = { "skip_break", "fail_copy", "fail_end", "delay_fault" };

static bool set_knob(const char *name, const char *to)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/dax/parameters/%s", name);
	return t_put(path, to);
}

/* All, as a test that was killed may have left one on */
static void knobs_off(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		set_knob(knobs[i], "0");
}

static void knob_setup(struct __test_metadata *_metadata, struct dax_test *test,
		       const char *knob)
{
	knobs_off();
	if (!set_knob(knob, "0"))
		SKIP(_exit(0), "this kernel has no dax.%s", knob);
	dax_setup(test);
	if (!set_knob(knob, "1"))
		t_bail("%s cannot be set", knob);
}

static void knob_teardown(struct __test_metadata *_metadata, struct dax_test *test)
{
	dax_teardown(_metadata, test);
	knobs_off();
}

FIXTURE(fail_copy) {
	struct dax_test test;
};

FIXTURE_SETUP(fail_copy)
{
	knob_setup(_metadata, &self->test, "fail_copy");
	trace_setup();
}

FIXTURE_TEARDOWN_PARENT(fail_copy)
{
	knob_teardown(_metadata, &self->test);
	trace_end();
}

/* The copy that a store to shared blocks makes fails. */
static void copy_fails(struct __test_metadata *_metadata, bool huge)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open(dir, CLONE_NAME, 0);
	u64 v = 77, faults;
	unsigned long i;
	char *p;

	if (pwrite(fd, &v, 8, 5 * PAGE) != 8)
		t_bail("pwrite");
	clone_file(_metadata, to, fd);
	p = t_map_pages(fd, NPAGES, MAP_SHARED, huge);
	if (fsync(fd))
		t_bail("fsync");
	trace_clear();
	ASSERT_FALSE(t_store(p + 5 * PAGE, 1))
		SAY("a store goes to blocks that nothing was copied to");
	ASSERT_EQ(0, fsync(fd))
		SAY("fsync: %s", strerror(errno));
	trace_read(fd);
	ASSERT_FALSE(written[5])
		SAY("fsync flushes blocks that the file has not got");
	ASSERT_TRUE(t_load(p + 5 * PAGE, &v) && v == 77)
		SAY("SIGBUS, or %llu, for what was there", (unsigned long long)v);

	/* Was it a huge fault?  Those next to it are, when copying works. */
	set_knob("fail_copy", "0");
	faults = t_faults();
	for (i = 0; i < PMD_PAGES; i++)
		*(volatile u64 *)(p + PMD + i * PAGE) = i;
	faults = t_faults() - faults;
	ASSERT_EQ(huge, faults <= 8)
		SAY("%llu faults in 2 MiB", (unsigned long long)faults);
	SAY("SIGBUS, and nothing is changed");
}

TEST_F(fail_copy, store_to_shared_blocks_the_copy_fails)
{
	copy_fails(_metadata, false);
}

TEST_F(fail_copy, store_to_shared_huge_blocks_the_copy_fails)
{
	copy_fails(_metadata, true);
}

FIXTURE(fail_end) {
	struct dax_test test;
};

FIXTURE_SETUP(fail_end)
{
	knob_setup(_metadata, &self->test, "fail_end");
}

FIXTURE_TEARDOWN_PARENT(fail_end)
{
	knob_teardown(_metadata, &self->test);
}

/* The copy is made, but does not become the file's. */
static void end_fails(struct __test_metadata *_metadata, bool huge)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open(dir, CLONE_NAME, 0);
	u64 v = 77, w;
	char *p;

	if (pwrite(fd, &v, 8, 5 * PAGE) != 8)
		t_bail("pwrite");
	clone_file(_metadata, to, fd);
	p = t_map_pages(fd, NPAGES, MAP_SHARED, huge);
	if (!t_load(p + 5 * PAGE, &v) || v != 77)
		t_bail("SIGBUS");
	ASSERT_FALSE(t_store(p + 5 * PAGE, 1))
		SAY("a store goes to blocks that are not the file's");
	ASSERT_TRUE(pwrite(fd, &w, 8, 5 * PAGE) == -1 && errno == EIO)
		SAY("write(2) reports nothing");
	set_knob("fail_end", "0");
	ASSERT_TRUE(t_load(p + 5 * PAGE, &v) && v == 77 &&
		    pread(to, &w, 8, 5 * PAGE) == 8 && w == 77)
		SAY("SIGBUS, or %llu, for what was there", (unsigned long long)v);
	ASSERT_TRUE(t_store(p + 5 * PAGE, 78) && pread(fd, &v, 8, 5 * PAGE) == 8 && v == 78)
		SAY("no store afterwards");
	SAY("SIGBUS, and nothing is changed");
}

TEST_F(fail_end, store_to_shared_blocks_the_end_fails)
{
	end_fails(_metadata, false);
}

TEST_F(fail_end, store_to_shared_huge_blocks_the_end_fails)
{
	end_fails(_metadata, true);
}

FIXTURE(delay_fault) {
	struct dax_test test;
};

FIXTURE_SETUP(delay_fault)
{
	knob_setup(_metadata, &self->test, "delay_fault");
}

FIXTURE_TEARDOWN_PARENT(delay_fault)
{
	knob_teardown(_metadata, &self->test);
}

/* A store to a page that is mapped for reading waits for another fault on it. */
TEST_F(delay_fault, store_to_a_page_that_is_read_killed)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), status;
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	pid_t slow, pid;
	u64 v;

	pid = t_start();
	if (!pid) {
		t_load(p + 5 * PAGE, &v);
		sh->touched = 1;
		while (!sh->stop)
			;
		t_store(p + 5 * PAGE, 1);
		_exit(0);
	}
	ASSERT_TRUE(comes(&sh->touched, 3000))
		SAY("no load");
	set_knob("delay_fault", "4000");
	slow = t_start();
	if (!slow) {
		prctl(PR_SET_NAME, "slow");
		t_store(p + 5 * PAGE, 2);
		_exit(0);
	}
	ASSERT_TRUE(waits(slow))
		SAY("the slow one does not wait");
	sh->stop = 1;
	ASSERT_TRUE(waits(pid))
		SAY("does not wait");
	kill(pid, SIGKILL);
	ASSERT_TRUE(t_ends(pid, 2000, &status))
		SAY("alive 2 s after SIGKILL");
	SAY("dead");
}

/*
 * Truncation of pages whose layout nobody has broken: the kernel says so, once,
 * and does it all the same.
 */
FIXTURE_VARIANT(skip_break) {
	enum op op;
	bool huge, pinned;
};

FIXTURE(skip_break) {
	struct dax_test test;
};

FIXTURE_SETUP(skip_break)
{
	knob_setup(_metadata, &self->test, "skip_break");
	sh->warns = " at dax_truncate_range+";
}

FIXTURE_TEARDOWN_PARENT(skip_break)
{
	knob_teardown(_metadata, &self->test);
}

FIXTURE_VARIANT_ADD(skip_break, punch) {
	.op = PUNCH,
};

FIXTURE_VARIANT_ADD(skip_break, truncate) {
	.op = TRUNCATE,
};

FIXTURE_VARIANT_ADD(skip_break, punch_in_a_huge_page) {
	.op = PUNCH, .huge = true,
};

FIXTURE_VARIANT_ADD(skip_break, truncate_in_a_huge_page) {
	.op = TRUNCATE, .huge = true,
};

FIXTURE_VARIANT_ADD(skip_break, punch_of_a_pinned_page) {
	.op = PUNCH, .pinned = true,
};

FIXTURE_VARIANT_ADD(skip_break, truncate_of_a_pinned_page) {
	.op = TRUNCATE, .pinned = true,
};

TEST_F(skip_break, layout_not_broken)
{
	bool cut = variant->op == TRUNCATE, waited;
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, variant->huge);
	u64 v, faults = t_faults();
	unsigned int i;
	pid_t pid;

	for (i = 0; i < 16; i++)
		*(volatile u64 *)(p + i * PAGE) = i + 1;
	faults = t_faults() - faults;
	ASSERT_EQ(variant->huge, faults <= 8)
		SAY("%llu faults in 64 KiB", (unsigned long long)faults);
	if (variant->pinned)
		pin(p + 8 * PAGE);
	pid = t_start();
	if (!pid)	/* twice, to be reported once */
		_exit(do_op(fd, variant->op, 12 * PAGE, 2 * PAGE) ||
		      do_op(fd, variant->op, 8 * PAGE, 4 * PAGE));
	if (variant->pinned) {
		waited = waits(pid);
		unpin();
		ASSERT_TRUE(waited)
			SAY("does not wait for a page in use");
	}
	ASSERT_TRUE(t_ends(pid, 5000, &status) && !status)
		SAY("does not end well");
	ASSERT_FALSE(cut && ftruncate(fd, SIZE))
		SAY("ftruncate: %s", strerror(errno));
	for (i = 0; i < 16; i++) {
		bool gone = i >= 8 && (cut || i < 14);

		ASSERT_TRUE(t_load(p + i * PAGE, &v) && v == (gone ? 0 : i + 1))
			SAY("page %u: %llu", i, (unsigned long long)v);
		*(volatile u64 *)(p + i * PAGE) = i + 100;
	}
	ASSERT_EQ(0, fsync(fd))
		SAY("fsync: %s", strerror(errno));
	for (i = 0; i < 16; i++) {
		ASSERT_TRUE(pread(fd, &v, 8, i * PAGE) == 8 && v == i + 100)
			SAY("page %u, stored to again: %llu", i,
			    (unsigned long long)v);
	}
	SAY("done, and reported");
}

DAX_HARNESS_MAIN
