// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/link.h: what an Ethernet link needs passes without a rule, and nothing that looks like it. */
#include "mem.h"
#include "suites.h"
#include "trial.h"

#define DENIED	     DROPS, REASON_ACL
#define NO_STATE     DROPS, REASON_NO_STATE
#define UNKNOWN	     DROPS, REASON_UNKNOWN_SOURCE
#define UNAPPROVED   DROPS, REASON_UNAPPROVED
#define SPOOFED	     DROPS, REASON_SPOOFED_SOURCE
#define UNIDENTIFIED DROPS, REASON_NAT_UNIDENTIFIED

/* From @SRC to all nodes of the link, as a router would never forward it. */
#define NEIGHBOUR(SRC, DST, TYPE, ...) ICMP(SRC, DST, TYPE, .hops = 255, __VA_ARGS__)
#define LISTENER(SRC, TYPE, ...)       ICMP(SRC, ALL_ROUTERS, TYPE, .hops = 1, __VA_ARGS__)
#define SOLICIT			       QUENCH_OR_NEIGHBOUR
#define ADVERTISE		       NEIGHBOUR_ADVERTISEMENT
#define LISTENER_QUERY		       TIMESTAMP_OR_MLD

#define ROUTER_ALERT EXTENSIONS({ IPPROTO_HOPOPTS })

#define FRAME(TYPE, ...) TCP(IMAC, VPS, 40000, 22, SYN, LIES({ ETHERTYPE, TYPE }), __VA_ARGS__)

/* clang-format off */
static const struct trial arp[] = {
	{ "ARP", IN(FRAME(0x0806)), LINKS, .counted = NOBODY },
	{ "ARP, short", IN(FRAME(0x0806, .body = 1)), LINKS, .counted = NOBODY },
	{ "ARP that leaves", FROM_SELF(FRAME(0x0806)), LINKS, .counted = NOBODY },
	{ "ARP, tagged", IN(TCP(IMAC, VPS, 40000, 22, SYN, LIES({ ETHERTYPE, 0x0806 },
		{ VLAN, 0x8100 }))), DROPS, REASON_NOT_IP },
	{ "reverse ARP", IN(FRAME(0x8035)), DROPS, REASON_NOT_IP },
	{ "LLDP", IN(FRAME(0x88cc)), DROPS, REASON_NOT_IP },
	{ "EAPOL", IN(FRAME(0x888e)), DROPS, REASON_NOT_IP },
	{ "WireGuard has no ARP", IN(TCP(IMAC, VPS, 40000, 3000, SYN)), OPENS },
};

static const struct trial neighbours[] = {
	{ "solicitation", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT)), LINKS, .counted = "imac" },
	{ "solicitation, link-local", IN(NEIGHBOUR(LINK_LOCAL, ALL_NODES, SOLICIT)), LINKS },
	{ "solicitation, no address yet", IN(NEIGHBOUR(UNSPECIFIED, ALL_NODES, SOLICIT)), LINKS },
	{ "solicitation to the internet: it would be forwarded", IN(NEIGHBOUR(IMAC, WEB, SOLICIT)),
		NO_STATE },
	{ "advertisement to another device: it would be forwarded", IN(NEIGHBOUR(IMAC, VPS,
		ADVERTISE)), NO_STATE },
	{ "advertisement to a group of the site: it would be forwarded", IN(NEIGHBOUR(IMAC, GROUP,
		ADVERTISE)), NO_STATE },
	{ "solicitation to this box", IN(NEIGHBOUR(IMAC, ROUTER, SOLICIT)), LINKS,
		.counted = "imac" },
	{ "advertisement", IN(NEIGHBOUR(IMAC, ROUTER, ADVERTISE)), LINKS, .counted = "imac" },
	{ "advertisement, link-local", IN(NEIGHBOUR(LINK_LOCAL, ALL_NODES, ADVERTISE)), LINKS },
	{ "router solicitation", IN(NEIGHBOUR(LINK_LOCAL, ALL_ROUTERS, ROUTER_SOLICITATION)),
		LINKS },
	{ "router solicitation, no address yet", IN(NEIGHBOUR(UNSPECIFIED, ALL_ROUTERS,
		ROUTER_SOLICITATION)), LINKS },
	{ "solicitation, hop limit 254", IN(ICMP(IMAC, ALL_NODES, SOLICIT, .hops = 254)),
		NO_STATE },
	{ "solicitation, hop limit 254, link-local", IN(ICMP(LINK_LOCAL, ALL_NODES, SOLICIT,
		.hops = 254)), UNKNOWN },
	{ "solicitation, hop limit 1", IN(ICMP(IMAC, ALL_NODES, SOLICIT, .hops = 1)),
		NO_STATE },
	{ "advertisement, hop limit 254", IN(ICMP(IMAC, ROUTER, ADVERTISE, .hops = 254)),
		NO_STATE },
	{ "router solicitation, hop limit 254", IN(ICMP(IMAC, ALL_ROUTERS,
		ROUTER_SOLICITATION, .hops = 254)), NO_STATE },
	{ "router advertisement", IN(NEIGHBOUR(LINK_LOCAL, ALL_NODES, ROUTER_ADVERTISEMENT)),
		UNKNOWN },
	{ "router advertisement from a device", IN(NEIGHBOUR(IMAC, ALL_NODES,
		ROUTER_ADVERTISEMENT)), NO_STATE },
	{ "redirect", IN(NEIGHBOUR(LINK_LOCAL, IMAC, REDIRECT)), UNKNOWN },
	{ "redirect from a device", IN(NEIGHBOUR(IMAC, VPS, REDIRECT)), NO_STATE },
	{ "redirect from this box's address", IN(NEIGHBOUR(ROUTER, IMAC, REDIRECT)), SPOOFED },
	{ "solicitation from this box's address", IN(NEIGHBOUR(ROUTER, ALL_NODES, SOLICIT)),
		SPOOFED },
	{ "solicitation from this box's link-local address", IN(NEIGHBOUR(ROUTER_LINK, ALL_NODES,
		SOLICIT)), SPOOFED },
	{ "advertisement from this box's link-local address", IN(NEIGHBOUR(ROUTER_LINK, ALL_NODES,
		ADVERTISE)), SPOOFED },
	{ "advertisement of this box's address", IN(NEIGHBOUR(ROUTER_LAN, ALL_NODES, ADVERTISE)),
		SPOOFED },
	{ "advertisement from a device of the LAN", IN(NEIGHBOUR(WINDOWS, ALL_NODES, ADVERTISE)),
		SPOOFED },
	{ "advertisement from a stranger", IN(NEIGHBOUR(STRANGER, ALL_NODES, ADVERTISE)),
		UNKNOWN },
	{ "advertisement from the internet", IN(NEIGHBOUR(WEB, ALL_NODES, ADVERTISE)), UNKNOWN },
	{ "advertisement of a device that is not approved", IN(NEIGHBOUR(LODGER, ALL_NODES,
		ADVERTISE)), UNAPPROVED },
	{ "advertisement of one from elsewhere", IN_ASIDE(NEIGHBOUR(IMAC, ALL_NODES, ADVERTISE)),
		SPOOFED },
	{ "first fragment of a solicitation", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT, FIRST(7))),
		NO_STATE },
	{ "later fragment of a solicitation", IN(LATER(IMAC, ALL_NODES, PROTOCOL_ICMP, 7, 8, 0, 16,
		.hops = 255)), DROPS, REASON_FRAGMENT },
	{ "a solicitation in an atomic fragment", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT,
		.piece = { true, false, 0, 7 })), NO_STATE },
	{ "solicitation without a header", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT,
		LIES({ LENGTH_BY, -4 }, { CUT, 4 }))), DROPS, REASON_MALFORMED },
	{ "solicitation with segments left", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT,
		EXTENSIONS({ IPPROTO_ROUTING, 1 }))), DROPS, REASON_SOURCE_ROUTE },
	{ "an echo to all nodes", IN(NEIGHBOUR(IMAC, ALL_NODES, ECHO_REQUEST)), DENIED },
	{ "an echo, link-local", IN(NEIGHBOUR(LINK_LOCAL, IMAC, ECHO_REQUEST)), UNKNOWN },
	{ "a connection, link-local", IN(TCP(LINK_LOCAL, IMAC, 40000, 3000, SYN)), UNKNOWN },
	{ "an error of the link", IN(NEIGHBOUR(IMAC, ALL_NODES, UNASSIGNED_ERROR)), NO_STATE },
};

static const struct trial listeners[] = {
	{ "report", IN(LISTENER(LINK_LOCAL, LISTENER_REPORT)), LINKS },
	{ "report with router alert", IN(LISTENER(LINK_LOCAL, LISTENER_REPORT, ROUTER_ALERT)),
		LINKS },
	{ "report, version 2", IN(LISTENER(LINK_LOCAL, LISTENER_REPORT_2, ROUTER_ALERT)), LINKS },
	{ "report, no address yet", IN(LISTENER(UNSPECIFIED, LISTENER_REPORT_2, ROUTER_ALERT)),
		LINKS },
	{ "done", IN(LISTENER(LINK_LOCAL, LISTENER_DONE)), LINKS },
	{ "query", IN(LISTENER(LINK_LOCAL, LISTENER_QUERY)), LINKS },
	{ "report, hop limit 2", IN(ICMP(LINK_LOCAL, ALL_ROUTERS, LISTENER_REPORT, .hops = 2)),
		UNKNOWN },
	{ "report, version 2, hop limit 2", IN(ICMP(IMAC, ALL_ROUTERS, LISTENER_REPORT_2,
		.hops = 2)),
		NO_STATE },
	{ "report, hop limit 255", IN(ICMP(LINK_LOCAL, ALL_ROUTERS, LISTENER_REPORT, .hops = 255)),
		UNKNOWN },
	{ "query, hop limit 255", IN(ICMP(IMAC, ALL_ROUTERS, LISTENER_QUERY, .hops = 255)),
		NO_STATE },
	{ "done, hop limit 64", IN(ICMP(IMAC, ALL_ROUTERS, LISTENER_DONE, .hops = 64)), NO_STATE },
	{ "report from this box's link-local address", IN(LISTENER(ROUTER_LINK, LISTENER_REPORT)),
		SPOOFED },
	{ "report from this box's address", IN(LISTENER(ROUTER, LISTENER_REPORT)), SPOOFED },
	{ "report from a stranger", IN(LISTENER(STRANGER, LISTENER_REPORT)), UNKNOWN },
	{ "report as a fragment", IN(LISTENER(LINK_LOCAL, LISTENER_REPORT, FIRST(7))), UNKNOWN },
};

static const struct trial leaving[] = {
	{ "solicitation", FROM_SELF(NEIGHBOUR(ROUTER, ALL_NODES, SOLICIT)), LINKS,
		.counted = NOBODY },
	{ "solicitation, link-local", FROM_SELF(NEIGHBOUR(LINK_LOCAL, ALL_NODES, SOLICIT)),
		LINKS },
	{ "solicitation from its link-local address", FROM_SELF(NEIGHBOUR(ROUTER_LINK, ALL_NODES,
		SOLICIT)), LINKS, .counted = NOBODY },
	{ "is this address free?", FROM_SELF(NEIGHBOUR(UNSPECIFIED, ALL_NODES, SOLICIT)), LINKS },
	{ "advertisement", FROM_SELF(NEIGHBOUR(LINK_LOCAL, IMAC, ADVERTISE)), LINKS },
	{ "router advertisement", FROM_SELF(NEIGHBOUR(LINK_LOCAL, ALL_NODES,
		ROUTER_ADVERTISEMENT)), LINKS },
	{ "router advertisement, hop limit 64", FROM_SELF(ICMP(LINK_LOCAL, ALL_NODES,
		ROUTER_ADVERTISEMENT, .hops = 64)), UNKNOWN },
	{ "report with the reserved mark", FROM_SELF_MARKED(LISTENER(LINK_LOCAL,
		LISTENER_REPORT_2, ROUTER_ALERT)), LINKS },
	{ "redirect", FROM_SELF(NEIGHBOUR(LINK_LOCAL, IMAC, REDIRECT)), UNKNOWN },
	{ "redirect from its address", FROM_SELF(NEIGHBOUR(ROUTER, IMAC, REDIRECT)), NO_STATE },
	{ "solicitation, hop limit 254", FROM_SELF(ICMP(ROUTER, ALL_NODES, SOLICIT,
		.hops = 254)), NO_STATE },
	{ "solicitation as a fragment", FROM_SELF(NEIGHBOUR(ROUTER, ALL_NODES, SOLICIT,
		FIRST(7))), UNIDENTIFIED },
	{ "forwarded solicitation", FORWARDED(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT)), NO_STATE },
	{ "forwarded solicitation, unmarked", UNMARKED(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT)),
		NO_STATE },
	{ "solicitation from the LAN", FROM_LAN(NEIGHBOUR(WINDOWS, ALL_NODES, SOLICIT)),
		NO_STATE },
	{ "solicitation from the LAN, link-local", FROM_LAN(NEIGHBOUR(LINK_LOCAL, ALL_NODES,
		SOLICIT)), UNKNOWN },
	{ "router advertisement from elsewhere", FROM_ELSEWHERE(NEIGHBOUR(LINK_LOCAL, ALL_NODES,
		ROUTER_ADVERTISEMENT)), UNKNOWN },
	{ "report from elsewhere", FROM_ELSEWHERE(LISTENER(LINK_LOCAL, LISTENER_REPORT)),
		UNKNOWN },
};

/* Types that are others in ICMP, and a link that is none. */
static const struct trial elsewhere[] = {
	{ "IPv4 has none of it", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT)), NO_STATE,
		.only = IPV4 },
	{ "IPv4, router solicitation", IN(NEIGHBOUR(IMAC, ALL_NODES, ROUTER_SOLICITATION)),
		NO_STATE, .only = IPV4 },
	{ "IPv4, router advertisement", FROM_SELF(NEIGHBOUR(ROUTER, ALL_NODES,
		ROUTER_ADVERTISEMENT)), NO_STATE, .only = IPV4 },
	{ "WireGuard, solicitation", IN(NEIGHBOUR(IMAC, ALL_NODES, SOLICIT)), NO_STATE,
		.only = IPV6 | BARE },
	{ "WireGuard, solicitation, link-local", IN(NEIGHBOUR(LINK_LOCAL, ALL_NODES, SOLICIT)),
		UNKNOWN, .only = IPV6 | BARE },
	{ "WireGuard, report", IN(LISTENER(LINK_LOCAL, LISTENER_REPORT)), UNKNOWN,
		.only = IPV6 | BARE },
	{ "WireGuard, solicitation that leaves", FROM_SELF(NEIGHBOUR(ROUTER, ALL_NODES, SOLICIT)),
		NO_STATE, .only = IPV6 | BARE },
};

/* DHCP: the client asks from port 68 (IPv6: 546), the server answers from 67 (547). */
#define EDITED(FROM, TO) .edit = { FROM, TO }
#define DHCP(SAID)                                                                                \
	EDITED("\"devices\"", "\"interfaces\": [{ \"name\": \"wg0\", \"dhcp\": " SAID " }], " \
				"\"devices\"")
#define WITH_DHCP    DHCP("true")
#define WITHOUT_DHCP DHCP("false")

#define DISCOVER(...) UDP(UNSPECIFIED, BROADCAST, 68, 67, __VA_ARGS__)

static const struct trial dhcp4[] = {
	{ "client, no address yet", IN(DISCOVER()), LINKS, WITH_DHCP },
	{ "client renews", IN(UDP(IMAC, ROUTER, 68, 67)), LINKS, WITH_DHCP, .counted = "imac" },
	{ "client renews from all", IN(UDP(IMAC, BROADCAST, 68, 67)), LINKS, WITH_DHCP,
		.counted = "imac" },
	{ "client asks another server", IN(UDP(IMAC, VPS, 68, 67)), DENIED, WITH_DHCP },
	{ "client without an address asks another server", IN(UDP(UNSPECIFIED, VPS, 68, 67)),
		UNKNOWN, WITH_DHCP },
	{ "client with a strange address", IN(UDP(STRANGER, BROADCAST, 68, 67)), UNKNOWN,
		WITH_DHCP },
	{ "client with a link-local address", IN(UDP(LINK_LOCAL, BROADCAST, 68, 67)), UNKNOWN,
		WITH_DHCP },
	{ "client with the address of this box", IN(UDP(ROUTER, BROADCAST, 68, 67)), SPOOFED,
		WITH_DHCP },
	{ "client with that of the LAN", IN(UDP(WINDOWS, BROADCAST, 68, 67)), SPOOFED, WITH_DHCP },
	{ "client that is not approved", IN(UDP(LODGER, BROADCAST, 68, 67)), UNAPPROVED,
		WITH_DHCP },
	{ "a server that comes in", IN(UDP(IMAC, BROADCAST, 67, 68)), DENIED, WITH_DHCP },
	{ "a server without an address", IN(UDP(UNSPECIFIED, BROADCAST, 67, 68)), UNKNOWN,
		WITH_DHCP },
	{ "from another port", IN(UDP(UNSPECIFIED, BROADCAST, 69, 67)), UNKNOWN, WITH_DHCP },
	{ "to another port", IN(UDP(UNSPECIFIED, BROADCAST, 68, 69)), UNKNOWN, WITH_DHCP },
	{ "ports of IPv6", IN(UDP(UNSPECIFIED, BROADCAST, 546, 547)), UNKNOWN, WITH_DHCP },
	{ "TCP", IN(TCP(UNSPECIFIED, BROADCAST, 68, 67, SYN)), UNKNOWN, WITH_DHCP },
	{ "as a fragment", IN(DISCOVER(FIRST(7))), UNKNOWN, WITH_DHCP },
	{ "on another interface", IN_ASIDE(DISCOVER()), UNKNOWN, WITH_DHCP },
	{ "server", FROM_SELF(UDP(ROUTER, BROADCAST, 67, 68)), LINKS, WITH_DHCP,
		.counted = NOBODY },
	{ "server to a client", FROM_SELF(UDP(ROUTER, IMAC, 67, 68)), LINKS, WITH_DHCP,
		.counted = NOBODY },
	{ "a client of this box", FROM_SELF(UDP(UNSPECIFIED, BROADCAST, 68, 67)), UNKNOWN,
		WITH_DHCP },
	{ "a server of the LAN", FROM_LAN(UDP(WINDOWS, BROADCAST, 67, 68)), DENIED, WITH_DHCP },
	{ "forwarded server", FORWARDED_REPLY(UDP(IMAC, BROADCAST, 67, 68)), NO_STATE,
		WITH_DHCP },
	{ "not said", IN(DISCOVER()), UNKNOWN, WITHOUT_DHCP },
	{ "not said, renews", IN(UDP(IMAC, ROUTER, 68, 67)), DENIED, WITHOUT_DHCP },
	{ "not said, server", FROM_SELF(UDP(ROUTER, BROADCAST, 67, 68)), DENIED, WITHOUT_DHCP },
};

static const struct trial dhcp6[] = {
	{ "client", IN(UDP(LINK_LOCAL, ALL_DHCP_SERVERS, 546, 547)), LINKS, WITH_DHCP },
	{ "client renews", IN(UDP(LINK_LOCAL, ROUTER, 546, 547)), LINKS, WITH_DHCP },
	{ "client with a real address", IN(UDP(IMAC, ALL_DHCP_SERVERS, 546, 547)), DENIED,
		WITH_DHCP },
	{ "client without an address", IN(UDP(UNSPECIFIED, ALL_DHCP_SERVERS, 546, 547)), UNKNOWN,
		WITH_DHCP },
	{ "client asks another server", IN(UDP(LINK_LOCAL, VPS, 546, 547)), UNKNOWN, WITH_DHCP },
	{ "client asks all nodes", IN(UDP(LINK_LOCAL, ALL_NODES, 546, 547)), UNKNOWN, WITH_DHCP },
	{ "a server that comes in", IN(UDP(LINK_LOCAL, LINK_LOCAL, 547, 546)), SPOOFED,
		WITH_DHCP },
	{ "a server that comes in from a device", IN(UDP(IMAC, VPS, 547, 546)), DENIED,
		WITH_DHCP },
	{ "ports of IPv4", IN(UDP(LINK_LOCAL, ALL_DHCP_SERVERS, 68, 67)), UNKNOWN, WITH_DHCP },
	{ "as a fragment", IN(UDP(LINK_LOCAL, ALL_DHCP_SERVERS, 546, 547, FIRST(7))), UNKNOWN,
		WITH_DHCP },
	{ "server", FROM_SELF(UDP(LINK_LOCAL, LINK_LOCAL, 547, 546)), LINKS, WITH_DHCP },
	{ "server to an address of the world", FROM_SELF(UDP(LINK_LOCAL, IMAC, 547, 546)), UNKNOWN,
		WITH_DHCP },
	{ "not said", IN(UDP(LINK_LOCAL, ALL_DHCP_SERVERS, 546, 547)), UNKNOWN, WITHOUT_DHCP },
};

static const struct trial dhcp_bare[] = {
	{ "WireGuard has no DHCP", IN(DISCOVER()), UNKNOWN, WITH_DHCP },
	{ "WireGuard has no DHCP server", FROM_SELF(UDP(ROUTER, BROADCAST, 67, 68)), DENIED,
		WITH_DHCP },
};
/* clang-format on */

Suite *link_suite(void)
{
	Suite *suite = suite_create("link");
	TCase *tcase = tcase_create("link"), *dhcp = tcase_create("dhcp");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, arp, ARRAY_SIZE(arp), ETHERNET);
	trials_add(tcase, neighbours, ARRAY_SIZE(neighbours), IPV6 | ETHERNET);
	trials_add(tcase, listeners, ARRAY_SIZE(listeners), IPV6 | ETHERNET);
	trials_add(tcase, leaving, ARRAY_SIZE(leaving), IPV6 | ETHERNET);
	trials_add(tcase, elsewhere, ARRAY_SIZE(elsewhere), ANY_FORM);
	suite_add_tcase(suite, tcase);
	tcase_add_unchecked_fixture(dhcp, bench_open, bench_close);
	tcase_set_timeout(dhcp, TIMEOUT);
	trials_add_edited(dhcp, "house.json", dhcp4, ARRAY_SIZE(dhcp4), IPV4 | ETHERNET);
	trials_add_edited(dhcp, "house.json", dhcp6, ARRAY_SIZE(dhcp6), IPV6 | ETHERNET);
	trials_add_edited(dhcp, "house.json", dhcp_bare, ARRAY_SIZE(dhcp_bare), IPV4 | BARE);
	suite_add_tcase(suite, dhcp);
	return suite;
}
