/* A SoftHSM2 token's directory: which it is, what is in it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "core/softhsm.h"
#include "os/file.h"
#include "os/paths.h"

/* SoftHSM2's own attributes of the token itself. */
#define OS_BASE (CKA_VENDOR_DEFINED + 0x5348u)
#define OS_TOKEN_LABEL (OS_BASE + 1)
#define OS_TOKEN_SERIAL (OS_BASE + 2)
#define OS_USER_PIN (OS_BASE + 5)

#define TOKEN_FILE "token.object"
#define DATABASE_FILE "sqlite3.db"
#define OBJECT_SUFFIX ".object"
#define DIRECTORY_NAMES_MAX \
    (3 * HSM_SOFTHSM_OBJECTS_MAX) /* each object may have a lock beside it */

void hsm_softhsm_close(hsm_softhsm_source *source)
{
    free(source->path);
    hsm_dir_names_clear(&source->files);
    hsm_softhsm_db_close(source->db);
    hsm_aes_cbc_destroy(source->key);
    *source = (hsm_softhsm_source){ 0 };
}

/* --- saying where ------------------------------------------------------------------------------- */

static hsm_err say(hsm_softhsm_where *where, hsm_err err, const char *place, const char *what)
{
    if (err != HSM_OK && where->text[0] == '\0')
        (void)snprintf(where->text, sizeof where->text, "%s%s%s", place,
                       what[0] != '\0' ? ": " : "", what);
    return err;
}

hsm_err hsm_softhsm_at(const hsm_softhsm_source *source, const char *name,
                       const hsm_softhsm_fault *fault, hsm_softhsm_where *out_where, hsm_err err)
{
    if (err != HSM_OK && out_where->text[0] == '\0')
        (void)snprintf(out_where->text, sizeof out_where->text, "%s/%s%s: at byte %zu: %s",
                       source->path, source->db != NULL ? DATABASE_FILE ", " : "", name,
                       fault->offset, fault->what);
    return err;
}

/* --- the directory ------------------------------------------------------------------------------ */

static hsm_err has_file(const char *directory, const char *name, bool *out_has)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(directory, name, &path));
    *out_has = hsm_path_exists(path);
    return HSM_OK;
}

static hsm_err is_token(const char *directory, bool *out_is)
{
    HSM_TRY(has_file(directory, TOKEN_FILE, out_is));
    return *out_is ? HSM_OK : has_file(directory, DATABASE_FILE, out_is);
}

/* The one token among a directory's directories. */
static hsm_err find_token(const char *directory, hsm_softhsm_where *where, char **out_path)
{
    HSM_AUTO(hsm_dir_names_clear) hsm_dir_names names = { 0 };
    HSM_AUTO(hsm_path_drop) char *found = NULL;

    HSM_TRY(say(where, hsm_dir_list(directory, DIRECTORY_NAMES_MAX, &names), directory, ""));
    for (size_t i = 0; i < names.count; i++) {
        HSM_AUTO(hsm_path_drop) char *path = NULL;
        bool is = false;

        HSM_TRY(hsm_path_join(directory, names.names[i], &path));
        HSM_TRY(is_token(path, &is));
        if (is && found != NULL)
            return say(where, HSM_E_DATA, directory, "several tokens, name one of its directories");
        if (is)
            found = HSM_MOVE(path);
    }
    if (found == NULL)
        return say(where, HSM_E_DATA, directory, "no token of SoftHSM2");
    *out_path = HSM_MOVE(found);
    return HSM_OK;
}

static bool is_object_file(const char *name)
{
    const size_t len = strlen(name);
    const size_t suffix = sizeof OBJECT_SUFFIX - 1;

    return len > suffix && strcmp(name + len - suffix, OBJECT_SUFFIX) == 0 &&
           strcmp(name, TOKEN_FILE) != 0;
}

static hsm_err list_files(hsm_softhsm_source *source, hsm_softhsm_where *where)
{
    hsm_dir_names *files = &source->files;
    size_t kept = 0;

    HSM_TRY(say(where, hsm_dir_list(source->path, DIRECTORY_NAMES_MAX, files), source->path, ""));
    for (size_t i = 0; i < files->count; i++) {
        if (is_object_file(files->names[i]))
            files->names[kept++] = files->names[i];
        else
            free(files->names[i]);
    }
    files->count = kept;
    source->count = kept;
    return HSM_OK;
}

static hsm_err open_database(hsm_softhsm_source *source, hsm_softhsm_where *where)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(source->path, DATABASE_FILE, &path));
    HSM_TRY(say(where, hsm_softhsm_db_open(path, HSM_SOFTHSM_OBJECTS_MAX, &source->db), path,
                "can't be read as a token's database"));
    (void)hsm_softhsm_db_ids(source->db, &source->count);
    return HSM_OK;
}

/* --- one object --------------------------------------------------------------------------------- */

void hsm_softhsm_content_clear(hsm_softhsm_content *content)
{
    hsm_secret_destroy(content->small);
    hsm_buf_clear(&content->large);
    *content = (hsm_softhsm_content){ 0 };
}

hsm_bytes hsm_softhsm_content_view(const hsm_softhsm_content *content)
{
    return content->small != NULL ? hsm_secret_view(content->small) : hsm_buf_view(&content->large);
}

static hsm_err load_file(const hsm_softhsm_source *source, const char *name,
                         hsm_softhsm_content *content, hsm_softhsm_where *where)
{
    const unsigned checks = HSM_FILE_ANY;
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(source->path, name, &path));
    hsm_err err = hsm_file_read_secret(path, checks, HSM_SECRET_MAX_BYTES, &content->small);
    if (err == HSM_E_LIMIT)
        err = hsm_file_read(path, checks, HSM_SOFTHSM_FILE_MAX_BYTES, &content->large);
    return say(where, err, path, err == HSM_E_DATA ? "an empty file" : "");
}

/* What does not fit in secret memory is no key: the largest of those has 128 KiB. */
static hsm_err load_row(const hsm_softhsm_source *source, int64_t id, hsm_softhsm_content *content)
{
    hsm_writer counter = hsm_writer_of(NULL, 0);
    uint8_t *room = NULL;

    HSM_TRY(hsm_softhsm_db_read(source->db, id, &counter));
    HSM_CHECK(counter.len > 0, HSM_E_DATA);
    HSM_CHECK(counter.len <= HSM_SOFTHSM_FILE_MAX_BYTES, HSM_E_LIMIT);
    if (counter.len <= HSM_SECRET_MAX_BYTES) {
        HSM_TRY(hsm_secret_create(counter.len, &content->small));
        room = hsm_secret_data(content->small);
    } else {
        HSM_TRY(hsm_buf_reserve(&content->large, counter.len));
        room = content->large.data;
        content->large.len = counter.len;
    }
    hsm_writer writer = hsm_writer_of(room, counter.len);
    HSM_TRY(hsm_softhsm_db_read(source->db, id, &writer));
    return hsm_writer_end(&writer);
}

static hsm_err load(const hsm_softhsm_source *source, int64_t id, const char *name,
                    hsm_softhsm_content *content, hsm_softhsm_where *where)
{
    (void)snprintf(content->name, sizeof content->name, "%s", name);
    if (source->db == NULL)
        return load_file(source, name, content, where);
    const hsm_err err = load_row(source, id, content);
    return say(where, err, source->path, content->name);
}

hsm_err hsm_softhsm_load(const hsm_softhsm_source *source, size_t index,
                         hsm_softhsm_content *out_content, hsm_softhsm_where *out_where)
{
    HSM_AUTO(hsm_softhsm_content_clear) hsm_softhsm_content content = { .large = HSM_BUF_WIPED };
    char name[32];
    size_t count = 0;

    if (source->db == NULL) {
        HSM_TRY(load(source, 0, source->files.names[index], &content, out_where));
    } else {
        const int64_t id = hsm_softhsm_db_ids(source->db, &count)[index];
        (void)snprintf(name, sizeof name, "object %lld", (long long)id);
        HSM_TRY(load(source, id, name, &content, out_where));
    }
    *out_content = content;
    content = (hsm_softhsm_content){ 0 };
    return HSM_OK;
}

/* --- the token ---------------------------------------------------------------------------------- */

/* A byte string of at most `room` bytes, blank padded. */
static bool take_padded(const hsm_softhsm_record *record, uint64_t type, uint8_t *out, size_t room)
{
    const hsm_softhsm_attr *attr = hsm_softhsm_find(record, type);

    if (attr == NULL || attr->kind != HSM_SOFTHSM_BYTES || attr->bytes.len > room)
        return false;
    memset(out, ' ', room);
    if (attr->bytes.len > 0)
        memcpy(out, attr->bytes.data, attr->bytes.len);
    return true;
}

static hsm_err read_token(hsm_softhsm_source *source, hsm_softhsm_where *where)
{
    HSM_AUTO(hsm_softhsm_content_clear) hsm_softhsm_content content = { .large = HSM_BUF_WIPED };
    hsm_softhsm_record record = { .count = 0 };
    hsm_softhsm_fault fault = { .what = "" };

    HSM_TRY(load(source, HSM_SOFTHSM_DB_TOKEN, TOKEN_FILE, &content, where));
    HSM_TRY(hsm_softhsm_at(source, TOKEN_FILE, &fault, where,
                           hsm_softhsm_read(hsm_softhsm_content_view(&content), &record, &fault)));
    if (!take_padded(&record, OS_TOKEN_LABEL, source->label, sizeof source->label) ||
        !take_padded(&record, OS_TOKEN_SERIAL, source->serial, sizeof source->serial) ||
        !hsm_utf8_is_valid(hsm_bytes_of(source->serial, sizeof source->serial)))
        return say(where, HSM_E_DATA, source->path, "a token without label and serial");
    const hsm_softhsm_attr *pin = hsm_softhsm_find(&record, OS_USER_PIN);
    if (pin == NULL)
        return HSM_OK;
    fault =
        (hsm_softhsm_fault){ .offset = pin->offset, .what = "no user PIN as SoftHSM2 keeps it" };
    if (pin->kind != HSM_SOFTHSM_BYTES || pin->bytes.len != sizeof source->pin_blob)
        return hsm_softhsm_at(source, TOKEN_FILE, &fault, where, HSM_E_DATA);
    memcpy(source->pin_blob, pin->bytes.data, pin->bytes.len);
    source->has_user_pin = true;
    return HSM_OK;
}

static hsm_err open_at(const char *directory, hsm_softhsm_source *source, hsm_softhsm_where *where)
{
    bool is_here = false;
    bool is_database = false;

    HSM_TRY(is_token(directory, &is_here));
    if (is_here) {
        source->path = hsm_text_dup(directory);
        HSM_CHECK(source->path != NULL, HSM_E_NO_MEMORY);
    } else {
        HSM_TRY(find_token(directory, where, &source->path));
    }
    HSM_TRY(has_file(source->path, DATABASE_FILE, &is_database));
    HSM_TRY(is_database ? open_database(source, where) : list_files(source, where));
    HSM_CHECK(source->count <= HSM_SOFTHSM_OBJECTS_MAX, HSM_E_LIMIT);
    return read_token(source, where);
}

hsm_err hsm_softhsm_open(const char *directory, hsm_softhsm_source *out_source,
                         hsm_softhsm_where *out_where)
{
    HSM_AUTO(hsm_softhsm_close) hsm_softhsm_source source = { 0 };

    HSM_TRY(open_at(directory, &source, out_where));
    *out_source = source;
    source = (hsm_softhsm_source){ 0 };
    return HSM_OK;
}
