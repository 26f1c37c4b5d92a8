/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What drive.bpf.c and testrun.c agree on. */
#ifndef ACLGATE_BENCH_DRIVE_H
#define ACLGATE_BENCH_DRIVE_H

#include <linux/types.h>

#define DRIVE_TUPLES	 1024
#define DRIVE_FIRST_PORT 1024
#define DRIVE_PORTS	 60000

struct drive_tuple {
	__be32 src;
	__be32 dst;
	__be16 sport;
	__be16 dport;
};

#endif
