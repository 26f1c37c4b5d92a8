// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack.h"

#include <arpa/inet.h>
#include <linux/icmpv6.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>

#include "mem.h"
#include "netlink.h"
#include "ports.h"

struct connections {
	struct connection *items;
	size_t count;
	size_t capacity;
};

static uint16_t get_port(const struct nlattr *attribute)
{
	uint16_t port = 0;

	netlink_get(attribute, &port, sizeof(port));
	return ntohs(port);
}

static uint8_t get_byte(const struct nlattr *attribute)
{
	uint8_t byte = 0;

	netlink_get(attribute, &byte, sizeof(byte));
	return byte;
}

/* The kernel lets such a destination pass in IPv6 (ip6_rcv_core looks at the source alone). */
static bool get_address(const struct nlattr *ipv4, const struct nlattr *ipv6, address_t *ret)
{
	uint8_t bytes[16];

	if (netlink_get(ipv4, bytes, 4)) {
		*ret = address_from_bytes(bytes, 4);
		return true;
	}
	if (!netlink_get(ipv6, bytes, 16))
		return false;
	*ret = address_from_bytes(bytes, 16);
	return !address_is_ipv4(*ret);
}

static bool is_icmp(uint8_t protocol)
{
	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

static uint8_t echo_type(const struct nlattr *const *transport)
{
	return get_byte(transport[CTA_PROTO_ICMP_TYPE] ? transport[CTA_PROTO_ICMP_TYPE] :
							 transport[CTA_PROTO_ICMPV6_TYPE]);
}

static uint16_t echo_id(const struct nlattr *const *transport)
{
	return get_port(transport[CTA_PROTO_ICMP_ID] ? transport[CTA_PROTO_ICMP_ID] :
						       transport[CTA_PROTO_ICMPV6_ID]);
}

static bool is_request(uint8_t protocol, const struct nlattr *const *transport)
{
	return echo_type(transport) == (protocol == IPPROTO_ICMP ? ICMP_ECHO : ICMPV6_ECHO_REQUEST);
}

static bool is_answer(uint8_t protocol, const struct nlattr *const *transport)
{
	return echo_type(transport) ==
	       (protocol == IPPROTO_ICMP ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY);
}

/*
 * GRE has its keys where others have ports: they are none. Of ICMP, conntrack also pairs questions
 * for the time, the netmask and the like (valid_new in
 * net/netfilter/nf_conntrack_proto_icmp.c).
 */
static bool get_ports(uint8_t protocol, const struct nlattr *const *transport, struct tuple *tuple)
{
	if (protocol_has_ports(protocol)) {
		tuple->sport = get_port(transport[CTA_PROTO_SRC_PORT]);
		tuple->dport = get_port(transport[CTA_PROTO_DST_PORT]);
		return true;
	}
	if (!is_icmp(protocol))
		return true;
	if (is_request(protocol, transport))
		tuple->sport = echo_id(transport);
	else if (is_answer(protocol, transport))
		tuple->dport = echo_id(transport);
	else
		return false;
	return true;
}

/* False where it is none of ours. */
static bool get_tuple(const struct nlattr *nest, uint8_t *ret_protocol, struct tuple *ret_tuple)
{
	const struct nlattr *parts[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1];
	const struct nlattr *transport[CTA_PROTO_MAX + 1];
	struct tuple tuple = {};

	netlink_nest(nest, parts, ARRAY_SIZE(parts));
	netlink_nest(parts[CTA_TUPLE_IP], ip, ARRAY_SIZE(ip));
	netlink_nest(parts[CTA_TUPLE_PROTO], transport, ARRAY_SIZE(transport));
	*ret_protocol = get_byte(transport[CTA_PROTO_NUM]);
	/* a zone of one direction alone stands in the tuple of that direction */
	if (get_port(parts[CTA_TUPLE_ZONE]) ||
	    !get_address(ip[CTA_IP_V4_SRC], ip[CTA_IP_V6_SRC], &tuple.src) ||
	    !get_address(ip[CTA_IP_V4_DST], ip[CTA_IP_V6_DST], &tuple.dst) ||
	    !get_ports(*ret_protocol, transport, &tuple))
		return false;
	*ret_tuple = tuple;
	return true;
}

/* The kernel's names: tcp_conntrack_names in net/netfilter/nf_conntrack_proto_tcp.c. */
static enum flow_state tcp_state(uint8_t state, bool answered)
{
	switch (state) {
	case TCP_CONNTRACK_NONE:
	case TCP_CONNTRACK_SYN_SENT:
	case TCP_CONNTRACK_SYN_RECV:
	case TCP_CONNTRACK_SYN_SENT2:
		return FLOW_OPENING;
	case TCP_CONNTRACK_ESTABLISHED:
		return answered ? FLOW_ESTABLISHED : FLOW_OPENING;
	default:
		return FLOW_CLOSING;
	}
}

/* TCP has no state while it is in a flowtable (ctnetlink_dump_info): there it is established. */
static enum flow_state get_state(const struct nlattr *const *attributes)
{
	const struct nlattr *info[CTA_PROTOINFO_MAX + 1], *tcp[CTA_PROTOINFO_TCP_MAX + 1];
	uint32_t status = 0;
	bool answered;

	netlink_get(attributes[CTA_STATUS], &status, sizeof(status));
	answered = ntohl(status) & IPS_SEEN_REPLY;
	netlink_nest(attributes[CTA_PROTOINFO], info, ARRAY_SIZE(info));
	netlink_nest(info[CTA_PROTOINFO_TCP], tcp, ARRAY_SIZE(tcp));
	if (tcp[CTA_PROTOINFO_TCP_STATE])
		return tcp_state(get_byte(tcp[CTA_PROTOINFO_TCP_STATE]), answered);
	return answered ? FLOW_ESTABLISHED : FLOW_OPENING;
}

static void forget(void *context)
{
	((struct connections *)context)->count = 0;
}

static int on_entry(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct connection connection = { .state = get_state(attributes) };
	struct connections *list = context;
	uint8_t protocol;

	(void)header;
	if (get_port(attributes[CTA_ZONE]) ||
	    !get_tuple(attributes[CTA_TUPLE_ORIG], &connection.protocol, &connection.original) ||
	    !get_tuple(attributes[CTA_TUPLE_REPLY], &protocol, &connection.reply))
		return 0;
	list->items = mem_grow(list->items, list->count, &list->capacity, sizeof(*list->items));
	list->items[list->count++] = connection;
	return 0;
}

int conntrack_read(struct connection **ret_connections, size_t *ret_count)
{
	const struct nfgenmsg any = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	const struct netlink_dump entries = {
		.protocol = NETLINK_NETFILTER,
		.request = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
		.answer = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
		.header = &any,
		.header_size = sizeof(any),
		.begin = forget,
		.each = on_entry,
	};
	struct connections list = {};
	int error = netlink_dump(&entries, &list);

	if (error) {
		free(list.items);
		return error;
	}
	*ret_connections = list.items;
	*ret_count = list.count;
	return 0;
}

bool connection_is_translated(const struct connection *connection, struct tuple *ret_after)
{
	const struct tuple *before = &connection->original, *reply = &connection->reply;

	*ret_after = (struct tuple){ reply->dst, reply->src, reply->dport, reply->sport };
	return ret_after->src != before->src || ret_after->dst != before->dst ||
	       ret_after->sport != before->sport || ret_after->dport != before->dport;
}
