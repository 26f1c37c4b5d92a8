// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VPS is taken over, somebody sits on the LAN, a container of this box has raw sockets: what
 * they would try. By theme; whatever the themes are about in full has a table of its own elsewhere.
 */
#include "mem.h"
#include "suites.h"
#include "trial.h"

#define DENIED	     DROPS, REASON_ACL
#define NO_STATE     DROPS, REASON_NO_STATE
#define MALFORMED    DROPS, REASON_MALFORMED
#define SOURCE_ROUTE DROPS, REASON_SOURCE_ROUTE
#define FRAGMENTED   DROPS, REASON_FRAGMENT
#define NOT_IP	     DROPS, REASON_NOT_IP
#define REVOKED	     DROPS, REASON_REVOKED
#define UNKNOWN	     DROPS, REASON_UNKNOWN_SOURCE
#define UNAPPROVED   DROPS, REASON_UNAPPROVED
#define SPOOFED	     DROPS, REASON_SPOOFED_SOURCE
#define UNIDENTIFIED DROPS, REASON_NAT_UNIDENTIFIED

/* What is allowed: Windows → iMac:3000, iMac → VPS:3000 by TCP, iMac → aspire:53 by UDP. */
#define CALL(FLAGS)	   TCP(WINDOWS, IMAC, 40000, 3000, FLAGS)
#define RETURN(FLAGS)	   TCP(IMAC, WINDOWS, 3000, 40000, FLAGS)
#define CALLED		   FROM_LAN(CALL(SYN)), IN(RETURN(SYN | ACK)), FROM_LAN(CALL(ACK))
#define ASK(FLAGS, ...)	   TCP(IMAC, VPS, 40000, 3000, FLAGS, __VA_ARGS__)
#define ANSWER(FLAGS, ...) TCP(VPS, IMAC, 3000, 40000, FLAGS, __VA_ARGS__)
#define ASKED		   IN(ASK(SYN))
#define CONNECTED	   ASKED, IN(ANSWER(SYN | ACK)), IN(ASK(ACK))
#define QUERY		   UDP(IMAC, ASPIRE, 40000, 53)
#define REPLY		   UDP(ASPIRE, IMAC, 53, 40000)

/* From the VPS to the iMac's file server, which nobody may reach. */
#define ATTACK(FLAGS, ...) TCP(VPS, IMAC, 40000, 445, FLAGS, __VA_ARGS__)
#define XMAS		   (FIN | PSH | URG)

/* clang-format off */
static const struct trial scans[] = {
	{ "SYN scan", IN(ATTACK(SYN)), DENIED },
	{ "SYN scan with ECN", IN(ATTACK(SYN | ECE | CWR)), DENIED },
	{ "ACK scan", IN(ATTACK(ACK)), NO_STATE },
	{ "window scan", IN(ATTACK(ACK | PSH, .body = 1)), NO_STATE },
	{ "FIN scan", IN(ATTACK(FIN)), NO_STATE },
	{ "Maimon scan", IN(ATTACK(FIN | ACK)), NO_STATE },
	{ "XMAS scan", IN(ATTACK(XMAS)), NO_STATE },
	{ "NULL scan", IN(ATTACK(0)), NO_STATE },
	{ "SYN and FIN", IN(ATTACK(SYN | FIN)), NO_STATE },
	{ "SYN and RST", IN(ATTACK(SYN | RST)), NO_STATE },
	{ "all flags", IN(ATTACK(0xff)), NO_STATE },
	{ "SYN-ACK, backscatter", IN(ATTACK(SYN | ACK)), NO_STATE },
	{ "SYN with data", IN(ATTACK(SYN, .body = 64)), DENIED },
	{ "SYN from port 3000", IN(ANSWER(SYN)), DENIED },
	{ "SYN from port 53", IN(TCP(VPS, IMAC, 53, 445, SYN)), DENIED },
	{ "SYN to port 0", IN(TCP(VPS, IMAC, 40000, 0, SYN)), DENIED },
	{ "SYN to a stranger", IN(TCP(VPS, STRANGER, 40000, 22, SYN)), DENIED },
	{ "SYN to this box", IN(TCP(VPS, ROUTER, 40000, 22, SYN)), DENIED },
	{ "SYN to Windows", IN(TCP(VPS, WINDOWS, 40000, 445, SYN)), DENIED },
	{ "SYN to the internet", IN(TCP(VPS, WEB, 40000, 443, SYN)), DENIED },
	{ "UDP probe", IN(UDP(VPS, IMAC, 40000, 137)), DENIED },
	{ "UDP probe without a byte", IN(UDP(VPS, IMAC, 0, 0)), DENIED },
	{ "SCTP INIT", IN(SCTP(VPS, IMAC, 40000, 445)), DENIED },
	{ "ping sweep", IN(PING(VPS, IMAC, 1)), DENIED },
	{ "TCP where UDP is allowed", IN(TCP(IMAC, ASPIRE, 40000, 53, SYN)), DENIED },
	{ "UDP where TCP is allowed", IN(UDP(IMAC, VPS, 40000, 3000)), DENIED },
	{ "SCTP where TCP is allowed", IN(SCTP(IMAC, VPS, 40000, 3000)), DENIED },
};

static const struct trial disguises[] = {
	{ "SCTP that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_SCTP, 40000, 3000)), DENIED },
	{ "GRE that looks like TCP", IN(DISGUISED(IMAC, AZURE, IPPROTO_GRE, 40000, 4000)), DENIED },
	{ "IPv4 that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_IPIP, 40000, 3000)), DENIED },
	{ "IPv6 that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_IPV6, 40000, 3000)), DENIED },
	{ "ESP that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_ESP, 40000, 3000)), DENIED },
	{ "AH that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_AH, 40000, 3000)), DENIED },
	{ "UDP-Lite that looks like UDP", IN(DISGUISED(IMAC, ASPIRE, IPPROTO_UDPLITE, 40000, 53)),
		DENIED },
	{ "no next header", IN(DISGUISED(IMAC, VPS, IPPROTO_NONE, 40000, 3000)), DENIED },
	{ "ESP on a live flow", IN(DISGUISED(VPS, IMAC, IPPROTO_ESP, 3000, 40000)), DENIED,
		BEFORE(CONNECTED) },
	{ "SCTP on a live flow", IN(SCTP(VPS, IMAC, 3000, 40000)), DENIED, BEFORE(CONNECTED) },
	{ "UDP on a live flow", IN(UDP(VPS, IMAC, 3000, 40000)), DENIED, BEFORE(CONNECTED) },
	{ "ICMPv6 in IPv4", IN(ICMP_AS(VPS, ASPIRE, IPPROTO_ICMPV6, ECHO_REQUEST)), MALFORMED,
		.only = IPV4 },
	{ "ICMP in IPv6", IN(ICMP_AS(VPS, ASPIRE, IPPROTO_ICMP, ECHO_REQUEST)), MALFORMED,
		.only = IPV6 },
	{ "version 5", IN(ASK(SYN, LIES({ VERSION, 5 }))), NOT_IP },
	{ "VLAN tag", IN(ASK(SYN, LIES({ VLAN, 0x8100 }))), NOT_IP, .only = ETHERNET },
	{ "service VLAN tag", IN(ASK(SYN, LIES({ VLAN, 0x88a8 }))), NOT_IP, .only = ETHERNET },
	{ "VLAN tag on a live flow", IN(ASK(ACK, LIES({ VLAN, 0x8100 }))), NOT_IP,
		BEFORE(CONNECTED), .only = ETHERNET },
};

static const struct trial live_flows[] = {
	{ "SYN against the flow", IN(RETURN(SYN)), NO_STATE, BEFORE(CALLED) },
	{ "SYN and FIN against the flow", IN(RETURN(SYN | FIN)), NO_STATE, BEFORE(CALLED) },
	{ "SYN against the flow, once reset", IN(RETURN(SYN)), DENIED,
		BEFORE(CALLED, IN(RETURN(RST))) },
	{ "call back to the caller's port", IN(TCP(IMAC, WINDOWS, 50000, 40000, SYN)), DENIED,
		BEFORE(CALLED) },
	{ "call back from the called port", IN(TCP(IMAC, WINDOWS, 3000, 445, SYN)), DENIED,
		BEFORE(CALLED) },
	{ "simultaneous open", IN(TCP(AZURE, IMAC, 4000, 4001, SYN)), NO_STATE,
		BEFORE(IN(TCP(IMAC, AZURE, 4001, 4000, SYN))) },
	{ "RST pick-up: it opens nothing", IN(TCP(VPS, IMAC, 22, 445, ACK)), NO_STATE },
	{ "RST pick-up of Windows", FROM_LAN(TCP(WINDOWS, VPS, 445, 22, RST)), NO_STATE },
	{ "FIN pick-up of Windows", FROM_LAN(TCP(WINDOWS, VPS, 445, 22, FIN | ACK)), NO_STATE },
	{ "SYN-ACK pick-up of Windows", FROM_LAN(TCP(WINDOWS, VPS, 445, 22, SYN | ACK)),
		NO_STATE },
	{ "ACK pick-up in the refused direction", IN(ANSWER(ACK, .body = 100)), NO_STATE },
	{ "ACK pick-up to another port", IN(TCP(IMAC, VPS, 40000, 445, ACK)), NO_STATE },
	{ "a third device resets", IN(TCP(AZURE, IMAC, 3000, 40000, RST)), NO_STATE,
		BEFORE(CONNECTED) },
	{ "a third device answers", IN(UDP(AZURE, IMAC, 53, 40000)), DENIED, BEFORE(IN(QUERY)) },
	{ "the VPS holds a pinhole by itself", IN(ANSWER(ACK), .later = 20), NO_STATE,
		BEFORE(CONNECTED, IN(ANSWER(RST)), IN(ANSWER(ACK), .later = 20)) },
	{ "aspire holds a pinhole by itself", IN(REPLY, .later = 90), DENIED,
		BEFORE(IN(QUERY), IN(REPLY), IN(REPLY, .later = 60), IN(REPLY, .later = 60)) },
	{ "... even if the iMac's kernel objects", IN(ANSWER(ACK), .later = 20), NO_STATE,
		BEFORE(CONNECTED, IN(ASK(RST)), IN(ANSWER(ACK), .later = 20), IN(ASK(RST))) },
	{ "an old flow's port is used by another", IN(REPLY, .later = 61), DENIED,
		BEFORE(IN(QUERY)) },
};

static const struct trial errors[] = {
	{ "about nothing", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(SYN))), NO_STATE },
	{ "about a flow of others", IN(ABOUT(AZURE, IMAC, UNREACHABLE, ASK(SYN))), NO_STATE,
		BEFORE(CONNECTED) },
	{ "fragmentation needed in a flow of others", IN(ABOUT(AZURE, IMAC, TOO_BIG, ASK(ACK))),
		NO_STATE, BEFORE(CONNECTED) },
	{ "time exceeded in a flow of others", IN(ABOUT(ASPIRE, IMAC, TIME_EXCEEDED, ASK(ACK))),
		NO_STATE, BEFORE(CONNECTED) },
	{ "to another than the quoted source", IN(ABOUT(VPS, AZURE, UNREACHABLE, ASK(SYN))),
		NO_STATE, BEFORE(CONNECTED) },
	{ "to Windows, about a flow of the iMac", IN(ABOUT(VPS, WINDOWS, UNREACHABLE, ASK(SYN))),
		NO_STATE, BEFORE(CONNECTED) },
	{ "to Windows, about a call that is not", IN(ABOUT(VPS, WINDOWS, UNREACHABLE,
		TCP(WINDOWS, VPS, 40000, 22, SYN))), NO_STATE },
	{ "about the other direction", IN(ABOUT(VPS, IMAC, UNREACHABLE, ANSWER(ACK))), NO_STATE,
		BEFORE(CONNECTED) },
	{ "about ports that are not", IN(ABOUT(VPS, IMAC, UNREACHABLE, TCP(IMAC, VPS, 40001, 3000,
		ACK))), NO_STATE, BEFORE(CONNECTED) },
	{ "about an error", IN(ABOUT(VPS, IMAC, UNREACHABLE, ABOUT(IMAC, VPS, UNREACHABLE,
		ANSWER(ACK)))), NO_STATE, BEFORE(CONNECTED) },
	{ "redirect about a live flow", IN(ABOUT(VPS, IMAC, REDIRECT, ASK(ACK))), NO_STATE,
		BEFORE(CONNECTED) },
	{ "source quench about a live flow", IN(ABOUT(VPS, IMAC, QUENCH_OR_NEIGHBOUR, ASK(ACK))),
		NO_STATE, BEFORE(CONNECTED), .only = IPV4 },
	{ "router advertisement", IN(ICMP(VPS, IMAC, ROUTER_ADVERTISEMENT)), NO_STATE },
	{ "from this box's address", IN(ABOUT(ROUTER, IMAC, TOO_BIG, ASK(ACK))), SPOOFED,
		BEFORE(CONNECTED) },
	{ "from a router on the internet, through the LAN", FROM_LAN(ABOUT(HOP, IMAC, TOO_BIG,
		ASK(ACK))), NO_STATE, BEFORE(CONNECTED) },
	{ "by a host of the LAN in the VPS' name", FROM_LAN(ABOUT(VPS, IMAC, TOO_BIG, ASK(ACK))),
		SPOOFED, BEFORE(CONNECTED) },
	{ "without what it quotes", IN(ICMP(VPS, IMAC, UNREACHABLE)), MALFORMED,
		BEFORE(CONNECTED) },
	{ "quotes half of the ports", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(ACK), .missing = 6)),
		MALFORMED, BEFORE(CONNECTED) },
	{ "does not end the flow", IN(ANSWER(ACK), .later = 3600), ANSWERS,
		BEFORE(CONNECTED, IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(ACK)))) },
	{ "does not refresh the flow", IN(REPLY, .later = 40), DENIED,
		BEFORE(IN(QUERY), IN(ABOUT(ASPIRE, IMAC, UNREACHABLE, QUERY), .later = 40)) },
};

static const struct trial echoes[] = {
	{ "reply alone", IN(PONG(VPS, IMAC, 1)), NO_STATE },
	{ "reply with data", IN(PONG(VPS, IMAC, 1, .body = 1000)), NO_STATE },
	{ "Windows asks with id 1, the iMac as well", IN(PING(IMAC, WINDOWS, 1)), DENIED,
		BEFORE(FROM_LAN(PING(WINDOWS, IMAC, 1))) },
	{ "both may ask with id 1", IN(PING(ASPIRE, VPS, 1)), OPENS,
		BEFORE(IN(PING(VPS, ASPIRE, 1))) },
	{ "both asked with id 1, one answers", IN(PONG(VPS, ASPIRE, 1)), ANSWERS,
		BEFORE(IN(PING(VPS, ASPIRE, 1)), IN(PING(ASPIRE, VPS, 1))) },
	{ "reply of a third device", IN(PONG(AZURE, VPS, 1)), NO_STATE,
		BEFORE(IN(PING(VPS, ASPIRE, 1))) },
	{ "reply of the one who asked", IN(PONG(VPS, ASPIRE, 1)), NO_STATE,
		BEFORE(IN(PING(VPS, ASPIRE, 1))) },
	{ "time stamp request", IN(ICMP(VPS, IMAC, TIMESTAMP_OR_MLD)), NO_STATE },
	{ "smurf", IN(PING(VPS, SUBNET, 1)), DENIED },
	{ "smurf to all", IN(PING(VPS, BROADCAST, 1)), DENIED },
	{ "smurf in the name of Windows", IN(PING(WINDOWS, SUBNET, 1)), SPOOFED },
};

#define PART(AT, ...) LATER(VPS, IMAC, IPPROTO_TCP, 7, AT, __VA_ARGS__)

static const struct trial fragments[] = {
	{ "first too short for its flags", IN(ATTACK(0, FIRST(7),
		LIES({ LENGTH_BY, -12 }, { CUT, 12 }))), FRAGMENTED },
	{ "second alone, with flags", IN(PART(8, 0, 12)), FRAGMENTED },
	{ "second alone, ACK of a live flow", IN(LATER(IMAC, VPS, IPPROTO_TCP, 7, 24, 0, 8)),
		FRAGMENTED, BEFORE(CONNECTED) },
	{ "tiny overlap: offset 1 over the flags", IN(LATER(IMAC, VPS, IPPROTO_TCP, 7, 8, 0, 16)),
		FRAGMENTED, BEFORE(IN(ASK(SYN, .body = 4, FIRST(7)))) },
	{ "overlap at the end of the first", IN(LATER(IMAC, VPS, IPPROTO_TCP, 7, 16, 0, 16)),
		FRAGMENTED, BEFORE(IN(ASK(SYN, .body = 4, FIRST(7)))) },
	{ "allowed first, another first to a forbidden port", IN(TCP(IMAC, VPS, 40000, 445, SYN,
		.body = 4, FIRST(7))), DENIED, BEFORE(IN(ASK(SYN, .body = 4, FIRST(7)))) },
	{ "beyond 65535", IN(LATER(IMAC, VPS, IPPROTO_TCP, 7, 65528, 0, 20)), FRAGMENTED,
		BEFORE(IN(ASK(SYN, .body = 4, FIRST(7)))) },
	{ "ping of death", IN(LATER(VPS, ASPIRE, PROTOCOL_ICMP, 7, 65528, 0, 1000)), FRAGMENTED,
		BEFORE(IN(PING(VPS, ASPIRE, 1, FIRST(7)))) },
	{ "two fragment headers", IN(ASK(SYN, EXTENSIONS({ IPPROTO_FRAGMENT, 1 }),
		.piece = { true, true, 0, 7 }, .body = 4)), MALFORMED, .only = IPV6 },
	{ "two fragment headers, whole", IN(ASK(SYN, EXTENSIONS({ IPPROTO_FRAGMENT },
		{ IPPROTO_FRAGMENT }))), MALFORMED, .only = IPV6 },
	{ "headers in the second fragment", IN(RAW(IMAC, VPS, IPPROTO_TCP,
		EXTENSIONS({ IPPROTO_FRAGMENT, 1 }, { IPPROTO_DSTOPTS }),
		LIES({ LENGTH_BY, -8 }, { CUT, 8 }))), FRAGMENTED, .only = IPV6 },
	{ "of somebody else's datagram", IN(LATER(AZURE, VPS, IPPROTO_TCP, 7, 24, 0, 8)),
		FRAGMENTED, BEFORE(IN(ASK(SYN, .body = 4, FIRST(7)))) },
	{ "of a datagram of another interface", FROM_LAN(LATER(IMAC, VPS, IPPROTO_TCP, 7, 24, 0,
		8)), FRAGMENTED, BEFORE(IN(ASK(SYN, .body = 4, FIRST(7)))) },
	{ "of an error", IN(ABOUT(VPS, IMAC, TOO_BIG, ASK(ACK), .missing = -4, FIRST(7))),
		FRAGMENTED, BEFORE(CONNECTED) },
};

#define DESTINATION { IPPROTO_DSTOPTS }
#define SIX	    DESTINATION, DESTINATION, DESTINATION, DESTINATION, DESTINATION, DESTINATION

static const struct trial routes[] = {
	{ "loose source route", IN(ASK(SYN, OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))), SOURCE_ROUTE,
		.only = IPV4 },
	{ "strict source route", IN(ASK(SYN, OPTIONS("\x89\7\4\x0a\x4d\0\5\0"))), SOURCE_ROUTE,
		.only = IPV4 },
	{ "source route on a live flow", IN(ASK(ACK, OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))),
		SOURCE_ROUTE, BEFORE(CONNECTED), .only = IPV4 },
	{ "source route from the LAN", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN,
		OPTIONS("\x83\7\4\x0a\x4d\0\5\0"))), SOURCE_ROUTE, .only = IPV4 },
	{ "options that never end", IN(ASK(SYN, OPTIONS("\x44\0\0\0"))), MALFORMED, .only = IPV4 },
	{ "routing type 0, a segment left", IN(ASK(SYN, EXTENSIONS({ IPPROTO_ROUTING, 1, 0 }))),
		SOURCE_ROUTE, .only = IPV6 },
	{ "routing type 2, a segment left", IN(ASK(SYN, EXTENSIONS({ IPPROTO_ROUTING, 1, 2 }))),
		SOURCE_ROUTE, .only = IPV6 },
	{ "routing type 4, a segment left", IN(ASK(SYN, EXTENSIONS({ IPPROTO_ROUTING, 1, 4 }))),
		SOURCE_ROUTE, .only = IPV6 },
	{ "routing behind a fragment header", IN(ASK(SYN, EXTENSIONS({ IPPROTO_FRAGMENT },
		{ IPPROTO_ROUTING, 1 }))), SOURCE_ROUTE, .only = IPV6 },
	{ "seven extensions", IN(ASK(SYN, EXTENSIONS(SIX, DESTINATION))), OPENS, .only = IPV6 },
	{ "eight extensions", IN(ASK(SYN, EXTENSIONS(SIX, DESTINATION, DESTINATION))), MALFORMED,
		.only = IPV6 },
	{ "a routing header as the eighth", IN(ASK(SYN, EXTENSIONS(SIX, DESTINATION,
		{ IPPROTO_ROUTING, 1 }))), SOURCE_ROUTE, .only = IPV6 },
	{ "a routing header as the ninth", IN(ASK(SYN, EXTENSIONS(SIX, DESTINATION, DESTINATION,
		{ IPPROTO_ROUTING, 1 }))), MALFORMED, .only = IPV6 },
	{ "hop-by-hop second", IN(ASK(SYN, EXTENSIONS(DESTINATION, { IPPROTO_HOPOPTS }))),
		MALFORMED, .only = IPV6 },
	{ "jumbogram", IN(ASK(SYN, EXTENSIONS({ IPPROTO_HOPOPTS }), LIES({ LENGTH, 0 }))),
		MALFORMED, .only = IPV6 },
	{ "extension longer than the packet", IN(ASK(SYN, EXTENSIONS({ IPPROTO_DSTOPTS,
		.claimed = 200 }))), MALFORMED, .only = IPV6 },
};

static const struct trial sources[] = {
	{ "land", IN(TCP(IMAC, IMAC, 3000, 3000, SYN)), SPOOFED },
	{ "land on this box", IN(TCP(ROUTER, ROUTER, 22, 22, SYN)), SPOOFED },
	{ "land from the LAN", FROM_LAN(TCP(IMAC, IMAC, 3000, 3000, SYN)), SPOOFED },
	{ "Windows, on wg0", IN(CALL(SYN)), SPOOFED },
	{ "Windows, on wg0, in its flow", IN(CALL(ACK)), SPOOFED, BEFORE(CALLED) },
	{ "the iMac, from the LAN", FROM_LAN(ASK(SYN)), SPOOFED },
	{ "the VPS, from the LAN, in its flow", FROM_LAN(ANSWER(ACK)), SPOOFED,
		BEFORE(CONNECTED) },
	{ "the VPS, from elsewhere, in its flow", FROM_ELSEWHERE(ANSWER(RST)), SPOOFED,
		BEFORE(CONNECTED) },
	{ "the VPS, from this box, in its flow", FROM_SELF(ANSWER(ACK)), SPOOFED,
		BEFORE(CONNECTED) },
	{ "the VPS, aside, in its flow", IN_ASIDE(ANSWER(ACK)), SPOOFED, BEFORE(CONNECTED) },
	{ "Windows, from elsewhere", FROM_ELSEWHERE(CALL(SYN)), SPOOFED },
	{ "this box, on wg0", IN(TCP(ROUTER, IMAC, 40000, 22, SYN)), SPOOFED },
	{ "this box, on wg0, in its flow", IN(TCP(ROUTER, IMAC, 40000, 22, ACK)), SPOOFED,
		BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "this box, from the LAN", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, SYN)), UNIDENTIFIED },
	{ "this box, from the LAN, in its flow", FROM_LAN(TCP(ROUTER, IMAC, 40000, 22, ACK)),
		UNIDENTIFIED, BEFORE(FROM_SELF(TCP(ROUTER, IMAC, 40000, 22, SYN))) },
	{ "not approved", IN(TCP(LODGER, IMAC, 40000, 3000, SYN)), UNAPPROVED },
	{ "not approved, as an answer", IN(TCP(LODGER, IMAC, 3000, 40000, ACK)), UNAPPROVED },
	{ "an address of nobody", IN(TCP(STRANGER, VPS, 40000, 3000, SYN)), UNKNOWN },
	{ "the internet, on wg0", IN(TCP(WEB, IMAC, 443, 40000, SYN | ACK)), UNKNOWN,
		BEFORE(IN(TCP(IMAC, WEB, 40000, 443, SYN))) },
	{ "loopback", IN(TCP(LOOPBACK, IMAC, 40000, 22, SYN)), UNKNOWN },
	{ "loopback, from the LAN", FROM_LAN(TCP(LOOPBACK, IMAC, 40000, 22, SYN)), UNKNOWN },
	{ "unspecified", IN(UDP(UNSPECIFIED, IMAC, 68, 67)), UNKNOWN },
	{ "link-local", IN(TCP(LINK_LOCAL, IMAC, 40000, 22, SYN)), UNKNOWN },
	{ "broadcast", IN(UDP(BROADCAST, IMAC, 40000, 53)), UNKNOWN },
	{ "broadcast of the network", IN(UDP(SUBNET, IMAC, 40000, 53)), UNKNOWN },
	{ "multicast", IN(UDP(GROUP, IMAC, 40000, 53)), UNKNOWN },
	{ "multicast, from the LAN", FROM_LAN(UDP(GROUP, IMAC, 40000, 53)), UNKNOWN },
	{ "to the broadcast address", IN(UDP(VPS, BROADCAST, 40000, 53)), DENIED },
	{ "to the broadcast address of the network", IN(UDP(VPS, SUBNET, 40000, 53)), DENIED },
	{ "to a multicast group", IN(UDP(VPS, GROUP, 40000, 53)), DENIED },
	{ "to loopback", IN(TCP(VPS, LOOPBACK, 40000, 22, SYN)), DENIED },
};

static const struct trial marks[] = {
	{ "brought on ingress", IN_MARKED(ATTACK(SYN)), DENIED },
	{ "brought on ingress, stray", IN_MARKED(ATTACK(ACK)), NO_STATE },
	{ "brought on ingress, spoofed", IN_MARKED(CALL(SYN)), SPOOFED },
	{ "brought on ingress, allowed: it is ours now", IN_MARKED(ASK(SYN)), OPENS },
	{ "set by SO_MARK", FROM_SELF_MARKED(TCP(ROUTER, IMAC, 40000, 445, SYN)), DENIED },
	{ "set by SO_MARK, with a raw socket", FROM_SELF_MARKED(ATTACK(SYN)), SPOOFED },
	{ "set by SO_MARK, in a live flow of others", FROM_SELF_MARKED(ANSWER(ACK)), SPOOFED,
		BEFORE(CONNECTED) },
	{ "set by SO_MARK, a fragment of nothing", FROM_SELF_MARKED(ATTACK(SYN, .body = 4,
		FIRST(7))), NO_STATE, .only = IPV6 },
	{ "set by SO_MARK, a fragment", FROM_SELF_MARKED(ATTACK(SYN, .body = 4, FIRST(7))),
		SPOOFED, .only = IPV4 },
	{ "set by SO_MARK, a fragment of a stranger", FROM_SELF_MARKED(UDP(STRANGER, IMAC, 1, 2,
		FIRST(7))), UNKNOWN, .only = IPV4 },
	{ "set by SO_MARK, a fragment of a stranger", FROM_SELF_MARKED(UDP(STRANGER, IMAC, 1, 2,
		FIRST(7))), NO_STATE, .only = IPV6 },
	{ "reflected to a RST", FROM_SELF_MARKED(TCP(ROUTER, IMAC, 3000, 40000, RST | ACK)),
		NO_STATE },
	{ "reflected to an echo reply", FROM_SELF_MARKED(PONG(ROUTER, IMAC, 7)), NO_STATE },
	{ "inherited out of a tunnel", FROM_ELSEWHERE_MARKED(ATTACK(SYN)), SPOOFED },
	{ "inherited out of a tunnel, of nobody", FROM_ELSEWHERE_MARKED(TCP(STRANGER, IMAC, 40000,
		3000, SYN)), UNKNOWN },
	{ "inherited out of a tunnel, in a live flow", FROM_ELSEWHERE_MARKED(ANSWER(ACK)), SPOOFED,
		BEFORE(CONNECTED) },
	{ "inherited out of a tunnel, this box", FROM_ELSEWHERE_MARKED(TCP(ROUTER, IMAC, 40000, 22,
		SYN)), UNIDENTIFIED },
	{ "set on the LAN", FROM_LAN_MARKED(TCP(WINDOWS, IMAC, 40000, 445, SYN)), DENIED },
	{ "set on the LAN, in a flow of wg0", FROM_LAN_MARKED(ANSWER(ACK)), SPOOFED,
		BEFORE(CONNECTED) },
	{ "taken away, then judged again", UNMARKED(ATTACK(SYN)), DENIED },
	{ "says answer, and there is none", FORWARDED_REPLY(ANSWER(ACK)), NO_STATE },
};

#define WITHOUT_3000 .edit = { "vps:3000-3001", "vps:3001" }
#define WITHOUT_53   .edit = { "aspire:53", "aspire:54" }
#define EXPELLED     .edit = { "\"vps\": { ", "\"vps\": { \"approved\": false, " }
#define PARTED	     BEFORE(IN(UDP(IMAC, ASPIRE, 40000, 53, .body = 16, FIRST(7))))
#define QUERY_PART   LATER(IMAC, ASPIRE, IPPROTO_UDP, 7, 24, 0, 8)

static const struct trial loads[] = {
	{ "an answer after the rule is gone", IN(ANSWER(ACK)), REVOKED, BEFORE(CONNECTED),
		WITHOUT_3000 },
	{ "an answer on its way out", FORWARDED_REPLY(ANSWER(ACK)), REVOKED, BEFORE(CONNECTED),
		WITHOUT_3000 },
	{ "a SYN-ACK after the rule is gone", IN(ANSWER(SYN | ACK)), REVOKED, BEFORE(ASKED),
		WITHOUT_3000 },
	{ "an error after the rule is gone", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(ACK))), REVOKED,
		BEFORE(CONNECTED), WITHOUT_3000 },
	{ "the rest of a datagram after the rule is gone", IN(QUERY_PART), REVOKED, PARTED,
		WITHOUT_53 },
	{ "the rest of a datagram while others change", IN(QUERY_PART), PASSES, PARTED,
		WITHOUT_3000 },
	{ "an answer of a device that was expelled", IN(ANSWER(ACK)), REVOKED, BEFORE(CONNECTED),
		EXPELLED },
	{ "a scan of a device that was expelled", IN(ATTACK(SYN)), UNAPPROVED, BEFORE(CONNECTED),
		EXPELLED },
};

/* Both ports guarded: lan.json. */
static const struct trial two_ports[] = {
	{ "the VPS, on the LAN", IN_ASIDE(TCP(VPS, WINDOWS, 40000, 80, SYN)), SPOOFED },
	{ "Windows, on wg0", IN(CALL(SYN)), SPOOFED },
	{ "this box, on the LAN", IN_ASIDE(TCP(ROUTER_LAN, IMAC, 40000, 3000, SYN)), SPOOFED },
	{ "a stranger on the LAN", IN_ASIDE(TCP(STRANGER, IMAC, 40000, 3000, SYN)), UNKNOWN },
	{ "the internet, on the LAN", IN_ASIDE(TCP(WEB, IMAC, 443, 40000, SYN | ACK)), UNKNOWN },
	{ "the VPS, from elsewhere, to the LAN", TO_ASIDE_FROM_ELSEWHERE(TCP(VPS, WINDOWS, 40000,
		80, SYN)), SPOOFED },
	{ "Windows, from elsewhere, to wg0", FROM_ELSEWHERE(CALL(SYN)), SPOOFED },
	{ "to the LAN, no rule", IN(TCP(IMAC, WINDOWS, 40000, 445, SYN)), DENIED },
	{ "to the LAN, unmarked, no rule", TO_ASIDE_UNMARKED(TCP(IMAC, WINDOWS, 40000, 445, SYN)),
		DENIED },
	{ "to the LAN, answer to nothing", TO_ASIDE_REPLY(TCP(IMAC, WINDOWS, 3000, 40000, ACK)),
		NO_STATE },
	{ "to the LAN, from this box", TO_ASIDE_FROM_SELF(TCP(ROUTER_LAN, WINDOWS, 40000, 445,
		SYN)), DENIED },
	{ "to the LAN, a raw socket of this box", TO_ASIDE_FROM_SELF(TCP(VPS, WINDOWS, 40000, 80,
		SYN)), SPOOFED },
};
/* clang-format on */

static void setup_lan(void)
{
	bench_open();
	bench_load("lan.json");
}

static TCase *add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_add_unchecked_fixture(tcase, setup, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	suite_add_tcase(suite, tcase);
	return tcase;
}

Suite *hostile_suite(void)
{
	Suite *suite = suite_create("hostile");
	TCase *house = add_case(suite, "house", bench_open_house),
	      *lan = add_case(suite, "lan", setup_lan);
	TCase *policies = add_case(suite, "policies", bench_open);

	trials_add(house, scans, ARRAY_SIZE(scans), ANY_FORM);
	trials_add(house, disguises, ARRAY_SIZE(disguises), ANY_FORM);
	trials_add(house, live_flows, ARRAY_SIZE(live_flows), ANY_FORM);
	trials_add(house, errors, ARRAY_SIZE(errors), ANY_FORM);
	trials_add(house, echoes, ARRAY_SIZE(echoes), ANY_FORM);
	trials_add(house, fragments, ARRAY_SIZE(fragments), ANY_FORM);
	trials_add(house, routes, ARRAY_SIZE(routes), ANY_FORM);
	trials_add(house, sources, ARRAY_SIZE(sources), ANY_FORM);
	trials_add(house, marks, ARRAY_SIZE(marks), ANY_FORM);
	trials_add(lan, two_ports, ARRAY_SIZE(two_ports), ANY_FORM);
	trials_add_edited(policies, "house.json", loads, ARRAY_SIZE(loads), ANY_FORM);
	return suite;
}
