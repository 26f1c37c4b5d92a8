// SPDX-License-Identifier: GPL-2.0-or-later
#include "wireguard.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "netlink.h"
#include "notation.h"
#include "unit.h"
#include "wireguard_build.h"

/* "wg0: a 10.0.0.1 10.1.0.0/16 h5 r6 s7; b" */
static char *print(const struct wireguard *wireguard)
{
	char *text = NULL, prefix[ADDRESS_TEXT];
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < wireguard->peers_count; i++) {
		const struct wireguard_peer *peer = &wireguard->peers[i];

		fprintf(out, "%s%s: %c", i ? "; " : "", wireguard->interfaces[peer->interface].name,
			peer->key[31]);
		for (uint32_t j = 0; j < peer->count; j++)
			fprintf(out, " %s",
				prefix_format(&wireguard->allowed[peer->first + j], prefix));
		if (peer->handshake || peer->received || peer->sent)
			fprintf(out, " h%ld r%lu s%lu", (long)peer->handshake,
				(unsigned long)peer->received, (unsigned long)peer->sent);
	}
	fclose(out);
	return text;
}

/* ---------------------------------------------------------------- text */

/* K followed by a letter is the key that consists of it. */
static char *with_keys(const char *text)
{
	char *made = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&made, &size);

	for (; *text; text++) {
		if (*text != 'K') {
			fputc(*text, out);
			continue;
		}
		text++;
		for (int i = 0; i < KEY_BYTES; i++)
			fprintf(out, "%02x", *text);
	}
	fclose(out);
	return made;
}

#define END "errno=0\n\n"
static const struct {
	const char *text;
	int error;
	const char *peers;
} answers[] = {
	{ END, 0, "" },
	{ "private_key=Kp\nlisten_port=51820\nfwmark=1\n" END, 0, "" },
	{ "public_key=Ka\n" END, 0, "wg0: a" },
	{ "private_key=Kp\npublic_key=Ka\npreshared_key=Ks\nprotocol_version=1\n"
	  "endpoint=[fe80::1%3]:51820\nlast_handshake_time_sec=5\nlast_handshake_time_nsec=9\n"
	  "tx_bytes=7\nrx_bytes=6\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.1/32\n"
	  "allowed_ip=fd00::1/128\n" END,
	  0, "wg0: a 10.0.0.1 fd00::1 h5 r6 s7" },
	{ "public_key=Kb\nallowed_ip=10.0.0.2/32\npublic_key=Ka\nallowed_ip=0.0.0.0/0\n"
	  "allowed_ip=::/0\n" END,
	  0, "wg0: a ::/0 0.0.0.0/0; wg0: b 10.0.0.2" },
	{ "public_key=Ka\nsomething_new=1\nallowed_ip=10.0.0.1/32\n" END, 0, "wg0: a 10.0.0.1" },
	{ "public_key=Ka\nallowed_ip=10.1.2.3/16\nallowed_ip=fd00::1/8\n" END, 0,
	  "wg0: a 10.1.0.0/16 fd00::/8" },
	/* on no wire, and no reason not to believe the rest */
	{ "public_key=Ka\nallowed_ip=::ffff:10.0.0.1/128\nallowed_ip=::ffff:0:0/96\n"
	  "allowed_ip=10.0.0.1/32\n" END,
	  0, "wg0: a 10.0.0.1" },

	/* wrong */
	{ "", -EAGAIN, "" }, /* not ended */
	{ "errno=0\n", -EAGAIN, "" },
	{ "public_key=Ka\nallowed_ip=10.0.0.1/3", -EAGAIN, "" },
	{ "\n", -EBADMSG, "" },
	{ "public_key=Ka\n\n", -EBADMSG, "" },
	{ "errno=-22\n\n", -EIO, "" },
	{ "errno=5\n\n", -EIO, "" },
	{ "errno=\n\n", -EIO, "" },
	{ END "public_key=Ka\n", -EBADMSG, "" },
	{ "errno=0\npublic_key=Ka\n\n", -EBADMSG, "" },
	{ "public_key\n" END, -EBADMSG, "" },
	{ "public_key=\n" END, -EBADMSG, "" },
	{ "public_key=Kaa\n" END, -EBADMSG, "" },
	{ "public_key=zzKa\n" END, -EBADMSG, "" },
	{ "allowed_ip=10.0.0.1/32\n" END, -EBADMSG, "" },
	{ "rx_bytes=1\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nrx_bytes=-1\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nrx_bytes=99999999999999999999\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nlast_handshake_time_sec=9223372036854775808\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nallowed_ip=10.0.0.1\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nallowed_ip=10.0.0.1/33\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nallowed_ip=fd00::/129\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nallowed_ip=/32\n" END, -EBADMSG, "" },
	{ "public_key=Ka\nallowed_ip=10.0.0.0/ 8\n" END, -EBADMSG, "" },
};

/* Pieces of @step bytes, as a socket gives them. */
static int take(struct wireguard *wireguard, const char *answer, size_t step)
{
	struct wireguard_text text = { .wireguard = wireguard };
	_free_ char *bytes = mem_strdup(answer);
	size_t size = strlen(answer), start = 0, used;

	for (size_t end = 0; end < size;) {
		int error;

		end = end + step < size ? end + step : size;
		error = wireguard_take_text(&text, bytes + start, end - start, &used);
		if (error)
			return error;
		start += used;
	}
	return text.ended && start == size ? 0 : -EAGAIN;
}

START_TEST(answer)
{
	_free_ char *bytes = with_keys(answers[_i].text);

	for (size_t step = 1; step < 200; step += 33) {
		struct wireguard wireguard = {};
		_free_ char *peers = NULL;
		int error;

		wireguard_begin(&wireguard, "wg0");
		error = take(&wireguard, bytes, step);
		ck_assert_int_eq(error, answers[_i].error);
		if (error)
			wireguard_fail(&wireguard, error);
		wireguard_finish(&wireguard);
		peers = print(&wireguard);
		ck_assert_str_eq(peers, answers[_i].peers);
		ck_assert_int_eq(wireguard.interfaces[0].error, error);
		wireguard_free(&wireguard);
	}
}
END_TEST

START_TEST(nul)
{
	struct wireguard wireguard = {};
	struct wireguard_text text = { .wireguard = &wireguard };
	char bytes[] = "errno=0\0\n\n";
	size_t used;

	wireguard_begin(&wireguard, "wg0");
	ck_assert_int_eq(wireguard_take_text(&text, bytes, sizeof(bytes) - 1, &used), -EBADMSG);
	wireguard_free(&wireguard);
}
END_TEST

/* What was read before it broke off is forgotten, and nothing of the others is. */
START_TEST(broken)
{
	static const char key[KEY_BYTES] = "x";
	struct wireguard wireguard = {};
	_free_ char *good = with_keys("public_key=Ka\nallowed_ip=10.0.0.1/32\n" END);
	_free_ char *twice = with_keys("public_key=Ka\npublic_key=Kb\npublic_key=Ka\n" END);
	_free_ char *cut = with_keys("public_key=Kc\nallowed_ip=10.0.0.9/32\npublic_key=Kd");
	_free_ char *peers = NULL;

	wireguard_begin(&wireguard, "wg0");
	ck_assert_int_eq(take(&wireguard, good, 1000), 0);
	wireguard_begin(&wireguard, "wg1");
	ck_assert_int_eq(take(&wireguard, cut, 1000), -EAGAIN);
	wireguard_fail(&wireguard, -ETIMEDOUT);
	wireguard_begin(&wireguard, "wg2");
	ck_assert_int_eq(take(&wireguard, twice, 1000), 0);
	wireguard_begin(&wireguard, "wg3");
	ck_assert_int_eq(take(&wireguard, good, 1000), 0);
	wireguard_finish(&wireguard);
	peers = print(&wireguard);
	ck_assert_str_eq(peers, "wg0: a 10.0.0.1; wg3: a 10.0.0.1");
	ck_assert_int_eq(wireguard.interfaces[1].error, -ETIMEDOUT);
	ck_assert_int_eq(wireguard.interfaces[2].error, -EBADMSG);
	ck_assert_int_eq(wireguard.interfaces[3].error, 0);
	ck_assert_ptr_eq(wireguard_find(&wireguard, (const uint8_t *)key), NULL);
	ck_assert_ptr_eq(wireguard_find(&wireguard, wireguard.peers[1].key), &wireguard.peers[0]);
	wireguard_free(&wireguard);
}
END_TEST

/* ---------------------------------------------------------------- netlink */

struct message {
	_Alignas(4) char bytes[4096];
	size_t size;
};

static size_t begin_nest(struct message *message, uint16_t type)
{
	struct nlattr nest = { .nla_type = type | NLA_F_NESTED };

	memcpy(message->bytes + message->size, &nest, sizeof(nest));
	message->size += sizeof(nest);
	return message->size - sizeof(nest);
}

static void end_nest(struct message *message, size_t start)
{
	uint16_t size = (uint16_t)(message->size - start);

	memcpy(message->bytes + start, &size, sizeof(size));
}

static void put(struct message *message, uint16_t type, const void *bytes, size_t size)
{
	size_t start = begin_nest(message, type);

	memcpy(message->bytes + message->size, bytes, size);
	message->size += size;
	end_nest(message, start);
	message->size = NLA_ALIGN(message->size);
}

static void put_allowed(struct message *message, const char *text)
{
	size_t nest = begin_nest(message, 0);
	struct prefix prefix;
	uint8_t bytes[16], length;
	unsigned int count;
	uint16_t family;

	ck_assert_int_eq(prefix_parse(text, &prefix), 0);
	count = address_bytes(prefix.first, bytes);
	family = count == 4 ? AF_INET : AF_INET6;
	length = (uint8_t)(prefix.bits - (count == 4 ? 96 : 0));
	put(message, WGALLOWEDIP_A_CIDR_MASK, &length, sizeof(length));
	put(message, WGALLOWEDIP_A_FAMILY, &family, sizeof(family));
	put(message, WGALLOWEDIP_A_IPADDR, bytes, count);
	end_nest(message, nest);
}

/* @peer: "a 10.0.0.1 fd00::/8"; @full: the message where it begins has all the rest. */
static void put_peer(struct message *message, const char *peer, bool full)
{
	const struct __kernel_timespec handshake = { .tv_sec = 5, .tv_nsec = 9 };
	const uint64_t received = 6, sent = 7;
	_free_ char *copy = mem_strdup(peer);
	size_t nest = begin_nest(message, 0), list;
	uint8_t key[KEY_BYTES];

	memset(key, *peer, sizeof(key));
	put(message, WGPEER_A_PUBLIC_KEY, key, sizeof(key));
	if (full) {
		put(message, WGPEER_A_PRESHARED_KEY, key, sizeof(key));
		put(message, WGPEER_A_LAST_HANDSHAKE_TIME, &handshake, sizeof(handshake));
		put(message, WGPEER_A_RX_BYTES, &received, sizeof(received));
		put(message, WGPEER_A_TX_BYTES, &sent, sizeof(sent));
	}
	list = begin_nest(message, WGPEER_A_ALLOWEDIPS);
	strtok(copy, " ");
	for (char *word = strtok(NULL, " "); word; word = strtok(NULL, " "))
		put_allowed(message, word);
	end_nest(message, list);
	end_nest(message, nest);
}

/* The attributes of an answer, inside a nest of ours; peers are separated by '|', '+' goes on. */
static void build(struct message *message, const char *peers)
{
	_free_ char *copy = mem_strdup(peers);
	char *rest = copy;
	size_t all = begin_nest(message, 1), list;

	put(message, WGDEVICE_A_IFNAME, "wg0", 4);
	list = begin_nest(message, WGDEVICE_A_PEERS);
	for (char *peer = strsep(&rest, "|"); peer; peer = strsep(&rest, "|"))
		if (*peer)
			put_peer(message, *peer == '+' ? peer + 1 : peer, *peer != '+');
	end_nest(message, list);
	end_nest(message, all);
}

static int take_built(struct wireguard *wireguard, const struct message *message)
{
	const struct nlattr *attributes[NETLINK_ATTRIBUTES_MAX];

	netlink_nest((const struct nlattr *)message->bytes, attributes, NETLINK_ATTRIBUTES_MAX);
	return wireguard_take_message(wireguard, attributes);
}

static const struct {
	const char *messages[3];
	const char *peers;
} dumps[] = {
	{ { "" }, "" },
	{ { "a" }, "wg0: a h5 r6 s7" },
	{ { "b fd00::/8|a 10.0.0.1 10.1.0.0/16" },
	  "wg0: a 10.0.0.1 10.1.0.0/16 h5 r6 s7; wg0: b fd00::/8 h5 r6 s7" },
	{ { "a 10.0.0.1", "+a 10.0.0.2", "+a 10.0.0.3|b 10.0.0.4" },
	  "wg0: a 10.0.0.1 10.0.0.2 10.0.0.3 h5 r6 s7; wg0: b 10.0.0.4 h5 r6 s7" },
	{ { "a 10.0.0.1|b 10.0.0.2", "c 10.0.0.3" },
	  "wg0: a 10.0.0.1 h5 r6 s7; wg0: b 10.0.0.2 h5 r6 s7; wg0: c 10.0.0.3 h5 r6 s7" },
	{ { "a 0.0.0.0/0 ::/0" }, "wg0: a ::/0 0.0.0.0/0 h5 r6 s7" },
	/* no answer of the kernel: a key that comes again elsewhere */
	{ { "a 10.0.0.1|b 10.0.0.2|a 10.0.0.3" }, "" },
};

START_TEST(dump)
{
	struct wireguard wireguard = {};
	_free_ char *peers = NULL;

	wireguard_begin(&wireguard, "wg0");
	for (size_t i = 0; i < ARRAY_SIZE(dumps[_i].messages) && dumps[_i].messages[i]; i++) {
		struct message message = {};

		build(&message, dumps[_i].messages[i]);
		ck_assert_int_eq(take_built(&wireguard, &message), 0);
	}
	wireguard_finish(&wireguard);
	peers = print(&wireguard);
	ck_assert_str_eq(peers, dumps[_i].peers);
	wireguard_free(&wireguard);
}
END_TEST

/* A key that ends one interface and begins the next is two peers. */
START_TEST(next_interface)
{
	struct wireguard wireguard = {};
	struct message message = {};
	_free_ char *peers = NULL;

	build(&message, "a 10.0.0.1");
	wireguard_begin(&wireguard, "wg0");
	ck_assert_int_eq(take_built(&wireguard, &message), 0);
	wireguard_begin(&wireguard, "wg1");
	ck_assert_int_eq(take_built(&wireguard, &message), 0);
	wireguard_finish(&wireguard);
	peers = print(&wireguard);
	ck_assert_str_eq(peers, "wg0: a 10.0.0.1 h5 r6 s7; wg1: a 10.0.0.1 h5 r6 s7");
	wireguard_free(&wireguard);
}
END_TEST

/* A message that was cut anywhere: an error, or fewer peers, and nothing is read past its end. */
START_TEST(cut)
{
	struct message message = {};

	build(&message, "a 10.0.0.1 fd00::/8|b 10.0.0.2");
	for (uint16_t size = 4; size < message.size; size++) {
		struct wireguard wireguard = {};
		_free_ char *copy = mem_alloc_raw(size);
		const struct nlattr *attributes[NETLINK_ATTRIBUTES_MAX];

		memcpy(copy, message.bytes, size);
		memcpy(copy, &size, sizeof(size));
		wireguard_begin(&wireguard, "wg0");
		netlink_nest((const struct nlattr *)copy, attributes, NETLINK_ATTRIBUTES_MAX);
		wireguard_take_message(&wireguard, attributes);
		ck_assert_uint_le(wireguard.peers_count, 2);
		wireguard_free(&wireguard);
	}
}
END_TEST

/* ---------------------------------------------------------------- both */

/* The same identity: the first of each has the same digest as those behind it, up to NULL. */
static const char *const readings[][4] = {
	{ "public_key=Ka\nallowed_ip=10.0.0.1/32\nallowed_ip=10.0.0.2/32\n" END,
	  "public_key=Ka\nrx_bytes=9\nallowed_ip=10.0.0.2/32\nallowed_ip=10.0.0.1/32\n" END },
	{ "public_key=Ka\nallowed_ip=10.0.0.1/32\n" END },
	{ "public_key=Kb\nallowed_ip=10.0.0.1/32\n" END },
	{ "public_key=Ka\nallowed_ip=10.0.0.1/31\n" END },
	{ "public_key=Ka\npublic_key=Kb\nallowed_ip=10.0.0.1/32\n" END,
	  "public_key=Kb\nallowed_ip=10.0.0.1/32\npublic_key=Ka\n" END },
	{ "public_key=Ka\nallowed_ip=10.0.0.1/32\npublic_key=Kb\n" END },
	{ END },
	{ "?" },
};

static void digest_of(const char *answer, uint8_t ret_sha256[32])
{
	_free_ char *bytes = with_keys(answer);
	struct wireguard wireguard = {};

	wireguard_begin(&wireguard, "wg0");
	if (take(&wireguard, bytes, 1000))
		wireguard_fail(&wireguard, -EIO);
	wireguard_finish(&wireguard);
	wireguard_digest(&wireguard, 0, ret_sha256);
	wireguard_free(&wireguard);
}

START_TEST(digest)
{
	uint8_t wanted[32], got[32];

	digest_of(readings[_i][0], wanted);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		for (size_t j = 0; j < ARRAY_SIZE(readings[i]) && readings[i][j]; j++) {
			digest_of(readings[i][j], got);
			ck_assert(!memcmp(got, wanted, sizeof(got)) == (i == (size_t)_i));
		}
}
END_TEST

/* Whoever runs it may be allowed to read nothing: that is no error of the whole. */
START_TEST(here)
{
	struct wireguard wireguard = {};

	ck_assert_int_eq(wireguard_read(&wireguard), 0);
	wireguard_free(&wireguard);
	ck_assert_uint_eq(wireguard.peers_count, 0);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("wireguard");

	unit_add(suite, answer, ARRAY_SIZE(answers));
	unit_add(suite, nul, 1);
	unit_add(suite, broken, 1);
	unit_add(suite, dump, ARRAY_SIZE(dumps));
	unit_add(suite, next_interface, 1);
	unit_add(suite, cut, 1);
	unit_add(suite, digest, ARRAY_SIZE(readings));
	unit_add(suite, here, 1);
	return suite;
}
