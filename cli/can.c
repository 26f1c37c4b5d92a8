// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "command.h"
#include "json_out.h"
#include "load.h"
#include "mem.h"
#include "nearest.h"
#include "reason.h"

/* A question in words, and what they mean. */
struct asked {
	const char *src;
	const char *dst;
	struct set from;
	struct set to;
	uint8_t protocol;
	uint16_t port;
};

static void asked_free(struct asked *asked)
{
	set_free(&asked->from);
	set_free(&asked->to);
}

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
	return error;
}

static int resolve_names(const struct inventory *inventory, struct diag *diag, struct asked *asked)
{
	int error = name_to_set(inventory, asked->src, SIDE_SOURCE, diag, &asked->from);

	return error ? error :
		       name_to_set(inventory, asked->dst, SIDE_DESTINATION, diag, &asked->to);
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

static bool judge(const struct checked *checked, const struct asked *asked,
		  struct answer *ret_answer)
{
	struct question question = {
		.table = &checked->table,
		.from = &asked->from,
		.to = &asked->to,
		.protocol = asked->protocol,
		.port = asked->port,
		.wanted = true,
	};

	return check_reach(&question, ret_answer);
}

static const char *denial(const struct answer *answer)
{
	return answer->asked ? reason_name(answer->reason) : "no_common_ip_version";
}

static void print_answer(const struct table *table, bool allowed, const struct answer *answer)
{
	const struct table_rule *rule = allowed ? &table->rules[answer->rule] : NULL;

	if (rule)
		printf("allow\t%s\t%s:%u\n", rule->label, rule->file, rule->line);
	else
		printf("deny\t%s\t-\n", denial(answer));
}

static bool find_nearest(const struct checked *checked, const struct asked *asked,
			 const struct answer *answer, struct nearest *ret_nearest)
{
	return answer->asked && answer->reason == REASON_ACL &&
	       nearest_find(&checked->ruleset, answer->src, answer->dst,
			    GATE_PORT_KEY(asked->protocol, asked->port), ret_nearest);
}

static void print_text(const struct checked *checked, const struct asked *asked, bool allowed,
		       const struct answer *answer)
{
	const struct table_rule *rule;
	struct nearest nearest;

	print_answer(&checked->table, allowed, answer);
	if (allowed || !find_nearest(checked, asked, answer, &nearest))
		return;
	rule = &checked->table.rules[nearest.rule];
	printf("nearest\t%s\t%s:%u\t%s\n", rule->label, rule->file, rule->line,
	       lack_text(nearest.lack));
}

static void print_json_rule(const char *key, const struct table_rule *rule)
{
	printf(",\"%s\":{\"rule\":", key);
	json_out_string(rule->label, stdout);
	printf(",\"file\":");
	json_out_string(rule->file, stdout);
	printf(",\"line\":%u}", rule->line);
}

static void print_json(const struct checked *checked, const struct asked *asked, bool allowed,
		       const struct answer *answer)
{
	const struct table *table = &checked->table;
	struct nearest nearest;

	printf("{\"schema_version\":%d,\"allowed\":%s", JSON_SCHEMA_VERSION,
	       allowed ? "true" : "false");
	if (allowed)
		print_json_rule("by", &table->rules[answer->rule]);
	else
		printf(",\"reason\":\"%s\"", denial(answer));
	if (!allowed && find_nearest(checked, asked, answer, &nearest)) {
		print_json_rule("nearest", &table->rules[nearest.rule]);
		printf(",\"lack\":\"%s\"", lack_text(nearest.lack));
	}
	printf("}\n");
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text);

	return length >= strlen(end) && !strcmp(text + length - strlen(end), end);
}

/* "DST:PORT/PROTO", "DST:PORT" for TCP, "DST/PROTO" where the protocol has no ports. */
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

static int can_one(const struct checked *checked, const struct options *options, char **arguments,
		   struct diag *diag)
{
	_free_ char *host = NULL, *port = NULL, *protocol = NULL;
	struct asked asked = { .src = arguments[0] };
	struct answer answer;
	bool allowed;
	int error = parse_destination(arguments[1], diag, &host, &port, &protocol);

	asked.dst = host;
	if (!error)
		error = parse_port(port, protocol, diag, &asked);
	if (!error)
		error = resolve_names(&checked->inventory, diag, &asked);
	if (!error) {
		allowed = judge(checked, &asked, &answer);
		if (options->json)
			print_json(checked, &asked, allowed, &answer);
		else
			print_text(checked, &asked, allowed, &answer);
	}
	asked_free(&asked);
	return error ? EXIT_USAGE : allowed ? EXIT_DONE : EXIT_REJECTED;
}

/* A line that cannot be read is answered with "error", and the next one is read. */
static int answer_line(const struct checked *checked, char *line, struct diag *diag)
{
	char *src = strtok(line, " \t\r\n"), *dst = strtok(NULL, " \t\r\n");
	char *protocol = strtok(NULL, " \t\r\n"), *port = strtok(NULL, " \t\r\n");
	struct asked asked = { .src = src, .dst = dst };
	struct answer answer;
	int error = 0;

	if (!port || strtok(NULL, " \t\r\n")) {
		diag_error(diag, PLACE_NONE, "a line is \"SRC DST PROTO PORT\"");
		error = -EINVAL;
	}
	if (!error)
		error = parse_port(port, protocol, diag, &asked);
	if (!error)
		error = resolve_names(&checked->inventory, diag, &asked);
	if (!error)
		print_answer(&checked->table, judge(checked, &asked, &answer), &answer);
	asked_free(&asked);
	return error;
}

static int can_batch(const struct checked *checked)
{
	_free_ char *line = NULL;
	size_t size = 0;
	int code = EXIT_DONE;

	while (getline(&line, &size, stdin) > 0) {
		struct diag diag = {};

		if (answer_line(checked, line, &diag)) {
			printf("error\t%s\t-\n", diag.count ? diag.items[0].text : "");
			code = EXIT_USAGE;
		}
		diag_free(&diag);
	}
	return code;
}

static int ask(const struct checked *checked, const struct options *options, char **arguments)
{
	struct diag diag = {};
	int code;

	if (options->batch)
		return can_batch(checked);
	code = can_one(checked, options, arguments, &diag);
	print_diag(&diag, &checked->sources);
	diag_free(&diag);
	return code;
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

int command_can(const struct options *options, char **arguments)
{
	_free_ char *policy = NULL, *inventory = NULL;
	const char *unreadable;
	struct checked checked = {};
	int error, code;

	if (options->batch ? arguments[0] || options->json : !arguments[0] || !arguments[1]) {
		print_error("usage: aclctl can SRC DST:PORT[/PROTO], or aclctl can --batch");
		return EXIT_USAGE;
	}
	if (choose_files(options, &policy, &inventory)) {
		print_error("--inventory belongs to --policy: the loaded policy has its own");
		return EXIT_USAGE;
	}
	error = check_files(&checked, policy, inventory, NULL, &unreadable);
	if (!error) {
		code = ask(&checked, options, arguments);
	} else if (checked.diag.errors) {
		print_diag(&checked.diag, &checked.sources);
		code = EXIT_REJECTED;
	} else {
		print_error("%s: %s%s", unreadable, strerror(-error),
			    options->policy ? "" : " (is a policy loaded? --policy asks a file)");
		code = exit_code_of(error);
	}
	checked_free(&checked);
	return code;
}
