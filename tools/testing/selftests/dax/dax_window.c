// SPDX-License-Identifier: GPL-2.0
/*
 * Each race that the range lock prevents, brought about on purpose.
 *
 *	dax_window DIR...
 *
 * For kernels with the test-only patch that can switch locks off and delay a
 * fault in the window.  A task whose name starts with "slow" faults and is held
 * up in the kernel after it has looked at i_size, before it has looked up
 * anything else; another truncates meanwhile.  Then the first touches the page
 * again, which is past EOF: that must be SIGBUS.  Each case is run
 *
 *	without both locks: the race must be seen, or the case tests nothing;
 *	with the range lock alone, and with mainline's invalidate_lock alone:
 *	truncate must have waited, and nothing be seen.
 *
 * The last case is that of a MAP_SYNC fault, which holds nothing while it
 * syncs the file, and has to check again afterwards.
 *
 * There is no such case for a punch: what the window is before, finds the hole,
 * rightly.  A fault that has looked up its block is kept from mapping it after
 * the block is freed by invalidate_lock alone, so far.
 */
#include "dax_util.h"

static const char *knobs = "/sys/module/dax/parameters";
static int delay_ms = 800;

static int knob(const char *name, int val)
{
	char path[256], buf[16];
	int fd, n = snprintf(buf, sizeof(buf), "%d", val);
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", knobs, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	ok = write(fd, buf, n) == n;
	close(fd);
	return ok ? 0 : -1;
}

static void set_knob(const char *name, int val)
{
	if (knob(name, val))
		t_bail("%s/%s cannot be set to %d", knobs, name, val);
}

static void reset_knobs(void)
{
	static const char * const all[] = { "delay_fault", "delay_sync",
		"skip_range", "skip_invalidate", "skip_recheck" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		set_knob(all[i], 0);
}

enum how { READ, WRITE, COW, PMD_READ, PMD_WRITE, SYNC };

static const struct race {
	const char *name;
	enum how how;
} races[] = {
	{ "read fault vs truncate", READ },
	{ "write fault vs truncate", WRITE },
	{ "private write fault vs truncate", COW },
	{ "huge read fault vs truncate", PMD_READ },
	{ "huge write fault vs truncate", PMD_WRITE },
	{ "MAP_SYNC write fault vs truncate and a reader of the hole", SYNC },
};

static const struct setting {
	const char *name, *sync_name;
	int range, invalidate, recheck;
	bool bad;
} settings[] = {
	{ "both locks off", "no check after the sync", 1, 1, 1, true },
	{ "range lock only", "check after the sync", 0, 1, 0, false },
	{ "invalidate_lock only", NULL, 1, 0, 0, false },
};

#define NSETTINGS(r)	((r)->how == SYNC ? 2 : 3)
#define FILE_SIZE	(2 * PMD)
#define VICTIM		PMD		/* offset of what is raced for */
#define MARK		0x600d600d600d600dULL

struct talk {				/* between the two, in shared memory */
	volatile int started, go;
	volatile bool hit, again, stored;
	volatile u64 done_us, val;
};

/* Prepare the file: at VICTIM, written blocks; a hole for MAP_SYNC. */
static int prepare(const char *dir, const struct race *r, char *err, size_t len)
{
	int fd = t_open(dir, "dax_window", FILE_SIZE);
	u64 faults, val;
	char *p;
	long i;

	if (!t_is_dax(fd))
		t_bail("%s is not on DAX", dir);
	if (r->how == SYNC)
		return fd;
	if (fallocate(fd, 0, 0, FILE_SIZE))
		t_bail("fallocate");
	p = t_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	if (!p)
		t_bail("mmap");
	faults = t_faults();
	for (i = 0; i < 512; i++)
		if (!t_store(p + VICTIM + i * PAGE, 1) || !t_load(p, &val))
			t_bail("SIGBUS while preparing");
	faults = t_faults() - faults;
	munmap(p, FILE_SIZE);
	if ((r->how == PMD_READ || r->how == PMD_WRITE) && faults > 64) {
		snprintf(err, len, "the file system gives no huge page: %llu faults in 2 MiB",
			 (unsigned long long)faults);
		close(fd);
		return -1;
	}
	if (fsync(fd))
		t_bail("fsync");
	return fd;
}

static void victim(int fd, const struct race *r, struct talk *t)
{
	bool huge = r->how == PMD_READ || r->how == PMD_WRITE;
	bool reads = r->how == READ || r->how == PMD_READ;
	int flags = r->how == COW ? MAP_PRIVATE :
		    r->how == SYNC ? MAP_SHARED_VALIDATE | MAP_SYNC : MAP_SHARED;
	char *p = t_map(fd, FILE_SIZE, PROT_READ | PROT_WRITE, flags, 0);
	u64 val = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!p)
		_exit(1);
	if (!huge)
		madvise(p, FILE_SIZE, MADV_NOHUGEPAGE);
	p += VICTIM;
	if (prctl(PR_SET_NAME, "slow fault"))
		_exit(1);
	t->started = 1;

	t->hit = reads ? t_load(p, &val) : t_store(p, MARK);

	t->done_us = now_us();
	prctl(PR_SET_NAME, "victim");
	while (!t->go)
		usleep(1000);
	t->again = t_load(p, &val);
	t->val = val;
	if (r->how != SYNC && !reads)
		t->again |= t_store(p, MARK + 1);
	_exit(0);
}

/* Sleeping in the kernel, four times in a row: it is in the window. */
static bool in_window(pid_t pid, struct talk *t)
{
	u64 end = now_us() + 20000000;
	char path[64], buf[512];
	int seen = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	while (now_us() < end && !t->done_us) {
		FILE *f = fopen(path, "r");
		char *s;

		if (!f)
			return false;
		s = fgets(buf, sizeof(buf), f);
		fclose(f);
		s = s ? strrchr(s, ')') : NULL;
		seen = s && t->started && (s[2] == 'D' || s[2] == 'S') ? seen + 1 : 0;
		if (seen == 4)
			return true;
		usleep(5000);
	}
	return false;
}

/* In another process, so that its page tables are its own. */
static bool reader_sees_hole(int fd)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		u64 val = 1;
		char *p = t_map(fd, FILE_SIZE, PROT_READ, MAP_SHARED, 0);

		_exit(!p || madvise(p, FILE_SIZE, MADV_NOHUGEPAGE) ||
		      !t_load(p + VICTIM, &val) || val);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/*
 * One run.  1: the race was seen; 0: it was not; -1: it did not come about,
 * or something else is wrong.
 */
static int run(const char *dir, const struct race *r, const struct setting *s,
	       int delay, char *why, size_t len)
{
	u64 start, end, back = 0;
	int fd, status, ret = -1;
	struct talk *t;
	pid_t pid;
	bool sync = r->how == SYNC;
	bool hole = true;

	reset_knobs();
	fd = prepare(dir, r, why, len);
	if (fd < 0)
		return -1;
	t = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		 -1, 0);
	if (t == MAP_FAILED)
		t_bail("mmap");
	memset(t, 0, sizeof(*t));

	set_knob("skip_range", s->range && !sync);
	set_knob("skip_invalidate", s->invalidate);
	set_knob("skip_recheck", s->recheck && sync);
	set_knob(sync ? "delay_sync" : "delay_fault", delay);
	pid = fork();
	if (pid < 0)
		t_bail("fork");
	if (!pid)
		victim(fd, r, t);

	if (!in_window(pid, t)) {
		snprintf(why, len, "the fault was not held up");
		goto out;
	}
	start = now_us();
	if (ftruncate(fd, VICTIM))
		t_bail("ftruncate");
	if (sync) {
		if (ftruncate(fd, FILE_SIZE))
			t_bail("ftruncate");
		hole = reader_sees_hole(fd);
	}
	end = now_us();
	while (!t->done_us && waitpid(pid, &status, WNOHANG) == 0)
		usleep(1000);
	reset_knobs();
	t->go = 1;
	if (waitpid(pid, &status, 0) == pid && status) {
		snprintf(why, len, "the victim died: status %x", status);
		pid = 0;
		goto out;
	}
	pid = 0;

	snprintf(why, len, "fault took until %lld ms, truncate %lld ms",
		 (long long)(t->done_us - start) / 1000,
		 (long long)(end - start) / 1000);
	if (t->done_us < start ||
	    ((s->bad || sync) && end > t->done_us)) {
		strncat(why, ", which is no race", len - strlen(why) - 1);
		goto out;
	}
	if (sync) {
		/* What was stored must be in the file. */
		if (pread(fd, &back, sizeof(back), VICTIM) != sizeof(back))
			t_bail("pread");
		ret = !(t->hit && t->val == MARK && back == MARK);
		if (!hole) {
			strncat(why, ", and the reader saw no hole", len - strlen(why) - 1);
			ret = -1;
		}
	} else {
		ret = t->again;
		/* It waited for the fault, and not for something at the end. */
		if (!s->bad && !ret && end + 1000 * delay / 4 < t->done_us) {
			strncat(why, ", which has not waited", len - strlen(why) - 1);
			ret = -1;
		}
	}
out:
	reset_knobs();
	if (pid > 0) {
		t->go = 1;
		waitpid(pid, &status, 0);
	}
	munmap(t, PAGE);
	close(fd);
	t_unlink(dir, "dax_window");
	return ret;
}

static void test(const char *dir, const struct race *r, const struct setting *s)
{
	char name[128], why[256] = "";
	int try, ret = -1;

	snprintf(name, sizeof(name), "%s %s: %s", t_base(dir), r->name,
		 r->how == SYNC ? s->sync_name : s->name);
	/* On a slow machine all of it may come too late: more time then. */
	for (try = 0; try < 4 && ret < 0; try++) {
		if (try)
			printf("# %s: %s; once more, slower\n", name, why);
		ret = run(dir, r, s, delay_ms << try, why, sizeof(why));
	}
	ksft_test_result_code(ret == s->bad ? KSFT_PASS : KSFT_FAIL, name, "%s: %s",
			      ret < 0 ? "not raced" : !ret ? "clean" : r->how == SYNC ?
			      "caught: what was stored is not in the file" :
			      "caught: mapped past EOF", why);
}

int main(int argc, char **argv)
{
	unsigned int i, k, n = 0;
	int opt, d;

	while ((opt = getopt(argc, argv, "k:d:")) != -1) {
		if (opt == 'k')
			knobs = optarg;
		else if (opt == 'd')
			delay_ms = atoi(optarg);
		else
			return KSFT_FAIL;
	}
	if (optind == argc) {
		fprintf(stderr, "usage: dax_window [-k knobs] [-d milliseconds] DIR...\n");
		return KSFT_FAIL;
	}
	for (i = 0; i < ARRAY_SIZE(races); i++)
		n += NSETTINGS(&races[i]);
	if (knob("delay_fault", 0)) {
		ksft_print_header();
		ksft_exit_skip("no %s/delay_fault: this kernel cannot switch its locks off\n",
			       knobs);
	}
	ksft_print_header();
	ksft_set_plan(n * (argc - optind));
	t_catch_sigbus();
	for (d = optind; d < argc; d++)
		for (i = 0; i < ARRAY_SIZE(races); i++)
			for (k = 0; k < (unsigned int)NSETTINGS(&races[i]); k++)
				test(argv[d], &races[i], &settings[k]);
	ksft_finished();
}
