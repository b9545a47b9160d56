/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/audit_watch.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 8192u /* docs/audit-format.md */

void audit_watch_open(audit_watch *watch, const char *directory)
{
    (void)snprintf(watch->path, sizeof watch->path, "%s/store/craton_hsm_audit.jsonl", directory);
    watch->fd = -1;
    watch->at = 0;
}

/* The member's text, or "" */
static void member(const char *line, const char *name, char *out, size_t room)
{
    const char *found = strstr(line, name);
    size_t len = 0;

    if (found != NULL) {
        found += strlen(name);
        len = strcspn(found, "\"");
    }
    (void)snprintf(out, room, "%.*s", (int)len, found != NULL ? found : "");
}

static bool is_own(const char *operation)
{
    return strcmp(operation, "checkpoint") == 0 || strcmp(operation, "recover") == 0 ||
           strcmp(operation, "events_lost") == 0;
}

static void append(const char *line, char out_text[WATCH_TEXT_BYTES])
{
    const size_t used = strlen(out_text);
    char operation[40];
    char result[64];

    member(line, "\"operation\":\"", operation, sizeof operation);
    member(line, "\"result\":\"", result, sizeof result);
    if (is_own(operation))
        return;
    (void)snprintf(out_text + used, WATCH_TEXT_BYTES - used, "%s%s%s ", operation,
                   result[0] != '\0' ? ":" : "+", result);
}

/* Lines end with a line feed; blanks behind the last one are room for those to come. */
static void take_lines(audit_watch *watch, char out_text[WATCH_TEXT_BYTES])
{
    static char line[LINE_BYTES + 1];

    while (true) {
        const ssize_t got = pread(watch->fd, line, LINE_BYTES, watch->at);
        char *end = got > 0 ? memchr(line, '\n', (size_t)got) : NULL;

        if (end == NULL)
            return;
        *end = '\0';
        append(line, out_text);
        watch->at += end - line + 1;
    }
}

/* What was acknowledged to nobody may have been taken back: the next line may begin before `at`. */
static void step_back(audit_watch *watch)
{
    char last = '\0';

    while (watch->at > 0 && (pread(watch->fd, &last, 1, watch->at - 1) != 1 || last != '\n'))
        watch->at--;
}

void audit_watch_take(audit_watch *watch, char out_text[WATCH_TEXT_BYTES])
{
    struct stat named = { 0 };
    struct stat open_one = { 0 };

    out_text[0] = '\0';
    if (watch->fd >= 0) {
        step_back(watch);
        take_lines(watch, out_text);
        (void)fstat(watch->fd, &open_one);
    }
    if (stat(watch->path, &named) != 0 || (watch->fd >= 0 && named.st_ino == open_one.st_ino))
        return;
    if (watch->fd >= 0)
        (void)close(watch->fd);
    watch->fd = open(watch->path, O_RDONLY | O_CLOEXEC);
    watch->at = 0;
    if (watch->fd >= 0)
        take_lines(watch, out_text);
}
