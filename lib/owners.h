/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses are whose: of devices as they are written, and as WireGuard has them. */
#ifndef ACLGATE_OWNERS_H
#define ACLGATE_OWNERS_H

#include "inventory.h"

/* Fills in what an inventory has from `owners` on. Its policy, box and peers are there. */
void owners_collect(struct inventory *inventory, struct diag *diag);

#endif
