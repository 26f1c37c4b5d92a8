/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef ACLGATE_JSON_OUT_H
#define ACLGATE_JSON_OUT_H

#include <stdio.h>

#include "check.h"
#include "headers.h"

#define JSON_SCHEMA_VERSION 1

/* A string with its quotes, escaped (RFC 8259, section 7). */
void json_out_string(const char *text, FILE *out);

/* {"protocol":"tcp","src":"10.0.0.1","sport":40000,"dst":…,"tcp_flags":["SYN"]}, or null: no IP. */
void json_out_headers(const struct headers *headers, FILE *out);

/* The findings as an array of objects. */
void json_out_diag(struct diag *diag, const struct sources *sources, FILE *out);

/* A whole document: whether a policy is accepted, and the findings. */
void json_out_checked(struct checked *checked, const char *file, FILE *out);

#endif
