/* oracle-input - the records and the neighbours that oracle.c and model.c are given. */
#ifndef ORACLE_INPUT_H
#define ORACLE_INPUT_H

#include "oracle.h"
#include "vnep/recjson.h"

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		die_sys(path);
	return f;
}

static void want(struct oracle *o, const char *line, struct vnep_err *err)
{
	struct vnep_device device = { 0 };
	struct vnep_json *json = NULL;
	struct vnep_group group = { 0 };
	struct vnep_vpc vpc = { 0 };

	must(vnep_json_parse(line, strlen(line), &json, err), err);
	must(vnep_recjson_check(json, NULL, 0, err), err);
	if (vnep_recjson_type(json) == VNEP_RECORD_VPC) {
		must(vnep_vpc_decode(json, &vpc, err), err);
		must(vnep_acl_want_vpc(o->acl, &vpc, err), err);
		if (o->vpcs < VPCS) {
			o->prefix[o->vpcs] = vpc.prefix;
			o->core_vlan[o->vpcs++] = vpc.core_vlan;
		}
	} else if (vnep_recjson_type(json) == VNEP_RECORD_GROUP) {
		must(vnep_group_decode(json, &group, err), err);
		must(vnep_acl_want_group(o->acl, &group, err), err);
		if (o->groups < GROUPS)
			o->group[o->groups++] = group.address;
	} else if (o->devices < DEVICES) {
		must(vnep_device_decode(json, &device, err), err);
		must(vnep_acl_want_device(o->acl, &device, NULL, err), err);
		o->device[o->devices++] = device;
	}
	vnep_group_release(&group);
	vnep_vpc_release(&vpc);
	vnep_json_free(json);
}

static void read_records(struct oracle *o, const char *path)
{
	struct vnep_err err = { 0 };
	FILE *f = open_file(path);
	char line[4096];

	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		if (*line)
			want(o, line, &err);
	}
	fclose(f);
}

static void read_neighbours(struct oracle *o, const char *path)
{
	char line[256], port[16], addr[64], mac[32], asleep[16];
	struct vnep_err err = { 0 };
	FILE *f = open_file(path);

	while (fgets(line, sizeof line, f) && o->neighbours < NEIGHBOURS) {
		struct neighbour *n = &o->neighbour[o->neighbours];
		int words = sscanf(line, "%15s %63s %31s %15s", port, addr, mac, asleep);

		if (words < 3)
			continue;
		*n = (struct neighbour){ .asleep = words == 4 };
		snprintf(n->port, sizeof n->port, "%s", port);
		must(vnep_ip6_parse(addr, &n->addr, &err), &err);
		must(vnep_mac_parse(mac, &n->mac, &err), &err);
		o->neighbours++;
	}
	fclose(f);
}

#endif
