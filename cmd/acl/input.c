/*
 * input - ports and records: what is wanted.
 *
 * Records may come in any order. A device can be wanted only when its VPC is there and its binding
 * known, so devices wait until the input ends: as their text, in a file without a name, because there may be
 * a million. Bindings wait in a table by device.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "acl.h"
#include "vnep/num.h"
#include "vnep/recjson.h"
#include "vnep/state.h"
#include "vnep/table.h"

/* Before the text of a device, in the file where it waits. */
struct waiting {
	unsigned line, file; /* file: index of the operand */
	size_t len;
};

struct held_binding {
	char dev[VNEP_URN_MAX + 1]; /* key: zeros behind the name */
	struct vnep_binding binding;
};

struct input {
	struct vnep_acl *acl;
	const struct acl_source *source;
	FILE *waiting;
	unsigned file; /* that is being read */
	const char *name;
	struct vnep_table bindings;
	struct vnep_buf scratch, text;
};

static int read_access(struct vnep_cli *cli, struct vnep_acl_config *config)
{
	const char *name;

	for (size_t i = 0; (name = vnep_cli_list(cli, "access", i)); i++) {
		if (i == VNEP_PORTS_MAX)
			return vnep_err_set(&cli->err, VNEP_EUSAGE, "more than %d access ports",
				VNEP_PORTS_MAX);
		if (!*name || strlen(name) > VNEP_IF_MAX)
			return vnep_err_set(
				&cli->err, VNEP_EUSAGE, "\"%s\" is not the name of a port", name);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(config->access[k], name))
				return vnep_err_set(&cli->err, VNEP_EUSAGE,
					"access port \"%s\" is named twice", name);
		snprintf(config->access[i], sizeof config->access[i], "%s", name);
		config->access_count++;
	}
	return 0;
}

static int read_port(struct vnep_cli *cli, const char *option, const char *otherwise,
	char out[static VNEP_IF_MAX + 1])
{
	const char *name = vnep_cli_str(cli, option, otherwise);

	if (!*name || strlen(name) > VNEP_IF_MAX)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--%s: \"%s\" is not the name of a port", option, name);
	snprintf(out, VNEP_IF_MAX + 1, "%s", name);
	return 0;
}

static int read_options(struct vnep_cli *cli, struct vnep_acl_config *config)
{
	uint64_t size = 0;
	int rc = read_access(cli, config);

	if (!rc)
		rc = read_port(cli, "core", NULL, config->core);
	if (!rc)
		rc = read_port(cli, "journal-port", "vnep-j0", config->journal_port);
	if (!rc && vnep_cli_has(cli, "set-size"))
		rc = vnep_cli_u64(cli, "set-size", 1, UINT32_MAX, &size);
	for (unsigned i = 0; !rc && i < config->access_count; i++)
		if (!strcmp(config->access[i], config->core))
			rc = vnep_err_set(&cli->err, VNEP_EUSAGE,
				"port \"%s\" cannot be both access and core port", config->core);
	config->set_size = (uint32_t)size;
	return rc;
}

static int read_config(struct vnep_cli *cli, bool from_kernel, struct vnep_acl_config *out)
{
	bool access = vnep_cli_has(cli, "access"), core = vnep_cli_has(cli, "core");
	int rc;

	*out = (struct vnep_acl_config){ 0 };
	if (access && core)
		return read_options(cli, out);
	if (access || core || !from_kernel)
		return vnep_err_set(&cli->err, VNEP_EUSAGE,
			"--access and --core are needed: the ports of this edge");
	rc = vnep_acl_config_read(out, &cli->err);
	if (rc == VNEP_ENOTFOUND) {
		cli->err.code = rc = VNEP_EUSAGE;
		vnep_err_hint(&cli->err, "--access and --core name the ports of this edge");
	}
	return rc;
}

int acl_config(struct vnep_cli *cli, bool from_kernel, struct vnep_acl_config *out)
{
	int rc = read_config(cli, from_kernel, out);

	out->state = cli->state;
	return rc;
}

const char *acl_temporary(void)
{
	const char *folder = getenv("TMPDIR");

	return folder && *folder ? folder : "/var/tmp";
}

static FILE *open_waiting(void)
{
	int fd = open(acl_temporary(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) /* no disk to write on: then it takes memory */
		fd = memfd_create("vnep-acl", MFD_CLOEXEC);
	return fd < 0 ? NULL : fdopen(fd, "w+");
}

static int hold_device(struct vnep_cli *cli, struct input *in, const char *text, size_t len)
{
	const struct waiting w = { .line = cli->err.line, .file = in->file, .len = len };

	if (!in->waiting)
		in->waiting = open_waiting();
	if (!in->waiting || fwrite(&w, sizeof w, 1, in->waiting) != 1 ||
		fwrite(text, 1, len, in->waiting) != len)
		return vnep_err_sys(&cli->err, errno, "device records in a temporary file");
	return 0;
}

static int hold_binding(struct vnep_cli *cli, struct input *in, const struct vnep_json *json)
{
	struct held_binding *held, *old;
	struct vnep_binding binding;
	int rc = vnep_binding_decode(json, &binding, &cli->err);

	if (rc)
		return rc;
	held = calloc(1, sizeof *held);
	if (!held)
		return vnep_err_sys(&cli->err, ENOMEM, "binding record");
	snprintf(held->dev, sizeof held->dev, "%s", binding.dev);
	held->binding = binding;
	old = vnep_table_get(&in->bindings, held->dev);
	if (old) {
		vnep_table_remove(&in->bindings, old);
		free(old);
	}
	if (binding.deleted) {
		free(held);
		return 0;
	}
	if (vnep_table_put(&in->bindings, held)) {
		free(held);
		return vnep_err_sys(&cli->err, ENOMEM, "binding record");
	}
	return 0;
}

static int want_vpc(struct vnep_cli *cli, struct vnep_acl *acl, const struct vnep_json *json)
{
	struct vnep_vpc vpc = { 0 };
	int rc = vnep_vpc_decode(json, &vpc, &cli->err);

	if (!rc)
		rc = vnep_acl_want_vpc(acl, &vpc, &cli->err);
	vnep_vpc_release(&vpc);
	return rc;
}

static int want_group(struct vnep_cli *cli, struct vnep_acl *acl, const struct vnep_json *json)
{
	struct vnep_group group = { 0 };
	int rc = vnep_group_decode(json, &group, &cli->err);

	if (!rc)
		rc = vnep_acl_want_group(acl, &group, &cli->err);
	vnep_group_release(&group);
	return rc;
}

static int take_record(struct vnep_cli *cli, struct input *in, struct vnep_json *json,
	const char *text, size_t len)
{
	int rc = 0;

	if (vnep_json_type(json) != VNEP_JSON_OBJECT)
		rc = vnep_err_set(&cli->err, VNEP_ESYNTAX, "a record is an object, this is %s",
			vnep_json_type_name(json));
	if (!rc)
		rc = vnep_recjson_check(json, text, len, &cli->err);
	if (rc)
		return rc;
	switch (vnep_recjson_type(json)) {
	case VNEP_RECORD_VPC: return want_vpc(cli, in->acl, json);
	case VNEP_RECORD_DEVICE: return hold_device(cli, in, text, len);
	case VNEP_RECORD_BINDING: return hold_binding(cli, in, json);
	case VNEP_RECORD_GROUP: return want_group(cli, in->acl, json);
	case VNEP_RECORD_SYNC: return 0;
	default:
		return vnep_err_set(&cli->err, VNEP_EVALUE,
			"a record of type \"%s\" is not of the map",
			vnep_json_get_str(json, "type", ""));
	}
}

/* A record of outside. What begins as a device is read when its turn comes, with its line's number beside it. */
static int take(
	struct vnep_cli *cli, struct vnep_json *none, const char *text, size_t len, void *arg)
{
	static const char begin[] = "{\"type\":\"device\",";
	struct input *in = arg;
	struct vnep_json *json = NULL;
	int rc;

	(void)none;
	if (len > sizeof begin && !memcmp(text, begin, sizeof begin - 1))
		return hold_device(cli, in, text, len);
	rc = vnep_json_parse(text, len, &json, &cli->err);
	if (!rc)
		rc = take_record(cli, in, json, text, len);
	vnep_json_free(json);
	return rc;
}

static int decode(struct vnep_cli *cli, struct input *in, const char *text, size_t len,
	struct vnep_device *out)
{
	struct vnep_json *json = NULL;
	struct vnep_recline line;
	int rc;

	vnep_buf_reset(&in->scratch);
	if (vnep_recjson_fast(text, len, &in->scratch, out, &line))
		return 0;
	*out = (struct vnep_device){ 0 };
	rc = vnep_json_parse(text, len, &json, &cli->err);
	if (!rc)
		rc = vnep_recjson_check(json, text, len, &cli->err);
	if (!rc)
		rc = vnep_device_decode(json, out, &cli->err);
	vnep_json_free(json);
	return rc;
}

static int want_device(struct vnep_cli *cli, struct input *in, const char *text, size_t len)
{
	const struct held_binding *held;
	struct vnep_device device;
	int rc = decode(cli, in, text, len, &device);

	if (!rc) { /* behind its name are zeros */
		held = in->bindings.count ? vnep_table_get(&in->bindings, device.dev) : NULL;
		rc = vnep_acl_want_device(
			in->acl, &device, held ? &held->binding : NULL, &cli->err);
	}
	if (!rc && in->source->wanted)
		rc = in->source->wanted(cli, &device, in->source->arg);
	vnep_device_release(&device);
	return rc;
}

static int want_waiting(struct vnep_cli *cli, struct input *in)
{
	struct waiting w;
	int rc = 0;

	if (!in->waiting)
		return 0;
	if (fflush(in->waiting) || fseek(in->waiting, 0, SEEK_SET))
		rc = vnep_err_sys(&cli->err, errno, "device records in a temporary file");
	while (!rc && fread(&w, sizeof w, 1, in->waiting) == 1) {
		uint8_t *text;

		vnep_buf_reset(&in->text);
		text = vnep_buf_reserve(&in->text, w.len);
		if (!text)
			return vnep_err_sys(&cli->err, ENOMEM, "device record");
		if (fread(text, 1, w.len, in->waiting) != w.len)
			return vnep_err_sys(&cli->err, EIO, "device records in a temporary file");
		vnep_err_place(&cli->err, in->name ? in->name : cli->argv[w.file], w.line, 0);
		vnep_acl_want_place(in->acl, in->name ? in->name : cli->argv[w.file], w.line);
		rc = want_device(cli, in, (const char *)text, w.len);
	}
	return rc;
}

static int read_all(struct vnep_cli *cli, struct input *in)
{
	int rc = 0;

	if (in->name)
		return vnep_cli_read_text(cli, in->name, false, take, in);
	for (in->file = 0; !rc && in->file < cli->argc; in->file++)
		rc = vnep_cli_read_text(cli, cli->argv[in->file], false, take, in);
	return rc;
}

static int want_input(struct vnep_cli *cli, struct vnep_acl *acl, const struct acl_source *source)
{
	struct input in = { .acl = acl, .source = source };
	struct held_binding *held;
	int rc;

	in.name = source->file ? source->file : cli->argc ? NULL : "-";
	vnep_table_init(&in.bindings, offsetof(struct held_binding, dev), sizeof held->dev);
	rc = read_all(cli, &in);
	if (!rc)
		rc = want_waiting(cli, &in);
	if (!rc)
		cli->err = (struct vnep_err){ 0 };
	if (in.waiting)
		fclose(in.waiting);
	vnep_buf_release(&in.scratch);
	vnep_buf_release(&in.text);
	for (size_t i = 0; (held = vnep_table_next(&in.bindings, &i));)
		free(held);
	vnep_table_release(&in.bindings);
	return rc;
}

struct from_map {
	struct vnep_cli *cli;
	const struct acl_source *source;
};

static int map_wanted(const struct vnep_device *device, void *arg)
{
	struct from_map *m = arg;

	return m->source->wanted ? m->source->wanted(m->cli, device, m->source->arg) : 0;
}

/* An edge that lives here binds each device when it hears it, and preloads nobody. */
static int want_map(struct vnep_cli *cli, struct vnep_acl *acl, const struct acl_source *source)
{
	struct from_map m = { cli, source };
	struct vnep_acl_from_map how = { .wanted = map_wanted, .arg = &m };
	struct vnep_mapstore *store = NULL;
	struct vnep_map_txn *txn = NULL;
	struct vnep_state_owner owner;
	int rc = vnep_mapstore_open(&store, cli->state, false, &cli->err);

	how.preload = vnep_state_owner(cli->state, &owner, NULL) || !owner.socket[0];
	if (!rc)
		rc = vnep_map_begin(store, false, &txn, &cli->err);
	if (!rc)
		rc = vnep_acl_want_map(acl, txn, &how, &cli->err);
	vnep_map_abort(txn);
	vnep_mapstore_close(store);
	return rc;
}

int acl_open_source(struct vnep_cli *cli, const struct vnep_acl_config *config, bool offline,
	const struct acl_source *source, struct vnep_acl **out)
{
	struct vnep_acl *acl = NULL;
	int rc = vnep_acl_open(&acl, config, offline, &cli->err);

	if (!rc)
		rc = vnep_cli_has(cli, "map") ? want_map(cli, acl, source)
					      : want_input(cli, acl, source);
	if (rc) {
		vnep_acl_close(acl);
		return rc;
	}
	*out = acl;
	return 0;
}

int acl_open_wanted(struct vnep_cli *cli, const struct vnep_acl_config *config, bool offline,
	struct vnep_acl **out)
{
	const struct acl_source source = { 0 };
	struct vnep_acl_config once = *config;
	struct vnep_acl_fill fill;
	int rc;

	if (vnep_cli_has(cli, "map") && cli->argc)
		return vnep_err_set(&cli->err, VNEP_EUSAGE, "--map and files exclude each other");
	once.spool = acl_temporary();
	rc = acl_open_source(cli, &once, offline, &source, out);
	if (!rc && vnep_acl_filling(*out, &fill) && fill.count <= fill.size)
		vnep_cli_say(cli,
			"set %s gets %llu of at most %u elements: for more, `vnep-acl clear` and a "
			"larger "
			"--set-size",
			fill.set, (unsigned long long)fill.count, fill.size);
	return rc;
}

int acl_emit(struct vnep_buf *lines, void *cli)
{
	return vnep_out_records(cli, lines, false);
}
