/* SPDX-License-Identifier: GPL-2.0 */
/* What dax_durable has done and the kernel has flushed, and what follows from it. */
#ifndef DAX_DURABLE_JUDGE_H
#define DAX_DURABLE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HUGE_PAGE	(2UL << 20)

enum kind { STORE, SYNC, CUT };

/* What one thread did.  Times are ns of the monotonic clock, here and below. */
struct rec {
	uint64_t begin, end;
	uint64_t from, to;		/* file offsets */
	uint64_t phys, placed;		/* of a store: where, 0 if unknown, and when seen */
	enum kind kind;
	pid_t tid;
};

struct log {
	uint32_t n;
	struct rec *rec;
};

/* The begin or the end of a flush, as the kernel traces it */
struct event {
	uint64_t us;			/* the trace has no more digits */
	uint64_t addr, len;		/* of a begin */
	pid_t tid;
	bool begin;
};

struct flush {
	uint64_t phys, len, begin, end;
	pid_t tid;
};

struct history {
	const struct log *log;
	uint32_t nlogs;
	struct event *event;		/* in the order of the trace */
	uint32_t nevents;
	uint64_t lost;			/* events that the trace does not have */
	uint64_t direct_map;		/* where the kernel maps physical address 0 */
	uint64_t epoch;			/* is 0 ms in messages */

	struct flush *flush;		/* by pair_events() */
	uint32_t nflush;
};

struct verdict {
	uint64_t judged, removed, unplaced, lost, late, marked, huge;
	uint32_t syncs, cuts;
	char first[512];
};

bool pair_events(struct history *h, char *why, size_t len);
bool judge(struct history *h, struct verdict *v, char *why, size_t len);
bool copy_flushed(const struct history *h, pid_t tid, uint64_t len, uint64_t *bytes);

#endif /* DAX_DURABLE_JUDGE_H */
