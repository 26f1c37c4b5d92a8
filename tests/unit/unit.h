/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every test program is one file, named after the source of lib/ that it tests, with one suite.
 * Cases are rows of tables: each row is a test of its own, run in a process of its own.
 */
#ifndef ACLGATE_UNIT_H
#define ACLGATE_UNIT_H

#include <check.h>

/* What main.c runs. */
Suite *unit_suite(void);

/* Adds @test once for each of @rows, which it gets as `_i`. */
void unit_add(Suite *suite, const TTest *test, size_t rows);

#endif
