/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lifecycle.h"

#include "base/log.h"
#include "core/internal.h"
#include "os/clock.h"

/* How long a process trusts what it last read of the mark of other processes. */
#define MARK_FRESH_NS (60 * HSM_NS_PER_SEC)

#define OF_OLD_DATA                                                                    \
    (HSM_OP_VERIFY | HSM_OP_VERIFY_RECOVER | HSM_OP_DECRYPT | HSM_OP_MESSAGE_DECRYPT | \
     HSM_OP_MESSAGE_VERIFY)

/* SP 800-57 part 1, 7.1 to 7.3. */
static const hsm_op_set allowed[] = {
    [HSM_KEY_PRE_ACTIVATION] = 0,
    [HSM_KEY_ACTIVE] = ~(hsm_op_set)0,
    [HSM_KEY_DEACTIVATED] = OF_OLD_DATA | HSM_OP_UNWRAP | HSM_OP_DECAPSULATE,
    [HSM_KEY_COMPROMISED] = 0,
};
static const hsm_op_set of_compromised = OF_OLD_DATA;

hsm_key_state hsm_key_state_on(const hsm_key_life *life, uint32_t today)
{
    if (life->by_hand == HSM_KEY_COMPROMISED || life->by_hand == HSM_KEY_DEACTIVATED)
        return (hsm_key_state)life->by_hand;
    if (life->end != 0 && today > life->end)
        return HSM_KEY_DEACTIVATED;
    if (life->by_hand != HSM_KEY_BY_DATES)
        return (hsm_key_state)life->by_hand;
    return today < life->start ? HSM_KEY_PRE_ACTIVATION : HSM_KEY_ACTIVE;
}

bool hsm_key_state_allows(hsm_key_state state, hsm_op op, bool may_use_compromised)
{
    const hsm_op_set set =
        state == HSM_KEY_COMPROMISED && may_use_compromised ? of_compromised : allowed[state];

    return (set & op) != 0;
}

/* A CK_DATE as a number; the attribute's form was checked when it was set. */
static uint32_t day_of(hsm_bytes date)
{
    uint32_t day = 0;

    if (date.len != sizeof(CK_DATE))
        return 0;
    for (size_t i = 0; i < date.len; i++)
        day = day * 10 + (uint32_t)(date.data[i] - '0');
    return day;
}

static hsm_key_life life_of(const hsm_object *object)
{
    return (hsm_key_life){
        .by_hand = hsm_object_ulong(object, CKA_CRATON_KEY_STATE, HSM_KEY_BY_DATES),
        .start = day_of(hsm_object_value(object, CKA_START_DATE)),
        .end = day_of(hsm_object_value(object, CKA_END_DATE)),
    };
}

static uint32_t draft_day(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type)
{
    hsm_bytes value;

    return hsm_draft_get(draft, type, &value) ? day_of(value) : 0;
}

/* --- the day, which does not go back ----------------------------------------------------------- */

static uint32_t clock_day(void)
{
    struct tm now;

    hsm_clock_utc(&now);
    return (uint32_t)(now.tm_year + 1900) * 10000 + (uint32_t)(now.tm_mon + 1) * 100 +
           (uint32_t)now.tm_mday;
}

static uint32_t raise_day(hsm_core *core, uint32_t day)
{
    uint32_t seen = atomic_load_explicit(&core->latest_day, memory_order_relaxed);

    while (seen < day && !atomic_compare_exchange_weak(&core->latest_day, &seen, day)) {
    }
    return seen < day ? day : seen;
}

/* Looks at the store's mark, and moves it when this is a later day: once a day, not per use. A mark
 * that can't be read or written (a read-only store) leaves what this process knows. */
static uint32_t meet_mark(hsm_core *core, uint32_t now)
{
    uint32_t mark = 0;

    const hsm_err err = hsm_store_day_read(core->store, &mark);
    if (err != HSM_OK)
        hsm_log(HSM_LOG_WARNING, "the mark of the latest day can't be read: %s", hsm_err_text(err));
    if (err == HSM_OK && now > mark && !hsm_store_is_read_only(core->store)) {
        const hsm_err written = hsm_store_day_write(core->store, now);

        if (written != HSM_OK)
            hsm_log(HSM_LOG_WARNING, "the mark of the latest day can't be written: %s",
                    hsm_err_text(written));
    }
    if (now < mark)
        hsm_log(HSM_LOG_WARNING,
                "the clock says %u, but this store has seen %u: keys live by the later day",
                (unsigned)now, (unsigned)mark);
    return mark;
}

uint32_t hsm_core_today(hsm_core *core)
{
    const uint32_t now = clock_day();
    const uint64_t at = hsm_clock_monotonic_ns();
    uint64_t checked = atomic_load_explicit(&core->day_checked_ns, memory_order_relaxed);

    /* One of several callers looks, the others go on with what is known. */
    if ((checked == 0 || at - checked >= MARK_FRESH_NS) &&
        atomic_compare_exchange_strong(&core->day_checked_ns, &checked, at))
        (void)raise_day(core, meet_mark(core, now));
    return raise_day(core, now);
}

/* --- objects ------------------------------------------------------------------------------------ */

hsm_key_state hsm_core_key_state(hsm_core *core, const hsm_object *object)
{
    if (!object->has_life)
        return HSM_KEY_ACTIVE;
    const hsm_key_life life = life_of(object);
    return hsm_key_state_on(&life, hsm_core_today(core));
}

hsm_err hsm_core_check_life(hsm_core *core, const hsm_object *object, hsm_op op)
{
    if (!object->has_life)
        return HSM_OK;
    HSM_CHECK(hsm_key_state_allows(hsm_core_key_state(core, object), op,
                                   core->config->security.allow_compromised_use),
              HSM_E_KEY_FUNCTION);
    return HSM_OK;
}

hsm_err hsm_core_check_forward(hsm_core *core, const hsm_object *before, const hsm_draft *after)
{
    const hsm_key_life life = {
        .by_hand = hsm_draft_ulong(after, CKA_CRATON_KEY_STATE, HSM_KEY_BY_DATES),
        .start = draft_day(after, CKA_START_DATE),
        .end = draft_day(after, CKA_END_DATE),
    };

    HSM_CHECK(life.by_hand <= HSM_KEY_COMPROMISED, HSM_E_ATTRIBUTE_VALUE);
    if (before == NULL || before->key_type == HSM_KEY_TYPE_NONE)
        return HSM_OK;
    const hsm_key_life old = life_of(before);
    if (life.by_hand == old.by_hand && life.start == old.start && life.end == old.end)
        return HSM_OK;
    const uint32_t today = hsm_core_today(core);
    const hsm_key_state state = hsm_key_state_on(&old, today);
    HSM_CHECK(hsm_key_state_on(&life, today) >= state, HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK(life.by_hand == old.by_hand || life.by_hand >= (CK_ULONG)state,
              HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}
