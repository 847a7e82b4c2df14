// SPDX-License-Identifier: GPL-2.0
/*
 * Memory failure in DAX pages: mapped, no longer mapped, and being truncated
 * meanwhile.
 *
 *	dax_poison [-s seed] [-n injections] [-t seconds] DIR
 *
 * Wants root, CONFIG_MEMORY_FAILURE, and for most of it CONFIG_HWPOISON_INJECT
 * and debugfs in its place.  The kernel cannot take poison off a ZONE_DEVICE
 * page again, nor make a bad block good, so each case leaves its file behind,
 * dax_poisoned.PID.CASE.  Some free what they have poisoned: the file system knows
 * nothing of that, and whoever gets such a block gets SIGBUS.
 *
 * -n and -t limit each of the races.
 */
#include "dax_util.h"
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <sys/sysmacros.h>

#define NPAGES		(2 * PMD / PAGE)
#define SIZE		(NPAGES * PAGE)
#define EVERY		10		/* of the pages are used, more or less */
#define CORRUPT		"/sys/kernel/debug/hwpoison/corrupt-pfn"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON	100
#endif
#ifndef BUS_MCEERR_AR
#define BUS_MCEERR_AR	4
#define BUS_MCEERR_AO	5
#endif

/* What came of the last SIGBUS, and how many there were */
struct hit {
	_Atomic int ao, ar, other;
	int code, lsb;
	char *addr;
};

/* All processes have it in common. */
static struct shared {
	struct hit hit[3];
	_Atomic u64 pfn, loops;
	_Atomic int stop, wrong, up;
	char why[128];
} *sh;

static const char *dir;
static int fd;
static char *p;				/* MAP_SHARED */
static struct hit *hit;			/* of this process */
static u64 seed;
static int max = 300;
static double seconds = 5;

static u64 tag(long i) { return 0xda000000 + i; }

static void on_sigbus(int sig, siginfo_t *si, void *ctx)
{
	static const char msg[] = "# unexpected SIGBUS\n";

	hit->code = si->si_code;
	hit->addr = si->si_addr;
	hit->lsb = si->si_addr_lsb;
	/* Action optional: it may come at any time. */
	if (si->si_code == BUS_MCEERR_AO) {
		atomic_fetch_add(&hit->ao, 1);
		return;
	}
	if (si->si_code == BUS_MCEERR_AR)
		atomic_fetch_add(&hit->ar, 1);
	else
		atomic_fetch_add(&hit->other, 1);
	if (t_armed)
		siglongjmp(t_jmp, 1);
	if (write(1, msg, sizeof(msg) - 1) < 0)
		_exit(KSFT_SKIP);
	_exit(KSFT_FAIL);
}

static void catch_sigbus(void)
{
	struct sigaction sa = { .sa_sigaction = on_sigbus,
				.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART };

	sigaction(SIGBUS, &sa, NULL);
}

/* To be told of it, not only to lose the page. */
static bool want_early(void)
{
	return !prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
}

static u64 pfn_of(void *at)
{
	static int pagemap = -1;
	static pid_t of;
	u64 e = 0;

	if (pagemap < 0 || of != getpid()) {
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
		of = getpid();
	}
	if (pread(pagemap, &e, 8, (uintptr_t)at / PAGE * 8) != 8)
		return 0;
	return e >> 63 ? e & ((1ULL << 55) - 1) : 0;
}

/*
 * Returns 0, an errno, or -1 if SIGBUS came of it, as it does to a writer who
 * has the page mapped.  EBUSY is that the page was of no file.
 */
static int corrupt(u64 pfn)
{
	volatile int err = -1;
	char num[32];
	int f, n;

	f = open(CORRUPT, O_WRONLY | O_CLOEXEC);
	if (f < 0)
		return errno;
	n = snprintf(num, sizeof(num), "0x%llx", (unsigned long long)pfn);
	if (!sigsetjmp(t_jmp, 0)) {
		t_armed = 1;
		err = write(f, num, n) == n ? 0 : errno;
	}
	t_armed = 0;
	close(f);
	return err;
}

static bool injectable(void)
{
	return !access(CORRUPT, W_OK);
}

/* MADV_HWPOISON; 0, an errno, or -1 if SIGBUS came of it */
static int poison(void *at)
{
	volatile int err = -1;

	if (!sigsetjmp(t_jmp, 0)) {
		t_armed = 1;
		err = madvise(at, PAGE, MADV_HWPOISON) ? errno : 0;
	}
	t_armed = 0;
	return err;
}

/* From now on the block of page i of file f is known to be bad. */
static bool make_bad(int f, long i)
{
	struct {
		struct fiemap h;
		struct fiemap_extent e;
	} m = { .h = { .fm_start = i * PAGE, .fm_length = PAGE,
		       .fm_flags = FIEMAP_FLAG_SYNC, .fm_extent_count = 1 } };
	char path[128], num[64];
	struct stat st;
	u64 at;
	int b, n;

	if (fstat(f, &st) || ioctl(f, FS_IOC_FIEMAP, &m) || m.h.fm_mapped_extents != 1)
		return false;
	at = m.e.fe_physical + i * PAGE - m.e.fe_logical;
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/badblocks",
		 major(st.st_dev), minor(st.st_dev));
	b = open(path, O_WRONLY | O_CLOEXEC);
	if (b < 0)
		return false;
	n = snprintf(num, sizeof(num), "%llu 8\n", (unsigned long long)at / 512);
	n -= write(b, num, n);
	close(b);
	return !n;
}

/* Pages that were bad when they were stored to first */
static bool was_bad[NPAGES];

static bool store_unless_bad(char *at, long i)
{
	int ar = hit->ar;

	if (t_store(at, tag(i)))
		return true;
	if (hit->ar != ar + 1)
		return false;
	hit->ar = ar;
	was_bad[i] = true;
	return true;
}

/* It is not mapped again, neither to be read nor to be written. */
static bool stays_bad(char *at)
{
	int ar = hit->ar;
	u64 v;

	CHECK(!t_load(at + 8, &v), "what is poisoned can be read again");
	CHECK(!t_store(at + 8, 1), "what is poisoned can be written again");
	CHECK(hit->ar == ar + 2 && !hit->other, "code %d", hit->code);
	hit->ar = ar;
	return true;
}

/* Those at the edges of huge pages, and those that the cases poison or punch */
static bool used(long i)
{
	return i % EVERY == 0 || i % 512 == 511 || i == 512 || i < 16;
}

static bool fill(char *m)
{
	long i;

	for (i = 0; i < (long)NPAGES; i++)
		if (used(i))
			CHECK(store_unless_bad(m + i * PAGE, i), "SIGBUS at page %ld", i);
	return true;
}

/* All the rest of the file is as it was. */
static bool rest(char *m, long bad)
{
	long i;
	u64 v;

	for (i = 0; i < (long)NPAGES; i++)
		if (i != bad && used(i) && !was_bad[i])
			CHECK(t_load(m + i * PAGE, &v) && v == tag(i), "page %ld is lost", i);
	return true;
}

static bool small_pages(char *m)
{
	return !madvise(m, SIZE, MADV_NOHUGEPAGE);
}

/* Who touches it is told, at once, and where. */
static bool f_own(void)
{
	int err;

	CHECK(small_pages(p), "madvise");
	if (!fill(p))
		return false;
	err = poison(p + 5 * PAGE);
	if (err == EPERM || err == EINVAL)
		SKIP_CASE("memory cannot be poisoned here");
	CHECK(err == -1, "no SIGBUS: %s", err ? strerror(err) : "madvise succeeds");
	CHECK(hit->ar == 1 && !hit->ao && !hit->other, "code %d", hit->code);
	CHECK(hit->addr == p + 5 * PAGE, "address %p instead of %p", hit->addr,
	      p + 5 * PAGE);
	CHECK(hit->lsb == 12, "lsb %d", hit->lsb);
	CHECK(!pfn_of(p + 5 * PAGE), "the page is still mapped");
	return stays_bad(p + 5 * PAGE) && rest(p, 5);
}

/* Another process has it mapped, elsewhere. */
static bool f_other(void)
{
	int status, i;
	char c = 0;
	int up[2];
	pid_t pid;

	if (!injectable())
		SKIP_CASE("no " CORRUPT);
	CHECK(small_pages(p), "madvise");
	if (!fill(p))
		return false;
	CHECK(!pipe(up), "pipe");
	pid = fork();
	CHECK(pid >= 0, "fork");
	if (!pid) {
		char *m = t_map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
		u64 v;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hit = &sh->hit[1];
		if (!m || !want_early() || !small_pages(m) || !t_load(m + 7 * PAGE, &v))
			_exit(1);
		if (write(up[1], &c, 1) != 1)
			_exit(2);
		for (i = 0; i < 1000 && !atomic_load(&hit->ao); i++)
			usleep(10000);
		if (hit->ao != 1 || hit->ar || hit->other)
			_exit(3);
		_exit(hit->addr == m + 7 * PAGE && hit->lsb == 12 ? 0 : 4);
	}
	close(up[1]);
	CHECK(read(up[0], &c, 1) == 1, "the child cannot map it");
	close(up[0]);
	i = corrupt(pfn_of(p + 7 * PAGE));
	CHECK(i == -1, "no SIGBUS: %s", i ? strerror(i) : "it succeeds");
	CHECK(waitpid(pid, &status, 0) == pid && !status,
	      "the child: status %x, %d AO, %d AR, %d others", status,
	      sh->hit[1].ao, sh->hit[1].ar, sh->hit[1].other);
	/* Who wrote to debugfs has it mapped, too. */
	CHECK(hit->ar == 1 && !hit->ao && hit->addr == p + 7 * PAGE,
	      "%d AO, %d AR at %p", hit->ao, hit->ar, hit->addr);
	return stays_bad(p + 7 * PAGE) && rest(p, 7);
}

/* One page of a huge one: all of it is unmapped. */
static bool f_huge(void)
{
	u64 faults;
	int err;

	CHECK(!fallocate(fd, 0, 0, SIZE), "fallocate");
	faults = t_faults();
	if (!fill(p))
		return false;
	if (t_faults() - faults > 64)
		SKIP_CASE("no huge pages here");
	err = poison(p + 100 * PAGE);
	if (err == EPERM || err == EINVAL)
		SKIP_CASE("memory cannot be poisoned here");
	CHECK(err == -1, "no SIGBUS: %s", err ? strerror(err) : "madvise succeeds");
	CHECK(hit->ar == 1 && !hit->ao && !hit->other, "code %d", hit->code);
	CHECK(hit->addr >= p && hit->addr < p + PMD, "address %p", hit->addr);
	CHECK(hit->lsb == 21, "lsb %d", hit->lsb);
	CHECK(!pfn_of(p) && !pfn_of(p + 511 * PAGE), "still mapped");
	CHECK(pfn_of(p + PMD), "another huge page was unmapped");
	/* The others are mapped one by one now. */
	return stays_bad(p + 100 * PAGE) && rest(p, 100);
}

/* Nobody has it mapped, but it is dirty. */
static bool f_unmapped(void)
{
	u64 pfn, v;
	int err;

	if (!injectable())
		SKIP_CASE("no " CORRUPT);
	CHECK(small_pages(p), "madvise");
	if (!fill(p))
		return false;
	pfn = pfn_of(p + 9 * PAGE);
	CHECK(pfn, "no pfn");
	CHECK(!madvise(p, SIZE, MADV_DONTNEED), "madvise");
	err = corrupt(pfn);
	CHECK(!err, "corrupt-pfn: %s", err < 0 ? "SIGBUS" : strerror(err));
	CHECK(!hit->ao && !hit->ar && !hit->other, "SIGBUS for what is not mapped");
	CHECK(!fsync(fd), "fsync: %s", strerror(errno));
	if (!rest(p, 9))
		return false;
	if (!stays_bad(p + 9 * PAGE))
		return false;
	CHECK(!ftruncate(fd, 9 * PAGE) && !ftruncate(fd, SIZE), "ftruncate");
	CHECK(t_load(p + 9 * PAGE, &v) && !v, "old data where the file grew");
	return true;
}

/* What another page's punch, or its own, has left of it */
static bool f_punched(void)
{
	u64 pfn, gone, v;
	int err;

	if (!injectable())
		SKIP_CASE("no " CORRUPT);
	CHECK(small_pages(p), "madvise");
	if (!fill(p))
		return false;
	pfn = pfn_of(p + 11 * PAGE);
	gone = pfn_of(p + 600 * PAGE);
	CHECK(pfn && gone, "no pfn");
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 600 * PAGE,
			 PAGE), "punch");
	/* Mainline has unmapped all of the file, and forgotten all its pages. */
	err = corrupt(pfn);
	CHECK(err == -1, "no SIGBUS: %s", err ? strerror(err) : "it succeeds");
	CHECK(hit->ar == 1 && !hit->other && !hit->ao, "code %d", hit->code);
	err = corrupt(gone);
	CHECK(!err || err == EBUSY, "corrupt-pfn: %s", err < 0 ? "SIGBUS" : strerror(err));
	CHECK(t_load(p + 600 * PAGE, &v) && !v, "old data in a hole");
	CHECK(store_unless_bad(p + 600 * PAGE, 600), "SIGBUS in a hole");
	CHECK(!fsync(fd), "fsync: %s", strerror(errno));
	return stays_bad(p + 11 * PAGE) && rest(p, 11);
}

/* Once the block is known to be bad, every access fails, and only to it. */
static bool f_bad(void)
{
	u64 pfn, v;
	char *m = p;
	int err;

	if (!injectable())
		SKIP_CASE("no " CORRUPT);
	CHECK(!fallocate(fd, 0, 0, SIZE), "fallocate");
	if (!fill(m))
		return false;
	CHECK(!fsync(fd), "fsync");
	pfn = pfn_of(m + 300 * PAGE);
	CHECK(pfn, "no pfn");
	if (!make_bad(fd, 300))
		SKIP_CASE("no bad blocks on this device: %s", strerror(errno));
	CHECK(!madvise(m, SIZE, MADV_DONTNEED), "madvise");
	err = corrupt(pfn);
	CHECK(!err || err == EBUSY, "corrupt-pfn: %s", strerror(err));
	CHECK(!hit->ao && !hit->ar && !hit->other, "SIGBUS for what is not mapped");
	CHECK(!t_load(m + 300 * PAGE + 8, &v), "a bad page can be read");
	CHECK(hit->ar == 1 && hit->lsb == 12 &&
	      (char *)((uintptr_t)hit->addr & ~(PAGE - 1)) == m + 300 * PAGE,
	      "code %d at %p", hit->code, hit->addr);
	CHECK(!t_store(m + 300 * PAGE + 8, 1), "a bad page can be written");
	CHECK(hit->ar == 2, "code %d", hit->code);
	CHECK(pread(fd, &v, 8, 300 * PAGE) < 0 && errno == EIO, "pread: %s",
	      strerror(errno));
	return rest(m, 300);
}

static void wrong(const char *what)
{
	if (!atomic_exchange(&sh->wrong, 1))
		snprintf(sh->why, sizeof(sh->why), "%s: %s", what, strerror(errno));
}

static void pause_us(u64 us)
{
	u64 end = now_us() + us;

	while (now_us() < end)
		;
}

/* Says which page is in use, and then takes it away. */
static void truncator(bool huge, u64 rng)
{
	int mode = FALLOC_FL_KEEP_SIZE;
	u64 v;

	if (!huge && !small_pages(p))
		wrong("madvise");
	while (!atomic_load(&sh->stop)) {
		long i = rnd(&rng) % NPAGES, n;

		if (huge && fallocate(fd, 0, 0, SIZE))
			wrong("fallocate");
		was_bad[i] = false;
		if (!store_unless_bad(p + i * PAGE, i))
			wrong("SIGBUS inside the file");
		if (was_bad[i]) {
			/* Let somebody else have the block. */
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | mode, i * PAGE, PAGE);
			continue;
		}
		atomic_store(&sh->pfn, pfn_of(p + i * PAGE));
		pause_us(rnd(&rng) % 200);
		n = 1 + rnd(&rng) % 16;
		if (n > (long)NPAGES - i)
			n = NPAGES - i;
		v = 0;
		switch (rnd(&rng) % 5) {
		case 0 ... 1:
			if (ftruncate(fd, i * PAGE) || ftruncate(fd, SIZE))
				wrong("ftruncate");
			break;
		case 2:
			if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | mode, i * PAGE, n * PAGE))
				wrong("punch");
			break;
		case 3:
			if (fallocate(fd, FALLOC_FL_ZERO_RANGE | mode, i * PAGE, n * PAGE))
				wrong("zero");
			break;
		default:
			madvise(p, SIZE, MADV_DONTNEED);
			v = tag(i);
		}
		errno = 0;
		/* The toucher writes nothing, and to nobody else it belongs. */
		if (rnd(&rng) & 1) {
			u64 got = ~0ULL;

			/* It may have been poisoned just now. */
			if (t_load(p + i * PAGE, &got) ? got != v : hit->other)
				wrong("a page is not what it was made");
		}
		atomic_fetch_add(&sh->loops, 1);
	}
}

/* Maps what the other one takes away. */
static void toucher(bool huge, u64 rng)
{
	char *m = t_map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	u64 v;

	if (!m || (!huge && !small_pages(m)))
		wrong("mmap");
	while (!atomic_load(&sh->stop)) {
		t_load(m + rnd(&rng) % NPAGES * PAGE, &v);
		if (rnd(&rng) % 64 == 0)
			madvise(m, SIZE, MADV_DONTNEED);
	}
}

static bool race(bool huge)
{
	u64 end = now_us() + seconds * 1000000, v;
	int n, err, status, told = 0, busy = 0, i;
	bool died = false;
	pid_t pid[2];

	if (!injectable())
		SKIP_CASE("no " CORRUPT);
	for (i = 0; i < 2; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0, "fork");
		if (pid[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		hit = &sh->hit[1 + i];
		if (!want_early())
			wrong("prctl");
		if (i)
			toucher(huge, seed * 3 + 1);
		else
			truncator(huge, seed * 3 + 2);
		_exit(0);
	}
	for (n = 0; n < max && now_us() < end && !atomic_load(&sh->wrong);) {
		v = atomic_load(&sh->pfn);
		if (!v) {
			usleep(100);
			continue;
		}
		err = corrupt(v);
		n++;
		told += !err;
		busy += err == EBUSY;
		if (err && err != EBUSY) {
			errno = err;
			wrong("corrupt-pfn");
		}
		usleep(rnd(&seed) % 2000);
	}
	/* One more while the other two go on: they have to be alive. */
	v = sh->loops;
	for (i = 0; i < 2000 && sh->loops == v && !sh->wrong; i++)
		usleep(10000);
	CHECK(i < 2000, "the one who truncates has stopped");
	atomic_store(&sh->stop, 1);
	for (i = 0; i < 2; i++) {
		CHECK(waitpid(pid[i], &status, 0) == pid[i], "waitpid");
		if (status && !died) {
			died = true;
			snprintf(sh->why, sizeof(sh->why), "process %d has died: %x",
				 i, status);
		}
	}
	CHECK(!died && !sh->wrong, "%s", sh->why);
	CHECK(told, "of %d injections none was reported", n);
	CHECK(!fsync(fd), "fsync: %s", strerror(errno));
	CHECK(pwrite(fd, &v, 8, 0) == 8, "pwrite: %s", strerror(errno));
	snprintf(t_why, sizeof(t_why), "%d injections: %d reported, %d found nobody; %d + %d AO; %llu loops",
		 n, told, busy, sh->hit[1].ao, sh->hit[2].ao,
		 (unsigned long long)sh->loops);
	return true;
}

static bool f_race(void)
{
	return race(false);
}

static bool f_race_huge(void)
{
	return race(true);
}

static const struct {
	const char *name;
	bool (*f)(void);
} cases[] = {
	{ "a mapped page", f_own },
	{ "a page that another process has mapped", f_other },
	{ "a huge page", f_huge },
	{ "a page that is not mapped any more", f_unmapped },
	{ "a page that was punched, and one next to it", f_punched },
	{ "a bad block", f_bad },
	{ "pages being truncated and mapped", f_race },
	{ "huge pages being truncated and mapped", f_race_huge },
};

int main(int argc, char **argv)
{
	int n = ARRAY_SIZE(cases), i, opt;

	seed = now_us() ^ getpid();
	while ((opt = getopt(argc, argv, "s:n:t:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'n')
			max = atoi(optarg);
		else if (opt == 't')
			seconds = atof(optarg);
		else
			return KSFT_FAIL;
	}
	if (optind != argc - 1 || max < 1 || seconds <= 0) {
		fprintf(stderr, "usage: dax_poison [-s seed] [-n injections] [-t seconds] DIR\n");
		return KSFT_FAIL;
	}
	dir = argv[optind];
	ksft_print_header();
	ksft_set_plan(n);
	printf("# %s: seed %llu, races of %d injections or %.0f seconds\n", dir,
	       (unsigned long long)seed, max, seconds);
	fflush(stdout);
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		t_bail("mmap");
	for (i = 0; i < n; i++) {
		u64 start = now_us();
		char name[64];
		bool ok;

		/* The default action is death, which is what a hang deserves. */
		alarm(300 + seconds);
		t_why[0] = 0;
		t_skipped = false;
		memset(sh, 0, sizeof(*sh));
		memset(was_bad, 0, sizeof(was_bad));
		hit = &sh->hit[0];
		catch_sigbus();
		snprintf(name, sizeof(name), "dax_poisoned.%d.%d", getpid(), i);
		fd = t_open(dir, name, SIZE);
		if (!t_is_dax(fd))
			t_bail("%s is not on DAX", dir);
		p = t_map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
		if (!p)
			t_bail("mmap");
		ok = cases[i].f();
		t_case(ok, cases[i].name, t_base(dir), start);
		munmap(p, SIZE);
		close(fd);
	}
	ksft_finished();
}
