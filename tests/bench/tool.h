/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tools of the benchmark share. */
#ifndef ACLGATE_BENCH_TOOL_H
#define ACLGATE_BENCH_TOOL_H

#include <stdint.h>

/* Says what did not work, and why by errno, and ends the process with 1. */
void die(const char *what) __attribute__((noreturn));

/* This process, to one CPU. */
void pin(int cpu);

/* Monotonic, in ns. */
uint64_t now(void);

#endif
