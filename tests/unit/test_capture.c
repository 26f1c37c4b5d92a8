// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "scratch.h"

/* pcap-savefile(5), in the byte order of this machine. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap, link;
};

struct packet_header {
	uint32_t seconds, microseconds, there, wire;
};

#define RAW	 101
#define ETHERNET 1
#define COOKED	 113
#define COOKED2	 276
#define IPV4	 228
#define IPV6	 229
#define WLAN	 105

static const uint8_t ip[] = { 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 };

/* One packet of @header zeroes, with 0800 at @ethertype_at, and IP; @missing bytes at its end are
 * not there. */
static char *write_capture(uint32_t link, size_t header, int ethertype_at, size_t missing)
{
	struct file_header file = { 0xa1b2c3d4, 2, 4, 0, 0, 65535, link };
	struct packet_header packet = { 1700000000, 42, (uint32_t)(header + sizeof(ip) - missing),
					(uint32_t)(header + sizeof(ip)) };
	uint8_t bytes[256] = {};
	size_t size = sizeof(file);

	memcpy(bytes, &file, sizeof(file));
	memcpy(bytes + size, &packet, sizeof(packet));
	size += sizeof(packet);
	if (ethertype_at >= 0)
		bytes[size + (size_t)ethertype_at] = 0x08;
	memcpy(bytes + size + header, ip, sizeof(ip));
	scratch_write("capture", bytes, size + packet.there);
	return scratch_path("capture");
}

static const struct {
	uint32_t link;
	size_t header;
	int ethertype_at; /* -1: none */
	bool ethernet;
} links[] = {
	{ RAW, 0, -1, false },	    { IPV4, 0, -1, false },    { IPV6, 0, -1, false },
	{ ETHERNET, 14, 12, true }, { COOKED, 16, 14, false }, { COOKED2, 20, 0, false },
};

START_TEST(link_type)
{
	_free_ char *path = write_capture(links[_i].link, links[_i].header, links[_i].ethertype_at,
					  0);
	_free_ char *message = NULL;
	struct capture *capture = NULL;
	struct captured captured;

	ck_assert_int_eq(capture_open(path, &capture, &message), 0);
	ck_assert_int_eq(capture_next(capture, &captured), 1);
	ck_assert_uint_eq(captured.time, 1700000000000042u);
	ck_assert_uint_eq(captured.sight.ethertype, PROBE_IPV4);
	ck_assert_uint_eq(captured.sight.network, links[_i].header);
	ck_assert_int_eq(captured.sight.ethernet, links[_i].ethernet);
	ck_assert_uint_eq(captured.sight.size, links[_i].header + sizeof(ip));
	ck_assert_uint_eq(captured.sight.wire_size, captured.sight.size);
	ck_assert_mem_eq(captured.sight.bytes + links[_i].header, ip, sizeof(ip));
	ck_assert_int_eq(capture_next(capture, &captured), 0);
	capture_close(capture);
}
END_TEST

START_TEST(truncated)
{
	_free_ char *path = write_capture(RAW, 0, -1, 5);
	_free_ char *message = NULL;
	struct capture *capture = NULL;
	struct captured captured;

	ck_assert_int_eq(capture_open(path, &capture, &message), 0);
	ck_assert_int_eq(capture_next(capture, &captured), 1);
	ck_assert_uint_eq(captured.sight.size, sizeof(ip) - 5);
	ck_assert_uint_eq(captured.sight.wire_size, sizeof(ip));
	capture_close(capture);
}
END_TEST

START_TEST(broken_off)
{
	_free_ char *path = write_capture(RAW, 0, -1, 0);
	_free_ char *message = NULL;
	struct capture *capture = NULL;
	struct captured captured;

	ck_assert_int_eq(
		truncate(path, sizeof(struct file_header) + sizeof(struct packet_header) + 3), 0);
	ck_assert_int_eq(capture_open(path, &capture, &message), 0);
	ck_assert_int_eq(capture_next(capture, &captured), -EIO);
	ck_assert_str_ne(capture_message(capture), "");
	capture_close(capture);
}
END_TEST

START_TEST(refused)
{
	_free_ char *missing = scratch_path("missing"), *message = NULL;
	_free_ char *path = write_capture(WLAN, 0, -1, 0), *second = NULL, *third = NULL;
	struct capture *capture = NULL;

	ck_assert_int_eq(capture_open(missing, &capture, &message), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(message, "missing: No such file"));
	ck_assert_int_eq(capture_open(path, &capture, &second), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(second, "link type"));
	scratch_write("capture", "this is no capture at all", 25);
	ck_assert_int_eq(capture_open(path, &capture, &third), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(third, "capture: "));
	ck_assert_ptr_null(capture);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("capture");

	scratch_add(suite, link_type, ARRAY_SIZE(links));
	scratch_add(suite, truncated, 1);
	scratch_add(suite, broken_off, 1);
	scratch_add(suite, refused, 1);
	return suite;
}
