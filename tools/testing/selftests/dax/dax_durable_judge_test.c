// SPDX-License-Identifier: GPL-2.0
/*
 * The judge of dax_durable, and the parser of its trace, on histories made up.
 * Needs neither DAX nor root.
 *
 * A history is right, and may look wrong, or one thing in it is wrong.  What the
 * judge distinguishes has one of either kind.
 */
#include "kselftest_harness.h"
#include "dax_durable_trace.h"

#define KB		1024UL
#define MB		(1024 * KB)
#define PAGE		(4 * KB)
#define SIZE		(12 * MB)
#define MEDIUM		(5UL << 30)		/* where the file is */
#define DIRECT_MAP	0xffff888000000000ULL

/* Threads */
enum { A = 101, B, C };

/* The history of this test, which is a process of its own */
static struct rec recs[2][8];
static struct log logs[2] = { { .rec = recs[0] }, { .rec = recs[1] } };
static struct event events[160];
static struct history h = {
	.log = logs, .nlogs = 2, .event = events, .direct_map = DIRECT_MAP,
};
static struct verdict v;
static char why[256];

FIXTURE(judge)
{
};

FIXTURE_SETUP(judge)
{
	memset(&v, 0xff, sizeof(v));
}

FIXTURE_TEARDOWN(judge)
{
	free(h.flush);
}

/* All times are microseconds, here, and blocks do not move unless a test says so. */
static struct rec *op(enum kind kind, pid_t tid, uint64_t from, uint64_t to,
		      uint64_t begin, uint64_t end)
{
	struct log *log = &logs[tid == B];
	struct rec *r = &log->rec[log->n++];

	*r = (struct rec) {
		.kind = kind, .tid = tid, .from = from, .to = to,
		.begin = begin * 1000, .end = end * 1000,
	};
	return r;
}

static struct rec *store(uint64_t off, uint64_t at)
{
	struct rec *r = op(STORE, C, off, off + 8, at, at + 1);

	r->phys = MEDIUM + off;
	r->placed = r->end + 1000;
	return r;
}

static void sync_range(pid_t tid, uint64_t from, uint64_t to, uint64_t begin, uint64_t end)
{
	op(SYNC, tid, from, to, begin, end);
}

static void sync_file(pid_t tid, uint64_t begin, uint64_t end)
{
	sync_range(tid, 0, SIZE, begin, end);
}

/* Punch, truncate and the like */
static void cut(uint64_t from, uint64_t to, uint64_t begin, uint64_t end)
{
	op(CUT, C, from, to, begin, end);
}

static void flush_begins(pid_t tid, uint64_t off, uint64_t len, uint64_t at)
{
	events[h.nevents++] = (struct event) {
		.begin = true, .tid = tid, .us = at,
		.addr = DIRECT_MAP + MEDIUM + off, .len = len,
	};
}

static void flush_ends(pid_t tid, uint64_t at)
{
	events[h.nevents++] = (struct event) { .tid = tid, .us = at };
}

static void flush(pid_t tid, uint64_t off, uint64_t len, uint64_t begin, uint64_t end)
{
	flush_begins(tid, off, len, begin);
	flush_ends(tid, end);
}

/* What is not named must not have been counted. */
#define EXPECT_VERDICT(...) do {						\
	struct verdict want = { __VA_ARGS__ };					\
										\
	ASSERT_TRUE(judge(&h, &v, why, sizeof(why))) TH_LOG("%s", why);		\
	EXPECT_EQ(want.judged, v.judged);					\
	EXPECT_EQ(want.lost, v.lost);						\
	EXPECT_EQ(want.late, v.late);						\
	EXPECT_EQ(want.marked, v.marked);					\
	EXPECT_EQ(want.removed, v.removed);					\
	EXPECT_EQ(want.unplaced, v.unplaced);					\
	EXPECT_EQ(want.lost + want.late > 0, v.first[0] != 0);			\
} while (0)

#define EXPECT_TOLD(text)	EXPECT_NE(NULL, strstr(v.first, text))

#define EXPECT_VOID(reason) do {						\
	EXPECT_FALSE(judge(&h, &v, why, sizeof(why)));				\
	EXPECT_STREQ(reason, why);						\
} while (0)

/* ---- which flush counts ---- */

TEST_F(judge, flushed_in_time)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, PAGE, PAGE, 25, 30);
	EXPECT_VERDICT(.judged = 1);
}

TEST_F(judge, never_flushed)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
	EXPECT_TOLD("lost: offset 1000 stored to at 0.011 ms, synced by 101 ");
	EXPECT_TOLD("from 0.020 to 0.040 ms, flushed never");
}

TEST_F(judge, flushed_before_the_sync)
{
	store(PAGE, 10);
	flush(B, PAGE, PAGE, 12, 15);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1);
}

TEST_F(judge, flushed_before_the_store)
{
	flush(A, PAGE, PAGE, 2, 5);
	store(PAGE, 10);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
	EXPECT_TOLD("flushed never");
}

/* The flush has begun, the page is writable, and nobody cleans it again. */
TEST_F(judge, stored_during_the_flush)
{
	sync_file(A, 2, 18);
	flush(A, PAGE, PAGE, 5, 15);
	store(PAGE, 10);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

/* Of a store nobody knows more than between which times it was. */
TEST_F(judge, flushed_while_stored_to)
{
	store(PAGE, 10)->end = 18000;
	flush(A, PAGE, PAGE, 12, 15);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1);
}

TEST_F(judge, another_block_flushed)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, 0, PAGE, 21, 22);
	flush(A, 2 * PAGE, PAGE, 23, 24);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

/* The same offset in the next huge page */
TEST_F(judge, another_huge_page_flushed)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, 2 * MB, 2 * MB, 21, 30);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
	EXPECT_EQ(1, v.huge);
}

TEST_F(judge, huge_page_flushed)
{
	store(4 * MB - 8, 10);
	sync_file(A, 20, 40);
	flush(A, 2 * MB, 2 * MB, 21, 30);
	EXPECT_VERDICT(.judged = 1);
	EXPECT_EQ(1, v.huge);
}

TEST_F(judge, part_of_a_huge_page_flushed)
{
	store(3 * MB, 10);
	sync_file(A, 20, 40);
	flush(A, 2 * MB, MB, 21, 25);
	flush(A, 3 * MB + PAGE, MB - PAGE, 25, 30);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
	EXPECT_EQ(0, v.huge);
}

TEST_F(judge, half_of_the_store_flushed)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, 0, PAGE + 4, 21, 25);
	flush(A, PAGE + 4, PAGE - 4, 25, 30);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

/* The page was copied or moved, and the flush is of where it has been. */
TEST_F(judge, old_block_flushed)
{
	store(PAGE, 10)->phys = MEDIUM + 8 * MB;
	sync_file(A, 20, 40);
	flush(A, PAGE, PAGE, 21, 22);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

TEST_F(judge, new_block_flushed)
{
	store(PAGE, 10)->phys = MEDIUM + 8 * MB;
	sync_file(A, 20, 40);
	flush(A, 8 * MB, PAGE, 21, 22);
	EXPECT_VERDICT(.judged = 1);
}

/* The block came from another offset, with which it was flushed. */
TEST_F(judge, reused_block)
{
	store(PAGE, 1);
	sync_file(A, 3, 9);
	flush(A, PAGE, PAGE, 4, 6);
	cut(PAGE, 2 * PAGE, 10, 12);
	store(MB, 14)->phys = MEDIUM + PAGE;
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 2, .lost = 1);
	EXPECT_TOLD("offset 100000 ");
}

/* Of many flushes in many places the one that counts is found. */
TEST_F(judge, flushes_in_no_order_of_place)
{
	uint64_t i;

	store(2 * MB, 10);
	store(6 * MB, 10);
	sync_file(A, 20, 90);
	for (i = 0; i < 6; i++)
		flush(A, (10 - 2 * i) * MB, PAGE, 21 + 4 * i, 23 + 4 * i);
	EXPECT_VERDICT(.judged = 2);
}

/* The kernel's microseconds may be up to one too early or too late. */
TEST_F(judge, rounded_in_favour_of_the_kernel)
{
	store(PAGE, 10)->begin += 900;
	sync_file(A, 20, 40);
	flush(A, PAGE, PAGE, 10, 41);
	EXPECT_VERDICT(.judged = 1);
}

TEST_F(judge, rounded_no_further)
{
	store(PAGE, 10)->begin += 100;
	store(2 * PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, PAGE, PAGE, 9, 30);
	flush(A, 2 * PAGE, PAGE, 31, 42);
	EXPECT_VERDICT(.judged = 2, .lost = 1, .late = 1);
}

/* Neither flush is known to have begun in time, but one may have ended in time. */
TEST_F(judge, rounded_whichever_flush_it_is)
{
	store(PAGE, 10);
	op(SYNC, A, 0, SIZE, 20, 40)->end += 500;
	flush_begins(B, PAGE, PAGE, 40);
	flush(A, PAGE, PAGE, 40, 41);
	flush_ends(B, 60);
	EXPECT_VERDICT(.judged = 1);
}

/* ---- what was promised ---- */

TEST_F(judge, nobody_syncs)
{
	store(PAGE, 10);
	EXPECT_VERDICT();
}

TEST_F(judge, synced_before_the_store_was_over)
{
	store(PAGE, 10)->end = 25000;
	sync_file(A, 20, 40);
	EXPECT_VERDICT();
}

TEST_F(judge, synced_right_after_the_store)
{
	store(PAGE, 10)->end = 20000;
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

TEST_F(judge, other_ranges_synced)
{
	store(PAGE, 10);
	sync_range(A, 0, PAGE, 20, 30);
	sync_range(A, 2 * PAGE, SIZE, 30, 40);
	EXPECT_VERDICT();
}

TEST_F(judge, only_its_range_synced)
{
	store(PAGE, 10);
	store(2 * PAGE - 8, 12);
	sync_range(A, PAGE, 2 * PAGE, 20, 30);
	EXPECT_VERDICT(.judged = 2, .lost = 2);
	EXPECT_TOLD("offset 1000 ");
}

/* What has returned first has promised first. */
TEST_F(judge, flushed_by_the_next_sync)
{
	store(PAGE, 10);
	sync_file(A, 50, 70);
	sync_file(B, 20, 40);
	flush(A, PAGE, PAGE, 55, 60);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
	EXPECT_TOLD("lost: offset 1000 stored to at 0.011 ms, synced by 102 ");
	EXPECT_TOLD("from 0.020 to 0.040 ms, flushed by 101 from 0.056 to 0.059 ms (4 KiB)");
}

TEST_F(judge, times_from_the_epoch)
{
	h.epoch = 8000;
	store(PAGE, 10);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
	EXPECT_TOLD("from 0.012 to 0.032 ms");
}

/* ---- lost, late and marked ---- */

TEST_F(judge, flush_is_under_way_at_the_return)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(C, PAGE, PAGE, 30, 50);
	EXPECT_VERDICT(.judged = 1, .late = 1);
	EXPECT_TOLD("late: ");
}

/* One was late, but the next one was not. */
TEST_F(judge, flushed_twice)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush_begins(B, PAGE, PAGE, 25);
	flush(A, PAGE, PAGE, 28, 32);
	flush_ends(B, 50);
	EXPECT_VERDICT(.judged = 1);
}

/* Which is told of is the first. */
TEST_F(judge, flushed_twice_too_late)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(C, PAGE, PAGE, 30, 50);
	flush(C, PAGE, PAGE, 60, 70);
	EXPECT_VERDICT(.judged = 1, .late = 1);
	EXPECT_TOLD("from 0.031 to 0.049 ms");
}

TEST_F(judge, flushed_by_a_sync_at_the_same_time)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	sync_file(B, 30, 70);
	flush(B, PAGE, PAGE, 50, 60);
	EXPECT_VERDICT(.judged = 1, .late = 1);
}

TEST_F(judge, flushed_after_a_sync_at_the_same_time)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	sync_file(B, 30, 70);
	flush(B, PAGE, PAGE, 80, 90);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

TEST_F(judge, flushed_by_another_than_the_sync_at_the_same_time)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	sync_file(B, 30, 70);
	flush(C, PAGE, PAGE, 50, 60);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

/* A has flushed another page before B began, and therefore marked all of them. */
TEST_F(judge, mark_taken_away)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, MB, PAGE, 22, 24);
	sync_file(B, 30, 70);
	flush(B, PAGE, PAGE, 50, 60);
	EXPECT_VERDICT(.judged = 1, .late = 1, .marked = 1);
}

TEST_F(judge, marked_after_the_other_began)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	sync_file(B, 30, 70);
	flush(A, MB, PAGE, 35, 37);
	flush(B, PAGE, PAGE, 50, 60);
	EXPECT_VERDICT(.judged = 1, .late = 1);
}

TEST_F(judge, marked_by_the_call_before)
{
	store(PAGE, 10);
	flush(A, MB, PAGE, 15, 18);
	sync_file(A, 20, 40);
	sync_file(B, 30, 70);
	flush(B, PAGE, PAGE, 50, 60);
	EXPECT_VERDICT(.judged = 1, .late = 1);
}

TEST_F(judge, marked_by_a_third)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(C, MB, PAGE, 22, 24);
	sync_file(B, 30, 70);
	flush(B, PAGE, PAGE, 50, 60);
	EXPECT_VERDICT(.judged = 1, .late = 1);
}

/* It is late because of somebody who does not sync. */
TEST_F(judge, marked_and_not_taken_away)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, MB, PAGE, 22, 24);
	flush(C, PAGE, PAGE, 30, 60);
	EXPECT_VERDICT(.judged = 1, .late = 1);
}

/* The same, and he syncs later. */
TEST_F(judge, marked_and_synced_after_the_flush)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, MB, PAGE, 22, 24);
	flush(B, PAGE, PAGE, 30, 60);
	sync_file(B, 65, 70);
	EXPECT_VERDICT(.judged = 1, .late = 1);
}

/* ---- what is removed, and what is nowhere ---- */

TEST_F(judge, removed_before_the_sync)
{
	store(PAGE, 10);
	cut(0, SIZE, 13, 15);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.removed = 1);
}

TEST_F(judge, removed_while_stored_to)
{
	cut(0, SIZE, 5, 10);
	store(PAGE, 10);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.removed = 1);
}

TEST_F(judge, removed_while_the_sync_returns)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	cut(0, SIZE, 40, 45);
	EXPECT_VERDICT(.removed = 1);
}

/* By the time its place was looked up, it may have been another one. */
TEST_F(judge, removed_before_it_was_found)
{
	store(PAGE, 10)->placed = 60000;
	sync_file(A, 20, 40);
	cut(0, SIZE, 50, 55);
	EXPECT_VERDICT(.removed = 1);
}

TEST_F(judge, stored_into_a_hole)
{
	cut(0, SIZE, 5, 9);
	store(PAGE, 10);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

TEST_F(judge, removed_after_the_return)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	cut(0, SIZE, 41, 45);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

/* A truncation that begins behind it, and a punch that ends before it */
TEST_F(judge, neighbours_removed)
{
	store(PAGE, 10);
	cut(0, PAGE, 13, 15);
	cut(PAGE + 8, SIZE, 15, 17);
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.judged = 1, .lost = 1);
}

TEST_F(judge, place_unknown)
{
	store(PAGE, 10)->phys = 0;
	sync_file(A, 20, 40);
	EXPECT_VERDICT(.unplaced = 1);
}

/* All are counted, once each, whoever has written them down. */
TEST_F(judge, many_stores)
{
	store(PAGE, 10);
	store(2 * PAGE, 12);
	store(3 * PAGE, 14);
	store(4 * PAGE, 16);
	sync_file(B, 20, 40);
	cut(4 * PAGE, 5 * PAGE, 18, 19);
	flush(B, 2 * PAGE, PAGE, 24, 26);
	flush(B, 3 * PAGE, PAGE, 28, 50);
	EXPECT_VERDICT(.judged = 3, .lost = 1, .late = 1, .removed = 1);
	EXPECT_EQ(1, v.syncs);
	EXPECT_EQ(1, v.cuts);
	EXPECT_EQ(2, h.nflush);
}

/* ---- begins and ends ---- */

/* Two CPUs: the second begins and ends within the first, or outlasts it. */
TEST_F(judge, two_flush_at_once)
{
	store(PAGE, 10);
	store(MB, 10);
	sync_file(A, 20, 40);
	flush_begins(A, PAGE, PAGE, 22);
	flush_begins(B, MB, PAGE, 23);
	flush_ends(A, 25);
	flush_ends(B, 60);
	EXPECT_VERDICT(.judged = 2, .late = 1);
	EXPECT_TOLD("offset 100000 ");
}

TEST_F(judge, three_flush_at_once)
{
	store(PAGE, 10);
	store(MB, 10);
	store(2 * MB, 10);
	sync_file(A, 20, 40);
	flush_begins(A, PAGE, PAGE, 22);
	flush_begins(B, MB, PAGE, 23);
	flush_begins(C, 2 * MB, PAGE, 24);
	flush_ends(B, 25);
	flush_ends(A, 26);
	flush_ends(C, 60);
	EXPECT_VERDICT(.judged = 3, .late = 1);
	EXPECT_TOLD("offset 200000 ");
}

/* It was under way when the trace began. */
TEST_F(judge, end_without_begin)
{
	flush_ends(B, 1);
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, PAGE, PAGE, 25, 30);
	EXPECT_VERDICT(.judged = 1);
	EXPECT_EQ(1, h.nflush);
}

TEST_F(judge, begin_without_end)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush_begins(A, PAGE, PAGE, 25);
	EXPECT_VOID("1 flushes have no end");
}

/* The trace of one CPU was merged wrongly into that of another. */
TEST_F(judge, end_before_begin)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush_ends(A, 30);
	flush_begins(A, PAGE, PAGE, 25);
	EXPECT_VOID("1 flushes have no end");
}

TEST_F(judge, as_many_at_once_as_are_followed)
{
	int i;

	for (i = 0; i < 64; i++)
		flush_begins(A + i, i * PAGE, PAGE, 25);
	for (i = 0; i < 64; i++)
		flush_ends(A + i, 30);
	EXPECT_VERDICT();
	EXPECT_EQ(64, h.nflush);
}

TEST_F(judge, more_at_once_than_are_followed)
{
	int i;

	for (i = 0; i < 65; i++)
		flush_begins(A + i, i * PAGE, PAGE, 25);
	for (i = 0; i < 65; i++)
		flush_ends(A + i, 30);
	EXPECT_VOID("more than 64 flushes at once");
}

/* Even if all is well with what is left. */
TEST_F(judge, events_lost)
{
	store(PAGE, 10);
	sync_file(A, 20, 40);
	flush(A, PAGE, PAGE, 25, 30);
	h.lost = 1;
	EXPECT_VOID("1 events lost");
}

/* ---- copies of shared blocks ---- */

#define EXPECT_COPY(flushed, count) do {					\
	uint64_t bytes;								\
										\
	ASSERT_TRUE(pair_events(&h, why, sizeof(why)));				\
	EXPECT_EQ(flushed, copy_flushed(&h, A, PAGE, &bytes));			\
	EXPECT_EQ(count, bytes);						\
} while (0)

TEST_F(judge, copy_not_flushed)
{
	EXPECT_COPY(false, 0);
}

TEST_F(judge, copy_flushed)
{
	flush(A, 0, PAGE, 20, 30);
	EXPECT_COPY(true, PAGE);
}

/* Around what is written past the caches */
TEST_F(judge, copy_flushed_in_parts)
{
	flush(A, 0, 128, 20, 22);
	flush(A, 192, PAGE - 192, 22, 30);
	EXPECT_COPY(true, PAGE - 64);
}

TEST_F(judge, copy_flushed_too_little)
{
	flush(A, 0, PAGE - 72, 20, 30);
	EXPECT_COPY(false, PAGE - 72);
}

TEST_F(judge, copy_flushed_by_another)
{
	flush(B, 0, PAGE, 20, 30);
	EXPECT_COPY(false, 0);
}

/* ---- lines of the trace ---- */

static bool parsed(const char *text, struct event *ev)
{
	char line[256];

	snprintf(line, sizeof(line), "%s", text);
	return trace_parse(line, ev);
}

TEST(line_begin)
{
	const char *line =
		"a-task-4711 [001] ...1. 12.345678: flush: (f) addr=0xffff888140201000 size=4096\n";
	struct event ev;

	ASSERT_TRUE(parsed(line, &ev));
	EXPECT_TRUE(ev.begin);
	EXPECT_EQ(4711, ev.tid);
	EXPECT_EQ(12345678, ev.us);
	EXPECT_EQ(0xffff888140201000ULL, ev.addr);
	EXPECT_EQ(4096, ev.len);
}

TEST(line_end)
{
	struct event ev;

	ASSERT_TRUE(parsed("  x-22  [000] ...1. 3.000007: flushed: (g+0x2/0x3 <- f)\n", &ev));
	EXPECT_FALSE(ev.begin);
	EXPECT_EQ(22, ev.tid);
	EXPECT_EQ(3000007, ev.us);
}

TEST(line_not_understood)
{
	static const char * const lines[] = {
		"CPU:1 [LOST 12 EVENTS]\n",
		"x-1 [000] ...1. 3.000007: write: (f+0x0/0x4) addr=0x1 size=8\n",
		"x-1 [000] ...1. soon: flush: (f+0x0/0x4) addr=0x1 size=8\n",
		"x-1 [000] ...1. 3.000007: flush: (f+0x0/0x4) addr=0x1\n",
		"x-1 [000] ...1. 3.000007: flush: (f+0x0/0x4) size=8\n",
		"x-1 3.000007: flush: (f+0x0/0x4) addr=0x1 size=8\n",
		"x-y [000] ...1. 3.000007: flush: (f+0x0/0x4) addr=0x1 size=8\n",
	};
	struct event ev;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++)
		EXPECT_FALSE(parsed(lines[i], &ev)) TH_LOG("line %zu", i);
}

TEST_HARNESS_MAIN
