/* SPDX-License-Identifier: GPL-2.0 */
/* The flushes of the CPU's caches, as the kernel traces them */
#ifndef DAX_DURABLE_TRACE_H
#define DAX_DURABLE_TRACE_H

#include "dax_durable_judge.h"

#define PROBE		"arch_wb_cache_pmem"

bool trace_setup(void);
bool trace_start(void);
bool trace_parse(char *line, struct event *ev);
bool trace_read(struct history *h, char *why, size_t len);
void trace_end(void);

#endif /* DAX_DURABLE_TRACE_H */
