/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_REPAIR_H
#define ACLGATE_REPAIR_H

/* What the keeper mends by itself. The names are those of the metrics. */
enum repair {
	REPAIR_ATTACH,	/* programs of an interface */
	REPAIR_GUARD,	/* the guard's table */
	REPAIR_TABLE,	/* the table of the nft backend */
	REPAIR_REFRESH, /* addresses of devices, as WireGuard has them */
	REPAIR_MAX
};

const char *repair_name(enum repair repair);

#endif
