/* Timers of the loop: a wheel of slots, so that setting and stopping one costs the same however many
 * there are (each stream and each connection has one).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_TIMERS_H
#define HSM_CRATOND_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_TICK_MS 8
#define TIMERS_SLOTS 1024

typedef struct timer_link {
    struct timer_link *next; /* NULL: not set */
    struct timer_link *prev;
} timer_link;

/* A timer is part of what it is about, and knows it. */
typedef struct loop_timer {
    timer_link link;
    int64_t due_ms;
    void (*fire)(void *owner); /* may free the owner, and set or stop any timer */
    void *owner;
} loop_timer;

typedef struct timers {
    timer_link slots[TIMERS_SLOTS];
    int64_t done_tick; /* all slots up to this tick are empty of what was due */
    uint32_t count;
} timers;

/* Times are milliseconds of one clock that never steps back; all differences are signed. */
void timers_init(timers *wheel, int64_t now_ms);
/* Sets, or sets anew. A time in the past fires at the next run. */
void timers_set(timers *wheel, loop_timer *timer, int64_t due_ms);
/* Stops a timer that may or may not be set. */
void timers_stop(timers *wheel, loop_timer *timer);
/* Fires what is due. */
void timers_run(timers *wheel, int64_t now_ms);
/* Milliseconds until something may be due; -1: nothing is set. */
int timers_wait_ms(const timers *wheel, int64_t now_ms);

#endif
