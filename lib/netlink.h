/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists that the kernel gives through netlink (NLM_F_DUMP), and transactions that it takes: the one
 * user of libmnl.
 */
#ifndef ACLGATE_NETLINK_H
#define ACLGATE_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define NETLINK_HEADER_MAX     64 /* bytes of a family's header: struct ifinfomsg has 16 */
#define NETLINK_ATTRIBUTES_MAX 64 /* types of attributes that a callback can see */

/*
 * A question, and who hears the answers. @each sees every message of the type @answer, its
 * attributes sorted by type, NULL for those that are not there; types from NETLINK_ATTRIBUTES_MAX
 * on are left out. It returns 0, or a negative errno that ends the dump. Nothing that it is given
 * outlives the call. @begin, where it is set, comes before the first answer and again whenever the
 * list changed while the kernel told it: forget what was said.
 */
struct netlink_dump {
	int protocol;	    /* NETLINK_ROUTE, NETLINK_NETFILTER */
	uint16_t request;   /* RTM_GETLINK, …; for netfilter the subsystem is in the upper byte */
	uint16_t answer;    /* RTM_NEWLINK, … */
	const void *header; /* of the family: what stands between nlmsghdr and the attributes */
	size_t header_size; /* in the request, and in each answer ... */
	size_t answer_size; /* ... where it is not this; 0: it is */
	struct {
		uint16_t type;
		const char *text; /* NULL: none */
	} strings[2];		  /* attributes of the request */
	void (*begin)(void *context);
	int (*each)(const void *header, const struct nlattr *const *attributes, void *context);
};

/*
 * Returns 0, or a negative errno: -EOPNOTSUPP where the kernel lacks what is asked for, and no
 * module brought it; -EPERM (netfilter needs CAP_NET_ADMIN); -EAGAIN where the list never stood
 * still; what @each returned.
 */
int netlink_dump(const struct netlink_dump *dump, void *context);

/*
 * Sends messages that the kernel takes as one (nfnetlink's batches): all of them or none. At least
 * one must ask for an answer (NLM_F_ACK). Returns 0, or the negative errno that the kernel says
 * first.
 */
int netlink_transact(int protocol, const struct iovec *parts, size_t count);

/* Attributes inside another, sorted as above into an array of @count; without a @nest all NULL. */
void netlink_nest(const struct nlattr *nest, const struct nlattr **ret_attributes, size_t count);

/* Walks through attributes of a nest that may repeat: the first for NULL; NULL after the last. */
const struct nlattr *netlink_next(const struct nlattr *nest, const struct nlattr *previous);

uint16_t netlink_type(const struct nlattr *attribute);

/* Copies a value of that size. False, and nothing written, where it is missing or shorter. */
bool netlink_get(const struct nlattr *attribute, void *ret_value, size_t size);

/* What is in it, and how many bytes; without an attribute none. */
const void *netlink_bytes(const struct nlattr *attribute);
size_t netlink_size(const struct nlattr *attribute);

/* A string; "" where it is missing or has no end. */
const char *netlink_text(const struct nlattr *attribute);

#endif
