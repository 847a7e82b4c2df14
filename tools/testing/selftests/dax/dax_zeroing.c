// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that are allocated or converted from unwritten ones have to be zeroed
 * before anybody can use them.  If they can be found earlier, the zeroes land
 * on top of what somebody else has stored by then.
 *
 *	dax_zeroing [-s seed] [-n runs] [-t seconds] [-c case] DIR
 *
 * One thread makes the file system zero blocks of a fallocated file, by write(2)
 * or by a fault; another one uses a block of these a moment later, through the
 * other of the two.  The moment is chosen at random over the time that the
 * first one has needed until now.  They never write the same bytes, so all that
 * was written has to be there in the end.
 *
 * Zeroing 2 MiB takes long enough to be hit almost at will.  write(2) does so,
 * too, without overwriting most of it: its buffer ends after a page.
 *
 * A run is a fresh file.  -n limits the runs of each case, -t the time of all of
 * them together.  All runs are made even if one has failed.  -c picks one case.
 */
#include "dax_util.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define SIZE		(16UL << 20)
#define NPAGES		(SIZE / PAGE)
#define NCHUNKS		(SIZE / PMD)
#define STEPS		64

/* Where in its page each of them writes */
#define ZERO_OFF	0
#define USER_OFF	2048

enum mode {
	PAGES,			/* write(2) of a few bytes of a page, store to the page */
	CHUNKS,			/* write(2) of 2 MiB, store to one of its pages */
	HUGE,			/* store to a huge page, write(2) to one of its pages */
	FREE,			/* as PAGES, but nobody waits for anybody */
};

static const struct {
	const char *name;
	enum mode mode;
	bool prefault;
	const char *fails_on_base;	/* see t_judge() */
} cases[] = {
	{ "write of a page, store to it", PAGES, false, "ext4" },
	{ "write of a page, store to it, prefaulted", PAGES, true, "ext4" },
	{ "write of 2 MiB, store to a page of it", CHUNKS, false, "ext4" },
	{ "write of 2 MiB, store to a page of it, prefaulted", CHUNKS, true, "ext4" },
	{ "store to a huge page, write to a page of it", HUGE, false, "ext4" },
	{ "writes and stores all over a file", FREE, false, "ext4" },
	{ "writes and stores all over a file, prefaulted", FREE, true, "ext4" },
};

/* One attempt: what the one who zeroes, and the one who uses, have written */
static struct step {
	off_t zero, user;
	u64 delay;
	bool zeroed, used;
} steps[STEPS];

static int nsteps;
static enum mode mode;
static int fd, cpus;
static char *map, *buf;
static u64 seed, rng;
static _Atomic int go, done;		/* steps begun, and ended */
static _Atomic int sigbus;		/* where there is a page */
static u64 took;			/* of who zeroes, in ns: four of five take less */

/* Neither zero nor the same twice in a file */
static u64 tag(off_t at)
{
	return 0xda00000000000000ULL | at << 8 | 0xda;
}

/* With one CPU only sleeping lets the other one begin. */
static void delay(u64 ns)
{
	u64 end = now_ns() + ns;
	struct timespec ts = { end / 1000000000, end % 1000000000 };

	if (cpus == 1)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	while (now_ns() < end)
		;
}

static void wait_for(_Atomic int *what, int value)
{
	unsigned int n = 0;

	while (atomic_load(what) < value)
		if (cpus == 1 || !(++n & 0xff))
			sched_yield();
}

static bool put(off_t at)
{
	u64 v = tag(at);

	if (pwrite(fd, &v, sizeof(v), at) != sizeof(v))
		t_bail("pwrite at %lld", (long long)at);
	return true;
}

/*
 * Mainline removes the entries of what write(2) has allocated before it unmaps
 * them.  A store in between, to a page that was read as a hole, gets SIGBUS.
 * That is another matter: it is counted, and tried again.
 */
static bool store(off_t at)
{
	int i;

	for (i = 0; !t_store(map + at, tag(at)); i++) {
		if (i == 1000)
			t_bail("SIGBUS at %lld, again and again", (long long)at);
		atomic_fetch_add(&sigbus, 1);
	}
	return true;
}

/* What comes after the first page cannot be read. */
static bool put_chunk(off_t at)
{
	ssize_t n;

	*(u64 *)buf = tag(at);
	n = pwrite(fd, buf, PMD, at);
	if (n < (ssize_t)sizeof(u64))
		t_bail("pwrite at %lld: %zd", (long long)at, n);
	return true;
}

static void *zero_thread(void *arg)
{
	int i;

	prctl(PR_SET_TIMERSLACK, 1);
	for (i = 0; i < nsteps; i++) {
		struct step *s = &steps[i];
		u64 start, ns;

		if (mode != FREE)
			wait_for(&go, i + 1);
		start = now_ns();
		if (mode == CHUNKS)
			s->zeroed = put_chunk(s->zero);
		else if (mode == HUGE)
			s->zeroed = store(s->zero);
		else
			s->zeroed = put(s->zero);
		ns = now_ns() - start;
		if (!took)
			took = ns;
		else if (ns > took)
			took += took / 8;
		else
			took -= took / 32;
		atomic_store(&done, i + 1);
	}
	return NULL;
}

static void use(void)
{
	int i;

	prctl(PR_SET_TIMERSLACK, 1);
	for (i = 0; i < nsteps; i++) {
		struct step *s = &steps[i];

		if (mode != FREE) {
			atomic_store(&go, i + 1);
			delay(s->delay);
		}
		s->used = mode == HUGE ? put(s->user) : store(s->user);
		if (mode != FREE)
			wait_for(&done, i + 1);
	}
}

/* Each page, or each 2 MiB, once, in random order */
static void make_steps(void)
{
	int order[NPAGES], i, n, all;

	all = mode == CHUNKS || mode == HUGE ? NCHUNKS : NPAGES;
	n = all < STEPS ? all : STEPS;
	for (i = 0; i < all; i++)
		order[i] = i;
	for (i = 0; i < n; i++) {
		struct step *s = &steps[i];
		int k = i + rnd(&rng) % (all - i), at = order[k];

		order[k] = order[i];
		memset(s, 0, sizeof(*s));
		if (all == NCHUNKS) {
			s->zero = at * PMD + ZERO_OFF;
			/* In the second half, which is zeroed later */
			s->user = at * PMD + PMD / 2 + USER_OFF +
				  rnd(&rng) % (PMD / 2 / PAGE) * PAGE;
		} else {
			s->zero = at * PAGE + ZERO_OFF;
			s->user = at * PAGE + USER_OFF;
		}
		s->delay = took ? rnd(&rng) % (took + took / 4) : 0;
	}
	nsteps = n;
}

/* A page is zeroed and used, once as the file has it and once as it is mapped. */
static int check(off_t at, char *why, size_t len)
{
	u64 want = tag(at), v = 0, m = *(volatile u64 *)(map + at);

	if (pread(fd, &v, sizeof(v), at) == sizeof(v) && v == want && m == want)
		return 0;
	if (!why[0])
		snprintf(why, len, "page %lu + %lu: read %llx, mapped %llx",
			 at / PAGE, at % PAGE, (unsigned long long)v,
			 (unsigned long long)m);
	return 1;
}

/* Returns how many have lost what they wrote. */
static int run(bool prefault, char *why, size_t len)
{
	u64 sum = 0, v;
	int i, lost = 0;
	pthread_t t;
	size_t at;

	if (ftruncate(fd, 0) || fallocate(fd, 0, 0, SIZE))
		t_bail("fallocate");
	/* A new mapping has no page tables yet, which is where huge pages go. */
	if (mmap(map, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		 0) == MAP_FAILED)
		t_bail("mmap");
	make_steps();
	if (prefault) {
		for (at = 0; at < SIZE; at += PAGE) {
			t_load(map + at, &v);
			sum |= v;
		}
		if (sum)
			t_bail("a fresh file is not empty");
	}
	go = 0;
	done = 0;
	if (pthread_create(&t, NULL, zero_thread, NULL))
		t_bail("pthread_create");
	use();
	pthread_join(t, NULL);
	for (i = 0; i < nsteps; i++) {
		struct step *s = &steps[i];

		lost += check(s->zero, why, len) + check(s->user, why, len);
	}
	return lost;
}

int main(int argc, char **argv)
{
	int n = ARRAY_SIZE(cases), i, opt, max = 2000, only = 0, todo;
	double seconds = 30;
	const char *dir;

	seed = now_us() ^ getpid();
	while ((opt = getopt(argc, argv, "s:n:t:c:")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 'n')
			max = atoi(optarg);
		else if (opt == 't')
			seconds = atof(optarg);
		else if (opt == 'c')
			only = atoi(optarg);
		else
			return KSFT_FAIL;
	}
	if (optind != argc - 1 || max < 1 || seconds <= 0 || only < 0 || only > n) {
		fprintf(stderr, "usage: dax_zeroing [-s seed] [-n runs] [-t seconds] [-c case] DIR\n");
		return KSFT_FAIL;
	}
	dir = argv[optind];
	cpus = sysconf(_SC_NPROCESSORS_ONLN);

	todo = only ? 1 : n;
	ksft_print_header();
	ksft_set_plan(todo);
	printf("# %s: seed %llu, %d runs or %.0f seconds, %d CPUs\n", dir,
	       (unsigned long long)seed, max, seconds, cpus);
	fflush(stdout);
	t_catch_sigbus();
	fd = t_open(dir, "dax_zeroing", SIZE);
	if (!t_is_dax(fd))
		t_bail("%s is not on DAX", dir);
	map = t_map(fd, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	buf = mmap(NULL, PMD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!map || buf == MAP_FAILED || mprotect(buf, PAGE, PROT_READ | PROT_WRITE))
		t_bail("mmap");
	memset(buf, 0x11, PAGE);

	for (i = 0; i < n; i++) {
		int runs = 0, bad = 0, tries = 0, lost = 0, was;
		u64 start = now_us();
		bool listed = t_must_fail(dir, cases[i].fails_on_base);
		/* What must fail has more time, and needs to fail only once. */
		u64 end = start + (listed ? 10 : 1) * seconds * 1000000 / todo;
		char why[128] = "", first[144] = "";

		if (only && only != i + 1)
			continue;
		mode = cases[i].mode;
		took = 0;
		sigbus = 0;
		rng = seed * 1000003 + i;
		while (runs < max && (now_us() < end || runs < 2) && !(listed && lost)) {
			was = run(cases[i].prefault, why, sizeof(why));
			runs++;
			tries += nsteps;
			lost += was;
			bad += !!was;
		}
		if (why[0])
			snprintf(first, sizeof(first), "; first: %s", why);
		ksft_test_result_code(t_judge(lost || sigbus ? KSFT_FAIL : KSFT_PASS, dir,
					      cases[i].fails_on_base), cases[i].name,
				      "%s: %d of %d runs have lost data, %d of %d attempts, %d SIGBUS, %llu us each, in %.1f s%s",
				      t_base(dir), bad, runs, lost, tries, sigbus,
				      (unsigned long long)took / 1000,
				      (now_us() - start) / 1e6, first);
	}
	munmap(map, SIZE);
	close(fd);
	t_unlink(dir, "dax_zeroing");
	ksft_finished();
}
