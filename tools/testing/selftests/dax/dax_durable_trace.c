// SPDX-License-Identifier: GPL-2.0
/* A kprobe at each flush of the CPU's caches, one at its end, and what they trace */
#include "dax_util.h"
#include "dax_durable_trace.h"

#define INSTANCE	TRACING "/instances/dax_durable"
#define BUFFER_KB	"24576"
#define UNKNOWN		(~0ULL)

static u64 lost_before;

void trace_end(void)
{
	t_put(INSTANCE "/events/dax_durable/enable", "0");
	rmdir(INSTANCE);
	t_put(TRACING "/kprobe_events", "-:dax_durable/flushed");
	t_put(TRACING "/kprobe_events", "-:dax_durable/flush");
}

bool trace_setup(void)
{
	trace_end();
	return t_put(TRACING "/kprobe_events", "p:dax_durable/flush " PROBE
		     " addr=$arg1:x64 size=$arg2:u64\n") &&
	       t_put(TRACING "/kprobe_events", "r64:dax_durable/flushed " PROBE "\n") &&
	       !mkdir(INSTANCE, 0755) &&
	       t_put(INSTANCE "/tracing_on", "0") &&
	       t_put(INSTANCE "/trace_clock", "mono") &&
	       t_put(INSTANCE "/buffer_size_kb", BUFFER_KB) &&
	       t_put(INSTANCE "/events/dax_durable/enable", "1");
}

/* Events that got lost: in the buffers of all CPUs, and probes not taken */
static u64 trace_lost(void)
{
	static const char * const keys[] = {
		"overrun: %llu", "commit overrun: %llu", "dropped events: %llu",
	};
	unsigned long long lost = 0, v, hits;
	char path[256], line[256], name[64];
	unsigned int cpu, k;
	FILE *f;

	for (cpu = 0;; cpu++) {
		snprintf(path, sizeof(path), INSTANCE "/per_cpu/cpu%u/stats", cpu);
		f = fopen(path, "r");
		if (!f)
			break;
		while (fgets(line, sizeof(line), f))
			for (k = 0; k < ARRAY_SIZE(keys); k++)
				if (sscanf(line, keys[k], &v) == 1)
					lost += v;
		fclose(f);
	}
	f = cpu ? fopen(TRACING "/kprobe_profile", "r") : NULL;
	if (!f)
		return UNKNOWN;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " %63s %llu %llu", name, &hits, &v) == 3 &&
		    (!strcmp(name, "flush") || !strcmp(name, "flushed")))
			lost += v;
	fclose(f);
	return lost;
}

bool trace_start(void)
{
	int f = open(INSTANCE "/trace", O_WRONLY | O_TRUNC);

	if (f < 0)
		return false;
	close(f);
	lost_before = trace_lost();
	return lost_before != UNKNOWN && t_put(INSTANCE "/tracing_on", "1");
}

/* "comm-tid [cpu] flags seconds.microseconds: event: arguments" */
bool trace_parse(char *line, struct event *ev)
{
	unsigned long long s, us, addr = 0, len = 0;
	char *what, *p;

	memset(ev, 0, sizeof(*ev));
	what = strstr(line, ": flush: ");
	ev->begin = what;
	if (!what)
		what = strstr(line, ": flushed: ");
	if (!what)
		return false;
	*what = 0;
	p = strrchr(line, ' ');
	if (!p || sscanf(p, " %llu.%llu", &s, &us) != 2)
		return false;
	ev->us = s * 1000000 + us;
	p = strstr(line, " [");
	while (p && p > line && *p != '-')
		p--;
	if (!p || sscanf(p, "-%d", &ev->tid) != 1)
		return false;
	if (!ev->begin)
		return true;
	p = strstr(what + 1, "addr=");
	if (!p || sscanf(p, "addr=%llx size=%llu", &addr, &len) != 2)
		return false;
	ev->addr = addr;
	ev->len = len;
	return true;
}

static bool add(struct history *h, const struct event *ev)
{
	/* Doubled when it is full, which is at powers of two. */
	if (!(h->nevents & (h->nevents - 1))) {
		u32 max = h->nevents ? 2 * h->nevents : 1;
		struct event *p = realloc(h->event, max * sizeof(*p));

		if (!p)
			return false;
		h->event = p;
	}
	h->event[h->nevents++] = *ev;
	return true;
}

/* All events since trace_start().  False, and why: they could not be read. */
bool trace_read(struct history *h, char *why, size_t len)
{
	struct event ev;
	char line[1024];
	bool ok = true;
	FILE *f;

	t_put(INSTANCE "/tracing_on", "0");
	h->lost = trace_lost() - lost_before;
	h->nevents = 0;
	f = fopen(INSTANCE "/trace", "r");
	if (!f) {
		snprintf(why, len, "%s", INSTANCE "/trace cannot be read");
		return false;
	}
	while (ok && fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		ok = trace_parse(line, &ev);
		if (!ok) {
			line[strcspn(line, "\n")] = 0;
			snprintf(why, len, "trace not understood: %.200s", line);
		} else if (!add(h, &ev)) {
			snprintf(why, len, "no memory");
			ok = false;
		}
	}
	fclose(f);
	return ok;
}
