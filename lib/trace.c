// SPDX-License-Identifier: GPL-2.0-or-later
#include "trace.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "box.h"
#include "generation.h"
#include "mem.h"

bool trace_is_running_build(const struct gate_status *status, size_t interface)
{
	const struct gate_interface *running = &status->interfaces[interface].interface;
	uint8_t build[11];

	gate_build(build);
	return !memcmp(build, running->build, sizeof(build));
}

static struct origin origin_guarded(const struct gate_status *status, size_t interface)
{
	return (struct origin){ status->interfaces[interface].interface.ifindex, true, interface };
}

int trace_origin_named(const struct gate_status *status, const char *name,
		       struct origin *ret_origin)
{
	int interface = gate_status_find(status, name);
	uint32_t ifindex = if_nametoindex(name);

	if (!strcmp(name, "self"))
		*ret_origin = (struct origin){};
	else if (interface >= 0)
		*ret_origin = origin_guarded(status, (size_t)interface);
	else if (ifindex)
		*ret_origin = (struct origin){ .ifindex = ifindex };
	else
		return -ENODEV;
	return 0;
}

/* The first guarded interface where an identity of the table speaks, or -ENODEV. */
static int guarded_of(const struct table *table, const struct gate_status *status, uint32_t speaks)
{
	for (size_t slot = 0; slot < table->interfaces_count; slot++)
		if (speaks & 1u << slot)
			return gate_status_find(status, table->interfaces[slot]);
	return -ENODEV;
}

/*
 * Unguarded interfaces that no device is bound to are all the same to the gate. The loopback is one
 * that is always there.
 */
static uint32_t outside_of(const struct table *table, uint32_t speaks)
{
	uint32_t ifindex = 0;

	for (size_t i = 0; i < table->outside_count && !ifindex; i++)
		if (speaks & 1u << (GATE_GUARDED_MAX + i))
			ifindex = if_nametoindex(table->outside[i]);
	return ifindex ? ifindex : if_nametoindex("lo");
}

struct origin trace_origin_of(const struct table *table, const struct gate_status *status,
			      address_t src)
{
	uint32_t speaks = table_identity(table, src)->speaks;
	int interface = guarded_of(table, status, speaks);

	if (speaks & GATE_SPEAKS_SELF)
		return (struct origin){};
	if (interface >= 0)
		return origin_guarded(status, (size_t)interface);
	return (struct origin){ .ifindex = outside_of(table, speaks) };
}

bool trace_meet(const struct table *table, const struct gate_status *status,
		const struct origin *origin, address_t dst, struct meeting *ret_meeting)
{
	int interface;

	if (origin->guarded) {
		*ret_meeting = (struct meeting){ .interface = origin->interface,
						 .direction = DIRECTION_INGRESS };
		return true;
	}
	interface = guarded_of(table, status, table_identity(table, dst)->speaks);
	if (interface < 0)
		return false;
	*ret_meeting = (struct meeting){ .interface = (size_t)interface,
					 .direction = DIRECTION_EGRESS,
					 .ingress_ifindex = origin->ifindex };
	return true;
}

static int fail(struct diag *diag, int error, const char *what, const char *more)
{
	diag_error(diag, PLACE_NONE, "%s: %s%s%s", what, strerror(-error), more ? "\n" : "",
		   more ? more : "");
	return error;
}

int trace_load(struct trace *trace, size_t interface, struct diag *diag)
{
	const char *name = trace->status->interfaces[interface].interface.name;
	struct kernel_attachment attachment = {
		.slot = trace->status->interfaces[interface].slot,
		.mark_bit = trace->status->interfaces[interface].interface.mark_bit,
		.dry = true,
		.dry_slot = trace->slot
	};
	_free_ char *log = NULL;
	enum box_link link;
	int error;

	if (trace->interfaces[interface].loaded)
		return 0;
	error = box_interface(name, &link);
	if (error < 0)
		return fail(diag, error, name, NULL);
	attachment.link_header = link == LINK_ETHERNET ? PROBE_ETHERNET : 0;
	error = kernel_programs_load(trace->state->pins, &attachment,
				     &trace->interfaces[interface].programs, &log);
	if (error) {
		fail(diag, error, "the kernel did not take the programs", log);
		/* EACCES and EINVAL are the verifier's words, and not about who asks and what */
		return error == -EPERM ? error : -EIO;
	}
	trace->interfaces[interface].link = attachment.link_header;
	trace->interfaces[interface].loaded = true;
	return 0;
}

int trace_run(const struct trace *trace, const struct meeting *meeting, const struct frame *frame,
	      struct trace_answer *ret_answer)
{
	const struct kernel_programs *programs = &trace->interfaces[meeting->interface].programs;
	struct kernel_run run = { .packet = frame->bytes,
				  .size = frame->size,
				  .mark = meeting->judged ? GATE_MARK_JUDGED : 0,
				  .ingress_ifindex = meeting->ingress_ifindex };
	bool ingress = meeting->direction == DIRECTION_INGRESS;
	int error = kernel_program_run(ingress ? programs->ingress : programs->egress, &run);
	uint32_t flags = run.words[TRACE_FLAGS];

	if (error)
		return error;
	if (run.words[TRACE_REASON] >= REASON_MAX)
		return -EPROTO;
	*ret_answer = (struct trace_answer){
		.allowed = run.action == (uint32_t)TC_ACT_UNSPEC,
		.reason = (enum reason)run.words[TRACE_REASON],
		.rule = run.words[TRACE_RULE],
		.device = run.words[TRACE_DEVICE],
		.flow = flags & TRACED_FLOW,
		.reply = flags & TRACED_REPLY,
		.link = flags & TRACED_LINK,
		.audited = flags & TRACED_AUDITED,
	};
	return 0;
}

void trace_close(struct trace *trace)
{
	for (size_t i = 0; i < GATE_GUARDED_MAX; i++)
		if (trace->interfaces[i].loaded)
			kernel_programs_close(&trace->interfaces[i].programs);
}

/* In the kernel, programs keep the slots that they were attached with. */
static int find_slots(const struct gate_status *status, const struct table *table,
		      struct diag *diag, uint32_t slots[GATE_GUARDED_MAX])
{
	int error = 0;

	for (size_t i = 0; i < table->interfaces_count; i++) {
		int interface = gate_status_find(status, table->interfaces[i]);

		if (interface >= 0) {
			slots[i] = status->interfaces[interface].slot;
			continue;
		}
		diag_error(diag, PLACE_NONE,
			   "this policy guards \"%s\", which is not guarded now: what passes there "
			   "can only be told once it is loaded",
			   table->interfaces[i]);
		error = -ENODEV;
	}
	return error;
}

int trace_beside(const struct trace *trace, const struct table *table, struct ids *ids,
		 struct diag *diag, uint32_t *ret_slot)
{
	struct gate_policy policy = { .table = table, .ids = ids, .loaded = (uint64_t)time(NULL) };
	struct generation generation;
	int error = find_slots(trace->status, table, diag, policy.slots);

	if (!error)
		error = generation_number(table, ids, diag);
	if (error)
		return error;
	error = generation_build(trace->state, &policy, &generation);
	if (error)
		return fail(diag, error, "cannot fill the kernel's tables", NULL);
	*ret_slot = generation.slot;
	return 0;
}
