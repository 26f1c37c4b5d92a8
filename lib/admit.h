/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has to be written so that a WireGuard peer is an approved device. */
#ifndef ACLGATE_ADMIT_H
#define ACLGATE_ADMIT_H

#include "diag.h"
#include "edit.h"

struct admission {
	char *device;	  /* its name */
	struct edit edit; /* nothing: it is approved already */
};

/*
 * @sources: a policy, and its inventory where it has one; @role: which of them may be edited.
 * @name: of the device that has the key, or that gets it; NULL: of whichever has it. Returns 0,
 * -ENOENT where no device has the key and no name is given, or -EINVAL with an error in @diag. The
 * caller checks the result like any other policy.
 */
int admit(const struct sources *sources, size_t role, const char *key, const char *name,
	  struct diag *diag, struct admission *ret_admission);

void admission_free(struct admission *admission);

#endif
