/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/timers.h"

#include <stddef.h>

void timers_init(timers *wheel, int64_t now_ms)
{
    for (int i = 0; i < TIMERS_SLOTS; i++)
        wheel->slots[i] = (timer_link){ &wheel->slots[i], &wheel->slots[i] };
    wheel->done_tick = now_ms / TIMERS_TICK_MS;
    wheel->count = 0;
}

void timers_stop(timers *wheel, loop_timer *timer)
{
    if (timer->link.next == NULL)
        return;
    timer->link.next->prev = timer->link.prev;
    timer->link.prev->next = timer->link.next;
    timer->link = (timer_link){ NULL, NULL };
    wheel->count--;
}

/* Rounded up: a timer never fires early. */
static int64_t tick_of(int64_t ms)
{
    return (ms + TIMERS_TICK_MS - 1) / TIMERS_TICK_MS;
}

void timers_set(timers *wheel, loop_timer *timer, int64_t due_ms)
{
    int64_t tick = tick_of(due_ms);

    timers_stop(wheel, timer);
    if (tick <= wheel->done_tick)
        tick = wheel->done_tick + 1;
    timer_link *slot = &wheel->slots[tick % TIMERS_SLOTS];
    timer->due_ms = due_ms;
    timer->link = (timer_link){ slot, slot->prev };
    slot->prev->next = &timer->link;
    slot->prev = &timer->link;
    wheel->count++;
}

static loop_timer *timer_of(timer_link *link)
{
    return (loop_timer *)(void *)((char *)link - offsetof(loop_timer, link));
}

/* Fires the due timers of one slot. They are moved to a list of their own first: what they set must
 * not be met in the same walk. */
static void run_slot(timers *wheel, timer_link *slot, int64_t now_ms)
{
    timer_link due = { &due, &due };
    timer_link *next = NULL;

    for (timer_link *link = slot->next; link != slot; link = next) {
        next = link->next;
        if (timer_of(link)->due_ms > now_ms)
            continue; /* of a later round */
        link->prev->next = link->next;
        link->next->prev = link->prev;
        *link = (timer_link){ &due, due.prev };
        due.prev->next = link;
        due.prev = link;
    }
    while (due.next != &due) {
        loop_timer *timer = timer_of(due.next);

        timers_stop(wheel, timer);
        timer->fire(timer->owner);
    }
}

void timers_run(timers *wheel, int64_t now_ms)
{
    const int64_t now_tick = now_ms / TIMERS_TICK_MS;

    if (now_tick - wheel->done_tick > TIMERS_SLOTS) /* asleep for longer than a round */
        wheel->done_tick = now_tick - TIMERS_SLOTS;
    while (wheel->done_tick < now_tick) {
        wheel->done_tick++;
        run_slot(wheel, &wheel->slots[wheel->done_tick % TIMERS_SLOTS], now_ms);
    }
}

int timers_wait_ms(const timers *wheel, int64_t now_ms)
{
    if (wheel->count == 0)
        return -1;
    for (int i = 1; i <= TIMERS_SLOTS; i++) {
        const timer_link *slot = &wheel->slots[(wheel->done_tick + i) % TIMERS_SLOTS];

        if (slot->next != slot) {
            const int64_t wait = (wheel->done_tick + i) * TIMERS_TICK_MS - now_ms;
            return wait > 0 ? (int)wait : 0;
        }
    }
    return TIMERS_SLOTS * TIMERS_TICK_MS;
}
