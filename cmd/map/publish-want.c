/* publish-want - the records that the zones should have of this map. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "publish.h"
#include "vnep/num.h"
#include "vnep/recjson.h"

static const char service_labels[] = "_vnep._udp";

static bool is_host_name(const char *name)
{
	return name[0] != '_' && !strstr(name, "._");
}

static int refuse_name(struct publish *p, const struct vnep_device *device, const char *why)
{
	struct vnep_err err = { 0 };

	vnep_err_set(&err, VNEP_EDIFFERS, "%s is not published: its name \"%s\" %s", device->dev,
		device->name, why);
	vnep_cli_error(p->cli, &err);
	return 0;
}

static int want_device(struct publish *p, const struct vnep_device *device)
{
	char name[VNEP_DNS_NAME_LEN], reverse[VNEP_DNS_NAME_LEN];
	int rc = 0;

	if (vnep_dnsname_read(device->name, name, NULL))
		return device->consent ? refuse_name(p, device, "is no DNS name") : 0;
	if (!is_host_name(name) && device->consent)
		return refuse_name(p, device, "is no host name: '_' begins names of services");
	vnep_dnsname_reverse(&device->vep, reverse);
	for (size_t i = 0; i < p->zones && !rc; i++) {
		struct publish_zone *zone = &p->zone[i];
		const char *own = zone->reverse ? reverse : name;

		if (!device->consent)
			rc = vnep_dnsname_in(own, zone->name)
				     ? vnep_dnsset_add(&zone->shy, own, VNEP_DNS_ANY, 0, NULL, 0)
				     : 0;
		else if (zone->reverse && vnep_dnsname_in(reverse, zone->name))
			rc = vnep_dnsset_add_ptr(&zone->want, reverse, (uint32_t)p->ttl, name);
		else if (!zone->reverse && vnep_dnsname_in(name, zone->name))
			rc = vnep_dnsset_add_aaaa(
				&zone->want, name, (uint32_t)p->ttl, &device->vep);
	}
	return rc ? vnep_err_sys(&p->cli->err, -rc, "%s", device->dev) : 0;
}

/* Most devices have no name: their records are not even parsed. */
static int want_record(const char *text, size_t len, void *arg)
{
	static const char key[] = "\"name\":";
	struct publish *p = arg;
	struct vnep_json *json = NULL;
	struct vnep_device device = { 0 };
	int rc;

	if (!memmem(text, len, key, sizeof key - 1))
		return 0;
	rc = vnep_json_parse(text, len, &json, &p->cli->err);
	if (!rc)
		rc = vnep_device_decode(json, &device, &p->cli->err);
	if (!rc && device.name[0])
		rc = want_device(p, &device);
	vnep_device_release(&device);
	vnep_json_free(json);
	return rc;
}

/* [REGION=]HOST:PORT */
static int want_service(struct publish *p, struct publish_zone *zone, const char *text)
{
	const char *host = strchr(text, '='), *colon = strrchr(text, ':');
	char name[VNEP_DNS_NAME_LEN], target[VNEP_DNS_NAME_LEN], part[512];
	uint64_t port;
	int rc;

	host = host ? host + 1 : text;
	if (!colon || colon < host || strlen(text) >= sizeof part)
		return vnep_err_set(
			&p->cli->err, VNEP_EUSAGE, "--service: \"%s\" is not HOST:PORT", text);
	snprintf(part, sizeof part, "%s.%.*s%s%s", service_labels,
		(int)(host > text ? host - text - 1 : 0), text, host > text ? "." : "", zone->name);
	rc = vnep_dnsname_read(part, name, &p->cli->err);
	snprintf(part, sizeof part, "%.*s", (int)(colon - host), host);
	if (!rc)
		rc = vnep_dnsname_read(part, target, &p->cli->err);
	if (!rc)
		rc = vnep_num_u64(colon + 1, 1, 65535, &port, &p->cli->err);
	/* The receipt repeats the data in one string of 255 octets. */
	if (!rc && strlen(target) > 230)
		rc = vnep_err_set(&p->cli->err, VNEP_EVALUE, "\"%s\" is too long", target);
	if (rc)
		return rc;
	rc = vnep_dnsset_add_srv(&zone->want, name, (uint32_t)p->ttl, (uint16_t)port, target);
	return rc ? vnep_err_sys(&p->cli->err, -rc, "--service") : 0;
}

static int want_services(struct publish *p)
{
	const char *text;
	int rc = 0;

	for (size_t i = 0; i < p->zones && !rc; i++)
		for (size_t k = 0;
			!p->zone[i].reverse && !rc && (text = vnep_cli_list(p->cli, "service", k));
			k++)
			rc = want_service(p, &p->zone[i], text);
	return rc;
}

int publish_want(struct publish *p)
{
	struct map_reader reader;
	int rc = want_services(p);

	if (rc)
		return rc;
	rc = map_reader_open(&reader, p->cli);
	if (rc)
		return rc;
	rc = publish_owner(p);
	if (!rc)
		rc = vnep_map_each(
			reader.txn, VNEP_RECORD_DEVICE, false, want_record, p, &p->cli->err);
	map_reader_close(&reader);
	for (size_t i = 0; i < p->zones && !rc; i++) {
		vnep_dnsset_sort(&p->zone[i].want);
		rc = vnep_dnsplan_receipts(&p->zone[i].want, p->owner);
		vnep_dnsset_sort(&p->zone[i].want);
		if (rc)
			rc = vnep_err_sys(&p->cli->err, -rc, "%s", p->zone[i].name);
	}
	return rc;
}

static int order_left(const void *name, const void *left)
{
	return strcmp(name, ((const struct vnep_dnsleft *)left)->name);
}

/* The records of one address: does its PTR lead to a name that was left alone? The left ones are in order. */
static bool leads_to_left(struct vnep_dnsrr *const *rr, size_t count,
	const struct vnep_dnsplan *plan, struct vnep_buf *target)
{
	for (size_t i = 0; i < count; i++) {
		if (rr[i]->type != VNEP_DNS_PTR)
			continue;
		vnep_buf_reset(target);
		vnep_dnsrr_put_data(target, rr[i]);
		if (bsearch(vnep_buf_str(target), plan->left, plan->left_count, sizeof *plan->left,
			    order_left))
			return true;
	}
	return false;
}

static void drop_left(
	struct vnep_dnsset *want, const struct vnep_dnsplan *plan, struct vnep_buf *target)
{
	size_t kept = 0, count;

	for (size_t i = 0; i < want->count; i += count) {
		bool drop;

		count = 1;
		while (i + count < want->count &&
			!strcmp(want->rr[i]->name, want->rr[i + count]->name))
			count++;
		drop = leads_to_left(want->rr + i, count, plan, target);
		for (size_t k = i; k < i + count; k++) {
			if (drop)
				free(want->rr[k]);
			else
				want->rr[kept++] = want->rr[k];
		}
	}
	want->count = kept;
}

int publish_want_less(struct publish *p, const struct vnep_dnsplan *plan)
{
	struct vnep_buf target;
	int rc;

	vnep_buf_init(&target);
	for (size_t i = 0; i < p->zones && plan->left_count; i++)
		if (p->zone[i].reverse)
			drop_left(&p->zone[i].want, plan, &target);
	rc = target.rc ? vnep_err_sys(&p->cli->err, -target.rc, "publish") : 0;
	vnep_buf_release(&target);
	return rc;
}
