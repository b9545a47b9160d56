/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/internal.h"
#include "os/file.h"
#include "os/paths.h"

#define FILES_MAX (HSM_AUDIT_GENERATIONS + 1)
#define BUFFER_BYTES ((size_t)128 * 1024)

typedef struct source {
    char *path;
    int fd;
    uint64_t length;
} source;

struct hsm_audit_reader {
    source files[FILES_MAX]; /* newest first */
    size_t file_count;
    size_t at; /* file_count - 1 down to 0; one more: none is left */
    bool is_finished;
    uint64_t line;
    uint64_t offset; /* of buffer[start] in the file */
    uint64_t done;   /* bytes of earlier files */
    size_t start;
    size_t end;
    bool is_at_end; /* of the file */
    uint8_t buffer[BUFFER_BYTES];
};

static void close_files(hsm_audit_reader *reader)
{
    for (size_t i = 0; i < reader->file_count; i++) {
        hsm_fd_drop(&reader->files[i].fd);
        free(reader->files[i].path);
    }
}

void hsm_audit_reader_close(hsm_audit_reader *reader)
{
    if (reader == NULL)
        return;
    close_files(reader);
    free(reader);
}

/* Whether the file opened last is this one too: it was renamed in between. */
static bool is_same_as_last(const hsm_audit_reader *reader, const struct stat *info)
{
    struct stat last;

    return reader->file_count > 0 && fstat(reader->files[reader->file_count - 1].fd, &last) == 0 &&
           last.st_ino == info->st_ino && last.st_dev == info->st_dev;
}

static hsm_err add_file(hsm_audit_reader *reader, const char *path, unsigned generation)
{
    HSM_AUTO(hsm_path_drop) char *name = NULL;
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    struct stat info;

    HSM_TRY(hsm_log_generation_path(path, generation, &name));
    HSM_TRY(hsm_file_open(name, HSM_FILE_ANY, &fd));
    HSM_CHECK(fstat(fd, &info) == 0, hsm_file_err(errno));
    if (is_same_as_last(reader, &info))
        return HSM_OK;
    reader->files[reader->file_count++] =
        (source){ .path = HSM_MOVE(name), .fd = fd, .length = (uint64_t)info.st_size };
    fd = -1;
    return HSM_OK;
}

hsm_err hsm_audit_reader_open(const char *path, bool is_one_file, hsm_audit_reader **out_reader)
{
    HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *reader = calloc(1, sizeof *reader);

    HSM_CHECK(reader != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(add_file(reader, path, 0));
    for (unsigned i = 1; i < FILES_MAX && !is_one_file; i++) {
        const hsm_err err = add_file(reader, path, i);

        if (err == HSM_E_STORE_NOT_FOUND)
            break;
        HSM_TRY(err);
    }
    reader->at = reader->file_count - 1;
    *out_reader = HSM_MOVE(reader);
    return HSM_OK;
}

static hsm_err read_more(hsm_audit_reader *reader)
{
    const int fd = reader->files[reader->at].fd;
    ssize_t got = -1;

    memmove(reader->buffer, reader->buffer + reader->start, reader->end - reader->start);
    reader->end -= reader->start;
    reader->start = 0;
    do
        got = read(fd, reader->buffer + reader->end, BUFFER_BYTES - reader->end);
    while (got < 0 && errno == EINTR);
    HSM_CHECK(got >= 0, hsm_file_err(errno));
    reader->is_at_end = got == 0;
    reader->end += (size_t)got;
    return HSM_OK;
}

static bool next_file(hsm_audit_reader *reader)
{
    reader->done += reader->offset;
    reader->offset = 0;
    reader->line = 0;
    reader->start = reader->end = 0;
    reader->is_at_end = false;
    reader->is_finished = reader->at == 0;
    if (!reader->is_finished)
        reader->at--;
    return !reader->is_finished;
}

static void step(hsm_audit_reader *reader, size_t len)
{
    reader->start += len;
    reader->offset += len;
}

/* Passes over the rest of a line that is too long. */
static hsm_err skip_line(hsm_audit_reader *reader)
{
    while (true) {
        const size_t len = reader->end - reader->start;
        const uint8_t *feed = len == 0 ? NULL : memchr(reader->buffer + reader->start, '\n', len);

        if (feed != NULL) {
            step(reader, (size_t)(feed - (reader->buffer + reader->start)) + 1);
            return HSM_OK;
        }
        step(reader, len);
        if (reader->is_at_end)
            return HSM_OK;
        HSM_TRY(read_more(reader));
    }
}

/* The next line of the file, blank or not, or HSM_E_NO_EVENT. */
static hsm_err line_of_file(hsm_audit_reader *reader, hsm_bytes *out_line, bool *out_is_whole)
{
    while (true) {
        const size_t len = reader->end - reader->start;
        const uint8_t *start = reader->buffer + reader->start;
        const uint8_t *feed = len == 0 ? NULL : memchr(start, '\n', len);

        if (feed != NULL || (reader->is_at_end && len > 0)) {
            const size_t line_len = feed != NULL ? (size_t)(feed - start) : len;

            *out_is_whole = feed != NULL;
            *out_line = hsm_bytes_of(start, line_len);
            reader->line++;
            step(reader, line_len + (feed != NULL ? 1 : 0));
            return HSM_OK;
        }
        HSM_CHECK(!reader->is_at_end, HSM_E_NO_EVENT);
        if (len == BUFFER_BYTES)
            return HSM_E_LIMIT;
        HSM_TRY(read_more(reader));
    }
}

/* Room ahead is one long blank line: it is passed over by pieces, not collected. */
static hsm_err pass_over_room(hsm_audit_reader *reader)
{
    const hsm_bytes all = hsm_bytes_of(reader->buffer + reader->start, reader->end - reader->start);

    HSM_CHECK(hsm_log_is_filling(all), HSM_E_LIMIT);
    step(reader, all.len);
    return HSM_OK;
}

hsm_err hsm_audit_reader_next(hsm_audit_reader *reader, hsm_bytes *out_line,
                              hsm_audit_place *out_place, bool *out_is_whole)
{
    while (!reader->is_finished) {
        hsm_audit_place place = { .file = reader->files[reader->at].path,
                                  .line = reader->line + 1,
                                  .offset = reader->offset };
        hsm_bytes line = hsm_bytes_none();
        hsm_err err = line_of_file(reader, &line, out_is_whole);

        if (err == HSM_E_NO_EVENT) {
            (void)next_file(reader);
            continue;
        }
        if (err == HSM_E_LIMIT)
            err = pass_over_room(reader);
        if (err == HSM_E_LIMIT || line.len >= HSM_LINE_MAX_BYTES) {
            *out_line = hsm_bytes_of(reader->buffer + reader->start, 0);
            *out_place = place;
            if (err == HSM_E_LIMIT)
                HSM_TRY(skip_line(reader));
            else if (hsm_log_is_filling(line))
                continue;
            return HSM_E_LIMIT;
        }
        HSM_TRY(err);
        if (hsm_log_is_filling(line))
            continue;
        *out_line = line;
        *out_place = place;
        return HSM_OK;
    }
    return HSM_E_NO_EVENT;
}

void hsm_audit_reader_progress(const hsm_audit_reader *reader, uint64_t *out_done,
                               uint64_t *out_all)
{
    uint64_t all = 0;

    for (size_t i = 0; i < reader->file_count; i++)
        all += reader->files[i].length;
    *out_done = reader->done + reader->offset;
    *out_all = all;
}
