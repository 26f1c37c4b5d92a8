// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pcap/sll.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct capture {
	pcap_t *pcap;
	int link; /* DLT_… */
};

/* In which headers the packets of a link type begin, and where these name what follows. */
static const struct {
	int link;
	uint8_t network;      /* bytes of the header */
	uint8_t ethertype_at; /* offset of the ethertype, where there is a header */
} links[] = {
	{ DLT_EN10MB, PROBE_ETHERNET, 12 },
	{ DLT_LINUX_SLL, SLL_HDR_LEN, 14 },
	{ DLT_LINUX_SLL2, SLL2_HDR_LEN, 0 },
	{ DLT_RAW, 0, 0 },
	{ DLT_IPV4, 0, 0 },
	{ DLT_IPV6, 0, 0 },
};

static bool is_known(int link)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (links[i].link == link)
			return true;
	return false;
}

static char *unknown_link(const char *path, int link)
{
	const char *name = pcap_datalink_val_to_description(link);

	return mem_printf(
		"%s: its packets are of the link type \"%s\" (%d), and only Ethernet, raw "
		"IP and Linux cooked captures are known",
		path, name ? name : "?", link);
}

int capture_open(const char *path, struct capture **ret_capture, char **ret_message)
{
	char text[PCAP_ERRBUF_SIZE] = "";
	pcap_t *pcap = pcap_open_offline(path, text);
	int link = pcap ? pcap_datalink(pcap) : 0;

	if (!pcap) {
		/* libpcap names the file itself where it cannot open it, and only there */
		*ret_message = strstr(text, path) ? mem_strdup(text) :
						    mem_printf("%s: %s", path, text);
		return errno == EACCES ? -EACCES : -EBADMSG;
	}
	if (!is_known(link)) {
		*ret_message = unknown_link(path, link);
		pcap_close(pcap);
		return -EOPNOTSUPP;
	}
	*ret_capture = mem_alloc(sizeof(**ret_capture));
	**ret_capture = (struct capture){ pcap, link };
	return 0;
}

/* Where a packet without a link header says itself what it is. */
static uint16_t ethertype_of_version(const struct sight *sight)
{
	uint8_t version = sight->size ? sight->bytes[0] >> 4 : 0;

	return version == 4 ? PROBE_IPV4 : version == 6 ? PROBE_IPV6 : 0;
}

static void read_link(const struct capture *capture, struct sight *sight)
{
	size_t i = 0;

	while (links[i].link != capture->link)
		i++;
	sight->ethernet = capture->link == DLT_EN10MB;
	sight->network = links[i].network;
	if (!links[i].network)
		sight->ethertype = ethertype_of_version(sight);
	else if (sight->size >= links[i].ethertype_at + 2u)
		sight->ethertype = (uint16_t)(sight->bytes[links[i].ethertype_at] << 8 |
					      sight->bytes[links[i].ethertype_at + 1]);
}

int capture_next(struct capture *capture, struct captured *ret_captured)
{
	struct captured captured = {};
	struct pcap_pkthdr *header;
	int result = pcap_next_ex(capture->pcap, &header, &captured.sight.bytes);

	if (result != 1)
		return result == PCAP_ERROR_BREAK ? 0 : -EIO;
	captured.time = (uint64_t)header->ts.tv_sec * 1000000u + (uint64_t)header->ts.tv_usec;
	captured.sight.size = header->caplen;
	captured.sight.wire_size = header->len > header->caplen ? header->len : header->caplen;
	read_link(capture, &captured.sight);
	*ret_captured = captured;
	return 1;
}

const char *capture_message(struct capture *capture)
{
	return pcap_geterr(capture->pcap);
}

void capture_close(struct capture *capture)
{
	if (!capture)
		return;
	pcap_close(capture->pcap);
	free(capture);
}
