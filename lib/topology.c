// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "nft_dump.h"

/* Not in the headers of Debian 12 (include/uapi/linux/netfilter/nf_tables.h of 6.17). */
#define DEVICE_PREFIX 2

#define AROUND "go around the gate"

struct interface {
	uint32_t index;
	uint32_t master; /* 0: none */
	uint32_t link;	 /* the interface that it stands on, 0: none */
	bool below;	 /* the guarded one, or what carries it */
	bool bridged;	 /* a bridge that itself wants nftables to see what it bridges */
	char name[IFNAMSIZ];
	char kind[32]; /* "" for hardware, and some drivers that have none */
};

struct interfaces {
	struct interface *items;
	size_t count;
	size_t capacity;
};

/*
 * Kinds that name another interface as theirs (IFLA_LINK) and take nothing from it: a peer, or what
 * a tunnel sends its outer packets by, which are packets of this box and are judged as such.
 *
 * All other kinds stand on it, also those that are unknown here. What vlan (vlan_do_receive),
 * macvlan, macvtap, ipvlan, ipvtap and macsec (rx_handler) take is behind tc's ingress hook of the
 * lower device (__netif_receive_skb_core in net/core/dev.c) and goes on under their name: the
 * guard, which knows names, does not see it, and egress programs are told the wrong interface
 * (skb_iif is written anew). What they send meets tc's egress hook of the lower device with a tag,
 * or encrypted, or not at all: macvlans talk among themselves (macvlan_queue_xmit), and one with
 * queues of the hardware (NETIF_F_HW_L2FW_DOFFLOAD) receives without the lower device. Ports of a
 * switch (dsa) share one device, whose frames are not even Ethernet; they have no kind before 6.1.
 */
static const char *const borrowers[] = {
	"veth",	  "netkit", "vxlan",  "geneve",	   "gtp",	"ipip", "sit",	"gre",	"gretap",
	"erspan", "ip6tnl", "ip6gre", "ip6gretap", "ip6erspan", "vti",	"vti6", "xfrm",
};

static bool is_borrower(const char *kind)
{
	for (size_t i = 0; i < ARRAY_SIZE(borrowers); i++)
		if (!strcmp(borrowers[i], kind))
			return true;
	return false;
}

static void interfaces_free(struct interfaces *list)
{
	free(list->items);
}

static void forget_interfaces(void *context)
{
	((struct interfaces *)context)->count = 0;
}

static bool is_set(const struct nlattr *flag)
{
	uint8_t value = 0;

	netlink_get(flag, &value, sizeof(value));
	return value;
}

/* A link with IFLA_LINK_NETNSID is a number in another namespace. */
static int on_interface(const void *header, const struct nlattr *const *attributes, void *context)
{
	struct interface interface = {
		.index = (uint32_t)((const struct ifinfomsg *)header)->ifi_index
	};
	const struct nlattr *info[IFLA_INFO_MAX + 1], *bridge[IFLA_BR_MAX + 1];
	struct interfaces *list = context;

	netlink_nest(attributes[IFLA_LINKINFO], info, ARRAY_SIZE(info));
	snprintf(interface.name, sizeof(interface.name), "%s",
		 netlink_text(attributes[IFLA_IFNAME]));
	snprintf(interface.kind, sizeof(interface.kind), "%s", netlink_text(info[IFLA_INFO_KIND]));
	if (!strcmp(interface.kind, "bridge")) {
		netlink_nest(info[IFLA_INFO_DATA], bridge, ARRAY_SIZE(bridge));
		interface.bridged = is_set(bridge[IFLA_BR_NF_CALL_IPTABLES]) ||
				    is_set(bridge[IFLA_BR_NF_CALL_IP6TABLES]);
	}
	netlink_get(attributes[IFLA_MASTER], &interface.master, sizeof(interface.master));
	if (!attributes[IFLA_LINK_NETNSID] && !is_borrower(interface.kind))
		netlink_get(attributes[IFLA_LINK], &interface.link, sizeof(interface.link));
	list->items = mem_grow(list->items, list->count, &list->capacity, sizeof(*list->items));
	list->items[list->count++] = interface;
	return 0;
}

static int read_interfaces(struct interfaces *list)
{
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	const struct netlink_dump links = {
		.protocol = NETLINK_ROUTE,
		.request = RTM_GETLINK,
		.answer = RTM_NEWLINK,
		.header = &any,
		.header_size = sizeof(any),
		.begin = forget_interfaces,
		.each = on_interface,
	};

	return netlink_dump(&links, list);
}

static struct interface *by_name(const struct interfaces *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].name, name))
			return &list->items[i];
	return NULL;
}

static const struct interface *by_index(const struct interfaces *list, uint32_t index)
{
	static const struct interface unknown = { .name = "?" };

	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].index == index)
			return &list->items[i];
	return &unknown;
}

/* What kinds are called among people. */
static const char *kind_text(const char *kind)
{
	if (!strcmp(kind, "vlan"))
		return "VLAN";
	if (!strcmp(kind, "vrf"))
		return "VRF";
	return *kind ? kind : "interface";
}

/* These hand every packet up to their own tc hooks. */
static bool can_be_guarded(const struct interface *master)
{
	return !strcmp(master->kind, "bridge") || !strcmp(master->kind, "bond") ||
	       !strcmp(master->kind, "team");
}

/*
 * A bridge, bond, team or switch takes packets before IP sees them (rx_handler): those between two
 * ports meet no rule. A VRF writes its own name into those that it takes (vrf_ip_rcv in
 * drivers/net/vrf.c: skb->dev, skb_iif), so that egress programs are told the wrong interface; it
 * receives through no tc hook of its own.
 */
static char *check_master(const struct interfaces *list, const struct interface *guarded)
{
	const struct interface *master;

	if (!strcmp(guarded->kind, "vrf"))
		return mem_strdup("is a VRF, whose packets " AROUND);
	if (!guarded->master)
		return NULL;
	master = by_index(list, guarded->master);
	if (can_be_guarded(master))
		return mem_printf("is a port of the %s \"%s\": guard that one instead",
				  kind_text(master->kind), master->name);
	return mem_printf("belongs to the %s \"%s\", where nothing can be guarded",
			  kind_text(master->kind), master->name);
}

/* Of this network namespace; none where br_netfilter is not loaded. */
static bool is_switched_on(const char *setting)
{
	_free_ char *path = mem_printf("/proc/sys/net/bridge/%s", setting);
	FILE *file = fopen(path, "re");
	bool on = file && getc(file) != '0';

	if (file)
		fclose(file);
	return on;
}

/*
 * br_netfilter runs prerouting for what comes in through a bridge while it is still on its port,
 * and not again when IP sees it (ip_sabotage_in in net/bridge/br_netfilter_hooks.c): before tc's hook
 * of the bridge, so that the guard would find no mark, and keep everything out.
 */
static char *check_bridge(const struct interface *guarded)
{
	static const char *const settings[] = { "bridge-nf-call-iptables",
						"bridge-nf-call-ip6tables" };

	if (strcmp(guarded->kind, "bridge"))
		return NULL;
	if (guarded->bridged)
		return mem_strdup("is a bridge with nf_call_iptables or nf_call_ip6tables, which "
				  "shows its packets to nftables before the gate: switch both off");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		if (is_switched_on(settings[i]))
			return mem_printf("is a bridge, and br_netfilter shows its packets to "
					  "nftables before the gate: set net.bridge.%s to 0",
					  settings[i]);
	return NULL;
}

static char *check_uppers(const struct interfaces *list, const struct interface *guarded)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct interface *upper = &list->items[i];

		if (upper->link == guarded->index)
			return mem_printf("carries the %s \"%s\", whose packets " AROUND,
					  kind_text(upper->kind), upper->name);
	}
	return NULL;
}

static void mark_below(struct interfaces *list, struct interface *upper)
{
	upper->below = true;
	for (size_t i = 0; i < list->count; i++) {
		struct interface *lower = &list->items[i];

		if (!lower->below && (lower->master == upper->index || upper->link == lower->index))
			mark_below(list, lower);
	}
}

struct search {
	const struct interfaces *interfaces;
	const struct interface *guarded;
	char *obstacle;
};

static void forget_obstacle(void *context)
{
	struct search *search = context;

	free(TAKE_PTR(search->obstacle));
}

/* From 6.17 on a flowtable may list the beginning of names. */
static bool is_listed(const struct nlattr *device, const char *name)
{
	const char *text = netlink_text(device);

	if (netlink_type(device) == DEVICE_PREFIX)
		return *text && !strncmp(name, text, strlen(text));
	return netlink_type(device) == NFTA_DEVICE_NAME && !strcmp(name, text);
}

static bool lists(const struct nlattr *devices, const struct interface *interface)
{
	const struct nlattr *device = NULL;

	while ((device = netlink_next(devices, device)))
		if (is_listed(device, interface->name))
			return true;
	return false;
}

/* The guarded interface or, where it is not listed, one that carries it. */
static const struct interface *find_listed(const struct search *search,
					   const struct nlattr *devices)
{
	const struct interfaces *all = search->interfaces;

	if (lists(devices, search->guarded))
		return search->guarded;
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].below && lists(devices, &all->items[i]))
			return &all->items[i];
	return NULL;
}

static int on_flowtable(const void *header, const struct nlattr *const *attributes, void *context)
{
	const struct nlattr *hook[NFTA_FLOWTABLE_HOOK_MAX + 1];
	_free_ char *where = mem_printf("in the flowtable \"%s %s %s\", whose packets " AROUND,
					nft_dump_family(header),
					netlink_text(attributes[NFTA_FLOWTABLE_TABLE]),
					netlink_text(attributes[NFTA_FLOWTABLE_NAME]));
	const struct interface *listed;
	struct search *search = context;

	netlink_nest(attributes[NFTA_FLOWTABLE_HOOK], hook, ARRAY_SIZE(hook));
	listed = find_listed(search, hook[NFTA_FLOWTABLE_HOOK_DEVS]);
	if (!listed || search->obstacle)
		return 0;
	if (listed == search->guarded)
		search->obstacle = mem_printf("is %s", where);
	else
		search->obstacle = mem_printf("stands on \"%s\", which is %s", listed->name, where);
	return 0;
}

/*
 * A flowtable works at the netfilter ingress hook of the devices that it lists, behind tc's, and
 * sends at once: no rule of the guard sees these packets (nf_flow_offload_ip_hook in
 * net/netfilter/nf_flow_table_ip.c). Those of a bridge or VLAN it takes from the device below, and
 * for a bridge sends them there too (dev_fill_forward_path in net/core/dev.c): then tc's hooks of
 * the upper one see nothing either. With `flags offload` it all happens in hardware.
 */
static int check_flowtables(struct search *search)
{
	const struct netlink_dump flowtables = { .begin = forget_obstacle, .each = on_flowtable };
	int error = nft_dump(NFPROTO_UNSPEC, NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE,
			     &flowtables, search);

	if (error)
		forget_obstacle(search);
	return error == -EOPNOTSUPP ? 0 : error;
}

int topology_check(const char *interface, bool bpf, char **ret_obstacle)
{
	_cleanup_(interfaces_free) struct interfaces list = {};
	struct search search = { .interfaces = &list };
	struct interface *guarded;
	int error = read_interfaces(&list);

	if (error)
		return error;
	guarded = by_name(&list, interface);
	if (!guarded)
		return -ENODEV;
	mark_below(&list, guarded);
	search.guarded = guarded;
	search.obstacle = check_master(&list, guarded);
	if (!search.obstacle && bpf)
		search.obstacle = check_bridge(guarded);
	if (!search.obstacle)
		search.obstacle = check_uppers(&list, guarded);
	if (!search.obstacle)
		error = check_flowtables(&search);
	if (error)
		return error;
	*ret_obstacle = search.obstacle;
	return 0;
}
