// SPDX-License-Identifier: GPL-2.0-or-later
#include "asked.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "mem.h"

/* Addresses and devices are taken as they are: whether they may speak is part of the answer. */
static int name_to_set(const struct inventory *inventory, const char *name, enum side side,
		       struct diag *diag, struct set *set)
{
	struct word word = { name, PLACE_NONE };
	address_t address;
	int error = 0;

	if (!address_parse(name, &address))
		set_append(set, address, address);
	else if (!select_device(inventory, name, set))
		error = select_set(inventory, &word, side, diag, set);
	set_normalise(set);
	if (!error && set_size(set) > QUESTION_ADDRESSES_MAX) {
		diag_error(diag, PLACE_NONE, "\"%s\" is a network: ask about one of its addresses",
			   name);
		return -EINVAL;
	}
	if (!error && !set->count && !inventory->box) {
		diag_error(diag, PLACE_NONE,
			   "\"%s\" has no address in these files: what is loaded knows those that "
			   "WireGuard tells",
			   name);
		return -EINVAL;
	}
	return error;
}

static int parse_port(const char *text, const char *protocol, struct diag *diag,
		      struct asked *asked)
{
	_free_ char *message = NULL;
	struct ports ports;

	if (protocol_parse(protocol, &asked->protocol)) {
		diag_error(diag, PLACE_NONE, "unknown protocol \"%s\"", protocol);
		return -EINVAL;
	}
	if (!protocol_has_ports(asked->protocol))
		return 0;
	if (ports_parse(text, &ports, &message)) {
		diag_error(diag, PLACE_NONE, "%s", message);
		return -EINVAL;
	}
	asked->port = ports.items[0].low;
	if (ports.count > 1 || ports.items[0].low != ports.items[0].high) {
		diag_error(diag, PLACE_NONE, "ask about one port");
		ports_free(&ports);
		return -EINVAL;
	}
	ports_free(&ports);
	return 0;
}

int asked_parse_words(const struct inventory *inventory, const struct asked_words *words,
		      struct diag *diag, struct asked *asked)
{
	int error = parse_port(words->port, words->protocol, diag, asked);

	if (!error)
		error = name_to_set(inventory, words->src, SIDE_SOURCE, diag, &asked->from);
	if (!error)
		error = name_to_set(inventory, words->dst, SIDE_DESTINATION, diag, &asked->to);
	return error;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) && !strcmp(text + length - strlen(end), end);
}

static int parse_destination(const char *text, struct diag *diag, char **ret_host, char **ret_port,
			     char **ret_protocol)
{
	const char *slash = strrchr(text, '/');
	bool prefix = slash && (strchr(slash, ':') || !slash[1]);
	size_t length = slash && !prefix ? (size_t)(slash - text) : strlen(text);
	_free_ char *host_port = mem_strndup(text, length);
	struct word word = { host_port, PLACE_NONE };
	uint8_t protocol;

	*ret_protocol = mem_strdup(slash && !prefix ? slash + 1 : "tcp");
	if (!protocol_parse(*ret_protocol, &protocol) && !protocol_has_ports(protocol) &&
	    !ends_with(host_port, ":*")) {
		*ret_host = TAKE_PTR(host_port);
		*ret_port = mem_strdup("*");
		return 0;
	}
	return resolve_host_port(&word, diag, ret_host, ret_port);
}

int asked_parse(const struct inventory *inventory, char **arguments, struct diag *diag,
		struct asked *asked)
{
	_free_ char *host = NULL, *port = NULL, *protocol = NULL;
	int error = parse_destination(arguments[1], diag, &host, &port, &protocol);
	struct asked_words words = { arguments[0], host, protocol, port };

	return error ? error : asked_parse_words(inventory, &words, diag, asked);
}

void asked_free(struct asked *asked)
{
	set_free(&asked->from);
	set_free(&asked->to);
}

/* The files to ask: those that were given, or the copies of what is loaded. */
static int choose_files(const struct options *options, char **ret_policy, char **ret_inventory)
{
	struct state state = state_get();

	if (options->policy) {
		const char *inventory = inventory_or_default(options->inventory);

		*ret_policy = mem_strdup(options->policy);
		*ret_inventory = inventory ? mem_strdup(inventory) : NULL;
		return 0;
	}
	if (options->inventory)
		return -EINVAL;
	*ret_policy = state_path(state.dir, LOAD_POLICY);
	*ret_inventory = state_path(state.dir, LOAD_INVENTORY);
	if (access(*ret_inventory, F_OK)) {
		free(*ret_inventory);
		*ret_inventory = NULL;
	}
	return 0;
}

enum exit_code asked_policy(const struct options *options, const struct box *box,
			    struct checked *checked)
{
	_free_ char *policy = NULL, *inventory = NULL;
	const char *unreadable;
	int error;

	if (choose_files(options, &policy, &inventory)) {
		print_error("--inventory belongs to --policy: the loaded policy has its own");
		return EXIT_USAGE;
	}
	error = check_files(checked, policy, inventory, box, &unreadable);
	if (!error)
		return EXIT_DONE;
	if (checked->diag.errors) {
		print_diag(&checked->diag, &checked->sources);
		return EXIT_USAGE;
	}
	if (error == -ENOENT && !options->policy) {
		print_error("nothing is loaded; --policy asks a file");
		return EXIT_UNENFORCED;
	}
	print_error("%s: %s", unreadable, strerror(-error));
	return exit_code_of(error) == EXIT_PRIVILEGE ? EXIT_PRIVILEGE : EXIT_USAGE;
}
