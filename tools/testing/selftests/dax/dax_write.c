// SPDX-License-Identifier: GPL-2.0
/*
 * What is written to a DAX file, by write(2), stores and pNFS, to holes and to
 * blocks that files share, and who sees it.
 *
 *	dax_write [options of the harness] DIR
 */
#include "dax_harness.h"
#include <linux/loop.h>

#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED	0x2000
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	0x8000
#endif

/* xfs_fs.h, which older hosts do not have */
struct xfs_fsop_resblks {
	u64	resblks;
	u64	resblks_avail;
};

#ifndef XFS_IOC_SET_RESBLKS
#define XFS_IOC_SET_RESBLKS	_IOWR('X', 114, struct xfs_fsop_resblks)
#endif

#define RACE_SECONDS	5

/* All mappings show what write(2) has put in their place */
static void
expect_words(struct __test_metadata *_metadata, const char *p, const char *which,
	     off_t from, off_t to, u64 old, u64 new)
{
	off_t pos;
	u64 v;

	for (pos = 0; pos < (off_t)PMD; pos += 8) {
		u64 want = pos >= from && pos < to ? new : old;

		ASSERT_TRUE(t_load(p + pos, &v))
			SAY("SIGBUS %s", which);
		ASSERT_EQ(want, v)
			SAY("%s: %llx instead of %llx at %#lx", which,
			    (unsigned long long)v, (unsigned long long)want, (long)pos);
	}
}

/*
 * Write to [from, to) of what has been mapped in two processes, shared and
 * private, and seen to be @old.
 */
static void
write_mapped(struct __test_metadata *_metadata, int fd, bool huge, off_t from, off_t to,
	     u64 old, u64 new)
{
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, huge);
	char *q = t_map_pages(fd, PMD_PAGES, MAP_PRIVATE, huge);
	int status, i;
	u64 *buf;
	pid_t pid;

	expect_words(_metadata, p, "before", 0, 0, old, 0);
	expect_words(_metadata, q, "private, before", 0, 0, old, 0);
	sh->touched = 0;
	sh->stop = 0;
	pid = t_start();
	if (!pid) {
		expect_words(_metadata, p, "in another process, before", 0, 0, old, 0);
		sh->touched = 1;
		while (!sh->stop)
			usleep(1000);
		expect_words(_metadata, p, "in another process", from, to, old, new);
		_exit(0);
	}
	ASSERT_TRUE(comes(&sh->touched, 30000))
		SAY("cannot be mapped by another process");
	buf = malloc(to - from);
	for (i = 0; buf && i < (to - from) / 8; i++)
		buf[i] = new;
	ASSERT_TRUE(buf && pwrite(fd, buf, to - from, from) == to - from)
		SAY("pwrite: %s", strerror(errno));
	free(buf);
	sh->stop = 1;
	ASSERT_TRUE(t_ends(pid, 30000, &status))
		SAY("another process hangs");
	ASSERT_EQ(0, status);	/* it has said why */
	expect_words(_metadata, p, "shared", from, to, old, new);
	expect_words(_metadata, q, "private", from, to, old, new);
	munmap(p, PMD);
	munmap(q, PMD);
}

/* Holes */

FIXTURE(hole) {
	struct dax_test test;
};

FIXTURE_SETUP(hole)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(hole)
{
	dax_teardown(_metadata, &self->test);
}

/* A page, a part of it and of two others, and all */
static const off_t range[][2] = {
	{ 9 * PAGE, 10 * PAGE }, { 9 * PAGE + 1000, 11 * PAGE + 504 }, { 0, PMD },
};

static void write_hole(struct __test_metadata *_metadata, bool huge)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(range); i++) {
		int fd = t_open(dir, FILE_NAME, PMD);

		write_mapped(_metadata, fd, huge, range[i][0], range[i][1], 0, 0xda0000 + i);
		close(fd);
	}
	SAY("seen in two processes, shared and private");
}

TEST_F(hole, write_into_a_mapped_hole)
{
	write_hole(_metadata, false);
}

TEST_F(hole, write_into_a_mapped_huge_hole)
{
	write_hole(_metadata, true);
}

/*
 * The same where the blocks came with those of a page nearby, by write(2) or by
 * a store: ext4 converts a short unwritten extent as a whole.
 */
static void write_near(struct __test_metadata *_metadata, bool store)
{
	int fd = t_open(dir, FILE_NAME, PMD);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	u64 buf[PAGE / 8] = { 0 };
	unsigned long i;

	ASSERT_EQ(0, fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE));
	load_all(p, 8, 8);
	if (store) {
		*(volatile u64 *)(p + 2 * PAGE) = 0;
	} else {
		ASSERT_EQ((ssize_t)PAGE, pwrite(fd, buf, PAGE, 2 * PAGE));
	}
	for (i = 0; i < ARRAY_SIZE(buf); i++)
		buf[i] = 0xda;
	ASSERT_EQ((ssize_t)PAGE, pwrite(fd, buf, PAGE, 5 * PAGE));
	expect_words(_metadata, p, "mapped", 5 * PAGE, 6 * PAGE, 0, 0xda);
	close(fd);
	SAY("seen");
}

TEST_F(hole, write_into_a_mapped_hole_near_a_write)
{
	write_near(_metadata, false);
}

FAILS_ON_BASE(hole, all, write_into_a_mapped_hole_near_a_write, "ext4");

TEST_F(hole, write_into_a_mapped_hole_near_a_store)
{
	write_near(_metadata, true);
}

FAILS_ON_BASE(hole, all, write_into_a_mapped_hole_near_a_store, "ext4");

/*
 * The same while others fault: they must see the latest generation when none
 * is being written (odd).
 */
#define RACE_PAGES	64UL

static void race_reader(int fd, u64 seed)
{
	char *p = t_map_pages(fd, RACE_PAGES, MAP_SHARED, false);
	u64 v;

	while (!sh->stop) {
		unsigned long i = rnd(&seed) % RACE_PAGES;
		u32 gen = sh->gen;
		bool ok = t_load(p + i * PAGE, &v);

		if (!(gen & 1) && sh->gen == gen && (!ok || v != gen))
			sh->wrong++;
		if (ok && !v)
			sh->holes++;
		sh->loads++;
		if (rnd(&seed) % 8 == 0)
			madvise(p, RACE_PAGES * PAGE, MADV_DONTNEED);
	}
	_exit(0);
}

TEST_F(hole, write_into_a_hole_while_it_is_mapped)
{
	int fd = t_open(dir, FILE_NAME, RACE_PAGES * PAGE), i, status;
	u64 *buf = malloc(RACE_PAGES * PAGE), end;
	u32 before, k;
	pid_t pid[2];

	if (!buf)
		t_bail("malloc");
	sh->gen = 1;
	for (i = 0; i < 2; i++) {
		pid[i] = t_start();
		if (!pid[i])
			race_reader(fd, i);
	}
	end = now_us() + RACE_SECONDS * 1000000ULL;
	for (;;) {
		u32 gen = sh->gen + 1;

		for (i = 0; i < (int)(RACE_PAGES * PAGE / 8); i++)
			buf[i] = gen;
		if (ftruncate(fd, 0) || ftruncate(fd, RACE_PAGES * PAGE))
			t_bail("ftruncate");
		/* Let them map holes. */
		before = sh->holes;
		for (k = 0; k < 250 && sh->holes == before; k++)
			usleep(200);
		if (pwrite(fd, buf, RACE_PAGES * PAGE, 0) != (ssize_t)(RACE_PAGES * PAGE))
			t_bail("pwrite");
		sh->gen = gen;
		usleep(200);
		if (now_us() > end)
			break;
		sh->gen = gen + 1;
	}
	sh->stop = 1;
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(t_ends(pid[i], 30000, &status) && !status)
			SAY("a reader hangs or has died");
	}
	free(buf);
	SAY("%u writes into holes, %u loads, %u of holes, %u wrong",
	    sh->gen / 2, sh->loads, sh->holes, sh->wrong);
	ASSERT_TRUE(!sh->wrong && sh->holes);
}

FAILS_ON_BASE(hole, all, write_into_a_hole_while_it_is_mapped, "ext4 xfs");

/* First stores to pages that are mapped as a hole, and writes beside them */
static void first_storer(int fd, int nr)
{
	char *p = t_map_pages(fd, RACE_PAGES, MAP_SHARED, false);
	u32 gen = 1;
	u64 v;
	int i;

	for (;; gen++) {
		while (sh->gen < gen)
			if (sh->stop)
				_exit(0);
		for (i = 0; i < (int)RACE_PAGES; i++)
			t_load(p + i * PAGE, &v);
		for (i = 0; i < (int)RACE_PAGES; i++)
			if (!t_store(p + i * PAGE + 8 * nr, gen))
				sh->wrong++;
		sh->touched++;
	}
}

TEST_F(hole, first_stores_to_holes_beside_writes)
{
	u64 end = now_us() + RACE_SECONDS * 1000000ULL, v, w;
	int fd = t_open(dir, FILE_NAME, RACE_PAGES * PAGE), i, status;
	u32 gen, lost = 0;
	pid_t pid[2];

	for (i = 0; i < 2; i++) {
		pid[i] = t_start();
		if (!pid[i])
			first_storer(fd, i);
	}
	for (gen = 1; now_us() < end; gen++) {
		if (do_op(fd, PUNCH, 0, RACE_PAGES * PAGE))
			t_bail("punch");
		sh->gen = gen;
		for (i = 0; i < (int)RACE_PAGES; i++) {
			v = gen;
			if (pwrite(fd, &v, 8, i * PAGE + 16) != 8)
				t_bail("pwrite");
		}
		while (sh->touched < 2 * gen && now_us() < end + 5000000)
			;
		for (i = 0; i < (int)(3 * RACE_PAGES); i++)
			if (pread(fd, &w, 8, i / 3 * PAGE + 8 * (i % 3)) != 8 || w != gen)
				lost++;
	}
	sh->stop = 1;
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(t_ends(pid[i], 10000, &status) && !status)
			SAY("a process hangs or has died");
	}
	SAY("%u rounds, %u SIGBUS, %u lost", gen - 1, sh->wrong, lost);
	ASSERT_TRUE(!sh->wrong && !lost);
}

FAILS_ON_BASE(hole, all, first_stores_to_holes_beside_writes, "ext4 xfs");

/* A client of pNFS fills a hole, while somebody looks at it. */
TEST_F(hole, hole_that_a_client_of_pNFS_fills)
{
	int fd = t_open(dir, FILE_NAME, PMD), knob, status;
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false), path[4096];
	u64 end = now_us() + RACE_SECONDS * 1000000ULL, v;
	u32 gen, i;
	pid_t pid;

	knob = open("/sys/kernel/debug/test_fsdax_pnfs", O_WRONLY);
	if (knob < 0)
		SKIP(return, "this kernel has no test of it");
	snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
	pid = t_start();
	if (!pid) {
		for (gen = 0; !sh->stop; gen++) {
			while (sh->gen == gen && !sh->stop)
				for (i = 0; i < PMD_PAGES; i++)
					t_load(p + i * PAGE, &v);
			for (i = 0; i < PMD_PAGES && !sh->stop; i++)
				if (!t_load(p + i * PAGE, &v) || v != 0x5a5a5a5a5a5a5a5aULL)
					sh->wrong++;
			sh->touched = gen + 1;
		}
		_exit(0);
	}
	for (gen = 1; now_us() < end; gen++) {
		usleep(1000 * (gen % 4));
		if (write(knob, path, strlen(path)) < 0) {
			if (errno == EOPNOTSUPP)
				SKIP(return, "no pNFS here");
			ASSERT_TRUE(false)
				SAY("pNFS: %s", strerror(errno));
		}
		sh->gen = gen;
		while (sh->touched < gen)
			usleep(100);
		if (do_op(fd, PUNCH, 0, PMD))
			t_bail("punch");
	}
	sh->stop = 1;
	ASSERT_TRUE(t_ends(pid, 5000, &status))
		SAY("the other hangs");
	SAY("%u times, %u pages stayed a hole", gen - 1, sh->wrong);
	ASSERT_EQ(0, sh->wrong);
}

/* Blocks that files share */

FIXTURE(shared) {
	struct dax_test test;
};

FIXTURE_SETUP(shared)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(shared)
{
	dax_teardown(_metadata, &self->test);
}

static void write_clone(struct __test_metadata *_metadata, bool huge)
{
	unsigned long i, k;

	for (i = 0; i < ARRAY_SIZE(range); i++) {
		int fd = t_open_written(dir, FILE_NAME, PMD_PAGES);
		int to = t_open(dir, CLONE_NAME, 0);
		char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, huge), *c;

		/* Dirty, so that it is known what becomes of that as well */
		for (k = 0; k < PMD; k += 8)
			*(volatile u64 *)(p + k) = 0x01d;
		clone_file(_metadata, to, fd);
		write_mapped(_metadata, fd, huge, range[i][0], range[i][1], 0x01d, 0xda0000 + i);
		c = t_map_pages(to, PMD_PAGES, MAP_SHARED, huge);
		expect_words(_metadata, c, "the clone", 0, 0, 0x01d, 0);
		expect_words(_metadata, p, "mapped before it was cloned", range[i][0],
			     range[i][1], 0x01d, 0xda0000 + i);
		munmap(c, PMD);
		munmap(p, PMD);
		close(fd);
		close(to);
	}
	SAY("new in all mappings, old in the clone");
}

TEST_F(shared, write_to_shared_blocks_while_mapped)
{
	write_clone(_metadata, false);
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_while_mapped, "xfs");

TEST_F(shared, write_to_shared_blocks_mapped_huge)
{
	write_clone(_metadata, true);
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_mapped_huge, "xfs");

/*
 * From the file's own mapping, so that the copy faults on what it replaces:
 * page 4 gets what page 5 had, and page 5 what page 6 had.
 */
TEST_F(shared, write_to_shared_blocks_from_their_mapping)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	u64 v[8];
	int i;

	for (i = 0; i < 8; i++)
		*(volatile u64 *)(p + i * PAGE) = i;
	clone_file(_metadata, to, fd);
	ASSERT_EQ((ssize_t)(2 * PAGE), pwrite(fd, p + 5 * PAGE, 2 * PAGE, 4 * PAGE));
	for (i = 0; i < 8; i++) {
		ASSERT_TRUE(t_load(p + i * PAGE, &v[i]))
			SAY("SIGBUS");
	}
	ASSERT_TRUE(v[4] == 5 && v[5] == 6 && v[6] == 6)
		SAY("pages 4 to 6 are %llu, %llu, %llu instead of 5, 6, 6",
		    (unsigned long long)v[4], (unsigned long long)v[5],
		    (unsigned long long)v[6]);
	close(fd);
	close(to);
	SAY("new data");
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_from_their_mapping, "xfs");

/* What is written where there is room, so that a block that was freed shows it */
static void use_all_room(void)
{
	struct xfs_fsop_resblks none = { .resblks = 16 };
	int fd = t_open(dir, "dax_test3", 0);
	char *trash = malloc(PMD);
	off_t at = 0;
	ssize_t n;

	if (!trash)
		t_bail("memory");
	/* xfs, which is asked alone, keeps some room for itself. */
	ioctl(fd, XFS_IOC_SET_RESBLKS, &none);
	memset(trash, 0xee, PMD);
	while ((n = pwrite(fd, trash, PMD, at)) > 0)
		at += n;
	free(trash);
	close(fd);
	t_unlink(dir, "dax_test3");
	sync();
}

/* A process that does something each time it is told to, and says so */
static pid_t start_steps(bool (*step)(void *arg, u32 gen), void *arg)
{
	pid_t pid = t_start();
	u32 gen;

	if (pid)
		return pid;
	for (gen = 1; !sh->stop; gen++) {
		while (sh->gen < gen && !sh->stop)
			;
		if (!step(arg, gen))
			_exit(1);
		sh->touched = gen;
	}
	_exit(0);
}

/* Tell it, and be not always at the same distance. */
static void next_step(u32 gen)
{
	u32 i;

	sh->gen = gen;
	for (i = gen % 64; i; i--)
		sh->loads++;
}

static bool truncate_step(void *fd, u32 gen)
{
	return !ftruncate(*(int *)fd, 0);
}

static bool store_step(void *page, u32 gen)
{
	t_store(page, gen);
	return true;
}

/* A write(2) to shared blocks, while who shares them lets them go */
TEST_F(shared, write_to_shared_blocks_beside_a_truncation_of_the_clone)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	u64 buf[PAGE / 16], end, old[4] = {}, w[6];
	u32 gen, i;
	int status;
	pid_t pid;

	use_all_room();
	pid = start_steps(truncate_step, &to);
	end = now_us() + RACE_SECONDS * 1000000ULL;
	for (gen = 1; now_us() < end; gen++) {
		for (i = 0; i < ARRAY_SIZE(buf); i++)
			buf[i] = gen;
		clone_file(_metadata, to, fd);
		next_step(gen);
		if (pwrite(fd, buf, PAGE / 2, (4 + gen % 4) * PAGE + PAGE / 2) != (ssize_t)PAGE / 2)
			t_bail("pwrite");
		old[gen % 4] = gen;
		while (sh->touched < gen)
			;
		for (i = 0; i < 4; i++) {
			if (pread(fd, &w[0], 8, (4 + i) * PAGE) != 8 ||
			    pread(fd, &w[1], 8, (4 + i) * PAGE + PAGE / 2) != 8 ||
			    pread(fd, &w[2], 8, (5 + i) * PAGE - 8) != 8)
				t_bail("pread");
			ASSERT_TRUE(!w[0] && w[1] == old[i] && w[2] == old[i])
				SAY("after %u writes a page has %#llx, %#llx, %#llx for 0, %llu",
				    gen, (unsigned long long)w[0],
				    (unsigned long long)w[1],
				    (unsigned long long)w[2],
				    (unsigned long long)old[i]);
		}
	}
	sh->stop = 1;
	ASSERT_TRUE(t_ends(pid, 5000, &status) && !status)
		SAY("the other hangs, or fails");
	SAY("%u times", gen - 1);
	ASSERT_GT(gen, 1);
}

/*
 * A read(2) of shared blocks sleeps in its midst, as a page of its buffer is
 * missing.  Meanwhile the file gets other blocks, and the old ones are the clone's
 * alone, which writes to them.
 */
TEST_F(shared, read_of_shared_blocks_that_others_write_to)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false), *buf, *trash = malloc(PMD);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = {};
	int status, i, uffd;
	struct uffd_msg msg;
	pid_t other;

	if (!trash)
		t_bail("memory");
	memset(p, 0x11, PMD);
	memset(trash, 0xee, PMD);
	clone_file(_metadata, to, fd);
	buf = t_map(-1, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	reg.range.start = (uintptr_t)buf + 2 * PAGE;
	reg.range.len = PAGE;
	if (!buf || uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg))
		SKIP(return, "no userfaultfd");
	/* Faults of this address space alone go there. */
	other = t_start();
	if (!other) {
		if (read(uffd, &msg, sizeof(msg)) != sizeof(msg))
			_exit(1);
		sh->touched = 1;
		for (i = 0; i < (int)PMD_PAGES; i++)
			if (!t_store(p + i * PAGE, 0x22))
				_exit(2);
		/* They are no longer shared: written in place. */
		if (pwrite(to, trash, PMD, 0) != (ssize_t)PMD)
			_exit(3);
		sh->touched = 2;
		zero.range = reg.range;
		_exit(ioctl(uffd, UFFDIO_ZEROPAGE, &zero) ? 4 : 0);
	}
	ASSERT_EQ(4 * (ssize_t)PAGE, pread(fd, buf, 4 * PAGE, 8 * PAGE))
		SAY("read: %s", strerror(errno));
	ASSERT_TRUE(t_ends(other, 20000, &status) && !status && sh->touched == 2)
		SAY("the other hangs, or fails with %x at %u", status, sh->touched);
	for (i = 0; i < 4 * (int)PAGE; i++) {
		ASSERT_FALSE(buf[i] != 0x11 && (i % PAGE >= 8 || (buf[i] && buf[i] != 0x22)))
			SAY("byte %d is %#hhx", i, buf[i]);
	}
	SAY("what the file had or has");
}

FAILS_ON_BASE(shared, all, read_of_shared_blocks_that_others_write_to, "xfs");

/* A write(2) to shared blocks that others always read, and use for a moment */
TEST_F(shared, write_to_shared_blocks_that_are_always_read)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false), *buf = malloc(SIZE), out[16];
	pid_t reader[2], pid, me = getpid();
	struct iovec local = { out, sizeof(out) }, remote = { NULL, sizeof(out) };
	u64 began, seed;
	int i, status;

	if (!buf)
		t_bail("memory");
	memset(buf, 0x33, SIZE);
	load_all(p, NPAGES, NPAGES);
	clone_file(_metadata, to, fd);
	for (i = 0; i < 2; i++) {
		reader[i] = t_start();
		if (reader[i])
			continue;
		seed = i + 1;
		for (;;) {
			remote.iov_base = p + rnd(&seed) % NPAGES * PAGE;
			if (process_vm_readv(me, &local, 1, &remote, 1, 0) < 0)
				_exit(1);
		}
	}
	began = now_us();
	pid = t_start();
	/* Several times: on the base it is a matter of luck. */
	for (i = 0; !pid && i < 5; i++)
		if ((i && ioctl(to, FICLONE, fd)) || pwrite(fd, buf, SIZE, 0) != (ssize_t)SIZE)
			_exit(1);
	if (!pid)
		_exit(0);
	status = t_ends(pid, 60000, &i) ? i : -1;
	for (i = 0; i < 2; i++)
		kill(reader[i], SIGKILL);
	for (i = 0; i < 2; i++)
		waitpid(reader[i], NULL, 0);
	ASSERT_EQ(0, status)
		SAY("it does not end well: %d", status);
	if (pread(fd, buf, SIZE, 0) != (ssize_t)SIZE)
		t_bail("pread");
	for (i = 0; i < (int)SIZE && buf[i] == 0x33; i++)
		;
	ASSERT_EQ((int)SIZE, i)
		SAY("byte %d is not what was written", i);
	SAY("%llu ms", (unsigned long long)(now_us() - began) / 1000);
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_that_are_always_read, "xfs");

/* A write(2) to a shared page whose buffer ends before it should */
TEST_F(shared, write_to_shared_blocks_the_buffer_ends_early)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char buf[100];
	struct iovec iov[] = { { buf, sizeof(buf) }, { NULL, 200 } };
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	unsigned long i;

	use_all_room();
	/* What no other test writes, as an old block may be used */
	memset(p, 0x5c, PMD);
	memset(buf, 0x22, sizeof(buf));
	clone_file(_metadata, to, fd);
	ASSERT_EQ(100, pwritev(fd, iov, 2, 9 * PAGE + 50))
		SAY("pwrite does not end where the buffer does");
	for (i = 0; i < PAGE; i++) {
		char want = i >= 50 && i < 150 ? 0x22 : 0x5c;

		ASSERT_EQ(want, p[9 * PAGE + i])
			SAY("byte %lu is %#hhx instead of %#hhx", i, p[9 * PAGE + i], want);
	}
	SAY("the rest is as it was");
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_the_buffer_ends_early, "xfs");

/* A write(2) and a store to one page with shared blocks, at the same time */
TEST_F(shared, write_to_shared_blocks_beside_a_store_to_the_page)
{
	int fd = t_open_written(dir, FILE_NAME, PMD_PAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, PMD_PAGES, MAP_SHARED, false);
	u64 buf[PAGE / 16], v, w, end = now_us() + RACE_SECONDS * 1000000ULL;
	u32 gen, lost = 0, i;
	int status;
	pid_t pid;

	pid = start_steps(store_step, p + 5 * PAGE);
	for (gen = 1; now_us() < end; gen++) {
		for (i = 0; i < ARRAY_SIZE(buf); i++)
			buf[i] = gen;
		clone_file(_metadata, to, fd);
		next_step(gen);
		if (pwrite(fd, buf, PAGE / 2, 5 * PAGE + PAGE / 2) != (ssize_t)PAGE / 2)
			t_bail("pwrite");
		while (sh->touched < gen)
			;
		ASSERT_TRUE(t_load(p + 5 * PAGE, &v) && t_load(p + 6 * PAGE - 8, &w))
			SAY("SIGBUS");
		lost += v != gen || w != gen;
	}
	sh->stop = 1;
	ASSERT_TRUE(t_ends(pid, 5000, &status))
		SAY("the other hangs");
	SAY("%u times, %u lost", gen - 1, lost);
	ASSERT_EQ(0, lost);
}

FAILS_ON_BASE(shared, all, write_to_shared_blocks_beside_a_store_to_the_page, "xfs");

/* Pages that are mapped */

FIXTURE(mapped) {
	struct dax_test test;
};

FIXTURE_SETUP(mapped)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(mapped)
{
	dax_teardown(_metadata, &self->test);
}

/* userfaultfd has a mark where a page was that is to be written to. */
static void uffd_marks(struct __test_metadata *_metadata, bool by_punch)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC |
							       UFFD_FEATURE_WP_UNPOPULATED };
	int fd = t_open_written(dir, FILE_NAME, NPAGES), status, uffd;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	pid_t pid;
	u64 v;

	load_all(p, NPAGES, NPAGES);
	reg.range.start = (uintptr_t)p;
	reg.range.len = SIZE;
	wp.range = reg.range;
	pid = t_start();
	if (!pid) {
		uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) ||
		    ioctl(uffd, UFFDIO_REGISTER, &reg) ||
		    ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
			_exit(KSFT_SKIP);
		if (by_punch ? do_op(fd, PUNCH, 5 * PAGE, 2 * PAGE) :
			       madvise(p + 5 * PAGE, 2 * PAGE, MADV_DONTNEED))
			_exit(2);
		if (!t_load(p + 5 * PAGE, &v) || v)
			_exit(3);
		if (!t_store(p + 5 * PAGE, 77) || !t_store(p + 6 * PAGE, 78) ||
		    !t_load(p + 5 * PAGE, &v) || v != 77 ||
		    !t_load(p + 6 * PAGE, &v) || v != 78)
			_exit(5);
		_exit(0);
	}
	ASSERT_TRUE(t_ends(pid, 5000, &status))
		SAY("spins");
	if (WEXITSTATUS(status) == KSFT_SKIP)
		SKIP(return, "no userfaultfd for write protection");
	ASSERT_EQ(0, status)
		SAY("%s", WEXITSTATUS(status) == 2 ? "cannot take the pages away" :
		    WEXITSTATUS(status) == 3 ? "load" : "store");
	SAY("loaded and stored to");
}

TEST_F(mapped, page_with_a_mark_of_userfaultfd)
{
	uffd_marks(_metadata, false);
}

FAILS_ON_BASE(mapped, all, page_with_a_mark_of_userfaultfd, "ext4 xfs");

TEST_F(mapped, punched_page_with_a_mark_of_userfaultfd)
{
	uffd_marks(_metadata, true);
}

FAILS_ON_BASE(mapped, all, punched_page_with_a_mark_of_userfaultfd, "ext4 xfs");

/* Direct I/O from the file's pages to a disk while they are punched */
static int loop_disk(void)
{
	int ctl = open("/dev/loop-control", O_RDWR), back, loop, n;
	char path[32];

	back = open("/tmp/dax_write.disk", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (ctl < 0 || back < 0 || ftruncate(back, 4 << 20))
		return -1;
	n = ioctl(ctl, LOOP_CTL_GET_FREE);
	snprintf(path, sizeof(path), "/dev/loop%d", n);
	loop = n < 0 ? -1 : open(path, O_RDWR | O_DIRECT);
	if (loop < 0 || ioctl(loop, LOOP_SET_FD, back))
		return -1;
	close(back);
	close(ctl);
	return loop;
}

TEST_F(mapped, punch_of_pages_under_direct_I_O)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), disk = loop_disk(), status, op;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u32 punches = 0;
	u64 end, seed = 1;
	pid_t pid[2];
	bool ended;
	int i;

	if (disk < 0)
		SKIP(return, "no loop device");
	for (i = 0; i < 2; i++) {
		pid[i] = t_start();
		if (pid[i])
			continue;
		for (seed = i; !sh->stop; sh->loads++)
			if (pwrite(disk, p + rnd(&seed) % 60 * PAGE, 4 * PAGE, 0) < 0)
				_exit(errno);
		_exit(0);
	}
	op = t_start();
	if (!op) {
		end = now_us() + RACE_SECONDS * 1000000ULL;
		for (; now_us() < end; sh->touched++)
			if (do_op(fd, PUNCH, rnd(&seed) % 64 * PAGE, PAGE))
				_exit(errno);
		_exit(0);
	}
	ended = t_ends(op, (RACE_SECONDS + 20) * 1000, &status);
	punches = sh->touched;
	sh->stop = 1;
	ASSERT_TRUE(ended)
		SAY("a punch hangs, after %u punches", punches);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(t_ends(pid[i], 5000, &status) && !status)
			SAY("direct I/O: %x", status);
	}
	ioctl(disk, LOOP_CLR_FD);
	SAY("%u punches, %u writes to the disk", punches, sh->loads);
}

FAILS_ON_BASE(mapped, all, punch_of_pages_under_direct_I_O, "ext4 xfs");

/* A private copy of a page costs nobody else his huge page */
static u64 faults_elsewhere(int fd, off_t off)
{
	int status;
	pid_t pid = t_start();

	if (!pid) {
		char *p = t_map(fd, PMD, PROT_READ, MAP_SHARED, off);
		u64 n;

		if (!p)
			t_bail("mmap");
		t_faults();	/* for the stack's own */
		n = t_faults();
		load_all(p, PMD_PAGES, PMD_PAGES);
		sh->touched = t_faults() - n;
		_exit(0);
	}
	if (!t_ends(pid, 30000, &status) || status)
		t_bail("a reader hangs or has died");
	return sh->touched;
}

TEST_F(mapped, huge_page_beside_a_private_copy)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	char *q = t_map_pages(fd, NPAGES, MAP_PRIVATE, true);
	u64 without, with, again;

	*(volatile u64 *)(q + 5 * PAGE) = 1;
	without = faults_elsewhere(fd, PMD);
	with = faults_elsewhere(fd, 0);
	again = faults_elsewhere(fd, 0);
	SAY("%llu faults to read the block, then %llu, %llu without a private copy",
	    (unsigned long long)with, (unsigned long long)again,
	    (unsigned long long)without);
	ASSERT_TRUE(with == 1 && again == 1 && without == 1);
}

FAILS_ON_BASE(mapped, all, huge_page_beside_a_private_copy, "ext4 xfs");

DAX_HARNESS_MAIN
