// SPDX-License-Identifier: GPL-2.0-or-later
#include "answer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "scratch.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

enum {
	KEEPER,
	EXPORTER
};

static unsigned int descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void connect_both(int sockets[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
}

static void add_null(struct answer *answer, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		answer->fds[answer->count++] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* More descriptors than a message takes, and as many as there can be. */
static const uint32_t counts[][2] = {
	{ 0, 0 },    { 1, 1 },	  { 64, 188 },
	{ 64, 189 }, { 64, 190 }, { GATE_DEVICE_CHUNKS, GATE_RULE_CHUNKS },
};

START_TEST(whole)
{
	struct answer sent = { .body = { .ids = true,
					 .devices = counts[_i][0],
					 .rules = counts[_i][1],
					 .keeper = { .pending = 3, .repairs = { 1, 2, 3, 4 } } } };
	struct answer got;
	unsigned int before;
	int sockets[2];

	connect_both(sockets);
	add_null(&sent, 1 + counts[_i][0] + counts[_i][1]);
	before = descriptors();
	ck_assert_int_eq(answer_send(sockets[KEEPER], &sent, 6), 0); /* came too late */
	ck_assert_int_eq(answer_send(sockets[KEEPER], &sent, 7), 0);
	ck_assert_int_eq(answer_ask(sockets[EXPORTER], 7, 1000, &got), 0);
	ck_assert_uint_eq(got.count, sent.count);
	ck_assert_uint_eq(got.body.keeper.pending, 3);
	ck_assert_uint_eq(got.body.keeper.repairs[3], 4);
	ck_assert_uint_eq(descriptors(), before + sent.count);
	answer_close(&got);
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

START_TEST(silence)
{
	struct answer got;
	int sockets[2];

	connect_both(sockets);
	ck_assert_int_eq(answer_ask(sockets[EXPORTER], 1, 10, &got), -ETIMEDOUT);
	close(sockets[KEEPER]);
	ck_assert_int_eq(answer_ask(sockets[EXPORTER], 2, 10, &got), -ECONNRESET);
}
END_TEST

/* What is wrong with it. */
enum fault {
	BUILD,
	MAGIC,
	SHORT,
	LONG,
	TINY,
	FEWER,
	MORE,
	CHUNKS,
	INTERFACES,
	FAULTS
};

static const int errors[FAULTS] = {
	[BUILD] = -ESTALE, [MAGIC] = -ESTALE,  [SHORT] = -EPROTO,
	[LONG] = -EPROTO,  [TINY] = -EPROTO,   [FEWER] = -ETIMEDOUT,
	[MORE] = -EPROTO,  [CHUNKS] = -EPROTO, [INTERFACES] = -EPROTO,
};

static void send_faulty(int socket, enum fault fault)
{
	struct answer answer = { .body = { .head = answer_head(1) } };
	char bytes[sizeof(answer.body) + 1] = {};
	size_t size = sizeof(answer.body);

	answer.body.head.build[0] ^= fault == BUILD;
	answer.body.head.magic ^= fault == MAGIC;
	size = fault == SHORT ? size - 1 : fault == LONG ? size + 1 : fault == TINY ? 3 : size;
	answer.body.devices = fault == FEWER ? 2 : fault == CHUNKS ? GATE_DEVICE_CHUNKS + 1 : 0;
	answer.body.status.interfaces_count = fault == INTERFACES ? GATE_GUARDED_MAX + 1 : 0;
	if (fault == FEWER || fault == MORE) {
		add_null(&answer, 1);
		ck_assert_int_eq(answer_send(socket, &answer, 1), 0);
		answer_close(&answer);
		return;
	}
	memcpy(bytes, &answer.body, sizeof(answer.body));
	ck_assert_int_eq(send(socket, bytes, size, 0), size);
}

START_TEST(faulty)
{
	struct answer got;
	unsigned int before;
	int sockets[2];

	connect_both(sockets);
	before = descriptors();
	send_faulty(sockets[KEEPER], _i);
	ck_assert_int_eq(answer_ask(sockets[EXPORTER], 1, 10, &got), errors[_i]);
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* ---------------------------------------------------------------- what came with it */

static int sealed(size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define DEVICE sizeof(struct gate_device_counters)
#define RULE   sizeof(struct gate_rule_counters)

static const struct {
	size_t devices, rules; /* bytes */
	int seals;
	int error;
} counted[] = {
	{ 3 * DEVICE, 2 * RULE, SEALS, 0 },
	{ DEVICE, RULE, SEALS, 0 },
	{ DEVICE, RULE, SEALS & ~F_SEAL_WRITE, -EPROTO },
	{ DEVICE, RULE, SEALS & ~F_SEAL_SHRINK, -EPROTO },
	{ DEVICE - 1, RULE, SEALS, -EPROTO },
	{ DEVICE, RULE + 1, SEALS, -EPROTO },
	{ (GATE_DEVICES_MAX + 1) * DEVICE, RULE, SEALS, -EPROTO },
};

START_TEST(from_nftables)
{
	struct answer answer = { .body = { .counted = true, .devices = 1, .rules = 1 } };
	struct counters counters;
	unsigned int before = descriptors();

	answer.fds[answer.count++] = sealed(counted[_i].devices, counted[_i].seals);
	answer.fds[answer.count++] = sealed(counted[_i].rules, counted[_i].seals);
	ck_assert_int_eq(answer_counters(&answer, &counters), counted[_i].error);
	if (!counted[_i].error) {
		ck_assert_uint_eq(counters.counted.devices_count, counted[_i].devices / DEVICE);
		ck_assert_uint_eq(counters.counted.rules_count, counted[_i].rules / RULE);
		counters_close(&counters);
	}
	answer_close(&answer);
	ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* Something that is no map. */
START_TEST(no_maps)
{
	struct answer answer = { .body = { .devices = 1, .rules = 1 } };
	struct counters counters;

	add_null(&answer, 2);
	ck_assert_int_eq(answer_counters(&answer, &counters), -EPROTO);
	ck_assert_uint_eq(answer.count, 2);
	answer_close(&answer);
}
END_TEST

START_TEST(ids)
{
	_free_ char *path = scratch_path("ids");
	struct answer answer = { .body = { .ids = false } };

	ck_assert_int_eq(answer_ids(&answer), -1);
	answer.body.ids = true;
	scratch_write("ids", "device 1 imac\n", 14);
	answer.fds[0] = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(answer_ids(&answer), -EPROTO);
	answer.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(answer_ids(&answer), -EPROTO);
	answer.fds[0] = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(answer_ids(&answer), answer.fds[0]);
}
END_TEST

START_TEST(build)
{
	static const uint8_t none[BUILD_ID];
	struct answer_head head = answer_head(5);

	ck_assert_mem_ne(head.build, none, BUILD_ID);
	ck_assert(answer_is_ours(&head));
	head.number = 6;
	ck_assert(answer_is_ours(&head));
	head.build[BUILD_ID - 1] ^= 1;
	ck_assert(!answer_is_ours(&head));
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("answer");

	unit_add(suite, whole, ARRAY_SIZE(counts));
	unit_add(suite, silence, 1);
	unit_add(suite, faulty, FAULTS);
	unit_add(suite, from_nftables, ARRAY_SIZE(counted));
	unit_add(suite, no_maps, 1);
	scratch_add(suite, ids, 1);
	unit_add(suite, build, 1);
	return suite;
}
