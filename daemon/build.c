// SPDX-License-Identifier: GPL-2.0-or-later
#include "build.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

/* As link.h has them, which is another file's name here (bpf/link.h). */
#if __WORDSIZE == 64
typedef Elf64_Phdr segment_t;
typedef Elf64_Nhdr note_t;
#else
typedef Elf32_Phdr segment_t;
typedef Elf32_Nhdr note_t;
#endif

static size_t padded(size_t size)
{
	return (size + 3) & ~(size_t)3;
}

static bool find_note(const uint8_t *notes, size_t size, uint8_t ret_id[BUILD_ID])
{
	note_t note;

	while (size >= sizeof(note)) {
		size_t whole;

		memcpy(&note, notes, sizeof(note));
		whole = sizeof(note) + padded(note.n_namesz) + padded(note.n_descsz);
		if (whole > size)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof("GNU") &&
		    note.n_descsz == BUILD_ID) {
			memcpy(ret_id, notes + whole - BUILD_ID, BUILD_ID);
			return true;
		}
		notes += whole;
		size -= whole;
	}
	return false;
}

/* Where the program lies in memory: its headers know where they would lie at 0. */
static uintptr_t find_base(const segment_t *segments, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (segments[i].p_type == PT_PHDR)
			return (uintptr_t)segments - segments[i].p_vaddr;
	return 0;
}

void build_id(uint8_t ret_id[BUILD_ID])
{
	const segment_t *segments = (const segment_t *)getauxval(AT_PHDR);
	size_t count = getauxval(AT_PHNUM);
	uintptr_t base = find_base(segments, count);

	memset(ret_id, 0, BUILD_ID);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *notes = (const uint8_t *)(base + segments[i].p_vaddr);

		if (segments[i].p_type == PT_NOTE && find_note(notes, segments[i].p_memsz, ret_id))
			return;
	}
}
