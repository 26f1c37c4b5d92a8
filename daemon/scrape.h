/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_SCRAPE_H
#define ACLGATE_SCRAPE_H

#include <stdio.h>

#include "state.h"

/*
 * Writes all metrics, read from the pins at this moment: nothing is kept between two scrapes, so
 * that a load or unload in between needs no notice. Nothing loaded is no error. Returns 0, or a
 * negative errno where the pins cannot be read.
 */
int scrape(const struct state *state, FILE *out);

#endif
