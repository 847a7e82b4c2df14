// SPDX-License-Identifier: GPL-2.0
/*
 * What a DAX mapping must do, one thing at a time: SIGBUS past EOF, zeroes in
 * holes, private copies, MAP_SYNC, huge pages, and each operation that unmaps
 * pages of a mapped file.  A lock that is taken twice hangs here: each case has
 * a minute.
 *
 *	dax_func DIR
 */
#include "dax_util.h"
#include <linux/fs.h>

#ifndef FALLOC_FL_COLLAPSE_RANGE
#define FALLOC_FL_COLLAPSE_RANGE 0x08
#endif
#ifndef FALLOC_FL_INSERT_RANGE
#define FALLOC_FL_INSERT_RANGE 0x20
#endif
#ifndef FALLOC_FL_UNSHARE_RANGE
#define FALLOC_FL_UNSHARE_RANGE 0x40
#endif

#define NPAGES	(2 * PMD / PAGE)
#define SIZE	(NPAGES * PAGE)

static const char *dir;
static int fd;
static char *p;				/* MAP_SHARED */

static u64 tag(long i) { return 0xda000000 + i; }

static bool fill(char *m)
{
	long i;

	for (i = 0; i < (long)NPAGES; i++)
		CHECK(t_store(m + i * PAGE, tag(i)), "SIGBUS at page %ld", i);
	return true;
}

/* What page i of mapping m has, and of the file */
static bool is(char *m, long i, u64 want)
{
	u64 v = 0, r = 0;

	CHECK(t_load(m + i * PAGE, &v), "SIGBUS at page %ld", i);
	CHECK(v == want, "page %ld mapped: %llx instead of %llx", i,
	      (unsigned long long)v, (unsigned long long)want);
	CHECK(pread(fd, &r, 8, i * PAGE) == 8 && r == want,
	      "page %ld read: %llx instead of %llx", i,
	      (unsigned long long)r, (unsigned long long)want);
	return true;
}

#define IS(m, i, want) do { if (!is(m, i, want)) return false; } while (0)

static bool eof(char *m, long i)
{
	u64 v;

	CHECK(!t_load(m + i * PAGE, &v), "page %ld past EOF can be read", i);
	CHECK(!t_store(m + i * PAGE, 1), "page %ld past EOF can be written", i);
	return true;
}

static bool f_eof(void)
{
	if (!fill(p))
		return false;
	CHECK(!ftruncate(fd, 700 * PAGE), "ftruncate");
	if (!eof(p, 700) || !eof(p, 1023))
		return false;
	IS(p, 699, tag(699));
	CHECK(!ftruncate(fd, SIZE), "ftruncate");
	IS(p, 699, tag(699));
	IS(p, 700, 0);
	IS(p, 1023, 0);
	CHECK(!ftruncate(fd, 0), "ftruncate");
	return eof(p, 0) && eof(p, 511) && eof(p, 699);
}

static bool f_tail(void)
{
	u64 v;

	CHECK(t_store(p + 2 * PAGE, 1) && t_store(p + 2 * PAGE + 2048, 2), "SIGBUS");
	CHECK(!ftruncate(fd, 2 * PAGE + 100), "ftruncate");
	CHECK(t_load(p + 2 * PAGE + 2048, &v) && !v, "the tail of the last page is not zero");
	CHECK(!ftruncate(fd, SIZE), "ftruncate");
	CHECK(t_load(p + 2 * PAGE, &v) && v == 1, "the head of the last page is lost");
	CHECK(t_load(p + 2 * PAGE + 2048, &v) && !v, "old data where the file grew");
	return true;
}

static bool f_cow(void)
{
	char *m = t_map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
	u64 v;

	CHECK(m, "mmap");
	if (!fill(p))
		return false;
	CHECK(t_store(m + 5 * PAGE, 55) && t_store(m + 600 * PAGE, 66), "SIGBUS");
	IS(p, 5, tag(5));
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4 * PAGE,
			 3 * PAGE), "punch");
	IS(p, 5, 0);
	CHECK(t_load(m + 5 * PAGE, &v) && v == 55, "punch took a private copy");
	CHECK(t_load(m + 4 * PAGE, &v) && !v, "stale page in a private mapping");
	CHECK(!ftruncate(fd, 600 * PAGE), "ftruncate");
	CHECK(!t_load(m + 600 * PAGE, &v), "private copy outlives truncate");
	CHECK(!t_store(m + 600 * PAGE, 1), "private store past EOF");
	CHECK(!t_store(m + 601 * PAGE, 1), "private store past EOF");
	CHECK(!ftruncate(fd, SIZE), "ftruncate");
	CHECK(t_load(m + 600 * PAGE, &v) && !v, "private copy came back");
	munmap(m, SIZE);
	return true;
}

static bool f_sync(void)
{
	char *m = t_map(fd, SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED_VALIDATE | MAP_SYNC, 0);

	CHECK(m, "mmap");
	if (!fill(m))
		return false;
	IS(p, 0, tag(0));
	IS(p, 513, tag(513));
	CHECK(!ftruncate(fd, 500 * PAGE), "ftruncate");
	if (!eof(m, 500) || !eof(m, 1000))
		return false;
	CHECK(!ftruncate(fd, SIZE), "ftruncate");
	CHECK(t_store(m + 1000 * PAGE, 7), "SIGBUS");
	IS(p, 1000, 7);
	IS(m, 999, 0);
	munmap(m, SIZE);
	return true;
}

static bool f_huge(void)
{
	u64 faults;
	long i;

	CHECK(!fallocate(fd, 0, 0, SIZE), "fallocate");
	faults = t_faults();
	if (!fill(p))
		return false;
	faults = t_faults() - faults;
	CHECK(faults <= 64, "%llu faults for %lu pages", (unsigned long long)faults, NPAGES);
	/* Part of a huge page goes; the rest stays. */
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100 * PAGE,
			 PAGE), "punch");
	CHECK(!ftruncate(fd, 700 * PAGE), "ftruncate");
	for (i = 0; i < 700; i++)
		IS(p, i, i == 100 ? 0 : tag(i));
	return eof(p, 700);
}

static bool f_zero_huge(void)
{
	u64 v, faults = t_faults();
	long i;

	/* A huge zero page, then a page into it */
	for (i = 0; i < 512; i++)
		CHECK(t_load(p + i * PAGE, &v) && !v, "page %ld of a hole", i);
	faults = t_faults() - faults;
	CHECK(t_store(p + 9 * PAGE, 9), "SIGBUS");
	IS(p, 9, 9);
	IS(p, 8, 0);
	IS(p, 511, 0);
	v = 12;
	CHECK(pwrite(fd, &v, 8, 12 * PAGE) == 8, "pwrite");
	IS(p, 12, 12);
	return true;
}

/* Collapse, insert, zero: what they move must be seen by who had it mapped. */
static bool f_shift(void)
{
	if (!fill(p))
		return false;
	CHECK(!fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 10 * PAGE, 4 * PAGE),
	      "collapse: %s", strerror(errno));
	IS(p, 9, tag(9));
	IS(p, 10, tag(14));
	if (!eof(p, NPAGES - 1))
		return false;
	CHECK(!fallocate(fd, FALLOC_FL_INSERT_RANGE, 10 * PAGE, 4 * PAGE),
	      "insert: %s", strerror(errno));
	IS(p, 10, 0);
	IS(p, 14, tag(14));
	IS(p, NPAGES - 1, tag(NPAGES - 1));
	CHECK(!fallocate(fd, FALLOC_FL_ZERO_RANGE, 20 * PAGE, 2 * PAGE),
	      "zero: %s", strerror(errno));
	IS(p, 20, 0);
	IS(p, 22, tag(22));
	return true;
}

/* write(2) from, and read(2) to, the very pages that it acts on */
static bool f_self(void)
{
	if (!fill(p))
		return false;
	CHECK(!madvise(p, SIZE, MADV_DONTNEED), "madvise");
	CHECK(pwrite(fd, p + 3 * PAGE, PAGE, 3 * PAGE) == PAGE, "pwrite");
	IS(p, 3, tag(3));
	CHECK(!madvise(p, SIZE, MADV_DONTNEED), "madvise");
	CHECK(pread(fd, p + 3 * PAGE, PAGE, 4 * PAGE) == PAGE, "pread");
	IS(p, 3, tag(4));
	/* into a hole that is being filled, from one that is being mapped */
	CHECK(!ftruncate(fd, 0) && !ftruncate(fd, SIZE), "ftruncate");
	CHECK(pwrite(fd, p + 8 * PAGE, 16 * PAGE, 0) == 16 * PAGE, "pwrite");
	IS(p, 0, 0);
	IS(p, 15, 0);
	return true;
}

static bool f_msync(void)
{
	if (!fill(p))
		return false;
	CHECK(!msync(p, SIZE, MS_SYNC) && !fsync(fd), "sync: %s", strerror(errno));
	CHECK(t_store(p, 1), "SIGBUS");
	IS(p, 0, 1);
	CHECK(!msync(p, PAGE, MS_SYNC), "msync");
	CHECK(!madvise(p, SIZE, MADV_DONTNEED), "madvise");
	IS(p, 0, 1);
	IS(p, 1, tag(1));
	/* populating is faults from the kernel */
	CHECK(!madvise(p, SIZE, 23 /* MADV_POPULATE_WRITE */), "populate: %s",
	      strerror(errno));
	IS(p, 1, tag(1));
	return true;
}

/* Another process has it mapped. */
static bool f_fork(void)
{
	int up[2], down[2], status;
	char c = 0;
	pid_t pid;

	CHECK(!pipe(up) && !pipe(down), "pipe");
	if (!fill(p))
		return false;
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		u64 v;
		bool ok = t_load(p + 800 * PAGE, &v) && v == tag(800);

		if (write(up[1], &c, 1) != 1 || read(down[0], &c, 1) != 1)
			_exit(9);
		ok = ok && !t_load(p + 800 * PAGE, &v) &&
		     t_store(p + 10 * PAGE, 1234);
		_exit(!ok);
	}
	CHECK(read(up[0], &c, 1) == 1, "read");
	CHECK(!ftruncate(fd, 800 * PAGE), "ftruncate");
	CHECK(write(down[1], &c, 1) == 1, "write");
	CHECK(waitpid(pid, &status, 0) == pid && !status, "the child saw otherwise");
	close(up[0]);
	close(up[1]);
	close(down[0]);
	close(down[1]);
	IS(p, 10, 1234);
	return true;
}

/* Where the file system shares blocks */
static bool f_reflink(void)
{
	struct file_clone_range r = { .src_fd = fd, .src_offset = 64 * PAGE,
				      .src_length = 64 * PAGE };
	struct {
		struct file_dedupe_range h;
		struct file_dedupe_range_info i;
	} d = { .h = { .src_length = 8 * PAGE, .dest_count = 1 } };
	int to = t_open(dir, "dax_func2", 0);
	char *m;

	if (!fill(p))
		return false;
	if (ioctl(to, FICLONE, fd)) {
		int err = errno;

		close(to);
		t_unlink(dir, "dax_func2");
		CHECK(err == EOPNOTSUPP, "FICLONE: %s", strerror(err));
		SKIP_CASE("no shared blocks here");
	}
	m = t_map(to, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	CHECK(m, "mmap");
	/* Write faults that unshare, on both sides */
	CHECK(t_store(p + 2 * PAGE, 22) && t_store(m + 3 * PAGE, 33), "SIGBUS");
	IS(p, 2, 22);
	IS(p, 3, tag(3));
	CHECK(*(volatile u64 *)(m + 2 * PAGE) == tag(2), "the clone changed");
	/* within a file, over what is mapped */
	r.dest_offset = 256 * PAGE;
	CHECK(!ioctl(fd, FICLONERANGE, &r), "FICLONERANGE: %s", strerror(errno));
	IS(p, 256, tag(64));
	IS(p, 319, tag(127));
	d.h.src_offset = 128 * PAGE;
	d.i.dest_fd = to;
	d.i.dest_offset = 128 * PAGE;
	CHECK(!ioctl(fd, FIDEDUPERANGE, &d) && d.i.status == 0, "FIDEDUPERANGE: %s, %d",
	      strerror(errno), d.i.status);
	CHECK(!fallocate(fd, FALLOC_FL_UNSHARE_RANGE, 0, SIZE), "unshare: %s",
	      strerror(errno));
	IS(p, 130, tag(130));
	CHECK(t_store(p + 130 * PAGE, 1), "SIGBUS");
	CHECK(*(volatile u64 *)(m + 130 * PAGE) == tag(130), "the clone changed");
	munmap(m, SIZE);
	close(to);
	t_unlink(dir, "dax_func2");
	return true;
}

static void hwpoison(int sig, siginfo_t *si, void *ctx)
{
	_exit(si->si_code == 4 /* BUS_MCEERR_AR */ ? 42 : 1);
}

/*
 * Memory failure unmaps as well.  Last, and on a file that stays: its page is
 * not to be given to anybody else.
 */
static bool f_poison(void)
{
	char name[64];
	int bad, status;
	pid_t pid;

	snprintf(name, sizeof(name), "dax_poisoned.%d", getpid());
	bad = t_open(dir, name, PAGE);
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		struct sigaction sa = { .sa_sigaction = hwpoison,
					.sa_flags = SA_SIGINFO };
		char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			       bad, 0);

		sigaction(SIGBUS, &sa, NULL);
		*(volatile char *)m = 1;
		if (madvise(m, PAGE, 100 /* MADV_HWPOISON */))
			_exit(errno == EPERM || errno == EINVAL ? 43 : 2);
		_exit(3);
	}
	CHECK(waitpid(pid, &status, 0) == pid, "waitpid");
	close(bad);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 43)
		SKIP_CASE("memory cannot be poisoned here");
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42,
	      "no SIGBUS for a poisoned page: status %x", status);
	return true;
}

static const struct {
	const char *name;
	bool (*f)(void);
} cases[] = {
	{ "SIGBUS past EOF, zeroes where the file grows", f_eof },
	{ "the last page", f_tail },
	{ "private copies: kept by punch, removed by truncate", f_cow },
	{ "MAP_SYNC", f_sync },
	{ "huge pages, and parts of them taken", f_huge },
	{ "huge zero page, and a page stored to it", f_zero_huge },
	{ "collapse, insert, zero", f_shift },
	{ "read and write of mapped pages from and to themselves", f_self },
	{ "msync, fsync, populate", f_msync },
	{ "truncate of what another process has mapped", f_fork },
	{ "reflink, dedupe, unshare", f_reflink },
	{ "memory failure", f_poison },
};

int main(int argc, char **argv)
{
	int n = ARRAY_SIZE(cases), i;

	if (argc != 2) {
		fprintf(stderr, "usage: dax_func DIR\n");
		return KSFT_FAIL;
	}
	dir = argv[1];
	ksft_print_header();
	ksft_set_plan(n);
	t_catch_sigbus();
	for (i = 0; i < n; i++) {
		u64 start = now_us();
		bool ok;

		/* The default action is death, which is what a hang deserves. */
		alarm(60);
		t_why[0] = 0;
		t_skipped = false;
		fd = t_open(dir, "dax_func", SIZE);
		if (!t_is_dax(fd))
			t_bail("%s is not on DAX", dir);
		p = t_map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
		if (!p)
			t_bail("mmap");
		ok = cases[i].f();
		t_case(ok, cases[i].name, t_base(dir), start);
		munmap(p, SIZE);
		close(fd);
		t_unlink(dir, "dax_func");
	}
	ksft_finished();
}
