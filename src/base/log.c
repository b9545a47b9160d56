/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define LOG_LINE_BYTES 1000u /* with the newline */
#define JSON_HEAD_BYTES 128u

static const struct {
    const char *name;
    int priority;
} levels[] = {
    [HSM_LOG_ERROR] = { "error", LOG_ERR },
    [HSM_LOG_WARNING] = { "warning", LOG_WARNING },
    [HSM_LOG_INFO] = { "info", LOG_INFO },
    [HSM_LOG_DEBUG] = { "debug", LOG_DEBUG },
};

static const char *const sinks[] = {
    [HSM_LOG_OFF] = "off",
    [HSM_LOG_STDERR] = "stderr",
    [HSM_LOG_SYSLOG] = "syslog",
};

/* Process-wide, as standard error itself is. */
static atomic_int current_sink = HSM_LOG_OFF;
static atomic_int current_level = HSM_LOG_WARNING;
static atomic_bool is_json;

static bool find_sink(const char *text, size_t len, hsm_log_sink *out_sink)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(sinks); i++) {
        if (strlen(sinks[i]) == len && strncmp(sinks[i], text, len) == 0) {
            *out_sink = (hsm_log_sink)i;
            return true;
        }
    }
    return false;
}

static bool find_level(const char *text, hsm_log_level *out_level)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(levels); i++) {
        if (strcmp(levels[i].name, text) == 0) {
            *out_level = (hsm_log_level)i;
            return true;
        }
    }
    return false;
}

hsm_log_options hsm_log_parse(const char *text, hsm_log_options fallback)
{
    if (text == NULL || text[0] == '\0')
        return fallback;

    hsm_log_options options = { .sink = HSM_LOG_STDERR, .level = HSM_LOG_WARNING };
    const size_t sink_len = strcspn(text, ":");
    if (find_sink(text, sink_len, &options.sink) &&
        (text[sink_len] == '\0' || find_level(text + sink_len + 1, &options.level)))
        return options;

    /* The line must appear although logging is not configured yet. */
    const hsm_log_options plain = { .sink = HSM_LOG_STDERR, .level = HSM_LOG_WARNING };
    const hsm_log_options before = { .sink = (hsm_log_sink)atomic_load(&current_sink),
                                     .level = (hsm_log_level)atomic_load(&current_level) };
    hsm_log_configure(plain);
    hsm_log(HSM_LOG_WARNING, "CRATON_HSM_LOG has the unknown value \"%.40s\": using stderr:warning",
            text);
    hsm_log_configure(before);
    return plain;
}

void hsm_log_configure(hsm_log_options options)
{
    atomic_store(&current_sink, (int)options.sink);
    atomic_store(&current_level, (int)options.level);
}

void hsm_log_use_json(bool wanted)
{
    atomic_store(&is_json, wanted);
}

/* A name or path in a message may hold an escape sequence or a newline that forges a line. */
static void replace_control(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)line[i];

        if (c < 0x20 || c == 0x7f)
            line[i] = '?';
    }
}

/* In one write, so that lines of several threads do not mix. The process is the host's, so a reader who has
 * gone must not end it: no SIGPIPE of ours is left to anybody. */
static void put_line(const char *line, size_t len)
{
    const struct timespec no_time = { 0 };
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;
    ssize_t written = 0;

    (void)sigemptyset(&pipe_signal);
    (void)sigaddset(&pipe_signal, SIGPIPE);
    (void)sigemptyset(&pending);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    do
        written = write(STDERR_FILENO, line, len);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EPIPE && sigismember(&pending, SIGPIPE) == 0)
        (void)sigtimedwait(&pipe_signal, NULL, &no_time);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* {"time":"2026-01-02T03:04:05.678Z","level":"info","message":"..."}; the message is a line of ours
 * already, without control characters. Room for every byte escaped. */
static void emit_json(hsm_log_level level, const char *message, size_t message_len)
{
    char line[2 * LOG_LINE_BYTES + JSON_HEAD_BYTES];
    const bool is_utf8 = hsm_utf8_is_valid(hsm_bytes_of(message, message_len));
    struct timespec now = { 0 };
    struct tm utc = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(line, JSON_HEAD_BYTES, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &utc);
    len += (size_t)snprintf(line + len, JSON_HEAD_BYTES - len,
                            ".%03ldZ\",\"level\":\"%s\",\"message\":\"", now.tv_nsec / 1000000,
                            levels[level].name);
    for (size_t i = 0; i < message_len; i++) {
        const char c = message[i];

        if (c == '"' || c == '\\')
            line[len++] = '\\';
        line[len++] = !is_utf8 && (unsigned char)c >= 0x80 ? '?' : c;
    }
    memcpy(line + len, "\"}\n", 3);
    put_line(line, len + 3);
}

static void emit(hsm_log_sink sink, hsm_log_level level, char *line, size_t len)
{
    switch (sink) {
    case HSM_LOG_OFF:
        return;
    case HSM_LOG_STDERR:
        line[len] = '\n';
        put_line(line, len + 1);
        return;
    case HSM_LOG_SYSLOG:
        syslog(LOG_USER | levels[level].priority, "%.*s", (int)len, line);
        return;
    }
}

void hsm_log(hsm_log_level level, const char *format, ...)
{
    const hsm_log_sink sink = (hsm_log_sink)atomic_load(&current_sink);

    if (sink == HSM_LOG_OFF || (int)level > atomic_load(&current_level))
        return;

    const int errno_before = errno;
    char line[LOG_LINE_BYTES];
    const int head_len = snprintf(line, sizeof line, "craton-hsm: %s: ", levels[level].name);
    va_list arguments;
    va_start(arguments, format);
    const int body_len =
        vsnprintf(line + head_len, sizeof line - (size_t)head_len, format, arguments);
    va_end(arguments);
    if (body_len >= 0) {
        const size_t len = strnlen(line, sizeof line - 1);

        replace_control(line, len);
        if (sink == HSM_LOG_STDERR && atomic_load(&is_json))
            emit_json(level, line + head_len, len - (size_t)head_len);
        else
            emit(sink, level, line, len);
    }
    errno = errno_before;
}
