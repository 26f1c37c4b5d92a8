// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * struct ruleset → struct table.
 *
 * One sweep over the address space cuts it where any set or owner begins or ends. Addresses that
 * the same sets cover are alike to every rule: they share a class. A rule over classes is a few
 * pairs of classes, however many devices are in them. A set that covers very many classes ("*")
 * would undo that, so it is counted as wide and kept in classes of its own: (fine, coarse) instead
 * of one product of both.
 */
#include <stdlib.h>
#include <string.h>

#include "intern.h"
#include "mem.h"
#include "table_pairs.h"

struct event {
	address_t at;
	uint32_t set;
	bool closes;
};

struct interval {
	address_t first;
	address_t last;
	uint32_t signature;	   /* which sets cover it */
	const struct owner *owner; /* NULL: nobody */
};

struct compiler {
	const struct ruleset *ruleset;
	const struct inventory *inventory;
	struct diag *diag;
	struct table *table;
	struct event *events;
	size_t events_count;
	address_t *bounds; /* where an interval begins */
	size_t bounds_count;
	struct interval *intervals;
	struct intern signatures; /* sorted set numbers */
	bool *wide;		  /* by set */
	uint32_t *fine, *coarse;  /* class by signature */
	struct numbers *classes;  /* by set, of its own level */
};

static void push(struct numbers *numbers, uint32_t number)
{
	numbers->items = mem_grow(numbers->items, numbers->count, &numbers->capacity,
				  sizeof(*numbers->items));
	numbers->items[numbers->count++] = number;
}

static int by_number(const void *one, const void *other)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;

	return a < b ? -1 : a > b;
}

static void sort_unique(struct numbers *numbers)
{
	size_t kept = 0;

	if (!numbers->count)
		return;
	qsort(numbers->items, numbers->count, sizeof(*numbers->items), by_number);
	for (size_t i = 1; i < numbers->count; i++)
		if (numbers->items[i] != numbers->items[kept])
			numbers->items[++kept] = numbers->items[i];
	numbers->count = kept + 1;
}

/* The sets that cover the place where the sweep stands, sorted. */
static void cover(struct numbers *active, uint32_t set)
{
	size_t at = active->count;

	push(active, set);
	for (; at && active->items[at - 1] > set; at--)
		active->items[at] = active->items[at - 1];
	active->items[at] = set;
}

static void uncover(struct numbers *active, uint32_t set)
{
	size_t at = 0;

	while (active->items[at] != set)
		at++;
	active->count--;
	memmove(&active->items[at], &active->items[at + 1],
		(active->count - at) * sizeof(*active->items));
}

static int by_event(const void *one, const void *other)
{
	const struct event *a = one, *b = other;

	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (int)b->closes - (int)a->closes;
}

static int by_address(const void *one, const void *other)
{
	address_t a = *(const address_t *)one, b = *(const address_t *)other;

	return a < b ? -1 : a > b;
}

static void collect_events(struct compiler *compiler)
{
	const struct ruleset *ruleset = compiler->ruleset;
	size_t ranges = 0;

	for (size_t i = 0; i < ruleset->sets_count; i++)
		ranges += ruleset->sets[i].count;
	compiler->events = mem_alloc(2 * ranges * sizeof(*compiler->events));
	for (size_t i = 0; i < ruleset->sets_count; i++) {
		for (size_t j = 0; j < ruleset->sets[i].count; j++) {
			const struct range *range = &ruleset->sets[i].ranges[j];

			compiler->events[compiler->events_count++] =
				(struct event){ range->first, (uint32_t)i, false };
			if (range->last != ADDRESS_MAX)
				compiler->events[compiler->events_count++] =
					(struct event){ range->last + 1, (uint32_t)i, true };
		}
	}
	qsort(compiler->events, compiler->events_count, sizeof(*compiler->events), by_event);
}

static void collect_bounds(struct compiler *compiler)
{
	const struct inventory *inventory = compiler->inventory;
	size_t count = 0, kept = 0;
	address_t *bounds = mem_alloc((compiler->events_count + 2 * inventory->owners_count + 3) *
				      sizeof(*bounds));

	bounds[count++] = 0;
	bounds[count++] = ADDRESS_IPV4;
	bounds[count++] = ADDRESS_IPV4_LAST + 1;
	for (size_t i = 0; i < compiler->events_count; i++)
		bounds[count++] = compiler->events[i].at;
	for (size_t i = 0; i < inventory->owners_count; i++) {
		address_t last = prefix_last(&inventory->owners[i].prefix);

		bounds[count++] = inventory->owners[i].prefix.first;
		if (last != ADDRESS_MAX)
			bounds[count++] = last + 1;
	}
	qsort(bounds, count, sizeof(*bounds), by_address);
	for (size_t i = 1; i < count; i++)
		if (bounds[i] != bounds[kept])
			bounds[++kept] = bounds[i];
	compiler->bounds = bounds;
	compiler->bounds_count = kept + 1;
}

/* Prefixes nest, so the owners around an address are a stack; the innermost owns it. */
struct owner_stack {
	const struct owner *items[129];
	size_t count;
	size_t next; /* in inventory->owners */
};

/* ::/0 is not IPv4's, although the mapped form of IPv4 lies inside. */
static bool owns(const struct owner *owner, address_t address)
{
	return address_is_ipv4(owner->prefix.first) == address_is_ipv4(address);
}

static const struct owner *owner_at(struct owner_stack *stack, const struct inventory *inventory,
				    address_t address)
{
	while (stack->count && prefix_last(&stack->items[stack->count - 1]->prefix) < address)
		stack->count--;
	while (stack->next < inventory->owners_count &&
	       inventory->owners[stack->next].prefix.first == address) {
		const struct owner *owner = &inventory->owners[stack->next++];
		const struct owner *top = stack->count ? stack->items[stack->count - 1] : NULL;

		/* of two devices with one route the first in the file has it */
		if (!top || top->prefix.first != owner->prefix.first ||
		    top->prefix.bits != owner->prefix.bits)
			stack->items[stack->count++] = owner;
	}
	for (size_t i = stack->count; i; i--)
		if (owns(stack->items[i - 1], address))
			return stack->items[i - 1];
	return NULL;
}

static void sweep(struct compiler *compiler)
{
	struct owner_stack owners = {};
	struct numbers active = {};
	size_t event = 0;

	compiler->intervals = mem_alloc(compiler->bounds_count * sizeof(*compiler->intervals));
	for (size_t i = 0; i < compiler->bounds_count; i++) {
		struct interval *interval = &compiler->intervals[i];

		interval->first = compiler->bounds[i];
		interval->last = i + 1 < compiler->bounds_count ? compiler->bounds[i + 1] - 1 :
								  ADDRESS_MAX;
		for (; event < compiler->events_count &&
		       compiler->events[event].at == interval->first;
		     event++) {
			if (compiler->events[event].closes)
				uncover(&active, compiler->events[event].set);
			else
				cover(&active, compiler->events[event].set);
		}
		interval->owner = owner_at(&owners, compiler->inventory, interval->first);
		interval->signature = intern_add(&compiler->signatures, active.items,
						 active.count * sizeof(*active.items));
	}
	free(active.items);
}

static size_t signature_count(const struct compiler *compiler, size_t signature)
{
	return compiler->signatures.items[signature].size / sizeof(uint32_t);
}

static uint32_t signature_set(const struct compiler *compiler, size_t signature, size_t i)
{
	return ((const uint32_t *)compiler->signatures.items[signature].bytes)[i];
}

static void find_wide(struct compiler *compiler)
{
	size_t sets = compiler->ruleset->sets_count;
	_free_ uint32_t *covered = mem_alloc(sets * sizeof(*covered));

	compiler->wide = mem_alloc(sets * sizeof(*compiler->wide));
	for (size_t i = 0; i < compiler->signatures.count; i++)
		for (size_t j = 0; j < signature_count(compiler, i); j++)
			covered[signature_set(compiler, i, j)]++;
	for (size_t i = 0; i < sets; i++)
		compiler->wide[i] = covered[i] > TABLE_NARROW_MAX;
}

/* The class of a signature, looking only at sets that are wide, or only at those that are not. */
static uint32_t class_of(const struct compiler *compiler, struct intern *classes, size_t signature,
			 bool wide)
{
	struct numbers sets = {};
	uint32_t class;

	for (size_t i = 0; i < signature_count(compiler, signature); i++)
		if (compiler->wide[signature_set(compiler, signature, i)] == wide)
			push(&sets, signature_set(compiler, signature, i));
	class = intern_add(classes, sets.items, sets.count * sizeof(*sets.items));
	free(sets.items);
	return class;
}

/* Class 0 is that of addresses which nobody named: the last one of the space is such. */
static void classify(struct compiler *compiler)
{
	size_t count = compiler->signatures.count;
	uint32_t unnamed = compiler->intervals[compiler->bounds_count - 1].signature;
	struct intern fine = {}, coarse = {};

	compiler->fine = mem_alloc(count * sizeof(*compiler->fine));
	compiler->coarse = mem_alloc(count * sizeof(*compiler->coarse));
	class_of(compiler, &fine, unnamed, false);
	class_of(compiler, &coarse, unnamed, true);
	for (size_t i = 0; i < count; i++) {
		compiler->fine[i] = class_of(compiler, &fine, i, false);
		compiler->coarse[i] = GATE_COARSE | class_of(compiler, &coarse, i, true);
	}
	compiler->table->fine = (uint32_t)fine.count;
	compiler->table->coarse = (uint32_t)coarse.count;
	intern_free(&fine);
	intern_free(&coarse);
}

static void classes_of_sets(struct compiler *compiler)
{
	size_t sets = compiler->ruleset->sets_count;

	compiler->classes = mem_alloc(sets * sizeof(*compiler->classes));
	for (size_t i = 0; i < compiler->signatures.count; i++) {
		for (size_t j = 0; j < signature_count(compiler, i); j++) {
			uint32_t set = signature_set(compiler, i, j);

			push(&compiler->classes[set],
			     compiler->wide[set] ? compiler->coarse[i] : compiler->fine[i]);
		}
	}
	for (size_t i = 0; i < sets; i++)
		sort_unique(&compiler->classes[i]);
}

static bool same_identity(const struct gate_identity *one, const struct gate_identity *other)
{
	return !memcmp(one, other, sizeof(*one));
}

static struct gate_identity identity_of(const struct compiler *compiler,
					const struct interval *interval)
{
	const struct owner *owner = interval->owner;

	return (struct gate_identity){
		.fine = compiler->fine[interval->signature],
		.coarse = compiler->coarse[interval->signature],
		.device = owner && owner->device != DEVICE_NONE ? owner->device + 1 : 0,
		.speaks = owner ? owner->speaks : GATE_SPEAKS_OUTSIDE,
	};
}

static void emit_address(struct table *table, address_t address,
			 const struct gate_identity *identity)
{
	table->addresses = mem_grow(table->addresses, table->addresses_count,
				    &table->addresses_capacity, sizeof(*table->addresses));
	table->addresses[table->addresses_count++] = (struct table_address){ { address, 128 },
									     *identity };
}

/* The fewest prefixes that make up a range. */
static void emit_range(struct table *table, address_t first, address_t last,
		       const struct gate_identity *identity)
{
	for (;;) {
		struct prefix prefix = { first, 128 };

		while (prefix.bits) {
			struct prefix wider = { first, prefix.bits - 1 };

			if (first & ((address_t)1 << (128 - prefix.bits)) ||
			    prefix_last(&wider) > last)
				break;
			prefix = wider;
		}
		table->prefixes = mem_grow(table->prefixes, table->prefixes_count,
					   &table->prefixes_capacity, sizeof(*table->prefixes));
		table->prefixes[table->prefixes_count++] = (struct table_address){ prefix,
										   *identity };
		table->features |= address_is_ipv4(first) ? GATE_HAS_PREFIX4 : GATE_HAS_PREFIX6;
		if (prefix_last(&prefix) >= last)
			break;
		first = prefix_last(&prefix) + 1;
	}
}

struct run {
	address_t first;
	address_t last;
	struct gate_identity identity;
};

static void emit_run(struct table *table, const struct run *run)
{
	if (!same_identity(&run->identity, &table_unnamed))
		emit_range(table, run->first, run->last, &run->identity);
}

/*
 * Single addresses are looked up first, so that they need not be cut out of the prefixes around
 * them: a run goes on behind them when the identity does.
 */
static void emit_identities(struct compiler *compiler)
{
	struct table *table = compiler->table;
	struct run run = { .identity = table_unnamed };

	for (size_t i = 0; i < compiler->bounds_count; i++) {
		const struct interval *interval = &compiler->intervals[i];
		struct gate_identity identity = identity_of(compiler, interval);

		if (interval->first == interval->last) {
			if (!same_identity(&identity, &table_unnamed) ||
			    !same_identity(&run.identity, &table_unnamed))
				emit_address(table, interval->first, &identity);
			continue;
		}
		if (i && same_identity(&identity, &run.identity) &&
		    address_is_ipv4(run.first) == address_is_ipv4(interval->first)) {
			run.last = interval->last;
			continue;
		}
		if (i)
			emit_run(table, &run);
		run = (struct run){ interval->first, interval->last, identity };
	}
	emit_run(table, &run);
}

static void name_rules(struct compiler *compiler, const struct sources *sources)
{
	const struct ruleset *ruleset = compiler->ruleset;
	struct table *table = compiler->table;

	table->rules_count = ruleset->rules_count;
	table->rules = mem_alloc(table->rules_count * sizeof(*table->rules));
	for (size_t i = 0; i < table->rules_count; i++) {
		struct position position = {};

		sources_find(sources, ruleset->rules[i].place, &position);
		table->rules[i] = (struct table_rule){
			.label = ruleset->rules[i].label,
			.file = position.source ? position.source->name : "",
			.line = position.line,
			.expires = ruleset->rules[i].expires,
		};
	}
}

static void name_devices(struct compiler *compiler)
{
	const struct policy *policy = compiler->inventory->policy;
	struct table *table = compiler->table;

	table->devices_count = policy->devices_count;
	table->devices = mem_alloc(table->devices_count * sizeof(*table->devices));
	for (size_t i = 0; i < table->devices_count; i++)
		table->devices[i] = mem_strdup(policy->devices[i].name.text);
	table->interfaces_count = inventory_interfaces(policy);
	table->interfaces = mem_alloc(table->interfaces_count * sizeof(*table->interfaces));
	for (size_t i = 0; i < table->interfaces_count; i++)
		table->interfaces[i] = mem_strdup(inventory_interface(policy, i));
	table->outside_count = compiler->inventory->outside_count;
	table->outside = mem_alloc(table->outside_count * sizeof(*table->outside));
	for (size_t i = 0; i < table->outside_count; i++)
		table->outside[i] = mem_strdup(compiler->inventory->outside[i]);
}

/* As the table has the first address of each IP version. */
static void identify(const struct table *table, const struct inventory *inventory, uint32_t device,
		     struct gate_identity ret_identities[2])
{
	const address_t *addresses;
	size_t count = inventory_addresses(inventory, device, &addresses);

	for (size_t i = 0; i < count; i++) {
		struct gate_identity *identity =
			&ret_identities[address_is_ipv4(addresses[i]) ? 0 : 1];

		if (!identity->device)
			*identity = *table_identity(table, addresses[i]);
	}
}

/* After the identities, for `natAs` takes them over. */
static void take_settings(struct compiler *compiler)
{
	const struct settings *settings = &compiler->ruleset->settings;
	struct table *table = compiler->table;
	struct gate_settings *taken = &table->settings;

	if (settings->audit)
		table->features |= GATE_AUDIT;
	memcpy(taken->timeout, settings->timeout, sizeof(taken->timeout));
	taken->flows_per_device = settings->flows_per_device;
	taken->dhcp = settings->dhcp;
	table->early = settings->early;
	table->mark_bit = settings->mark_bit;
	for (size_t slot = 0; slot < GATE_GUARDED_MAX; slot++)
		if (settings->nat_as[slot] != DEVICE_NONE)
			identify(table, compiler->inventory, settings->nat_as[slot],
				 taken->nat_as[slot]);
}

/* What only the sweep needs, and is in the way of the pairs. */
static void sweep_free(struct compiler *compiler)
{
	free(TAKE_PTR(compiler->events));
	free(TAKE_PTR(compiler->bounds));
	free(TAKE_PTR(compiler->intervals));
	free(TAKE_PTR(compiler->fine));
	free(TAKE_PTR(compiler->coarse));
	intern_free(&compiler->signatures);
}

static void compiler_free(struct compiler *compiler)
{
	for (size_t i = 0; i < compiler->ruleset->sets_count; i++)
		free(compiler->classes[i].items);
	free(compiler->classes);
	free(compiler->wide);
}

int table_compile(const struct ruleset *ruleset, const struct inventory *inventory,
		  const struct sources *sources, struct diag *diag, struct table *ret_table)
{
	struct table table = {};
	struct compiler compiler = {
		.ruleset = ruleset, .inventory = inventory, .diag = diag, .table = &table
	};
	int error;

	collect_events(&compiler);
	collect_bounds(&compiler);
	sweep(&compiler);
	find_wide(&compiler);
	classify(&compiler);
	classes_of_sets(&compiler);
	emit_identities(&compiler);
	sweep_free(&compiler);
	take_settings(&compiler);
	name_rules(&compiler, sources);
	name_devices(&compiler);
	error = table_pairs(ruleset, compiler.classes, diag, &table);
	compiler_free(&compiler);
	if (error)
		table_free(&table);
	else
		*ret_table = table;
	return error;
}
