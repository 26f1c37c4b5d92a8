// SPDX-License-Identifier: GPL-2.0-or-later
/* bpf/flow.h: what opens a connection, what is part of one, and for how long. */
#include "mem.h"
#include "suites.h"
#include "trial.h"

#define DENIED	 DROPS, REASON_ACL
#define NO_STATE DROPS, REASON_NO_STATE

/* From the iMac to port 3000 of the VPS, and back: the first is allowed, the other is not. */
#define ASK(FLAGS, ...)	   TCP(IMAC, VPS, 40000, 3000, FLAGS, __VA_ARGS__)
#define ANSWER(FLAGS, ...) TCP(VPS, IMAC, 3000, 40000, FLAGS, __VA_ARGS__)

#define ASKED	  IN(ASK(SYN))
#define ANSWERED  ASKED, IN(ANSWER(SYN | ACK))
#define CONNECTED ANSWERED, IN(ASK(ACK))

/* UDP from the iMac to aspire; echo from the VPS to aspire; GRE from the iMac to the VPS. */
#define QUERY()	   UDP(IMAC, ASPIRE, 40000, 53)
#define REPLY()	   UDP(ASPIRE, IMAC, 53, 40000)
#define QUERIED	   BEFORE(IN(QUERY()))
#define PINGED(ID) BEFORE(IN(PING(VPS, ASPIRE, ID)))
#define TUNNELLED  BEFORE(IN(RAW(IMAC, VPS, IPPROTO_GRE)))

/* Their ports make flows, and no rule knows them. */
#define LITE(SRC, DST, SPORT, DPORT) DISGUISED(SRC, DST, IPPROTO_UDPLITE, SPORT, DPORT)
#define DCCP(SRC, DST, SPORT, DPORT) DISGUISED(SRC, DST, IPPROTO_DCCP, SPORT, DPORT)

#define XMAS (FIN | PSH | URG)

/* clang-format off */
static const struct trial new_tcp[] = {
	{ "SYN to an allowed port", IN(ASK(SYN)), OPENS },
	{ "SYN to the next allowed port", IN(TCP(IMAC, VPS, 40000, 3001, SYN)), OPENS },
	{ "SYN to the port below", IN(TCP(IMAC, VPS, 40000, 2999, SYN)), DENIED },
	{ "SYN to the port above", IN(TCP(IMAC, VPS, 40000, 3002, SYN)), DENIED },
	{ "SYN to port 0", IN(TCP(IMAC, VPS, 40000, 0, SYN)), DENIED },
	{ "SYN from the allowed port", IN(TCP(IMAC, VPS, 3000, 22, SYN)), DENIED },
	{ "SYN the other way", IN(TCP(VPS, IMAC, 40000, 3000, SYN)), DENIED },
	{ "SYN the other way, ports as in an answer", IN(ANSWER(SYN)), DENIED },
	{ "SYN to a device that no rule names", IN(TCP(IMAC, AZURE, 40000, 3000, SYN)), DENIED },
	{ "SYN from a device that no rule names", IN(TCP(AZURE, VPS, 40000, 3000, SYN)), DENIED },
	{ "SYN with ECN", IN(ASK(SYN | ECE | CWR)), OPENS },
	{ "SYN with data", IN(ASK(SYN | PSH, .body = 100)), OPENS },
	{ "ACK, as of a connection before us", IN(ASK(ACK)), OPENS },
	{ "ACK with data", IN(ASK(ACK | PSH, .body = 100)), OPENS },
	{ "ACK to another port", IN(TCP(IMAC, VPS, 40000, 2999, ACK)), NO_STATE },
	{ "ACK in the direction of answers", IN(ANSWER(ACK)), NO_STATE },
	{ "ACK with data in the direction of answers", IN(ANSWER(ACK | PSH, .body = 100)),
		NO_STATE },
	{ "SYN-ACK", IN(ASK(SYN | ACK)), NO_STATE },
	{ "SYN-ACK in the direction of answers", IN(ANSWER(SYN | ACK)), NO_STATE },
	{ "RST", IN(ASK(RST)), NO_STATE },
	{ "RST in the direction of answers", IN(ANSWER(RST)), NO_STATE },
	{ "RST and ACK", IN(ASK(RST | ACK)), NO_STATE },
	{ "FIN", IN(ASK(FIN)), NO_STATE },
	{ "FIN in the direction of answers", IN(ANSWER(FIN)), NO_STATE },
	{ "FIN and ACK", IN(ASK(FIN | ACK)), NO_STATE },
	{ "FIN and ACK in the direction of answers", IN(ANSWER(FIN | ACK)), NO_STATE },
	{ "SYN and FIN", IN(ASK(SYN | FIN)), NO_STATE },
	{ "SYN and RST", IN(ASK(SYN | RST)), NO_STATE },
	{ "XMAS", IN(ASK(XMAS)), NO_STATE },
	{ "XMAS in the direction of answers", IN(ANSWER(XMAS)), NO_STATE },
	{ "all flags", IN(ASK(0xff)), NO_STATE },
	{ "no flags", IN(ASK(0)), NO_STATE },
	{ "no flags in the direction of answers", IN(ANSWER(0)), NO_STATE },
	{ "only PSH", IN(ASK(PSH)), NO_STATE },
	{ "only URG", IN(ASK(URG)), NO_STATE },
	{ "only ECE and CWR", IN(ASK(ECE | CWR)), NO_STATE },
};

static const struct trial live_tcp[] = {
	{ "SYN-ACK", IN(ANSWER(SYN | ACK)), ANSWERS, BEFORE(ASKED) },
	{ "RST: the port is closed", IN(ANSWER(RST | ACK)), ANSWERS, BEFORE(ASKED) },
	{ "ACK completes", IN(ASK(ACK)), PASSES, BEFORE(ANSWERED) },
	{ "data", IN(ASK(ACK | PSH, .body = 500)), PASSES, BEFORE(CONNECTED) },
	{ "data back", IN(ANSWER(ACK | PSH, .body = 500)), ANSWERS, BEFORE(CONNECTED) },
	{ "FIN", IN(ASK(FIN | ACK)), PASSES, BEFORE(CONNECTED) },
	{ "FIN back", IN(ANSWER(FIN | ACK)), ANSWERS, BEFORE(CONNECTED) },
	{ "RST", IN(ASK(RST)), PASSES, BEFORE(CONNECTED) },
	{ "RST back", IN(ANSWER(RST)), ANSWERS, BEFORE(CONNECTED) },
	{ "answer to an ACK mid-stream", IN(ANSWER(ACK)), ANSWERS, BEFORE(IN(ASK(ACK))) },
	{ "SYN back", IN(ANSWER(SYN)), NO_STATE, BEFORE(CONNECTED) },
	{ "SYN back, before anything else", IN(ANSWER(SYN)), NO_STATE, BEFORE(ASKED) },
	{ "SYN back with ECN", IN(ANSWER(SYN | ECE | CWR)), NO_STATE, BEFORE(CONNECTED) },
	{ "SYN and FIN back", IN(ANSWER(SYN | FIN)), NO_STATE, BEFORE(CONNECTED) },
	{ "SYN and RST back", IN(ANSWER(SYN | RST)), NO_STATE, BEFORE(CONNECTED) },
	{ "SYN back after FIN", IN(ANSWER(SYN)), DENIED, BEFORE(CONNECTED, IN(ASK(FIN | ACK))) },
	{ "SYN back after RST", IN(ANSWER(SYN)), DENIED, BEFORE(CONNECTED, IN(ASK(RST))) },
	{ "SYN to the opener's port, from another", IN(TCP(VPS, IMAC, 3001, 40000, SYN)), DENIED,
		BEFORE(CONNECTED) },
	{ "SYN-ACK from another port", IN(TCP(VPS, IMAC, 3001, 40000, SYN | ACK)), NO_STATE,
		BEFORE(ASKED) },
	{ "SYN-ACK to another port", IN(TCP(VPS, IMAC, 3000, 40001, SYN | ACK)), NO_STATE,
		BEFORE(ASKED) },
	{ "SYN-ACK with the ports turned", IN(TCP(VPS, IMAC, 40000, 3000, SYN | ACK)), NO_STATE,
		BEFORE(ASKED) },
	{ "SYN-ACK from a third device", IN(TCP(AZURE, IMAC, 3000, 40000, SYN | ACK)), NO_STATE,
		BEFORE(ASKED) },
	{ "SYN-ACK to a third device", IN(TCP(VPS, AZURE, 3000, 40000, SYN | ACK)), NO_STATE,
		BEFORE(ASKED) },
	{ "ACK from a third device", IN(TCP(AZURE, IMAC, 3000, 40000, ACK)), NO_STATE,
		BEFORE(CONNECTED) },
	{ "UDP on the ports of the flow", IN(UDP(VPS, IMAC, 3000, 40000)), DENIED,
		BEFORE(CONNECTED) },
	{ "SCTP on the ports of the flow", IN(SCTP(VPS, IMAC, 3000, 40000)), DENIED,
		BEFORE(CONNECTED) },
	{ "the SYN once more", IN(ASK(SYN)), REOPENS, BEFORE(ASKED) },
	{ "port reuse after FIN", IN(ASK(SYN)), REOPENS,
		BEFORE(CONNECTED, IN(ASK(FIN | ACK)), IN(ANSWER(FIN | ACK))) },
	{ "port reuse after RST", IN(ASK(SYN)), REOPENS, BEFORE(CONNECTED, IN(ANSWER(RST))) },
	{ "port reuse, answered", IN(ANSWER(SYN | ACK)), ANSWERS,
		BEFORE(CONNECTED, IN(ANSWER(RST)), IN(ASK(SYN))) },
	{ "SYN and FIN on a live flow", IN(ASK(SYN | FIN)), NO_STATE, BEFORE(CONNECTED) },
	{ "another source port", IN(TCP(IMAC, VPS, 40001, 3000, SYN)), OPENS, BEFORE(CONNECTED) },
	{ "both may open, the ports are the same", IN(TCP(AZURE, IMAC, 4000, 4001, SYN)), NO_STATE,
		BEFORE(IN(TCP(IMAC, AZURE, 4001, 4000, SYN))) },
	{ "both may open, the ports are the same, after RST",
		IN(TCP(AZURE, IMAC, 4000, 4001, SYN)), REOPENS,
		BEFORE(IN(TCP(IMAC, AZURE, 4001, 4000, SYN)),
		IN(TCP(IMAC, AZURE, 4001, 4000, RST))) },
	{ "... and then it is the other's flow", IN(TCP(IMAC, AZURE, 4001, 4000, SYN | ACK)),
		ANSWERS, BEFORE(IN(TCP(IMAC, AZURE, 4001, 4000, SYN)),
		IN(TCP(IMAC, AZURE, 4001, 4000, RST)), IN(TCP(AZURE, IMAC, 4000, 4001, SYN))) },
	{ "both may open, the ports differ", IN(TCP(AZURE, IMAC, 4000, 4001, SYN)), OPENS,
		BEFORE(IN(TCP(IMAC, AZURE, 4002, 4000, SYN))) },
};

static const struct trial datagrams[] = {
	{ "UDP to an allowed port", IN(QUERY()), OPENS },
	{ "UDP to another port", IN(UDP(IMAC, ASPIRE, 40000, 54)), DENIED },
	{ "UDP the other way", IN(REPLY()), DENIED },
	{ "UDP again", IN(QUERY()), PASSES, QUERIED },
	{ "UDP answer", IN(REPLY()), ANSWERS, QUERIED },
	{ "UDP answer from another port", IN(UDP(ASPIRE, IMAC, 54, 40000)), DENIED, QUERIED },
	{ "UDP answer to another port", IN(UDP(ASPIRE, IMAC, 53, 40001)), DENIED, QUERIED },
	{ "UDP answer from a third device", IN(UDP(AZURE, IMAC, 53, 40000)), DENIED, QUERIED },
	{ "TCP where UDP is allowed", IN(TCP(IMAC, ASPIRE, 40000, 53, SYN)), DENIED },
	{ "UDP where TCP is allowed", IN(UDP(IMAC, VPS, 40000, 3000)), DENIED },
	{ "TCP answer on a flow of UDP", IN(TCP(ASPIRE, IMAC, 53, 40000, SYN | ACK)), NO_STATE,
		QUERIED },
	{ "SCTP to an allowed port", IN(SCTP(IMAC, VPS, 40000, 5000)), OPENS },
	{ "SCTP to a port of TCP", IN(SCTP(IMAC, VPS, 40000, 3000)), DENIED },
	{ "SCTP answer", IN(SCTP(VPS, IMAC, 5000, 40000)), ANSWERS,
		BEFORE(IN(SCTP(IMAC, VPS, 40000, 5000))) },
	{ "TCP to a port of SCTP", IN(TCP(IMAC, VPS, 40000, 5000, SYN)), DENIED },
	{ "no protocol named: TCP", FROM_LAN(TCP(WINDOWS, IMAC, 40000, 3000, SYN)), OPENS },
	{ "no protocol named: UDP", FROM_LAN(UDP(WINDOWS, IMAC, 40000, 3000)), OPENS },
	{ "no protocol named: echo", FROM_LAN(PING(WINDOWS, IMAC, 7)), OPENS },
	{ "no protocol named: SCTP is not meant", FROM_LAN(SCTP(WINDOWS, IMAC, 40000, 3000)),
		DENIED },
	{ "no protocol named: GRE is not meant", FROM_LAN(RAW(WINDOWS, IMAC, IPPROTO_GRE)),
		DENIED },
};

static const struct trial portless[] = {
	{ "GRE", IN(RAW(IMAC, VPS, IPPROTO_GRE)), OPENS },
	{ "GRE the other way", IN(RAW(VPS, IMAC, IPPROTO_GRE)), DENIED },
	{ "GRE back", IN(RAW(VPS, IMAC, IPPROTO_GRE)), ANSWERS, TUNNELLED },
	{ "GRE that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_GRE, 40000, 3000)), OPENS },
	{ "GRE that looks like TCP, no rule", IN(DISGUISED(VPS, IMAC, IPPROTO_GRE, 40000, 3000)),
		DENIED },
	{ "SCTP that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_SCTP, 40000, 3000)), DENIED },
	{ "UDP that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_UDP, 40000, 3000)), DENIED },
	{ "IPv4 tunnel that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_IPIP, 40000, 3000)),
		DENIED },
	{ "IPv6 tunnel that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_IPV6, 40000, 3000)),
		DENIED },
	{ "ESP that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_ESP, 40000, 3000)), DENIED },
	{ "AH that looks like TCP", IN(DISGUISED(IMAC, VPS, IPPROTO_AH, 40000, 3000)), DENIED },
	{ "UDP-Lite that looks like UDP", IN(DISGUISED(IMAC, ASPIRE, IPPROTO_UDPLITE, 40000, 53)),
		DENIED },
	{ "UDP-Lite", IN(LITE(IMAC, AZURE, 7, 8)), OPENS },
	{ "UDP-Lite, answer", IN(LITE(AZURE, IMAC, 8, 7)), ANSWERS,
		BEFORE(IN(LITE(IMAC, AZURE, 7, 8))) },
	{ "UDP-Lite, another source port", IN(LITE(IMAC, AZURE, 9, 8)), OPENS,
		BEFORE(IN(LITE(IMAC, AZURE, 7, 8))) },
	{ "UDP-Lite, answer from another port", IN(LITE(AZURE, IMAC, 9, 7)), DENIED,
		BEFORE(IN(LITE(IMAC, AZURE, 7, 8))) },
	{ "DCCP", IN(DCCP(IMAC, AZURE, 7, 8)), OPENS },
	{ "DCCP, answer", IN(DCCP(AZURE, IMAC, 8, 7)), ANSWERS,
		BEFORE(IN(DCCP(IMAC, AZURE, 7, 8))) },
	{ "DCCP, answer to another port", IN(DCCP(AZURE, IMAC, 8, 9)), DENIED,
		BEFORE(IN(DCCP(IMAC, AZURE, 7, 8))) },
	{ "DCCP on a flow of UDP-Lite", IN(DCCP(AZURE, IMAC, 8, 7)), DENIED,
		BEFORE(IN(LITE(IMAC, AZURE, 7, 8))) },
	{ "protocol 255", IN(DISGUISED(IMAC, VPS, IPPROTO_RAW, 40000, 3000)), DENIED },
	{ "GRE on a flow of TCP", IN(RAW(VPS, IMAC, IPPROTO_GRE)), DENIED, BEFORE(ASKED) },
	{ "an IPv4 tunnel on a flow of GRE", IN(RAW(VPS, IMAC, IPPROTO_IPIP)), DENIED, TUNNELLED },
};

static const struct trial echoes[] = {
	{ "request", IN(PING(VPS, ASPIRE, 7)), OPENS },
	{ "request that no rule allows", IN(PING(VPS, IMAC, 7)), DENIED },
	{ "request again", IN(PING(VPS, ASPIRE, 7)), PASSES, PINGED(7) },
	{ "reply", IN(PONG(ASPIRE, VPS, 7)), ANSWERS, PINGED(7) },
	{ "reply, unasked", IN(PONG(ASPIRE, VPS, 7)), NO_STATE },
	{ "reply, unasked, no rule", IN(PONG(ASPIRE, IMAC, 7)), NO_STATE },
	{ "reply with another id", IN(PONG(ASPIRE, VPS, 8)), NO_STATE, PINGED(7) },
	{ "reply from a third device", IN(PONG(AZURE, VPS, 7)), NO_STATE, PINGED(7) },
	{ "reply from the one who asked", IN(PONG(VPS, ASPIRE, 7)), NO_STATE, PINGED(7) },
	{ "both ask with the same id", IN(PING(ASPIRE, VPS, 7)), OPENS, PINGED(7) },
	{ "both asked, one answers", IN(PONG(ASPIRE, VPS, 7)), ANSWERS,
		BEFORE(IN(PING(VPS, ASPIRE, 7)), IN(PING(ASPIRE, VPS, 7))) },
	{ "both asked, the other answers", IN(PONG(VPS, ASPIRE, 7)), ANSWERS,
		BEFORE(IN(PING(VPS, ASPIRE, 7)), IN(PING(ASPIRE, VPS, 7))) },
	{ "request back with the same id, no rule", IN(PING(IMAC, WINDOWS, 7)), DENIED,
		BEFORE(FROM_LAN(PING(WINDOWS, IMAC, 7))) },
	{ "request with id 0", IN(PING(VPS, ASPIRE, 0)), OPENS },
	{ "reply with id 0", IN(PONG(ASPIRE, VPS, 0)), ANSWERS, PINGED(0) },
	{ "both ask with id 0", IN(PING(ASPIRE, VPS, 0)), OPENS, PINGED(0) },
	{ "request back with id 0, no rule", IN(PING(IMAC, WINDOWS, 0)), DENIED,
		BEFORE(FROM_LAN(PING(WINDOWS, IMAC, 0))) },
	{ "id 0, reply from the one who asked", IN(PONG(VPS, ASPIRE, 0)), NO_STATE, PINGED(0) },
};

/* What is neither echo nor error opens nothing and is part of nothing. */
static const struct trial other_icmp[] = {
	{ "redirect", IN(ICMP(VPS, ASPIRE, REDIRECT)), NO_STATE },
	{ "router solicitation", IN(ICMP(VPS, ASPIRE, ROUTER_SOLICITATION)), NO_STATE },
	{ "router advertisement", IN(ICMP(VPS, ASPIRE, ROUTER_ADVERTISEMENT)), NO_STATE },
	{ "source quench, neighbour", IN(ICMP(VPS, ASPIRE, QUENCH_OR_NEIGHBOUR)), NO_STATE },
	{ "time stamp, listener query", IN(ICMP(VPS, ASPIRE, TIMESTAMP_OR_MLD)), NO_STATE },
	{ "redirect, no rule", IN(ICMP(VPS, IMAC, REDIRECT)), NO_STATE },
	{ "redirect on a flow of echo", IN(ICMP(ASPIRE, VPS, REDIRECT)), NO_STATE, PINGED(7) },
	{ "redirect on a flow of echo, id 0", IN(ICMP(ASPIRE, VPS, REDIRECT)), NO_STATE,
		PINGED(0) },
	{ "the opener's redirect, id 0", IN(ICMP(VPS, ASPIRE, REDIRECT)), NO_STATE, PINGED(0) },
	{ "advertisement on a flow of echo, id 0", IN(ICMP(ASPIRE, VPS, ROUTER_ADVERTISEMENT)),
		NO_STATE, PINGED(0) },
	{ "time stamp on a flow of echo, id 0", IN(ICMP(IMAC, WINDOWS, TIMESTAMP_OR_MLD)), NO_STATE,
		BEFORE(FROM_LAN(PING(WINDOWS, IMAC, 0))) },
};

#define MINUTE 60
#define DAY    (24 * 60 * MINUTE)

/* What is part of no flow any more is judged as if it were new. */
static const struct trial timeouts[] = {
	{ "handshake within 30 s", IN(ANSWER(SYN | ACK), .later = 29), ANSWERS, BEFORE(ASKED) },
	{ "handshake after 30 s", IN(ANSWER(SYN | ACK), .later = 31), NO_STATE, BEFORE(ASKED) },
	{ "half open within 30 s", IN(ANSWER(SYN | ACK), .later = 29), ANSWERS, BEFORE(ANSWERED) },
	{ "half open after 30 s", IN(ANSWER(SYN | ACK), .later = 31), NO_STATE, BEFORE(ANSWERED) },
	{ "acknowledged, but never answered", IN(ANSWER(ACK), .later = 31), NO_STATE,
		BEFORE(ASKED, IN(ASK(ACK))) },
	{ "mid-stream, never answered", IN(ANSWER(ACK), .later = 31), NO_STATE,
		BEFORE(IN(ASK(ACK)), IN(ASK(ACK))) },
	{ "mid-stream, answered", IN(ANSWER(ACK), .later = DAY - MINUTE), ANSWERS,
		BEFORE(IN(ASK(ACK)), IN(ANSWER(ACK)), IN(ASK(ACK))) },
	{ "established within a day", IN(ANSWER(ACK), .later = DAY - MINUTE), ANSWERS,
		BEFORE(CONNECTED) },
	{ "established after a day", IN(ANSWER(ACK), .later = DAY + MINUTE), NO_STATE,
		BEFORE(CONNECTED) },
	{ "the opener's packets refresh", IN(ANSWER(ACK), .later = DAY - MINUTE), ANSWERS,
		BEFORE(CONNECTED, IN(ASK(ACK), .later = DAY - MINUTE)) },
	{ "answers do not refresh", IN(ANSWER(ACK), .later = 2 * MINUTE), NO_STATE,
		BEFORE(CONNECTED, IN(ANSWER(ACK), .later = DAY - MINUTE)) },
	{ "after RST, within 30 s", IN(ANSWER(ACK), .later = 29), ANSWERS,
		BEFORE(CONNECTED, IN(ANSWER(RST))) },
	{ "after RST, 30 s", IN(ANSWER(ACK), .later = 31), NO_STATE,
		BEFORE(CONNECTED, IN(ANSWER(RST))) },
	{ "the opener goes on after a forged RST", IN(ANSWER(ACK), .later = DAY - MINUTE), ANSWERS,
		BEFORE(CONNECTED, IN(ANSWER(RST)), IN(ASK(ACK))) },
	{ "the opener goes on after its own FIN", IN(ANSWER(ACK), .later = 31), NO_STATE,
		BEFORE(CONNECTED, IN(ASK(FIN | ACK)), IN(ASK(ACK))) },
	{ "after FIN, within 30 s", IN(ANSWER(ACK), .later = 29), ANSWERS,
		BEFORE(CONNECTED, IN(ASK(FIN | ACK))) },
	{ "after FIN, the opener goes on", IN(ANSWER(ACK), .later = 20), ANSWERS,
		BEFORE(CONNECTED, IN(ASK(FIN | ACK)), IN(ASK(ACK), .later = 20)) },
	{ "after both FIN, the opener goes on", IN(ANSWER(ACK), .later = 20), NO_STATE,
		BEFORE(CONNECTED, IN(ASK(FIN | ACK)), IN(ANSWER(FIN | ACK)),
		IN(ASK(ACK), .later = 20)) },
	{ "after both FIN, within 30 s", IN(ANSWER(ACK), .later = 10), ANSWERS,
		BEFORE(CONNECTED, IN(ASK(FIN | ACK)), IN(ANSWER(FIN | ACK)),
		IN(ASK(ACK), .later = 10)) },
	{ "after its own RST, the opener goes on", IN(ANSWER(ACK), .later = 20), NO_STATE,
		BEFORE(CONNECTED, IN(ASK(RST)), IN(ASK(ACK), .later = 20)) },
	{ "idle for hours, then FIN: within 30 s", IN(ANSWER(ACK), .later = 29), ANSWERS,
		BEFORE(CONNECTED, IN(ANSWER(FIN | ACK), .later = DAY - MINUTE)) },
	{ "idle for hours, then FIN: after 30 s", IN(ANSWER(ACK), .later = 31), NO_STATE,
		BEFORE(CONNECTED, IN(ANSWER(FIN | ACK), .later = DAY - MINUTE)) },
	{ "one RST after the other does not prolong", IN(ANSWER(ACK), .later = 20), NO_STATE,
		BEFORE(CONNECTED, IN(ANSWER(RST)), IN(ANSWER(RST), .later = 20)) },
	{ "UDP within 60 s", IN(REPLY(), .later = 59), ANSWERS, QUERIED },
	{ "UDP after 60 s", IN(REPLY(), .later = 61), DENIED, QUERIED },
	{ "UDP, answered, within 180 s", IN(REPLY(), .later = 179), ANSWERS,
		BEFORE(IN(QUERY()), IN(REPLY())) },
	{ "UDP, answered, after 180 s", IN(REPLY(), .later = 181), DENIED,
		BEFORE(IN(QUERY()), IN(REPLY())) },
	{ "UDP: answers do not refresh", IN(REPLY(), .later = 100), DENIED,
		BEFORE(IN(QUERY()), IN(REPLY()), IN(REPLY(), .later = 100)) },
	{ "echo within 30 s", IN(PONG(ASPIRE, VPS, 7), .later = 29), ANSWERS, PINGED(7) },
	{ "echo after 30 s", IN(PONG(ASPIRE, VPS, 7), .later = 31), NO_STATE, PINGED(7) },
	{ "GRE within 60 s", IN(RAW(VPS, IMAC, IPPROTO_GRE), .later = 59), ANSWERS, TUNNELLED },
	{ "GRE after 60 s", IN(RAW(VPS, IMAC, IPPROTO_GRE), .later = 61), DENIED, TUNNELLED },
	{ "an error about an expired flow", IN(ABOUT(VPS, IMAC, UNREACHABLE, ASK(SYN)),
		.later = 31), NO_STATE, BEFORE(ASKED) },
};
/* clang-format on */

Suite *flow_suite(void)
{
	Suite *suite = suite_create("flow");
	TCase *tcase = tcase_create("flows");

	tcase_add_unchecked_fixture(tcase, bench_open_house, bench_close);
	tcase_set_timeout(tcase, TIMEOUT);
	trials_add(tcase, new_tcp, ARRAY_SIZE(new_tcp), ANY_FORM);
	trials_add(tcase, live_tcp, ARRAY_SIZE(live_tcp), ANY_FORM);
	trials_add(tcase, datagrams, ARRAY_SIZE(datagrams), ANY_FORM);
	trials_add(tcase, portless, ARRAY_SIZE(portless), ANY_FORM);
	trials_add(tcase, echoes, ARRAY_SIZE(echoes), ANY_FORM);
	trials_add(tcase, other_icmp, ARRAY_SIZE(other_icmp), ANY_FORM);
	trials_add(tcase, timeouts, ARRAY_SIZE(timeouts), ANY_FORM);
	suite_add_tcase(suite, tcase);
	return suite;
}
