/* Keys that nobody uses do not stay parsed. No thread waits for that: the round is made by
 * whoever calls next; C_Finalize wipes the rest. What is in use is never touched: a session's open
 * operation keeps its object, and a parsed key goes with the last one who holds its object. Keys of session
 * objects have no other place to come from and stay.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"
#include "os/clock.h"

static bool is_busy(const hsm_session *session)
{
    bool is_open = false;

    for (size_t i = 0; i < HSM_SLOT_COUNT; i++)
        is_open |= session->operation[i].is_open;
    return is_open;
}

/* Not used in this round or the one before. */
static void forget_idle(hsm_session **session, void *arg)
{
    const uint32_t *turn = arg;

    if (!is_busy(*session) && *turn - (*session)->turn >= 2)
        hsm_session_forget_keys(*session, false);
    hsm_session_release(session);
}

void hsm_core_idle_round(hsm_core *core)
{
    uint32_t turn = atomic_fetch_add(&core->idle_turn, 1) + 1;

    for (uint32_t slot = 0; slot < core->slot_count; slot++)
        hsm_session_each(core->sessions, slot, forget_idle, &turn);
    hsm_store_age(core->store);
}

/* One of the callers that find it due. */
static HSM_APART void begin_round(hsm_core *core, uint64_t due, uint64_t next)
{
    if (!atomic_compare_exchange_strong(&core->idle_due_secs, &due, next))
        return;
    if (due != 0) /* the first call of all only starts the clock */
        hsm_core_idle_round(core);
}

void hsm_core_wipe_idle(hsm_core *core)
{
    const uint64_t period = core->config->security.key_cache_secs;

    if (period == 0)
        return;
    const uint64_t now = hsm_clock_wall_secs();
    const uint64_t due = atomic_load_explicit(&core->idle_due_secs, memory_order_relaxed);
    /* Past, or further away than it ever was set: then the clock was put back, and no key stays
     * longer for that. */
    if (due - now > period)
        begin_round(core, due, now + period);
}
