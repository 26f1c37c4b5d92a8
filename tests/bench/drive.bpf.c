// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a benchmark by test run needs beside the gate: a program that does the least that any filter
 * with a table must do, and one that makes every packet another before the program under test.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "drive.h"

struct key {
	__be32 addr[2];
	__be16 port[2];
	__u8 protocol;
	__u8 pad[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct key);
	__type(value, __u64);
} known SEC(".maps");

/* The floor: parse the headers, look the packet up once. */
SEC("tc")
int gate_floor(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct tcphdr *tcp = data + sizeof(*ip);
	struct key key = {};

	if ((void *)(tcp + 1) > end || ip->version != 4 || ip->ihl != 5 ||
	    ip->protocol != IPPROTO_TCP || bpf_ntohs(ip->tot_len) < sizeof(*ip) + sizeof(*tcp))
		return TC_ACT_SHOT;
	key.addr[0] = ip->saddr;
	key.addr[1] = ip->daddr;
	key.port[0] = tcp->source;
	key.port[1] = tcp->dest;
	key.protocol = ip->protocol;
	return bpf_map_lookup_elem(&known, &key) ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DRIVE_TUPLES);
	__type(key, __u32);
	__type(value, struct drive_tuple);
} tuples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} under_test SEC(".maps");

/* How many tuples there are, and how many packets went through: their sources differ in the port. */
__u32 tuples_count;
__u64 packets;
bool new_ports; /* each packet is from another port */

SEC("tc")
int drive(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct tcphdr *tcp = data + sizeof(*ip);
	__u32 index = packets % (tuples_count ? tuples_count : 1);
	struct drive_tuple *tuple = bpf_map_lookup_elem(&tuples, &index);

	if ((void *)(tcp + 1) > end || !tuple)
		return TC_ACT_SHOT;
	ip->saddr = tuple->src;
	ip->daddr = tuple->dst;
	tcp->source = tuple->sport;
	if (new_ports)
		tcp->source = bpf_htons(DRIVE_FIRST_PORT + packets / tuples_count % DRIVE_PORTS);
	tcp->dest = tuple->dport;
	packets++;
	bpf_tail_call(skb, &under_test, 0);
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
