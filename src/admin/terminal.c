/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"

bool hsm_terminal_has_colour(FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fileno(out)) == 1 && (no_colour == NULL || no_colour[0] == '\0') &&
           term != NULL && strcmp(term, "dumb") != 0;
}

static hsm_err open_terminal(int *out_fd)
{
    const int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    HSM_CHECK(fd >= 0, HSM_E_STORE_NOT_FOUND);
    *out_fd = fd;
    return HSM_OK;
}

bool hsm_terminal_is_there(void)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    return open_terminal(&fd) == HSM_OK;
}

static void write_text(int fd, const char *text)
{
    const hsm_err err = hsm_file_write_all(fd, hsm_bytes_of_text(text));

    (void)err; /* a terminal that is gone shows nothing */
}

void hsm_terminal_say(const char *line)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    if (open_terminal(&fd) != HSM_OK)
        return;
    write_text(fd, line);
    write_text(fd, "\n");
}

/* --- asking without echo ----------------------------------------------------------------------
 *
 * The terminal is put into a state (no echo, byte by byte, keys for signals off) that must not stay.
 * Signals that would end the process are therefore taken as input while it lasts, and delivered when
 * it is over; only SIGKILL can't be. */

typedef struct asking {
    int tty;
    int signals;
    struct termios before;
    sigset_t mask_before;
    bool is_changed;
} asking;

static const int ending_signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP };

static hsm_err asking_begin(asking *at)
{
    struct termios quiet;
    sigset_t wanted;

    HSM_TRY(open_terminal(&at->tty));
    HSM_CHECK(tcgetattr(at->tty, &at->before) == 0, HSM_E_STORE_NOT_FOUND);
    (void)sigemptyset(&wanted);
    for (size_t i = 0; i < HSM_ARRAY_LEN(ending_signals); i++)
        (void)sigaddset(&wanted, ending_signals[i]);
    at->signals = signalfd(-1, &wanted, SFD_CLOEXEC);
    HSM_CHECK(at->signals >= 0, HSM_E_LIMIT);
    (void)sigprocmask(SIG_BLOCK, &wanted, &at->mask_before);
    at->is_changed = true;
    quiet = at->before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    HSM_CHECK(tcsetattr(at->tty, TCSAFLUSH, &quiet) == 0, HSM_E_STORE_NOT_FOUND);
    return HSM_OK;
}

/* Puts everything back; a signal that waits is delivered by the last step. */
static void asking_end(asking *at)
{
    if (at->is_changed) {
        (void)tcsetattr(at->tty, TCSAFLUSH, &at->before);
        write_text(at->tty, "\n");
        (void)sigprocmask(SIG_SETMASK, &at->mask_before, NULL);
    }
    hsm_fd_drop(&at->signals);
    hsm_fd_drop(&at->tty);
}

enum {
    KEY_CTRL_C = 3,
    KEY_CTRL_D = 4,
    KEY_BACKSPACE = 8,
    KEY_CTRL_U = 21,
    KEY_CTRL_BACKSLASH = 28,
    KEY_DELETE = 127,
};

/* One byte from the terminal. errors HSM_E_OPERATION_CANCELLED (a signal, the end of input) */
static hsm_err read_key(const asking *at, uint8_t *out_key)
{
    struct pollfd waits[2] = {
        { .fd = at->tty, .events = POLLIN },
        { .fd = at->signals, .events = POLLIN },
    };

    for (;;) {
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            return HSM_E_STORE_IO;
        /* Not read from: it stays pending, and takes effect once the terminal is as before. */
        HSM_CHECK((waits[1].revents & POLLIN) == 0, HSM_E_OPERATION_CANCELLED);
        if (waits[0].revents == 0)
            continue;
        const ssize_t got = read(at->tty, out_key, 1);
        if (got == 1)
            return HSM_OK;
        HSM_CHECK(got < 0 && errno == EINTR, HSM_E_OPERATION_CANCELLED);
    }
}

/* Removes the last character, which may have several bytes. */
static size_t erase_one(uint8_t *data, size_t len)
{
    while (len > 0) {
        len--;
        const bool was_start = (data[len] & 0xc0) != 0x80;
        data[len] = 0;
        if (was_start)
            break;
    }
    return len;
}

/* Keys up to the end of the line; more than room is remembered as one too many. */
static hsm_err read_line(const asking *at, uint8_t *data, size_t room, size_t *out_len)
{
    size_t len = 0;
    uint8_t key = 0;

    for (;;) {
        HSM_TRY(read_key(at, &key));
        if (key == '\r' || key == '\n')
            break;
        HSM_CHECK(key != KEY_CTRL_C && key != KEY_CTRL_D && key != KEY_CTRL_BACKSLASH,
                  HSM_E_OPERATION_CANCELLED);
        if (key == KEY_BACKSPACE || key == KEY_DELETE) {
            len = erase_one(data, len);
        } else if (key == KEY_CTRL_U) {
            len = 0;
        } else {
            HSM_CHECK(len < room, HSM_E_LIMIT);
            data[len++] = key;
        }
    }
    *out_len = len;
    return HSM_OK;
}

static hsm_err ask(const asking *at, size_t max_len, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *typed = NULL;
    size_t len = 0;

    HSM_TRY(hsm_secret_create(max_len, &typed));
    HSM_TRY(read_line(at, hsm_secret_data(typed), max_len, &len));
    HSM_CHECK(len > 0, HSM_E_DATA);
    hsm_secret_shrink(typed, len);
    *out_secret = HSM_MOVE(typed);
    return HSM_OK;
}

hsm_err hsm_terminal_ask_secret(const char *prompt, size_t max_len, hsm_secret **out_secret)
{
    asking at = { .tty = -1, .signals = -1 };

    hsm_err err = asking_begin(&at);
    if (err == HSM_OK) {
        write_text(at.tty, prompt);
        err = ask(&at, max_len, out_secret);
    }
    asking_end(&at);
    return err;
}

hsm_err hsm_terminal_confirm(const char *question)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    char answer[16] = "";
    size_t len = 0;

    HSM_TRY(open_terminal(&fd));
    write_text(fd, question);
    write_text(fd, " Type yes to go on: ");
    while (len + 1 < sizeof answer && read(fd, answer + len, 1) == 1 && answer[len] != '\n')
        len++;
    answer[len] = '\0';
    HSM_CHECK(strcmp(answer, "yes") == 0, HSM_E_OPERATION_CANCELLED);
    return HSM_OK;
}

/* --- progress --------------------------------------------------------------------------------- */

#define SHOW_AFTER_NS HSM_NS_PER_SEC
#define SHOW_EVERY_NS (HSM_NS_PER_SEC / 10)
#define BAR_WIDTH 30u

void hsm_progress_begin(hsm_progress *progress, const char *title)
{
    *progress = (hsm_progress){
        .title = title,
        .started_ns = hsm_clock_monotonic_ns(),
        .is_on = isatty(STDERR_FILENO) == 1,
    };
}

static void show_bar(const hsm_progress *progress, uint64_t done, uint64_t total)
{
    char bar[BAR_WIDTH + 1];
    const uint64_t full = done >= total ? BAR_WIDTH : done * BAR_WIDTH / total;

    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    bar[BAR_WIDTH] = '\0';
    (void)fprintf(stderr, "\r\033[K%s [%s] %3llu%% %llu of %llu", progress->title, bar,
                  (unsigned long long)(done >= total ? 100 : done * 100 / total),
                  (unsigned long long)done, (unsigned long long)total);
}

void hsm_progress_step(hsm_progress *progress, uint64_t done, uint64_t total)
{
    if (!progress->is_on)
        return;
    const uint64_t now = hsm_clock_monotonic_ns();
    if (now - progress->started_ns < SHOW_AFTER_NS || now - progress->shown_ns < SHOW_EVERY_NS)
        return;
    if (total > 0)
        show_bar(progress, done, total);
    else
        (void)fprintf(stderr, "\r\033[K%s %llu", progress->title, (unsigned long long)done);
    (void)fflush(stderr);
    progress->shown_ns = now;
}

void hsm_progress_end(hsm_progress *progress)
{
    if (progress->shown_ns != 0) {
        (void)fputs("\r\033[K", stderr);
        (void)fflush(stderr);
    }
    progress->is_on = false;
}
