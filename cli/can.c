// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "asked.h"
#include "box.h"
#include "json_out.h"
#include "mem.h"
#include "nearest.h"
#include "reason.h"

static bool judge(const struct checked *checked, const struct asked *asked,
		  struct reached *ret_reached)
{
	struct question question = {
		.table = &checked->table,
		.from = &asked->from,
		.to = &asked->to,
		.protocol = asked->protocol,
		.port = asked->port,
		.wanted = true,
	};

	return check_reach(&question, ret_reached);
}

static const char *denial(const struct asked *asked, const struct reached *reached)
{
	if (reached->asked)
		return reason_name(reached->reason);
	return asked->from.count && asked->to.count ? "no_common_ip_version" : "no_address";
}

static void print_answer(const struct table *table, const struct asked *asked, bool allowed,
			 const struct reached *reached)
{
	const struct table_rule *rule = allowed ? &table->rules[reached->rule] : NULL;

	if (rule)
		printf("allow\t%s\t%s:%u\n", rule->label, rule->file, rule->line);
	else
		printf("deny\t%s\t-\n", denial(asked, reached));
}

static bool find_nearest(const struct checked *checked, const struct asked *asked,
			 const struct reached *reached, struct nearest *ret_nearest)
{
	return reached->asked && reached->reason == REASON_ACL &&
	       nearest_find(&checked->ruleset, reached->src, reached->dst,
			    GATE_PORT_KEY(asked->protocol, asked->port), ret_nearest);
}

static void print_text(const struct checked *checked, const struct asked *asked, bool allowed,
		       const struct reached *reached)
{
	const struct table_rule *rule;
	struct nearest nearest;

	print_answer(&checked->table, asked, allowed, reached);
	if (allowed || !find_nearest(checked, asked, reached, &nearest))
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
		       const struct reached *reached)
{
	const struct table *table = &checked->table;
	struct nearest nearest;

	printf("{\"schema_version\":%d,\"allowed\":%s", JSON_SCHEMA_VERSION,
	       allowed ? "true" : "false");
	if (allowed)
		print_json_rule("by", &table->rules[reached->rule]);
	else
		printf(",\"reason\":\"%s\"", denial(asked, reached));
	if (!allowed && find_nearest(checked, asked, reached, &nearest)) {
		print_json_rule("nearest", &table->rules[nearest.rule]);
		printf(",\"lack\":\"%s\"", lack_text(nearest.lack));
	}
	printf("}\n");
}

static int can_one(const struct checked *checked, const struct options *options, char **arguments,
		   struct diag *diag)
{
	struct asked asked = {};
	struct reached reached;
	bool allowed;
	int error = asked_parse(&checked->inventory, arguments, diag, &asked);

	if (!error) {
		allowed = judge(checked, &asked, &reached);
		if (options->json)
			print_json(checked, &asked, allowed, &reached);
		else
			print_text(checked, &asked, allowed, &reached);
	}
	asked_free(&asked);
	return error ? EXIT_USAGE : allowed ? EXIT_DONE : EXIT_REJECTED;
}

/* A line that cannot be read is answered with "error", and the next one is read. */
static int answer_line(const struct checked *checked, char *line, struct diag *diag)
{
	static const char blank[] = " \t\r\n";
	char *src = strtok(line, blank), *dst = strtok(NULL, blank);
	char *protocol = strtok(NULL, blank), *port = strtok(NULL, blank);
	struct asked_words words = { src, dst, protocol, port };
	struct asked asked = {};
	struct reached reached;
	int error;

	if (!port || strtok(NULL, blank)) {
		diag_error(diag, PLACE_NONE, "a line is \"SRC DST PROTO PORT\"");
		return -EINVAL;
	}
	error = asked_parse_words(&checked->inventory, &words, diag, &asked);
	if (!error)
		print_answer(&checked->table, &asked, judge(checked, &asked, &reached), &reached);
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

int command_can(const struct options *options, char **arguments)
{
	struct checked checked = {};
	struct box box = {};
	bool online;
	int code;

	if (options->batch ? arguments[0] || options->json : !arguments[0] || !arguments[1]) {
		print_error("usage: aclctl can SRC DST:PORT[/PROTO], or aclctl can --batch");
		return EXIT_USAGE;
	}
	/* what is loaded knows this box and its peers; a file is asked about as it is written */
	online = !options->policy && !box_read(&box);
	code = asked_policy(options, online ? &box : NULL, &checked);
	if (code == EXIT_DONE)
		code = ask(&checked, options, arguments);
	checked_free(&checked);
	box_free(&box);
	return code;
}
