/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who else on this machine uses the bits of the packet mark that the gate uses. What sockets set
 * (SO_MARK) and BPF programs write is not to be seen.
 */
#ifndef ACLGATE_MARKS_H
#define ACLGATE_MARKS_H

#include <stdint.h>

/*
 * @each hears a sentence for every routing rule that compares these bits of the mark, and every
 * nftables rule (iptables-nft's among them) that writes them. Returns 0 or a negative errno.
 */
int marks_find(uint32_t bits, void (*each)(const char *sentence, void *context), void *context);

#endif
