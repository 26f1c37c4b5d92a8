// SPDX-License-Identifier: GPL-2.0-or-later
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "pipeline.h"
#include "timeout.h"
#include "unit.h"

#define SECONDS(name) "\"" name "\" must be a whole number of seconds from 1 to 2592000 (30 days)"
#define FLOWS	      "\"flowsPerDevice\" must be a whole number from 16 to 65536"
#define NO_TIME	      " is not a time in whole seconds as in \"30s\", \"5m\" or \"1h30m\""

/* Behind `"acls":[],`; office, new and me are devices. */
static const char devices[] =
	"\"devices\":{\"me\":{\"self\":true},"
	"\"office\":{\"addresses\":[\"10.1.0.2\"],\"interface\":\"eth0\"},"
	"\"new\":{\"addresses\":[\"10.0.0.9\"],\"interface\":\"wg0\",\"approved\":false}}";

/* What differs from the default: slots of DHCP, "slot:device" of NAT, and the rest. */
static char *print(const struct settings *settings)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (settings->audit)
		fprintf(out, " audit");
	for (enum timeout timeout = 0; timeout < TIMEOUT_MAX; timeout++)
		if (settings->timeout[timeout] != timeout_default(timeout))
			fprintf(out, " %s=%u", timeout_name(timeout), settings->timeout[timeout]);
	if (settings->flows_per_device != FLOWS_PER_DEVICE_DEFAULT)
		fprintf(out, " flows=%u", settings->flows_per_device);
	if (settings->dhcp)
		fprintf(out, " dhcp=%x", settings->dhcp);
	for (int slot = 0; slot < GATE_GUARDED_MAX; slot++)
		if (settings->nat_as[slot] != DEVICE_NONE)
			fprintf(out, " %d:%u", slot, settings->nat_as[slot]);
	fclose(out);
	return text;
}

static const struct {
	const char *sections;
	const char *told;
	const char *settings;
} policies[] = {
	{ "\"hosts\":{}", "", "" },

	/* mode */
	{ "\"mode\":\"enforce\"", "", "" },
	{ "\"mode\":\"audit\"",
	  "warning 2:8 in mode \"audit\" nothing is refused that only the policy refuses",
	  " audit" },
	{ "\"mode\":\"Audit\"", "error 2:8 unknown mode \"Audit\" (did you mean \"audit\"?)", "" },
	{ "\"mode\":\"enforced\"",
	  "error 2:8 unknown mode \"enforced\" (did you mean \"enforce\"?)", "" },
	{ "\"mode\":\"\"", "error 2:8 unknown mode \"\": there are \"enforce\" and \"audit\"", "" },
	{ "\"mode\":\"off\"", "error 2:8 unknown mode \"off\": there are \"enforce\" and \"audit\"",
	  "" },

	/* timeouts */
	{ "\"timeouts\":{\"tcpHandshake\":1,\"tcpEstablished\":2,\"tcpClosing\":3,\"udp\":4,"
	  "\"udpAnswered\":5,\"echo\":6,\"fragments\":7}",
	  "",
	  " tcpHandshake=1 tcpEstablished=2 tcpClosing=3 udp=4 udpAnswered=5 echo=6 fragments=7" },
	{ "\"timeouts\":{\"udp\":\"1h30m\"}", "", " udp=5400" },
	{ "\"timeouts\":{\"udp\":\"1s\",\"echo\":\"720h\"}", "", " udp=1 echo=2592000" },
	{ "\"timeouts\":{\"udp\":1,\"echo\":2592000}", "", " udp=1 echo=2592000" },
	{ "\"timeouts\":{\"udp\":1e2}", "", " udp=100" },
	{ "\"timeouts\":{\"udp\":\"0s\"}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":\"720h1s\"}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":\"9999999999999999999h\"}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":0}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":-0}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":-1}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":2592001}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":2592000.5}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":80.5}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":4294967297}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":1e99}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":-1e999}", "error 2:19 " SECONDS("udp"), "" },
	{ "\"timeouts\":{\"udp\":\"30\"}", "error 2:19 \"30\"" NO_TIME, "" },
	{ "\"timeouts\":{\"udp\":\"\"}", "error 2:19 \"\"" NO_TIME, "" },
	{ "\"timeouts\":{\"udp\":0,\"echo\":\"x\",\"fragments\":5}",
	  "error 2:19 " SECONDS("udp") "\nerror 2:28 \"x\"" NO_TIME, " fragments=5" },

	/* limits */
	{ "\"limits\":{\"flowsPerDevice\":16}", "", " flows=16" },
	{ "\"limits\":{\"flowsPerDevice\":65536}", "", " flows=65536" },
	{ "\"limits\":{\"flowsPerDevice\":15}", "error 2:28 " FLOWS, "" },
	{ "\"limits\":{\"flowsPerDevice\":65537}", "error 2:28 " FLOWS, "" },
	{ "\"limits\":{\"flowsPerDevice\":0}", "error 2:28 " FLOWS, "" },
	{ "\"limits\":{\"flowsPerDevice\":16.5}", "error 2:28 " FLOWS, "" },
	{ "\"limits\":{\"flowsPerDevice\":-100}", "error 2:28 " FLOWS, "" },
	{ "\"limits\":{\"flowsPerDevice\":1e400}", "error 2:28 " FLOWS, "" },

	/* interfaces */
	{ "\"interfaces\":[{\"name\":\"wg0\",\"dhcp\":true,\"natAs\":\"office\"}]", "",
	  " dhcp=1 0:1" },
	{ "\"interfaces\":[\"wg0\",{\"name\":\"lan0\",\"dhcp\":true},{\"name\":\"lan1\","
	  "\"natAs\":\"office\"},{\"name\":\"lan2\",\"dhcp\":true,\"natAs\":\"office\"}]",
	  "", " dhcp=a 2:1 3:1" },
	{ "\"interfaces\":[{\"name\":\"wg0\",\"natAs\":\"ofice\"}]",
	  "error 2:37 unknown device \"ofice\" (did you mean \"office\"?)", "" },
	{ "\"interfaces\":[{\"name\":\"wg0\",\"natAs\":\"printer\"}]",
	  "error 2:37 unknown device \"printer\"", "" },
	{ "\"interfaces\":[{\"name\":\"wg0\",\"natAs\":\"me\"}]",
	  "error 2:37 \"me\" is this box: \"natAs\" says who is meant by its address", "" },
	{ "\"interfaces\":[{\"name\":\"wg0\",\"natAs\":\"new\"}]",
	  "error 2:37 device \"new\" is not approved: nothing passes in its name", "" },
};

START_TEST(settings)
{
	_free_ char *policy = mem_printf("{\"acls\":[],%s,\n%s}", devices, policies[_i].sections);
	_free_ char *findings = NULL, *text = NULL;
	struct checked checked;

	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	text = print(&checked.ruleset.settings);
	ck_assert_str_eq(findings, policies[_i].told);
	ck_assert_str_eq(text, policies[_i].settings);
	checked_free(&checked);
}
END_TEST

/* There is a bit and a place for each of them. */
START_TEST(every_slot)
{
	_free_ char *policy = NULL, *findings = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&policy, &size);
	struct checked checked;

	fprintf(out, "{\"acls\":[],%s,\"interfaces\":[", devices);
	for (int i = 0; i < GATE_GUARDED_MAX; i++)
		fprintf(out, "%s{\"name\":\"wg%d\",\"dhcp\":true,\"natAs\":\"office\"}",
			i ? "," : "", i);
	fprintf(out, "]}");
	fclose(out);
	findings = pipeline_told(&checked, policy, NULL, NULL, STAGE_RESOLVE);
	ck_assert_str_eq(findings, "");
	ck_assert_uint_eq(checked.ruleset.settings.dhcp, (1u << GATE_GUARDED_MAX) - 1);
	for (int i = 0; i < GATE_GUARDED_MAX; i++)
		ck_assert_uint_eq(checked.ruleset.settings.nat_as[i], 1);
	checked_free(&checked);
}
END_TEST

Suite *unit_suite(void)
{
	Suite *suite = suite_create("settings");

	unit_add(suite, settings, ARRAY_SIZE(policies));
	unit_add(suite, every_slot, 1);
	return suite;
}
