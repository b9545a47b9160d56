/* Login, and the PIN changes that need one.
 *
 * A try is written to the record before the PIN is looked at and taken back after it proved right,
 * so a login costs two durable writes beside its PBKDF2, also one with no wrong try before it: a
 * single write after the check would be none at all for who kills the process in time. Where
 * nothing can be written, nobody can log in.
 * SPDX-License-Identifier: Apache-2.0 */
#include "token/internal.h"

/* --- The count of tries ---------------------------------------------------------------------- */

typedef struct try_count {
    hsm_user user;
    uint32_t tries_max;
    hsm_err verdict;          /* HSM_OK: counted, the PIN may be looked at */
    hsm_token_record counted; /* the record it was counted in */
} try_count;

static bool count_try(hsm_token_record *record, void *arg)
{
    try_count *count = arg;
    hsm_pin_entry *entry = &record->pin[count->user];
    const bool is_locked = entry->is_locked || entry->tries_used >= count->tries_max;

    count->verdict = !entry->is_set ? HSM_E_USER_PIN_NOT_INITIALIZED
                     : is_locked    ? HSM_E_PIN_LOCKED
                                    : HSM_OK;
    if (count->verdict == HSM_OK) {
        entry->tries_used++;
        entry->is_locked = entry->tries_used >= count->tries_max; /* unless this one is right */
    }
    count->counted = *record;
    return count->verdict == HSM_OK;
}

static bool take_back_tries(hsm_token_record *record, void *arg)
{
    try_count *count = arg;
    hsm_pin_entry *entry = &record->pin[count->user];

    count->verdict = hsm_token_same_epoch(record, &count->counted) ? HSM_OK : HSM_E_STORE_CONFLICT;
    /* Set anew since: its counter is not about the PIN that was right. */
    if (count->verdict != HSM_OK || !hsm_token_same_pin(record, &count->counted, count->user))
        return false;
    entry->tries_used = 0;
    entry->is_locked = false;
    return true;
}

static void leave_turn(hsm_store **store)
{
    hsm_store_login_leave(*store);
}

/* Counts and judges a try whose keys are derived. One process at a time: the tries of others that
 * are about to prove right would else look like wrong ones, and lock the PIN. Only quick steps lie
 * in between.
 * errors  HSM_E_STORE_CONFLICT (the PIN was set anew since its keys were derived) and those of
 *         hsm_token_verify() */
static hsm_err judge(hsm_token *token, const hsm_token_record *derived_for,
                     const hsm_pin_try *given, hsm_secret **out_master_key)
{
    try_count count = { .user = given->user, .tries_max = token->options.tries_max };
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;

    HSM_TRY(hsm_store_login_enter(token->options.store));
    HSM_AUTO(leave_turn) __attribute__((unused)) hsm_store *turn = token->options.store;
    HSM_TRY(hsm_token_load(token));
    HSM_CHECK(token->is_initialized && hsm_token_same_pin(&token->record, derived_for, given->user),
              HSM_E_STORE_CONFLICT);
    HSM_TRY(hsm_token_update(token, count_try, &count));
    HSM_TRY(count.verdict); /* not set or locked, and it took as long to say so */
    HSM_TRY(hsm_pin_open(token, &count.counted, given, &master_key));
    HSM_TRY(hsm_token_update(token, take_back_tries, &count));
    HSM_TRY(count.verdict);
    *out_master_key = HSM_MOVE(master_key);
    return HSM_OK;
}

hsm_err hsm_token_verify(hsm_token *token, hsm_user user, hsm_bytes pin,
                         hsm_secret **out_master_key)
{
    enum { DERIVE_TRIES_MAX = 4 }; /* each failure means that somebody set the PIN meanwhile */
    HSM_AUTO(hsm_pin_try_clear) hsm_pin_try given = { .user = user, .pin = pin };
    hsm_err err = HSM_E_STORE_CONFLICT;

    for (int i = 0; i < DERIVE_TRIES_MAX && err == HSM_E_STORE_CONFLICT; i++) {
        HSM_TRY(hsm_token_load(token));
        HSM_CHECK(token->is_initialized, HSM_E_TOKEN_NOT_INITIALIZED);
        const hsm_token_record now = token->record;
        HSM_TRY(hsm_pin_derive(token, &now, &given));
        err = judge(token, &now, &given, out_master_key);
    }
    return err;
}

/* --- Login ----------------------------------------------------------------------------------- */

static hsm_login login_of(hsm_user user)
{
    return user == HSM_USER_SO ? HSM_LOGIN_SO : HSM_LOGIN_USER;
}

hsm_err hsm_token_login(hsm_token *token, hsm_user user, hsm_bytes pin)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;

    HSM_TRY(hsm_token_load(held));
    HSM_CHECK(held->is_initialized, HSM_E_TOKEN_NOT_INITIALIZED);
    const hsm_login present = hsm_token_login_state(held);
    HSM_CHECK(present != login_of(user), HSM_E_ALREADY_LOGGED_IN);
    HSM_CHECK(present == HSM_LOGIN_NONE, HSM_E_OTHER_USER_LOGGED_IN);

    HSM_TRY(hsm_token_verify(held, user, pin, &master_key));
    if (user == HSM_USER_SO) /* sees no private objects: PKCS#11 v3.2, 5.6, session states */
        held->so_master_key = HSM_MOVE(master_key);
    else
        HSM_TRY(
            hsm_store_unlock(held->options.store, held->options.slot, hsm_secret_view(master_key)));
    atomic_store(&held->login, (int)login_of(user));
    return HSM_OK;
}

hsm_err hsm_token_check_pin(hsm_token *token, hsm_bytes pin)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;

    HSM_TRY(hsm_token_load(held));
    const hsm_login present = hsm_token_login_state(held);
    HSM_CHECK(present != HSM_LOGIN_NONE, HSM_E_NOT_LOGGED_IN);
    return hsm_token_verify(held, present == HSM_LOGIN_SO ? HSM_USER_SO : HSM_USER_USER, pin,
                            &master_key);
}

hsm_err hsm_token_logout(hsm_token *token)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);

    HSM_CHECK(hsm_token_login_state(held) != HSM_LOGIN_NONE, HSM_E_NOT_LOGGED_IN);
    hsm_token_forget_login(held);
    return HSM_OK;
}

hsm_login hsm_token_login_state(const hsm_token *token)
{
    return (hsm_login)atomic_load(&token->login);
}

/* --- New PINs -------------------------------------------------------------------------------- */

typedef struct pin_change {
    hsm_user user;
    bool replaces_known;          /* the entry must still be the one in `from` */
    const hsm_token_record *from; /* what the new entry was made for */
    hsm_pin_entry entry;
    hsm_err verdict;
} pin_change;

static bool replace_pin(hsm_token_record *record, void *arg)
{
    pin_change *change = arg;
    const bool is_meant = change->replaces_known
                              ? hsm_token_same_pin(record, change->from, change->user)
                              : hsm_token_same_epoch(record, change->from);

    change->verdict = is_meant ? HSM_OK : HSM_E_STORE_CONFLICT;
    if (is_meant)
        record->pin[change->user] = change->entry;
    return is_meant;
}

static hsm_err write_pin(hsm_token *token, pin_change *change)
{
    HSM_TRY(hsm_token_update(token, replace_pin, change));
    return change->verdict;
}

hsm_err hsm_token_init_pin(hsm_token *token, hsm_bytes pin)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);

    HSM_TRY(hsm_token_load(held));
    HSM_CHECK(hsm_token_login_state(held) == HSM_LOGIN_SO, HSM_E_NOT_LOGGED_IN);
    HSM_TRY(hsm_pin_check_rules(held, pin));

    hsm_token_record made = held->record;
    HSM_TRY(hsm_pin_set(held, &made, HSM_USER_USER, pin, hsm_secret_view(held->so_master_key)));
    pin_change change = { .user = HSM_USER_USER, .from = &made, .entry = made.pin[HSM_USER_USER] };
    change.entry.must_change = true;
    return write_pin(held, &change);
}

hsm_err hsm_token_set_pin(hsm_token *token, hsm_user user, hsm_bytes old_pin, hsm_bytes new_pin)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;

    HSM_TRY(hsm_pin_check_rules(held, new_pin));
    HSM_TRY(hsm_token_verify(held, user, old_pin, &master_key));

    const hsm_token_record proved = held->record;
    hsm_token_record made = proved;
    HSM_TRY(hsm_pin_set(held, &made, user, new_pin, hsm_secret_view(master_key)));
    pin_change change = {
        .user = user, .replaces_known = true, .from = &proved, .entry = made.pin[user]
    };
    return write_pin(held, &change);
}
