/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs in the kernel and the loader agree on: keys and values of every map, the
 * vocabulary of reasons, the bits of the mark. Both worlds include it, and lifetime.h beside it.
 *
 * A change here is another layout, with pins of its own: a running gate never sees two.
 */
#ifndef ACLGATE_ABI_H
#define ACLGATE_ABI_H

#include <linux/types.h>

#define GATE_LAYOUT 3

/*
 * Why a packet was dropped. The names are in lib/reason.c; they are the words of the metrics and
 * of aclctl. A reason must be true: nothing is booked under REASON_ACL but a refusal by policy.
 */
enum reason {
	REASON_NONE,		 /* not dropped */
	REASON_NO_POLICY,	 /* programs attached, no generation published */
	REASON_NOT_IP,		 /* neither IPv4 nor IPv6, or VLAN-tagged */
	REASON_MALFORMED,	 /* headers that cannot be, or more of them than we walk */
	REASON_SOURCE_ROUTE,	 /* IPv4 LSRR/SSRR, IPv6 routing header with segments left */
	REASON_FRAGMENT,	 /* a fragment whose ports nobody knows, or that lies over others */
	REASON_UNKNOWN_SOURCE,	 /* the source address belongs to no device */
	REASON_UNAPPROVED,	 /* its device is not approved */
	REASON_SPOOFED_SOURCE,	 /* its device does not speak on this interface */
	REASON_NAT_UNIDENTIFIED, /* NAT hid who the packet is from */
	REASON_NO_STATE,	 /* belongs to no flow and cannot open one */
	REASON_ACL,		 /* no rule allows it */
	REASON_REVOKED,		 /* a rule allowed its flow, but no longer does */
	REASON_FLOW_QUOTA,	/* allowed, but its device has as many flows as a device may have */
	REASON_FLOW_TABLE_FULL, /* allowed, but there is no room to remember it */
	REASON_MAP_ERROR,	/* a table that must be there is not */
	REASON_MAX
};

/* Seen from the guarded interface: ingress comes in through it, egress leaves through it. */
enum direction {
	DIRECTION_INGRESS,
	DIRECTION_EGRESS,
	DIRECTION_MAX
};

/*
 * The mark: two bits, this one and the next unless the policy names others. Bits below 20 are in use
 * by the kernel's own code (skb->mark shares storage with reserved_tailroom) and by wg-quick; 16-23
 * by Tailscale.
 */
#define GATE_MARK_BIT	  28
#define GATE_MARK_BIT_MIN 20
#define GATE_MARK_BIT_MAX 30

#define GATE_MARK_JUDGED_AT(bit) (1u << (bit)) /* an ingress program of ours let this packet pass */
#define GATE_MARK_REPLY_AT(bit) \
	(2u << (bit)) /* ... and it may found no flow after NAT: it answers */

#define GATE_MARK_JUDGED GATE_MARK_JUDGED_AT(GATE_MARK_BIT)
#define GATE_MARK_REPLY	 GATE_MARK_REPLY_AT(GATE_MARK_BIT)
#define GATE_MARK_MASK	 (GATE_MARK_JUDGED | GATE_MARK_REPLY)

/*
 * Where packets come from: a slot. Guarded interfaces have the first ones, then those unguarded ones
 * that a device of the policy is bound to. An identity's `speaks` has bit 1 << slot for each place
 * that its address may send from; GATE_SPEAKS_OUTSIDE stands for every unguarded interface.
 */
#define GATE_GUARDED_MAX     14
#define GATE_OUTSIDE_MAX     14	  /* slots GATE_GUARDED_MAX … */
#define GATE_FROM_UNGUARDED  28	  /* an interface that the policy does not name */
#define GATE_FROM_SELF	     29	  /* this box */
#define GATE_FROM_LOST	     30	  /* judged by us, but the kernel forgot where it came from */
#define GATE_FROM_UNKNOWN    0xff /* no packet has come from this side of the flow yet */
#define GATE_SPEAKS_OUTSIDE  (1u << GATE_FROM_UNGUARDED)
#define GATE_SPEAKS_SELF     (1u << GATE_FROM_SELF)
#define GATE_SPEAKS_REJECTED (1u << 31) /* known, but not approved */

#define GATE_PLACES  32		 /* that have a GATE_FROM_…, and a power of two */
#define GATE_NOWHERE 0xffffffffu /* no ifindex */

/* In network byte order; IPv4 has the first four bytes and zeroes. */
struct gate_address {
	__u64 word[2];
};

/* What an address is. An address without an entry is in class 0 and belongs to no device. */
struct gate_identity {
	__u32 fine;   /* class over narrow selectors */
	__u32 coarse; /* class over wide selectors, GATE_COARSE set */
	__u32 device; /* counter id; 0: no device */
	__u32 speaks; /* bit mask of GATE_FROM_…, and GATE_SPEAKS_REJECTED */
};

#define GATE_COARSE   0x80000000u
#define GATE_NO_CLASS 0xffffffffu /* neither fine nor coarse: no rule is about it */

struct gate_prefix4 {
	__u32 length; /* bits */
	__u8 addr[4];
};

struct gate_prefix6 {
	__u32 length; /* bits */
	__u8 addr[16];
};

/*
 * Hosts and pairs are found by a hash, and a generation never changes: so they are arrays of cache
 * lines, and finding one costs a line or two. An entry is in the line that its hash names (hash.h)
 * or, where that is full, in the next with room, and a line with room ends the search. lib/lines.h
 * says which goes where.
 */
#define GATE_LINE	 64
#define GATE_LINES_ASKED 8 /* an entry is no further from its line */

/* Secret: what falls together in a hash depends on them alone. */
struct gate_keys {
	__u64 word[5]; /* as many as the longest key of a map has */
};

enum gate_lines {
	LINES_HOSTS4,
	LINES_HOSTS6,
	LINES_PAIRS,
	LINES_MAX
};

struct gate_host4 {
	__be32 addr;
	struct gate_identity identity; /* `coarse` 0: there is none here */
};

#define GATE_HOSTS4_A_LINE 3

struct gate_line4 {
	struct gate_host4 hosts[GATE_HOSTS4_A_LINE];
	__u32 pad;
};

struct gate_host6 {
	struct gate_address addr;
	struct gate_identity identity; /* as above */
};

#define GATE_HOSTS6_A_LINE 2

struct gate_line6 {
	struct gate_host6 hosts[GATE_HOSTS6_A_LINE];
};

/* (source class, destination class) → a run of `ranges`, sorted and disjoint. */
struct gate_pair {
	__u32 source;
	__u32 destination;
};

struct gate_ports {
	__u32 first; /* index into ranges */
	__u32 count; /* 1 … GATE_RANGES_PER_PAIR */
};

#define GATE_RANGES_PER_PAIR 1024

/* What is open from one class to the other. */
struct gate_opening {
	struct gate_pair classes;
	struct gate_ports ports; /* count 0: there is none here */
	/* of a run that is one range, and lasts: that range; else low is above high */
	__u32 low;
	__u32 high;
	__u32 order;
	__u32 rule;
};

#define GATE_OPENINGS_A_LINE 2

struct gate_pair_line {
	struct gate_opening openings[GATE_OPENINGS_A_LINE];
};

struct gate_range {
	__u32 low;     /* GATE_PORT_KEY of the first port, inclusive */
	__u32 high;    /* … of the last */
	__u32 order;   /* place of the rule in the file: the lowest gets the credit */
	__u32 rule;    /* counter id */
	__u64 expires; /* ns of the boot clock, or GATE_NEVER */
};

#define GATE_NEVER (~0ull)

/* A protocol without ports asks for port 0; a rule for it spans 0 … 65535. */
#define GATE_PORT_KEY(protocol, port) ((__u32)(protocol) << 16 | (port))

enum timeout {
	TIMEOUT_HANDSHAKE,   /* TCP, until the opener acknowledged the answer */
	TIMEOUT_ESTABLISHED, /* TCP */
	TIMEOUT_CLOSING,     /* TCP, from the first FIN or RST on */
	TIMEOUT_UDP,	     /* and other protocols, until an answer came */
	TIMEOUT_ANSWERED,    /* ... and after it */
	TIMEOUT_ECHO,
	TIMEOUT_FRAGMENT,
	TIMEOUT_MAX
};

/* What a policy says beside its rules. */
struct gate_settings {
	__u32 timeout[TIMEOUT_MAX]; /* seconds */
	__u32 flows_per_device;	    /* that it may have opened at one time */
	__u32 dhcp;		    /* bit 1 << slot: DHCP passes between this box and that link */
	/* by slot and IP version (4: 0, 6: 1): who is meant by this box's address when what leaves there
	 * comes from an unguarded interface, translated; device 0: nobody */
	struct gate_identity nat_as[GATE_GUARDED_MAX][2];
};

/*
 * A generation: hosts, prefixes, pairs, ranges, slots and this header, in one of three slots
 * (live, previous, building). Nothing in it changes once it is published. Slot 0 stays empty: it is
 * live while there is no policy.
 */
struct gate_generation {
	__u32 number;		/* from 1, rises by one a load; compared as in RFC 1982 */
	__u32 features;		/* GATE_HAS_…, GATE_AUDIT */
	__u64 loaded;		/* seconds since the epoch */
	struct gate_keys keys;	/* of the hashes of this generation's lines */
	__u32 lines[LINES_MAX]; /* of each table, that a hash can name */
	struct gate_settings settings;
	__u32 ifindexes
		[GATE_PLACES]; /* by GATE_FROM_…; of this box 0, of no interface GATE_NOWHERE */
	__u8 sha256[32]; /* of the policy file, with the inventory behind it if there is one */
};

#define GATE_SLOTS 4

/*
 * A guarded interface, by slot. The programs know it by its ifindex alone. The same in every layout:
 * the first load after an upgrade reads what was guarded (lib/older.h).
 */
struct gate_interface {
	char name[16];	/* "": none */
	__u32 ifindex;	/* when we attached; a new interface of that name has another one */
	__u8 build[11]; /* of the programs that we attached: the start of their object's SHA-256 */
	__u8 mark_bit;	/* ... and the mark that they set */
};

#define GATE_HAS_FINE_FINE     (1u << 0) /* some pair is (fine, fine) … */
#define GATE_HAS_FINE_COARSE   (1u << 1)
#define GATE_HAS_COARSE_FINE   (1u << 2)
#define GATE_HAS_COARSE_COARSE (1u << 3)
#define GATE_HAS_PREFIX4       (1u << 4) /* the trie is worth asking */
#define GATE_HAS_PREFIX6       (1u << 5)
#define GATE_AUDIT	       (1u << 6) /* what no rule allows is told, and passes */

/* Written by one store: which slot is live. */
struct gate_active {
	__u32 slot;
};

/*
 * Flows. One key a flow, whichever way its packets go: side 0 is the lower address. An echo flow
 * says which side asks, so that two hosts that ping each other with the same identifier have two
 * flows; its identifier stands on that side.
 */
#define GATE_FLOW_SHARD_BITS 6
#define GATE_FLOW_SHARDS     (1 << GATE_FLOW_SHARD_BITS)
#define GATE_FLOWS_PER_SHARD 1024
#define GATE_FLOWS_MAX	     (GATE_FLOW_SHARDS * GATE_FLOWS_PER_SHARD) /* of each IP version */

struct gate_flow4_key {
	__be32 addr[2];
	__be16 port[2];
	__u8 protocol;
	__u8 asks; /* echo: 1 + the side that asks; else 0 */
	__u8 pad[2];
};

struct gate_flow6_key {
	struct gate_address addr[2];
	__be16 port[2];
	__u8 protocol;
	__u8 asks;
	__u8 pad[2];
};

enum flow_state {
	FLOW_OPENING,	  /* nothing came back yet */
	FLOW_ESTABLISHED, /* something did; TCP: and the opener acknowledged it */
	FLOW_CLOSING,	  /* TCP: a RST or FIN was seen */
};

#define FLOW_SEEN_REPLY	     (1u << 0)
#define FLOW_SEEN_OPENER_FIN (1u << 1) /* nothing brings it back to ESTABLISHED */
#define FLOW_SEEN_REPLY_FIN  (1u << 2)
#define FLOW_SEEN_OVER	     (1u << 3) /* both closed, or the opener reset it: nothing prolongs it */

enum flow_kind {
	FLOW_JUDGED,  /* the policy allowed its opener */
	FLOW_NAT_AS,  /* ... as the device that NAT on this box stands for */
	FLOW_LEARNED, /* what a judged flow is called after NAT; only that one is judged */
};

/*
 * Elements are recycled at once after a delete, so a pointer may outlive its flow. What decides a
 * verdict is therefore one word, `stamp`, which knows its flow by a tag and is only ever replaced
 * by compare-and-swap.
 */
struct gate_flow {
	__u64 stamp;	 /* GATE_STAMP */
	__u64 last;	 /* ns, coarse monotonic clock: last packet of the original direction */
	__u64 expires;	 /* ns of the boot clock, or GATE_NEVER: then it is judged again */
	__u32 rule;	 /* counter id */
	__u32 device[2]; /* counter id of each side */
	__u32 owner;	 /* counter id of the device in whose quota it is */
	__u8 opener;	 /* side that opened it */
	__u8 state;	 /* enum flow_state */
	__u8 seen;	 /* FLOW_SEEN_… */
	__u8 kind;	 /* enum flow_kind */
	__u32 slot;	 /* FLOW_NAT_AS: of the guarded interface whose `natAs` is meant */
};

/* generation:32, tag of the key:16, and for each side the GATE_FROM_… its packets come from:8 */
#define GATE_STAMP(generation, tag, from0, from1)                                               \
	((__u64)(generation) << 32 | (__u64)((tag)&0xffff) << 16 | (__u64)((from1)&0xff) << 8 | \
	 ((from0)&0xff))
#define GATE_STAMP_GENERATION(stamp) ((__u32)((stamp) >> 32))
#define GATE_STAMP_TAG(stamp)	     ((__u16)((stamp) >> 16))
#define GATE_STAMP_FROM(stamp, side) ((__u8)((stamp) >> ((side) ? 8 : 0)))

/*
 * What the first fragment of a datagram says of it: the later ones have no ports. They are then
 * judged as packets of the flow that these name.
 */
#define GATE_FRAGMENTS_PER_SHARD  256
#define GATE_FRAGMENTS_PER_DEVICE (GATE_FLOW_SHARDS * GATE_FRAGMENTS_PER_SHARD / 4)

struct gate_fragment_key {
	struct gate_address src;
	struct gate_address dst;
	__be32 id;
	__u8 version;  /* 4, 6 */
	__u8 protocol; /* IPv4; 0 for IPv6, whose later fragments need not tell (RFC 8200, 4.5) */
	__u8 pad[2];
};

struct gate_fragment {
	__u64 last;  /* ns, coarse monotonic clock */
	__u32 owner; /* counter id of the device in whose quota it is */
	__u32 end;   /* bytes of the datagram that the first fragment has */
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 kind; /* of the packet, for the programs alone */
	__u8 from; /* GATE_FROM_… of the first fragment */
	__u8 pad;
};

/* What all packets of a device change: array entries of one counter id. */
struct gate_device_state {
	__u64 events; /* ns, coarse monotonic clock: when the bucket of its events is full again */
	__u32 flows;  /* that it opened */
	__u32 fragments;
};

/*
 * A connection that the kernel knew before us: input of the program gate_seed. Its flow is made if
 * the policy of @slot allows it.
 */
struct gate_seed {
	struct gate_address src;
	struct gate_address dst;
	__be16 sport;
	__be16 dport;
	__u8 version;
	__u8 protocol;
	__u8 state; /* enum flow_state */
	__u8 kind;  /* enum flow_kind: FLOW_JUDGED, FLOW_LEARNED */
	__u32 slot; /* generation */
	__u32 pad;
};

/*
 * Events, one in the ring buffer for each flow that was opened, packet dropped, packet that audit
 * let pass. A device may have GATE_EVENTS_BURST at once, then one each GATE_EVENTS_INTERVAL; what is
 * beyond that is counted as lost.
 */
enum event_kind {
	EVENT_OPENED,
	EVENT_DROPPED,
	EVENT_AUDITED,
	EVENT_MAX
};

#define GATE_EVENTS_BURST    100
#define GATE_EVENTS_INTERVAL 50000000ull /* ns: 20 a second */
#define GATE_EVENTS_BYTES    (256 * 1024)

struct gate_event {
	__u64 time; /* ns of the boot clock */
	struct gate_address src;
	struct gate_address dst;
	__u32 device; /* counter id; 0: of no device */
	__u32 rule;   /* counter id, where it was opened */
	__u32 length; /* bytes from the IP header on */
	__be16 sport; /* echo: the identifier */
	__be16 dport;
	__u8 version; /* 4, 6; 0: not even that could be read */
	__u8 protocol;
	__u8 kind;	/* enum event_kind */
	__u8 reason;	/* enum reason */
	__u8 direction; /* enum direction */
	__u8 slot;	/* of the guarded interface */
	__u8 tcp_flags;
	__u8 icmp_type;
};

/*
 * What programs loaded with `dry` leave in the control block of a packet, for aclctl trace. They
 * write nothing else.
 */
enum trace_word {
	TRACE_REASON, /* enum reason */
	TRACE_RULE,   /* counter id */
	TRACE_DEVICE, /* counter id */
	TRACE_FLAGS,  /* TRACED_… */
	TRACE_MAX
};

#define TRACED_FLOW    (1u << 0) /* part of a flow that is there */
#define TRACED_REPLY   (1u << 1) /* ... against its direction */
#define TRACED_LINK    (1u << 2) /* what an Ethernet link needs to live */
#define TRACED_AUDITED (1u << 3) /* passes only because the policy is in audit mode */

/* Counters, per CPU. A packet that GRO put together counts its segments. */
struct gate_device_counters {
	__u64 passed_packets[DIRECTION_MAX];
	__u64 passed_bytes[DIRECTION_MAX];
	__u64 audited_packets[DIRECTION_MAX]; /* passed although no rule allows them */
	__u64 audited_bytes[DIRECTION_MAX];
	__u64 dropped_packets[DIRECTION_MAX][REASON_MAX];
	__u64 dropped_bytes[DIRECTION_MAX];
};

struct gate_rule_counters {
	__u64 packets;
	__u64 bytes;
};

struct gate_totals {
	__u64 flows_created;
	__u64 flows_deleted;
	__u64 events_lost;
};

/*
 * Counters grow by chunks of ids, so that they never move: id is in chunk id / GATE_CHUNK. A chunk is
 * an array of blocks, and a block as large as a value per CPU may be (PCPU_MIN_UNIT_SIZE, 32 KiB): the
 * kernel has a pointer for each value, which for single counters was a line of memory more to read.
 * Device 0 is nobody; rule 0 is what passes as part of an Ethernet link.
 */
#define GATE_CHUNK	     1024
#define GATE_DEVICES_A_BLOCK 64
#define GATE_RULES_A_BLOCK   GATE_CHUNK

struct gate_device_block {
	struct gate_device_counters counters[GATE_DEVICES_A_BLOCK];
};

struct gate_rule_block {
	struct gate_rule_counters counters[GATE_RULES_A_BLOCK];
};

#define GATE_DEVICE_CHUNKS 64
#define GATE_RULE_CHUNKS   256
#define GATE_CHUNKS_MAX	   GATE_RULE_CHUNKS
#define GATE_DEVICES_MAX   (GATE_DEVICE_CHUNKS * GATE_CHUNK)
#define GATE_RULES_MAX	   (GATE_RULE_CHUNKS * GATE_CHUNK)

_Static_assert(sizeof(struct gate_identity) == 16, "gate_identity");
_Static_assert(sizeof(struct gate_prefix4) == 8, "gate_prefix4");
_Static_assert(sizeof(struct gate_prefix6) == 20, "gate_prefix6");
_Static_assert(sizeof(struct gate_line4) == GATE_LINE, "gate_line4");
_Static_assert(sizeof(struct gate_line6) == GATE_LINE, "gate_line6");
_Static_assert(sizeof(struct gate_pair_line) == GATE_LINE, "gate_pair_line");
_Static_assert(sizeof(struct gate_range) == 24, "gate_range");
_Static_assert(sizeof(struct gate_settings) == 484, "gate_settings");
_Static_assert(sizeof(struct gate_generation) == 712, "gate_generation");
_Static_assert(sizeof(struct gate_interface) == 32, "gate_interface");
_Static_assert(sizeof(struct gate_active) == 4, "gate_active");
_Static_assert(sizeof(struct gate_flow4_key) == 16, "gate_flow4_key");
_Static_assert(sizeof(struct gate_flow6_key) == 40, "gate_flow6_key");
_Static_assert(sizeof(struct gate_flow) == 48, "gate_flow");
_Static_assert(sizeof(struct gate_fragment_key) == 40, "gate_fragment_key");
_Static_assert(sizeof(struct gate_fragment) == 24, "gate_fragment");
_Static_assert(sizeof(struct gate_device_state) == 16, "gate_device_state");
_Static_assert(sizeof(struct gate_seed) == 48, "gate_seed");
_Static_assert(sizeof(struct gate_event) == 64, "gate_event");
_Static_assert(sizeof(struct gate_device_block) <= 32768, "gate_device_block");
_Static_assert(sizeof(struct gate_rule_block) <= 32768, "gate_rule_block");

#endif
