// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that go from one DAX file to another, or are shared: clone, exchange, swap,
 * move.
 *
 *	dax_remap -F inode [options of the harness] DIR
 *	dax_remap -f inode [options of the harness] DIR	with mount -o dax=inode
 */
#include "dax_harness.h"

/* xfs_fs.h, which older hosts do not have */
struct xfs_exchange_range {
	int32_t	file1_fd;
	u32	pad;
	u64	file1_offset;
	u64	file2_offset;
	u64	length;
	u64	flags;
};

#ifndef XFS_IOC_EXCHANGE_RANGE
#define XFS_IOC_EXCHANGE_RANGE	_IOW('X', 129, struct xfs_exchange_range)
#endif

struct xfs_swapext {
	int64_t	version;
	int64_t	target;
	int64_t	tmp;
	int64_t	offset;
	int64_t	length;
	char	pad[16];
	struct {			/* of the target, to find it unchanged */
		u64	ino;
		u32	mode_nlink;
		u32	uid;
		u32	gid;
		u32	rdev;
		u64	blksize;
		int64_t	size;
		struct {
			long	sec;
			int32_t	nsec;
		} atime, mtime, ctime;
		char	others[48];
	} stat;
};

#ifndef XFS_IOC_SWAPEXT
#define XFS_IOC_SWAPEXT	_IOWR('X', 109, struct xfs_swapext)
#endif

struct move_extent {
	u32	reserved;
	u32	donor_fd;
	u64	orig_start;
	u64	donor_start;
	u64	len;
	u64	moved_len;
};

#ifndef EXT4_IOC_MOVE_EXT
#define EXT4_IOC_MOVE_EXT	_IOWR('f', 15, struct move_extent)
#endif

#ifndef EXT4_IOC_SWAP_BOOT
#define EXT4_IOC_SWAP_BOOT	_IO('f', 17)
#endif

#define PINNED	5UL

FIXTURE(remap) {
	struct dax_test test;
};

FIXTURE_SETUP(remap)
{
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(remap)
{
	dax_teardown(_metadata, &self->test);
}

/* Two files, one of which has a page in use, and the process is killed */
static int remap(bool exchange, int from, int to)
{
	struct xfs_exchange_range x = { .file1_fd = from, .length = SIZE };
	struct file_clone_range r = { .src_fd = from, .src_length = SIZE };

	return exchange ? ioctl(to, XFS_IOC_EXCHANGE_RANGE, &x) :
			  ioctl(to, FICLONERANGE, &r);
}

static void remap_killed(struct __test_metadata *_metadata, bool exchange)
{
	int fd[2], status;
	struct stat st[2];
	pid_t pid;
	char *p;
	u64 t;

	/* The page is in the file that is locked last, of higher inode number. */
	fd[0] = t_open_written(dir, FILE_NAME, NPAGES);
	fd[1] = t_open_written(dir, CLONE_NAME, NPAGES);
	if (fstat(fd[0], &st[0]) || fstat(fd[1], &st[1]))
		t_bail("fstat");
	if (st[0].st_ino > st[1].st_ino) {
		int low = fd[1];

		fd[1] = fd[0];
		fd[0] = low;
	}
	if (remap(exchange, fd[0], fd[1])) {
		if (errno == EOPNOTSUPP || errno == ENOTTY)
			SKIP(return, "this file system cannot: %s", strerror(errno));
		ASSERT_TRUE(false)
			SAY("without a pin: %s", strerror(errno));
	}
	p = t_map_pages(fd[1], NPAGES, MAP_SHARED, false);
	*(volatile u64 *)(p + PINNED * PAGE) = 1;
	pin(p + PINNED * PAGE);

	pid = t_start();
	if (!pid)
		_exit(remap(exchange, fd[0], fd[1]) ? errno : 0);
	ASSERT_TRUE(waits_or_spins(pid, true))
		SAY("does not wait for the pin");
	t = now_us();
	kill(pid, SIGKILL);
	if (!t_ends(pid, 2000, &status)) {
		unpin();
		ASSERT_FALSE(t_ends(pid, 5000, &status))
			SAY("alive 2 s after SIGKILL, dead without the pin");
		ASSERT_TRUE(false)
			SAY("alive, even without the pin");
	}
	t = now_us() - t;
	unpin();
	ASSERT_EQ(0, remap(exchange, fd[0], fd[1]))
		SAY("not even once more, without a pin: %s", strerror(errno));
	SAY("dead %llu ms after SIGKILL", (unsigned long long)t / 1000);
}

TEST_F(remap, clone_killed_while_a_page_is_pinned)
{
	remap_killed(_metadata, false);
}

FAILS_ON_BASE(remap, all, clone_killed_while_a_page_is_pinned, "xfs");

TEST_F(remap, exchange_killed_while_a_page_is_pinned)
{
	remap_killed(_metadata, true);
}

FAILS_ON_BASE(remap, all, exchange_killed_while_a_page_is_pinned, "xfs");

/* The file's blocks go to the boot loader's inode, and come back. */
static void swap_boot(struct __test_metadata *_metadata)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	u64 v;

	*(volatile u64 *)(p + 5 * PAGE) = 77;
	if (ioctl(fd, EXT4_IOC_SWAP_BOOT)) {
		if (errno == ENOTTY)
			SKIP(return, "ext4 only");
		ASSERT_TRUE(false)
			SAY("EXT4_IOC_SWAP_BOOT: %s", strerror(errno));
	}
	ASSERT_FALSE(t_load(p + 5 * PAGE, &v))
		SAY("blocks of another inode are still mapped");
	ASSERT_EQ(0, ioctl(fd, EXT4_IOC_SWAP_BOOT))
		SAY("EXT4_IOC_SWAP_BOOT, again: %s", strerror(errno));
	ASSERT_TRUE(t_load(p + 5 * PAGE, &v) && v == 77)
		SAY("what was stored before is lost");
	SAY("unmapped");
}

TEST_F(remap, swap_with_the_boot_loader_while_mapped)
{
	swap_boot(_metadata);
}

FAILS_ON_BASE(remap, all, swap_with_the_boot_loader_while_mapped, "ext4");

/* Times of the target, for it to be found unchanged */
static void set_times(struct xfs_swapext *sx, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		t_bail("fstat");
	sx->stat.mtime.sec = st.st_mtim.tv_sec;
	sx->stat.mtime.nsec = st.st_mtim.tv_nsec;
	sx->stat.ctime.sec = st.st_ctim.tv_sec;
	sx->stat.ctime.nsec = st.st_ctim.tv_nsec;
}

/* Two files exchange all their blocks, one of which somebody uses. */
TEST_F(remap, swap_of_all_extents_while_a_page_is_pinned)
{
	struct xfs_swapext sx = { .length = SIZE };
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open_written(dir, CLONE_NAME, NPAGES);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false);
	char *q = t_map_pages(to, NPAGES, MAP_SHARED, false);
	int status;
	bool waited;
	pid_t pid;
	u64 v, w;

	*(volatile u64 *)(p + 5 * PAGE) = 77;
	*(volatile u64 *)(q + 5 * PAGE) = 78;
	pin(p + 5 * PAGE);
	sx.target = fd;
	sx.tmp = to;
	set_times(&sx, fd);
	pid = t_start();
	if (!pid)
		_exit(ioctl(fd, XFS_IOC_SWAPEXT, &sx) ? errno : 0);
	waited = waits(pid);
	unpin();
	ASSERT_TRUE(t_ends(pid, 5000, &status))
		SAY("does not end when the pin is gone");
	if (WEXITSTATUS(status) == ENOTTY)
		SKIP(return, "xfs only");
	ASSERT_EQ(0, status)
		SAY("XFS_IOC_SWAPEXT: status %x", status);
	ASSERT_TRUE(waited)
		SAY("does not wait for a page in use");
	ASSERT_TRUE(t_load(p + 5 * PAGE, &v) && t_load(q + 5 * PAGE, &w) &&
		    v == 78 && w == 77)
		SAY("old blocks are still mapped");
	SAY("waited for the pin, and unmapped");
}

FAILS_ON_BASE(remap, all, swap_of_all_extents_while_a_page_is_pinned, "xfs");

/*
 * Blocks that were shared are mapped by huge pages.  While they are, it is by pages,
 * which both files find to be right.
 */
TEST_F(remap, huge_pages_of_blocks_that_were_shared)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to = t_open(dir, CLONE_NAME, 0);
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, true), *q;
	u64 faults, v, w;
	unsigned long i;

	for (i = 0; i < NPAGES; i++)
		*(volatile u64 *)(p + i * PAGE) = i + 1;
	clone_file(_metadata, to, fd);
	if (ftruncate(to, 0))
		t_bail("ftruncate");
	faults = t_faults();
	load_all(p, NPAGES, NPAGES);
	faults = t_faults() - faults;
	clone_file(_metadata, to, fd);
	q = t_map_pages(to, NPAGES, MAP_SHARED, true);
	for (i = 0; i < NPAGES; i++) {
		ASSERT_TRUE(t_load(p + i * PAGE, &v) && t_load(q + i * PAGE, &w) &&
			    v == i + 1 && w == i + 1)
			SAY("page %lu: %llu and %llu", i, (unsigned long long)v,
			    (unsigned long long)w);
	}
	SAY("%llu faults for 8 MiB", (unsigned long long)faults);
	ASSERT_LE(faults, 8);
}

/* A page of blocks that two files share is mapped by one, the PMD by the other. */
TEST_F(remap, huge_page_of_shared_blocks_beside_a_page_of_the_clone)
{
	static const off_t other[] = { 0, PMD + 5 * PAGE };
	int fd = t_open_written(dir, FILE_NAME, NPAGES);
	int to = t_open(dir, CLONE_NAME, 0);
	char *p, *q;
	u64 v = 77;
	int i;

	for (i = 0; i < 2; i++)
		if (pwrite(fd, &v, 8, other[i]) != 8)
			t_bail("pwrite");
	clone_file(_metadata, to, fd);
	p = t_map_pages(fd, NPAGES, MAP_SHARED, true);
	q = t_map_pages(to, NPAGES, MAP_SHARED, false);
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(t_load(q + other[i], &v) && v == 77)
			SAY("the clone: SIGBUS or %llu", (unsigned long long)v);
		ASSERT_TRUE(t_load(p + other[i] / PMD * PMD, &v) &&
			    t_load(p + other[i], &v) && v == 77)
			SAY("SIGBUS in the first PMD but %d, or %llu", i,
			    (unsigned long long)v);
		*(volatile u64 *)(q + other[i]) = 78;
		ASSERT_TRUE(t_load(p + other[i], &v) && v == 77)
			SAY("a store to the clone is seen");
		ASSERT_EQ(0, do_op(to, PUNCH, other[i], PAGE))
			SAY("punch: %s", strerror(errno));
		ASSERT_TRUE(t_load(p + other[i], &v) && v == 77 &&
			    t_load(q + other[i], &v) && !v)
			SAY("wrong after a punch");
	}
	SAY("each reads its own");
}

FAILS_ON_BASE(remap, all, huge_page_of_shared_blocks_beside_a_page_of_the_clone, "xfs");

/* Huge pages of a file are mapped while a clone of it comes to share them. */
TEST_F(remap, huge_pages_mapped_while_they_are_cloned)
{
	const int n = 100;		/* extents, with holes between them */
	int fd = t_open(dir, FILE_NAME, 2 * n * PMD);
	int to = t_open(dir, CLONE_NAME, 0), i, round, status, rounds = 12;
	char *zero = calloc(1, PMD), *p, *q;
	u64 v = 77;
	pid_t pid;

	if (!room_for((n + 10) * PMD_PAGES))
		SKIP(return, "the device is too small");
	for (i = 0; i < n; i++)
		if (!zero || pwrite(fd, zero, PMD, 2 * i * PMD) != (ssize_t)PMD ||
		    pwrite(fd, &v, 8, 2 * i * PMD + 5 * PAGE) != 8)
			t_bail("pwrite");
	if (fsync(fd))
		t_bail("fsync");
	for (round = 0; round < rounds; round++) {
		sh->touched = 0;
		sh->stop = 0;
		pid = t_start();
		if (!pid) {
			p = t_map(fd, 2 * n * PMD, PROT_READ, MAP_SHARED, 0);
			if (!p || madvise(p, 2 * n * PMD, MADV_HUGEPAGE))
				_exit(1);
			for (i = 0; !sh->stop; i = (i + 1) % n) {
				if (!t_load(p + 2 * i * PMD + 5 * PAGE, &v) || v != 77)
					_exit(2);
				if (i == n - 1)
					madvise(p, 2 * n * PMD, MADV_DONTNEED);
				sh->touched++;
			}
			_exit(0);
		}
		ASSERT_TRUE(comes(&sh->touched, 5000))
			SAY("the reader does not come to it");
		clone_file(_metadata, to, fd);
		sh->stop = 1;
		ASSERT_TRUE(t_ends(pid, 10000, &status) && !status)
			SAY("the reader: SIGBUS, or a wrong value");
		q = t_map_pages(to, 2 * n * PMD_PAGES, MAP_SHARED, false);
		for (i = 0; i < n; i++) {
			ASSERT_TRUE(t_load(q + 2 * i * PMD + 5 * PAGE, &v) && v == 77)
				SAY("the clone: SIGBUS or %llu", (unsigned long long)v);
		}
		munmap(q, 2 * n * PMD);
		if (ftruncate(to, 0))
			t_bail("ftruncate");
	}
	SAY("%d clones", rounds);
}

FAILS_ON_BASE(remap, all, huge_pages_mapped_while_they_are_cloned, "xfs");

/*
 * Only some files are on DAX: with mount -o dax=inode, those of a directory of
 * ours.
 */

/* A directory whose files are on DAX */
static const char *dax_dir(const char *in)
{
	static char path[256];
	struct fsxattr x;
	int f;

	snprintf(path, sizeof(path), "%s/dax_test.d", in);
	if (mkdir(path, 0700) && errno != EEXIST)
		t_bail("%s", path);
	f = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f < 0 || ioctl(f, FS_IOC_FSGETXATTR, &x))
		t_bail("%s", path);
	x.fsx_xflags |= FS_XFLAG_DAX;
	if (ioctl(f, FS_IOC_FSSETXATTR, &x))
		t_bail("FS_XFLAG_DAX");
	close(f);
	return path;
}

FIXTURE(inode) {
	struct dax_test test;
};

FIXTURE_SETUP(inode)
{
	dir = dax_dir(dir);
	dax_setup(&self->test);
}

FIXTURE_TEARDOWN_PARENT(inode)
{
	dir = dax_dir(dir);
	dax_teardown(_metadata, &self->test);
}

/*
 * The other file is not on DAX: it lies where nothing has said so, in the
 * directory above.
 */
TEST_F(inode, exchange_with_a_file_that_is_not_on_DAX_page_pinned)
{
	int fd = t_open_written(dir, FILE_NAME, NPAGES), to, status;
	char *p = t_map_pages(fd, NPAGES, MAP_SHARED, false), path[256];
	bool waited;
	pid_t pid;
	u64 v, w;

	snprintf(path, sizeof(path), "%s/..", dir);
	to = t_open_written(path, CLONE_NAME, NPAGES);
	t_unlink(path, CLONE_NAME);
	if (t_is_dax(to))
		SKIP(return, "all files are on DAX");
	v = 78;
	if (pwrite(to, &v, 8, PINNED * PAGE) != 8 || fsync(to))
		t_bail("pwrite");
	*(volatile u64 *)(p + PINNED * PAGE) = 77;
	pin(p + PINNED * PAGE);
	pid = t_start();
	if (!pid)
		_exit(remap(true, fd, to) ? errno : 0);
	waited = waits(pid);
	unpin();
	ASSERT_TRUE(t_ends(pid, 5000, &status))
		SAY("does not end when the pin is gone");
	if (WEXITSTATUS(status) == ENOTTY || WEXITSTATUS(status) == EOPNOTSUPP)
		SKIP(return, "this file system cannot");
	ASSERT_EQ(0, status)
		SAY("XFS_IOC_EXCHANGE_RANGE: status %x", status);
	ASSERT_TRUE(waited)
		SAY("does not wait for a page in use");
	ASSERT_TRUE(t_load(p + PINNED * PAGE, &v) && v == 78 &&
		    pread(to, &w, 8, PINNED * PAGE) == 8 && w == 77)
		SAY("not exchanged");
	SAY("waited for the pin");
}

FAILS_ON_BASE(inode, all, exchange_with_a_file_that_is_not_on_DAX_page_pinned, "xfs");

/*
 * What is done to two files, one of which is on DAX.  It may be refused.  Either
 * way each file has what it should, and who stores to a page of one that he mapped
 * before does not store to the other.
 */
enum pair_op { MOVE, EXCHANGE, SWAPEXT, CLONE_TO, DEDUPE, COPY };

#define PAIR_PAGES	16

static int pair_exchange(int a, int b, bool old)
{
	struct xfs_exchange_range x = { .file1_fd = b, .length = PAIR_PAGES * PAGE };
	struct xfs_swapext sx = { .length = PAIR_PAGES * PAGE, .target = a, .tmp = b };

	if (!old)
		return ioctl(a, XFS_IOC_EXCHANGE_RANGE, &x);
	set_times(&sx, a);
	return ioctl(a, XFS_IOC_SWAPEXT, &sx);
}

static int pair_dedupe(int a, int b)
{
	struct file_dedupe_range *r = calloc(1, sizeof(*r) + sizeof(r->info[0]));

	r->src_length = PAIR_PAGES * PAGE;
	r->dest_count = 1;
	r->info[0].dest_fd = b;
	if (ioctl(a, FIDEDUPERANGE, r))
		return -1;
	errno = r->info[0].status < 0 ? -r->info[0].status : 0;
	return r->info[0].status < 0 ? -1 : 0;
}

static int pair_do(enum pair_op op, int a, int b)
{
	struct move_extent m = { .donor_fd = b, .len = PAIR_PAGES };
	loff_t from = 0, to = 0;

	switch (op) {
	case MOVE:
		return ioctl(a, EXT4_IOC_MOVE_EXT, &m);
	case EXCHANGE:
	case SWAPEXT:
		return pair_exchange(a, b, op == SWAPEXT);
	case CLONE_TO:
		return ioctl(b, FICLONE, a);
	case DEDUPE:
		return pair_dedupe(a, b);
	case COPY:
		return copy_file_range(a, &from, b, &to, PAIR_PAGES * PAGE, 0) ==
		       (ssize_t)(PAIR_PAGES * PAGE) ? 0 : -1;
	}
	return -1;
}

static void
pair_check(struct __test_metadata *_metadata, int fd, char *p, u64 tag, const char *which)
{
	u64 v, w;
	int i;

	for (i = 0; i < PAIR_PAGES; i++) {
		ASSERT_TRUE(pread(fd, &v, 8, i * PAGE) == 8 && t_load(p + i * PAGE, &w))
			SAY("%s: pread, or SIGBUS", which);
		ASSERT_TRUE(v == tag + i && w == v)
			SAY("%s: page %d is %llx, mapped %llx, instead of %llx", which,
			    i, (unsigned long long)v, (unsigned long long)w,
			    (unsigned long long)tag + i);
	}
}

/* What each file has after an operation that has gone well, or not (@err) */
static void pair_contents(enum pair_op op, int err, u64 tag[2])
{
	u64 first = tag[0];

	if (!err && (op == EXCHANGE || op == SWAPEXT))
		tag[0] = tag[1];
	if (!err && op != MOVE)
		tag[1] = first;
}

/* Who stores to a file that he mapped before does not store to the other. */
static void pair_apart(struct __test_metadata *_metadata, int *fd, char **p, const u64 *tag)
{
	u64 v;
	int i, k;

	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(t_store(p[i] + 5 * PAGE, tag[i] + 5));
		for (k = 0; k < PAIR_PAGES; k++) {
			ASSERT_TRUE(t_store(p[i] + k * PAGE + 8, 0x99 + i))
				SAY("SIGBUS at page %d", k);
		}
		for (k = 0; k < PAIR_PAGES; k++) {
			ASSERT_TRUE(pread(fd[!i], &v, 8, k * PAGE + 8) == 8 && v != 0x99 + i)
				SAY("a store to one is in the other, page %d", k);
		}
	}
}

/* The files, of which the one of number @on_dax is on DAX */
static void pair_open(struct __test_metadata *_metadata, int on_dax, int *fd, char **p,
		      const u64 *tag)
{
	char path[256];
	int i, k;

	snprintf(path, sizeof(path), "%s/..", dir);
	for (i = 0; i < 2; i++) {
		const char *in = i == on_dax ? dir : path, *name = i ? CLONE_NAME : FILE_NAME;

		fd[i] = t_open_written(in, name, PAIR_PAGES);
		t_unlink(in, name);
		if (t_is_dax(fd[i]) != (i == on_dax))
			SKIP(_exit(0), "all files are on DAX, or none");
		if (ftruncate(fd[i], PAIR_PAGES * PAGE))
			t_bail("ftruncate");
		p[i] = t_map_pages(fd[i], PAIR_PAGES, MAP_SHARED, false);
		for (k = 0; k < PAIR_PAGES; k++)
			*(volatile u64 *)(p[i] + k * PAGE) = tag[i] + k;
	}
	if (fsync(fd[0]) || fsync(fd[1]))
		t_bail("fsync");
}

static void pair(struct __test_metadata *_metadata, enum pair_op op, int on_dax)
{
	u64 tag[2] = { 0xa00, op == DEDUPE ? 0xa00 : 0xb00 };
	char *p[2];
	int fd[2], err;

	pair_open(_metadata, on_dax, fd, p, tag);
	err = pair_do(op, fd[0], fd[1]) ? errno : 0;
	if (err == ENOTTY)
		SKIP(return, "this file system cannot");
	pair_contents(op, err, tag);
	pair_check(_metadata, fd[0], p[0], tag[0], "the first");
	/* What the donor of a move has afterwards is nobody's business. */
	if (err || op != MOVE)
		pair_check(_metadata, fd[1], p[1], tag[1], "the second");
	pair_apart(_metadata, fd, p, tag);
	ASSERT_TRUE(!fsync(fd[0]) && !fsync(fd[1]))
		SAY("fsync: %s", strerror(errno));
	if (err)
		SAY("refused: %s", strerror(err));
	else
		SAY("done, and they stay apart");
}

TEST_F(inode, move_extents_the_first_on_DAX)
{
	pair(_metadata, MOVE, 0);
}

TEST_F(inode, exchange_the_second_on_DAX)
{
	pair(_metadata, EXCHANGE, 1);
}

FAILS_ON_BASE(inode, all, exchange_the_second_on_DAX, "xfs");

TEST_F(inode, exchange_the_first_on_DAX)
{
	pair(_metadata, EXCHANGE, 0);
}

FAILS_ON_BASE(inode, all, exchange_the_first_on_DAX, "xfs");

TEST_F(inode, swap_of_all_extents_the_second_on_DAX)
{
	pair(_metadata, SWAPEXT, 1);
}

FAILS_ON_BASE(inode, all, swap_of_all_extents_the_second_on_DAX, "xfs");

TEST_F(inode, swap_of_all_extents_the_first_on_DAX)
{
	pair(_metadata, SWAPEXT, 0);
}

FAILS_ON_BASE(inode, all, swap_of_all_extents_the_first_on_DAX, "xfs");

TEST_F(inode, clone_the_second_on_DAX)
{
	pair(_metadata, CLONE_TO, 1);
}

TEST_F(inode, clone_the_first_on_DAX)
{
	pair(_metadata, CLONE_TO, 0);
}

TEST_F(inode, dedupe_the_second_on_DAX)
{
	pair(_metadata, DEDUPE, 1);
}

TEST_F(inode, dedupe_the_first_on_DAX)
{
	pair(_metadata, DEDUPE, 0);
}

TEST_F(inode, copy_the_second_on_DAX)
{
	pair(_metadata, COPY, 1);
}

TEST_F(inode, copy_the_first_on_DAX)
{
	pair(_metadata, COPY, 0);
}

TEST_F(inode, swap_with_the_boot_loader)
{
	swap_boot(_metadata);
}

FAILS_ON_BASE(inode, all, swap_with_the_boot_loader, "ext4");

/* Last, as it may kill the kernel */
TEST_F(inode, move_extents_the_second_on_DAX)
{
	pair(_metadata, MOVE, 1);
}

FAILS_ON_BASE(inode, all, move_extents_the_second_on_DAX, "ext4");

DAX_HARNESS_MAIN
