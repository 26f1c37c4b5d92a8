// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Both ends of a flood: what makes it, and the least that can receive it.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 target; /* ifindex of the wire */

/*
 * Each packet has another sender of 172.16.0.0/12, who is nobody. Who drops them asks for no
 * checksum.
 */
SEC("xdp")
int flood_generate(struct xdp_md *context)
{
	struct ethhdr *ethernet = (void *)(long)context->data;
	struct iphdr *ip = (void *)(ethernet + 1);

	if ((void *)(ip + 1) > (void *)(long)context->data_end)
		return XDP_ABORTED;
	ip->saddr = bpf_htonl(0xac100000 | (bpf_get_prandom_u32() & 0xfffff));
	return bpf_redirect(target, 0);
}

SEC("xdp")
int flood_swallow(struct xdp_md *context)
{
	(void)context;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
