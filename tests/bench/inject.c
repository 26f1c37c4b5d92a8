// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes the same packets to several places, and says what one took on each:
 *
 *	inject CPU COUNT PACKETS FD...
 *
 * An FD is a TUN device or a packet socket, inherited. What the kernel does with a packet it does
 * inside write(): on a TUN device always, on a packet socket that bypasses the queue, too. So the
 * time of the loop is the time of the whole way. PACKETS is a file of packets, each behind its
 * length in two bytes of this machine; they are written round robin, COUNT in all to each place.
 *
 * The places take turns, a twentieth of COUNT at a time, so that a machine whose clock swings
 * swings for all of them. Prints, for each, ns a packet of its quickest turn: among turns of a few
 * ms there are some in which no other process came between.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool.h"

#define TURNS  20
#define PLACES 16

struct packets {
	const uint8_t *bytes;
	size_t size;
};

struct place {
	int fd;
	size_t at; /* the next packet */
	double best;
};

static struct packets map_packets(const char *file)
{
	struct packets packets = {};
	struct stat status;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status))
		die(file);
	packets.size = (size_t)status.st_size;
	packets.bytes = mmap(NULL, packets.size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (packets.bytes == MAP_FAILED)
		die(file);
	close(fd);
	return packets;
}

static void write_next(const struct packets *packets, struct place *place)
{
	uint16_t length;

	memcpy(&length, packets->bytes + place->at, sizeof(length));
	place->at += sizeof(length);
	if (write(place->fd, packets->bytes + place->at, length) != length)
		die("write");
	place->at += length;
	if (place->at >= packets->size)
		place->at = 0;
}

static void take_turn(const struct packets *packets, struct place *place, unsigned long count)
{
	uint64_t begin = now();
	double taken;

	for (unsigned long i = 0; i < count; i++)
		write_next(packets, place);
	taken = (double)(now() - begin) / (double)count;
	if (place->best == 0 || taken < place->best)
		place->best = taken;
}

int main(int argc, char **argv)
{
	struct place places[PLACES] = {};
	struct packets packets;
	unsigned long count;

	if (argc < 5 || argc > 4 + PLACES) {
		fprintf(stderr, "usage: inject CPU COUNT PACKETS FD...\n");
		return 2;
	}
	pin(atoi(argv[1]));
	count = strtoul(argv[2], NULL, 10) / TURNS;
	packets = map_packets(argv[3]);
	for (int i = 4; i < argc; i++)
		places[i - 4].fd = atoi(argv[i]);
	for (int turn = 0; turn < TURNS; turn++)
		for (int i = 0; i < argc - 4; i++)
			take_turn(&packets, &places[i], count);
	for (int i = 0; i < argc - 4; i++)
		printf("%.1f\n", places[i].best);
	return 0;
}
