// SPDX-License-Identifier: GPL-2.0
/*
 * Race DAX faults with all that takes pages away, and know what must be read.
 *
 *	dax_race [-s seed] [-t seconds] [-n operations] [-p processes] [-d] DIR
 *
 * Every page written carries a tag in three places: its index, a generation
 * and the writer.  A journal in memory shared by all processes says what each
 * page of the file has to be: past EOF, zeroes, or a tag.  Whoever stores to,
 * punches or truncates a page holds its mutex in the journal, and its sequence
 * count is odd meanwhile.  Readers take nothing, so they fault while all this
 * goes on.  A reader who finds the same even count before and after knows
 * exactly what it had to see; any other reader must at least not see what was
 * gone before it began.  What a racing fault maps wrongly stays mapped and is
 * read again later.
 *
 * Each eighth page is wild: stored to without the mutex, so that write faults
 * race with truncation of their very page.  For those only SIGBUS past EOF and
 * the index in the tag are judged.
 *
 * Two thirds of the file can be mapped with huge pages.
 *
 * -d lets the first thread of each process be delayed in its faults, where the
 * kernel has knobs for that, see dax_window.c.
 */
#include "dax_util.h"
#include <pthread.h>
#include <stdatomic.h>

#define HUGE_PAGES	1024
#define NPAGES		(HUGE_PAGES + 511)	/* no huge page fits behind */
#define THREADS		3
#define PMAX		8

/* Tags: what a page holds */
#define MAGIC		0xdaULL
#define TAG(i, gen, who) (MAGIC << 56 | (u64)(i) << 40 | \
			 (u64)(who) << 32 | (u32)(gen))
#define TAG_GEN(t)	((u32)(t))
#define TAG_OK(t, i)	((t) >> 56 == MAGIC && ((t) >> 40 & 0xffff) == (u64)(i))
#define WILD(i)		(((i) & 7) == 5)
#define PRIV_MAGIC	0xca11ab1eULL

/* Where in the page; what a private copy says of itself comes between. */
static const int slot[] = { 0, 2048, 4088 };
#define PRIV_SLOT	1024

enum kind { EOF_, ZERO, DATA };
enum verdict { V_EOF, V_STALE, V_LOST, V_COW, V_CALL, V_MAX };

struct page {
	pthread_mutex_t lock;
	_Atomic u32 seq;		/* odd: something is going on */
	_Atomic u32 cut;		/* truncations of this page; odd: in one */
	_Atomic u64 state;		/* kind, writer, generation */
};

#define STATE(k, who, gen) ((u64)(k) << 60 | (u64)(who) << 32 | (gen))
#define KIND(s)		((enum kind)((s) >> 60))
#define WHO(s)		((s) >> 32 & 0xff)
#define GEN(s)		((u32)(s))

static struct shared {
	pthread_mutex_t trunc;
	_Atomic u32 hot, size;	/* in pages; size: under trunc */
	_Atomic u32 recent[32];	/* stored to */
	_Atomic int stop, failed[V_MAX];
	_Atomic u64 ops, judged[V_MAX], weak, cows, maps;
	_Atomic int talking;
	char why[512];
	struct page page[NPAGES];
} *j;

static int fd, processes = 2;
static u64 seed, max_ops;
static bool delayed;
static char *pmap;			/* shared by the threads of a process */

struct priv {
	u64 tag;
	u32 cut0, cut1;		/* before and after it was made */
};

struct me {
	int id;
	u64 rng;
	char *sync;			/* MAP_SYNC */
	char *priv;
	u32 copied[16], ncopied;	/* the latest private copies */
	struct priv rec[NPAGES];
};

static pthread_mutex_t maps = PTHREAD_MUTEX_INITIALIZER;

static void __printf(2, 3)
complain(enum verdict v, const char *fmt, ...)
{
	va_list ap;

	atomic_fetch_add(&j->failed[v], 1);
	if (!atomic_exchange(&j->talking, 1)) {
		va_start(ap, fmt);
		vsnprintf(j->why, sizeof(j->why), fmt, ap);
		va_end(ap);
	}
	atomic_store(&j->stop, 1);
}

static void begin(int i)
{
	pthread_mutex_lock(&j->page[i].lock);
	atomic_fetch_add(&j->page[i].seq, 1);
}

static void end(int i, enum kind k, int who, u32 gen)
{
	struct page *p = &j->page[i];

	atomic_store(&p->state, STATE(k, who, gen));
	atomic_fetch_add(&p->seq, 1);
	pthread_mutex_unlock(&p->lock);
}

/* Nothing has become of it. */
static void end_same(int i)
{
	atomic_fetch_add(&j->page[i].seq, 1);
	pthread_mutex_unlock(&j->page[i].lock);
}

static u64 expect(int i, u64 s)
{
	return KIND(s) == DATA ? TAG(i, GEN(s), WHO(s)) : 0;
}

struct look {
	u64 state;
	u32 seq, cut;
};

static struct look look(int i)
{
	struct look l;

	l.seq = atomic_load(&j->page[i].seq);
	l.cut = atomic_load(&j->page[i].cut);
	l.state = atomic_load(&j->page[i].state);
	return l;
}

/*
 * Judge what was seen of page i, all of it after @l was taken.  @bus: SIGBUS,
 * or nothing to read.  @torn: what races with a store may be half of it, as
 * read(2) copies bytes.
 */
static void judge(int i, struct look l, bool bus, const u64 *val, bool torn,
		  const char *how)
{
	bool still = !(l.seq & 1) && atomic_load(&j->page[i].seq) == l.seq;
	u32 last = GEN(atomic_load(&j->page[i].state)) + 1;
	u64 want = expect(i, l.state);
	int k;

	if (still && (KIND(l.state) == EOF_) != bus) {
		complain(bus ? V_LOST : V_EOF, "%s of page %d: %s, generation %u, value %llx",
			 how, i, bus ? "SIGBUS or end of file within the file" :
			 "readable past EOF", GEN(l.state),
			 bus ? 0ULL : (unsigned long long)val[0]);
		return;
	}
	if (still)
		atomic_fetch_add(&j->judged[KIND(l.state) == EOF_ ? V_EOF :
				 KIND(l.state) == ZERO ? V_STALE : V_LOST], 1);
	else
		atomic_fetch_add(&j->weak, 1);
	if (bus || (torn && (!still || WILD(i))))
		return;

	for (k = 0; k < 3; k++) {
		u64 v = val[k];

		if (v && !TAG_OK(v, i))
			complain(V_STALE, "%s of page %d: %llx is of another page",
				 how, i, (unsigned long long)v);
		else if (WILD(i))
			continue;
		else if (still && v != want)
			complain(want ? V_LOST : V_STALE,
				 "%s of page %d at %d: %llx instead of %llx",
				 how, i, slot[k], (unsigned long long)v,
				 (unsigned long long)want);
		else if (!still && v && (TAG_GEN(v) < GEN(l.state) ||
			 (KIND(l.state) != DATA && TAG_GEN(v) == GEN(l.state)) ||
			 TAG_GEN(v) > last))
			complain(V_STALE,
				 "%s of page %d at %d: generation %u, gone before %u",
				 how, i, slot[k], TAG_GEN(v), GEN(l.state));
	}
}

static bool load_tags(const char *p, u64 *val)
{
	return t_load(p + slot[0], val) && t_load(p + slot[1], val + 1) &&
	       t_load(p + slot[2], val + 2);
}

static void op_read(struct me *me, int i, const char *map)
{
	u64 val[3] = { 0 };
	struct look l = look(i);

	judge(i, l, !load_tags(map + i * PAGE, val), val, false, "load");
}

static void op_pread(struct me *me, int i)
{
	u64 buf[PAGE / 8], val[3] = { 0 };
	struct look l = look(i);
	ssize_t n = pread(fd, buf, PAGE, i * PAGE);
	int k;

	if (n != 0 && n != PAGE) {
		/* i_size moves while it reads; a page is all or nothing */
		complain(V_CALL, "pread of page %d: %zd, errno %d", i, n, errno);
		return;
	}
	for (k = 0; k < 3 && n; k++)
		val[k] = buf[slot[k] / 8];
	judge(i, l, !n, val, true, "pread");
}

/* Store the tags, unlocked if the page is wild. */
static void op_write(struct me *me, int i, char *map, bool wild)
{
	struct page *p = &j->page[i];
	u64 tag;
	bool ok = true;
	int k;

	if (wild) {
		struct look l = look(i);

		tag = TAG(i, ~0U, me->id);
		if (t_store(map + i * PAGE + slot[rnd(&me->rng) % 3], tag) &&
		    KIND(l.state) == EOF_ && !(l.seq & 1) &&
		    atomic_load(&p->seq) == l.seq)
			complain(V_EOF, "store to page %d past EOF, generation %u",
				 i, GEN(l.state));
		return;
	}
	begin(i);
	tag = TAG(i, GEN(p->state) + 1, me->id);
	if (KIND(p->state) == EOF_) {
		if (t_store(map + i * PAGE, tag))
			complain(V_EOF, "store to page %d past EOF, generation %u",
				 i, GEN(p->state));
		end_same(i);
		return;
	}
	for (k = 0; k < 3; k++)
		ok &= t_store(map + i * PAGE + slot[k], tag);
	if (!ok)
		complain(V_LOST, "store to page %d: SIGBUS within the file", i);
	end(i, DATA, me->id, GEN(p->state) + 1);
	j->recent[rnd(&me->rng) % 32] = i;
}

static void op_pwrite(struct me *me, int i)
{
	struct page *p = &j->page[i];
	u64 buf[PAGE / 8] = { 0 }, tag;
	const void *from = buf;
	bool self = rnd(&me->rng) % 8 == 0;
	ssize_t n;
	int k;

	begin(i);
	if (KIND(p->state) == EOF_) {
		end_same(i);
		return;
	}
	tag = TAG(i, GEN(p->state) + 1, me->id);
	for (k = 0; k < 3; k++)
		buf[slot[k] / 8] = tag;
	/* The page onto itself, which faults in the midst of write(2) */
	if (self) {
		from = pmap + i * PAGE;
		madvise(pmap + i * PAGE, PAGE, MADV_DONTNEED);
	}
	n = pwrite(fd, from, PAGE, i * PAGE);
	if (n != PAGE)
		complain(V_CALL, "pwrite of page %d: %zd, errno %d", i, n, errno);
	if (self)
		end_same(i);
	else
		end(i, DATA, me->id, GEN(p->state) + 1);
}

/* Store to a private copy, and remember it. */
static void op_cow(struct me *me, int i)
{
	struct priv *r = &me->rec[i];
	struct look l = look(i);
	u64 tag = PRIV_MAGIC << 32 | (u32)rnd(&me->rng), val[3];
	char *p = me->priv + i * PAGE;
	bool fresh = !r->tag, ok, still;

	ok = t_store(p + PRIV_SLOT, tag);
	still = !(l.seq & 1) && atomic_load(&j->page[i].seq) == l.seq;
	if (!ok) {
		if (still && KIND(l.state) != EOF_)
			complain(V_COW, "private store to page %d: SIGBUS within the file", i);
		r->tag = 0;
		return;
	}
	if (still && KIND(l.state) == EOF_)
		complain(V_COW, "private store to page %d past EOF, generation %u",
			 i, GEN(l.state));
	r->tag = tag;
	r->cut0 = l.cut;
	r->cut1 = atomic_load(&j->page[i].cut);
	atomic_fetch_add(&j->cows, 1);
	me->copied[me->ncopied++ % 16] = i;
	/* What was copied */
	if (fresh && !WILD(i) && load_tags(p, val))
		judge(i, l, false, val, true, "load of a private copy");
}

static void op_cow_check(struct me *me, int i)
{
	struct priv *r = &me->rec[i];
	struct look l = look(i);
	u64 v = 0;
	u32 cut;
	bool ok;

	if (!r->tag) {
		op_read(me, i, me->priv);
		return;
	}
	ok = t_load(me->priv + i * PAGE + PRIV_SLOT, &v);
	cut = atomic_load(&j->page[i].cut);
	if (cut != l.cut || cut & 1)
		return;			/* being truncated */
	atomic_fetch_add(&j->judged[V_COW], 1);
	if (cut == r->cut0 && cut == r->cut1) {
		if (!ok || v != r->tag)
			complain(V_COW, "private copy of page %d lost: %s, %llx", i,
				 ok ? "read" : "SIGBUS", (unsigned long long)v);
	} else if (cut != r->cut1) {
		if (ok && v == r->tag)
			complain(V_COW, "private copy of page %d outlives truncation %u",
				 i, cut / 2);
		r->tag = 0;
	}
	/* else made during the last truncation: before or after, who knows */
}

static void op_truncate(struct me *me)
{
	u32 old, new, i;

	pthread_mutex_lock(&j->trunc);
	old = j->size;
	/* Down to anywhere, and soon up again, most often to the end. */
	if (old == NPAGES)
		new = rnd(&me->rng) % 8 ? NPAGES - 1 - rnd(&me->rng) % 520 :
					  rnd(&me->rng) % NPAGES;
	else if (rnd(&me->rng) % 4)
		new = rnd(&me->rng) % 4 ? NPAGES : old + rnd(&me->rng) % (NPAGES - old);
	else
		new = old - rnd(&me->rng) % (old / 4 + 1);
	atomic_store(&j->hot, new < old ? new : old);

	for (i = new < old ? new : old; i < NPAGES; i++) {
		begin(i);
		if (new < old)
			atomic_fetch_add(&j->page[i].cut, 1);
	}
	if (ftruncate(fd, new * PAGE))
		complain(V_CALL, "ftruncate: errno %d", errno);
	j->size = new;
	for (i = new < old ? new : old; i < NPAGES; i++) {
		u64 s = j->page[i].state;

		if (new < old)
			atomic_fetch_add(&j->page[i].cut, 1);
		if (i >= new && KIND(s) == EOF_)
			end_same(i);
		else
			end(i, i < new ? ZERO : EOF_, 0, GEN(s) + 1);
	}
	pthread_mutex_unlock(&j->trunc);
}

static void op_zero(struct me *me, u32 i, int mode)
{
	u32 n = 1 + rnd(&me->rng) % (rnd(&me->rng) % 16 ? 4 : 600), k;

	if (i + n > NPAGES)
		n = NPAGES - i;
	for (k = i; k < i + n; k++)
		begin(k);
	if (fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, i * PAGE, n * PAGE))
		complain(V_CALL, "fallocate(%d): errno %d", mode, errno);
	for (k = i; k < i + n; k++) {
		u64 s = j->page[k].state;

		if (KIND(s) == EOF_)
			end_same(k);
		else
			end(k, ZERO, 0, GEN(s) + 1);
	}
}

static void op_remap(struct me *me)
{
	int prot = PROT_READ | PROT_WRITE;
	size_t len = NPAGES * PAGE;
	char *p;

	pthread_mutex_lock(&maps);
	atomic_fetch_add(&j->maps, 1);
	switch (rnd(&me->rng) % 3) {
	case 0:
		/* Others are using this one: replace it, unmap nothing. */
		p = mmap(pmap, len, prot, MAP_SHARED | MAP_FIXED, fd, 0);
		break;
	case 1:
		munmap(me->sync, len);
		p = t_map(fd, len, prot, MAP_SHARED_VALIDATE | MAP_SYNC, 0);
		me->sync = p;
		/* Small pages where others may have a huge one */
		if (p && rnd(&me->rng) & 1)
			madvise(p, PMD, MADV_NOHUGEPAGE);
		break;
	default:
		munmap(me->priv, len);
		p = t_map(fd, len, prot, MAP_PRIVATE, 0);
		me->priv = p;
		memset(me->rec, 0, sizeof(me->rec));
	}
	if (!p || p == MAP_FAILED)
		t_bail("mmap");
	pthread_mutex_unlock(&maps);
}

static int pick(struct me *me)
{
	u64 r = rnd(&me->rng);
	int i = r >> 32;

	/* Half of the time, where the file has just ended */
	if (r & 1)
		return (atomic_load(&j->hot) + (i & 15) + NPAGES - 4) % NPAGES;
	if (r & 2)
		return j->recent[i & 31];
	return (i & 0x7fffffff) % NPAGES;
}

static void sync_range(struct me *me, int i)
{
	int n = NPAGES - i < 16 ? NPAGES - i : 16;

	if (rnd(&me->rng) % 4 ? msync(pmap + i * PAGE, n * PAGE, MS_SYNC) :
				fsync(fd))
		complain(V_CALL, "msync or fsync: errno %d", errno);
}

static void one_op(struct me *me)
{
	int i = pick(me);
	char *map = rnd(&me->rng) % 3 ? pmap : me->sync;
	int n;

	switch (rnd(&me->rng) % 64) {
	case 0 ... 14:
		op_read(me, i, map);
		break;
	case 15 ... 18:
		op_pread(me, i);
		break;
	case 19 ... 34:
		op_write(me, i, map, WILD(i));
		break;
	case 35 ... 37:
		op_pwrite(me, i);
		break;
	case 38 ... 43:
		op_cow(me, i);
		break;
	case 44 ... 51:
		if (rnd(&me->rng) % 4)
			i = me->copied[rnd(&me->rng) % 16];
		op_cow_check(me, i);
		break;
	case 52:
		op_truncate(me);
		break;
	case 53 ... 54:
		op_zero(me, i, rnd(&me->rng) % 3 ? FALLOC_FL_PUNCH_HOLE :
						   FALLOC_FL_ZERO_RANGE);
		break;
	case 55:
		sync_range(me, i);
		break;
	case 56:
		n = rnd(&me->rng) % 8;
		if (n == 0) {
			op_remap(me);
		} else if (n == 1) {
			/* Blocks without content: no content changes, nor EOF */
			i &= ~511;
			if (fallocate(fd, FALLOC_FL_KEEP_SIZE, i * PAGE, PMD))
				complain(V_CALL, "fallocate: errno %d", errno);
		} else if (n == 2) {
			n = NPAGES - i < 64 ? NPAGES - i : 64;
			madvise(me->priv + i * PAGE, n * PAGE, MADV_DONTNEED);
			memset(me->rec + i, 0, n * sizeof(me->rec[0]));
		}
		break;
	default:
		madvise(map + i * PAGE, NPAGES - i < 64 ? PAGE : 64 * PAGE,
			MADV_DONTNEED);
	}
}

static void *thread(void *arg)
{
	int prot = PROT_READ | PROT_WRITE;
	struct me *me = calloc(1, sizeof(*me));

	if (!me)
		t_bail("calloc");
	me->id = (intptr_t)arg;
	me->rng = seed * 1000003 + me->id;
	me->sync = t_map(fd, NPAGES * PAGE, prot, MAP_SHARED_VALIDATE | MAP_SYNC, 0);
	me->priv = t_map(fd, NPAGES * PAGE, prot, MAP_PRIVATE, 0);
	if (!me->sync || !me->priv)
		t_bail("mmap");
	if (delayed && me->id % THREADS == 1)
		prctl(PR_SET_NAME, "slow race");
	while (!atomic_load(&j->stop)) {
		one_op(me);
		if (atomic_fetch_add(&j->ops, 1) + 1 >= max_ops)
			atomic_store(&j->stop, 1);
	}
	return NULL;
}

static void process(int p)
{
	pthread_t t[THREADS];
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	t_catch_sigbus();
	pmap = t_map(fd, NPAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	if (!pmap)
		t_bail("mmap");
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, thread,
				   (void *)(intptr_t)(1 + p * THREADS + i)))
			t_bail("pthread_create");
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

static void dump(const char *file)
{
	char buf[4096];
	FILE *f = fopen(file, "r");

	while (f && fgets(buf, sizeof(buf), f))
		printf("#   %s", buf);
	if (f)
		fclose(f);
}

/* Where everybody hangs, here and in the kernel's log. */
static void dump_stacks(pid_t *pid)
{
	char path[64];
	int p, f = open("/proc/sysrq-trigger", O_WRONLY);

	if (f >= 0 && write(f, "w", 1) == 1)
		close(f);
	for (p = 0; p < processes; p++) {
		int t;

		for (t = 0; t <= THREADS; t++) {
			snprintf(path, sizeof(path), "/proc/%d/task/%d/stack",
				 pid[p], pid[p] + t);
			printf("# %s\n", path);
			dump(path);
		}
	}
}

/* Quiet now: all of it must be as the journal says, through a new mapping. */
static void final_check(void)
{
	struct me me = { 0 };
	char *map = t_map(fd, NPAGES * PAGE, PROT_READ, MAP_SHARED, 0);
	int i;

	if (!map)
		t_bail("mmap");
	for (i = 0; i < NPAGES; i++) {
		op_read(&me, i, map);
		op_pread(&me, i);
	}
	munmap(map, NPAGES * PAGE);
}

int main(int argc, char **argv)
{
	static const char * const what[V_MAX] = {
		"past EOF there is SIGBUS", "no stale page in a hole",
		"no store is lost", "private copies are kept and removed",
		"no call fails",
	};
	int opt, i, v, limit = 20, left, status, quiet = 0;
	u64 start, last = 0, ops;
	pthread_mutexattr_t attr;
	bool crashed = false;
	pid_t pid[PMAX];
	const char *dir;

	seed = now_us() ^ getpid();
	max_ops = ~0ULL;
	while ((opt = getopt(argc, argv, "s:t:n:p:d")) != -1) {
		if (opt == 's')
			seed = strtoull(optarg, NULL, 0);
		else if (opt == 't')
			limit = atoi(optarg);
		else if (opt == 'n')
			max_ops = strtoull(optarg, NULL, 0);
		else if (opt == 'p')
			processes = atoi(optarg);
		else if (opt == 'd')
			delayed = true;
		else
			return KSFT_FAIL;
	}
	if (optind != argc - 1 || processes < 1 || processes > PMAX) {
		fprintf(stderr, "usage: dax_race [-s seed] [-t seconds] [-n operations] ");
		fprintf(stderr, "[-p processes] [-d] DIR\n");
		return KSFT_FAIL;
	}
	dir = argv[optind];

	ksft_print_header();
	ksft_set_plan(V_MAX + 1);
	printf("# %s: seed %llu, %d processes of %d threads, %d seconds\n", dir,
	       (unsigned long long)seed, processes, THREADS, limit);
	fflush(stdout);
	t_catch_sigbus();
	fd = t_open(dir, "dax_race", NPAGES * PAGE);
	if (!t_is_dax(fd))
		t_bail("%s is not on DAX", dir);
	j = mmap(NULL, sizeof(*j), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (j == MAP_FAILED)
		t_bail("mmap");
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&j->trunc, &attr);
	for (i = 0; i < NPAGES; i++) {
		pthread_mutex_init(&j->page[i].lock, &attr);
		j->page[i].state = STATE(ZERO, 0, 1);
	}
	j->size = NPAGES;

	start = now_us();
	for (i = 0; i < processes; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			t_bail("fork");
		if (!pid[i])
			process(i);
	}

	/*
	 * A second without one operation is odd, a minute is a deadlock.  After
	 * the end, everybody gets as long to leave.
	 */
	for (left = processes; left && quiet < 600;) {
		pid_t p = waitpid(-1, &status, WNOHANG);

		if (p > 0) {
			left--;
			if (status && !crashed) {
				crashed = true;
				printf("# a process died: status %x\n", status);
				/* It may have held a mutex: nobody else gets on. */
				for (i = 0; i < processes; i++)
					kill(pid[i], SIGKILL);
			}
			continue;
		}
		usleep(100000);
		ops = j->ops;
		quiet = ops == last ? quiet + 1 : 0;
		last = ops;
		if (now_us() - start > limit * 1000000ULL)
			atomic_store(&j->stop, 1);
	}
	if (left) {
		printf("# nothing has moved for a minute\n");
		dump_stacks(pid);
		for (i = 0; i < processes; i++)
			kill(pid[i], SIGKILL);
	} else {
		final_check();
	}

	if (j->why[0])
		printf("# first: %s\n", j->why);
	for (v = 0; v < V_MAX; v++) {
		u64 n = v == V_CALL ? j->ops : j->judged[v];

		/* What was never judged has not passed. */
		ksft_test_result_code(!j->failed[v] && n ? KSFT_PASS : KSFT_FAIL, what[v],
				      "%s: %d wrong, %llu judged%s", t_base(dir), j->failed[v],
				      (unsigned long long)n, n ? "" : ", which is too few");
	}
	ksft_test_result_code(!left && !crashed ? KSFT_PASS : KSFT_FAIL, "everything ends",
			      "%s: %llu operations, %llu racing loads, %llu private stores, %llu remaps, in %.1f s, seed %llu",
			      t_base(dir), (unsigned long long)j->ops,
			      (unsigned long long)j->weak, (unsigned long long)j->cows,
			      (unsigned long long)j->maps, (now_us() - start) / 1e6,
			      (unsigned long long)seed);
	fflush(stdout);
	if (left)
		_exit(KSFT_FAIL);	/* not through what hangs */
	close(fd);
	t_unlink(dir, "dax_race");
	ksft_finished();
}
