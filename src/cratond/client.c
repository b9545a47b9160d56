/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/client.h"

#include <stdlib.h>

#include "base/log.h"
#include "os/clock.h"

#define BUCKETS 256u
#define MS_PER_SEC 1000

struct client_table {
    const hsm_config *config;
    hsm_core *root;
    pool *workers;
    size_t count;
    atomic_uint_least64_t logins[LOGIN_OUTCOMES];
    client *buckets[BUCKETS];
};

hsm_err client_table_create(const hsm_config *config, hsm_core *root, pool *workers,
                            client_table **out_table)
{
    client_table *table = calloc(1, sizeof *table);

    HSM_CHECK(table != NULL, HSM_E_NO_MEMORY);
    table->config = config;
    table->root = root;
    table->workers = workers;
    *out_table = table;
    return HSM_OK;
}

static void leave_last(client *held);

static client **bucket_of(client_table *table, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a; names come from certificates we trust */

    for (const char *at = name; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * 16777619u;
    return &table->buckets[hash % BUCKETS];
}

static void destroy(client *held)
{
    hsm_core_close(held->core);
    (void)pthread_mutex_destroy(&held->core_lock);
    free(held->tries);
    free(held->name);
    free(held);
}

void client_table_destroy(client_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (table->buckets[i] != NULL) {
            client *held = table->buckets[i];

            table->buckets[i] = held->next;
            destroy(held);
        }
    }
    free(table);
}

size_t client_table_count(const client_table *table)
{
    return table->count;
}

/* --- coming and going --------------------------------------------------------------------------- */

static const hsm_client_rule *rule_for(const hsm_config *config, const peer_names *names)
{
    for (size_t i = 0; i < config->daemon.client_count; i++) {
        for (size_t k = 0; k < names->count; k++) {
            if (name_matches(config->daemon.clients[i].match, hsm_bytes_of_text(names->names[k])))
                return &config->daemon.clients[i];
        }
    }
    return NULL;
}

static void make_room(client_table *table);

static hsm_err make(client_table *table, const char *name, const hsm_client_rule *rule,
                    client **out_client)
{
    client *made = calloc(1, sizeof *made);

    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    made->name = hsm_text_dup(name);
    made->tries = calloc(table->config->token.slot_count, sizeof *made->tries);
    if (made->name == NULL || made->tries == NULL) {
        free(made->name);
        free(made->tries);
        free(made);
        return HSM_E_NO_MEMORY;
    }
    (void)pthread_mutex_init(&made->core_lock, NULL);
    made->table = table;
    made->rule = rule;
    made->tokens = table->config->daemon.max_requests_per_sec;
    *out_client = made;
    return HSM_OK;
}

/* Certificates with the same first name may fall under different rules by their other names: what one
 * may do must not depend on who else has come. */
static client *find(client_table *table, const char *name, const hsm_client_rule *rule)
{
    client *at = *bucket_of(table, name);

    while (at != NULL && (at->rule != rule || strcmp(at->name, name) != 0))
        at = at->next;
    return at;
}

hsm_err client_enter(client_table *table, const peer_names *names, client **out_client)
{
    const hsm_client_rule *rule = rule_for(table->config, names);
    client *held = find(table, names->names[0], rule);

    HSM_CHECK(rule != NULL || table->config->daemon.client_count == 0, HSM_E_ACTION_PROHIBITED);
    if (held == NULL) {
        if (table->count >= table->config->daemon.max_clients)
            make_room(table);
        HSM_CHECK(table->count < table->config->daemon.max_clients, HSM_E_LIMIT);
        HSM_TRY(make(table, names->names[0], rule, &held));
        client **bucket = bucket_of(table, held->name);
        held->next = *bucket;
        *bucket = held;
        table->count++;
    }
    held->uses++;
    *out_client = held;
    return HSM_OK;
}

void client_hold(client *held)
{
    held->uses++;
}

/* Whoever tried wrong PINs is remembered, or coming back would be a way around the wait. */
static bool has_tries(const client *held)
{
    const int64_t now_ms = (int64_t)(hsm_clock_monotonic_ns() / HSM_NS_PER_MS);

    for (uint32_t i = 0; i < held->table->config->token.slot_count; i++) {
        if (atomic_load(&held->tries[i].wrong) > 0 ||
            atomic_load(&held->tries[i].until_ms) > now_ms)
            return true;
    }
    return false;
}

static void forget(client *held)
{
    client **at = bucket_of(held->table, held->name);

    while (*at != held)
        at = &(*at)->next;
    *at = held->next;
    held->table->count--;
    destroy(held);
}

static void close_core(void *owner)
{
    client *held = owner;

    hsm_core_close(held->closing);
    held->closing = NULL;
}

static void after_close(void *owner)
{
    client *held = owner;

    held->is_closing = false;
    if (held->uses == 0)
        leave_last(held);
}

/* The core is taken out first: who comes back meanwhile gets a new one. */
static void leave_last(client *held)
{
    if (held->is_closing)
        return;
    (void)pthread_mutex_lock(&held->core_lock);
    held->closing = HSM_MOVE(held->core);
    (void)pthread_mutex_unlock(&held->core_lock);
    if (held->closing == NULL) {
        if (!has_tries(held))
            forget(held);
        return;
    }
    held->is_closing = true;
    held->close_job = (pool_job){ .run = close_core, .done = after_close, .owner = held };
    pool_add_end(held->table->workers, POOL_FAST, &held->close_job);
}

/* When the table is full, those who wait for nothing but a right PIN are forgotten after all. */
static void make_room(client_table *table)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        client *next = NULL;

        for (client *held = table->buckets[i]; held != NULL; held = next) {
            next = held->next;
            for (uint32_t slot = 0; slot < table->config->token.slot_count; slot++)
                atomic_store(&held->tries[slot].wrong,
                             held->uses > 0 ? held->tries[slot].wrong : 0);
            if (held->uses == 0 && !held->is_closing && !has_tries(held))
                forget(held);
        }
    }
}

uint64_t client_table_logins(const client_table *table, login_outcome outcome)
{
    return atomic_load(&table->logins[outcome]);
}

void client_leave(client *held)
{
    if (--held->uses == 0)
        leave_last(held);
}

bool client_may_request(client *held, int64_t now_ms)
{
    const double rate = held->table->config->daemon.max_requests_per_sec;

    if (rate <= 0)
        return true;
    held->tokens += rate * (double)(now_ms - held->tokens_ms) / MS_PER_SEC;
    held->tokens_ms = now_ms;
    if (held->tokens > rate) /* a second's worth at once */
        held->tokens = rate;
    if (held->tokens < 1)
        return false;
    held->tokens -= 1;
    return true;
}

hsm_err client_core(client *held, hsm_core **out_core)
{
    hsm_err err = HSM_OK;

    (void)pthread_mutex_lock(&held->core_lock);
    if (held->core == NULL)
        err = hsm_core_share(held->table->root, &held->core);
    *out_core = held->core;
    (void)pthread_mutex_unlock(&held->core_lock);
    return err;
}

/* --- what it may -------------------------------------------------------------------------------- */

bool client_may(const client *held, unsigned roles, const char *operation)
{
    const hsm_client_rule *rule = held->rule;

    if (rule == NULL)
        return true;
    if ((roles & 1u << rule->role) == 0)
        return false;
    if (rule->operations == NULL || operation == NULL)
        return true;
    for (size_t i = 0; rule->operations[i] != NULL; i++) {
        if (strcmp(rule->operations[i], operation) == 0)
            return true;
    }
    return false;
}

bool client_may_slot(const client *held, uint64_t slot)
{
    const hsm_client_rule *rule = held->rule;

    if (rule == NULL || !rule->has_slots)
        return true;
    return slot / 8 < sizeof rule->slots && (rule->slots[slot / 8] & 1u << (slot % 8)) != 0;
}

bool client_sees_all_keys(const client *held)
{
    return held->rule == NULL || held->rule->keys == NULL;
}

bool client_may_label(const client *held, hsm_bytes label)
{
    return client_sees_all_keys(held) || client_is_given_label(held, label);
}

bool client_is_given_label(const client *held, hsm_bytes label)
{
    if (client_sees_all_keys(held))
        return false;
    for (size_t i = 0; held->rule->keys[i] != NULL; i++) {
        if (name_matches(held->rule->keys[i], label))
            return true;
    }
    return false;
}

bool client_is_operator(const client *held)
{
    return held->rule == NULL || held->rule->role == HSM_ROLE_OPERATOR;
}

/* --- wrong PINs --------------------------------------------------------------------------------- */

bool client_must_wait(client *held, uint32_t slot, int64_t now_ms)
{
    if (held->table->config->daemon.max_login_attempts == 0)
        return false;
    if (now_ms >= atomic_load(&held->tries[slot].until_ms))
        return false;
    (void)atomic_fetch_add(&held->table->logins[LOGIN_COOLDOWN], 1);
    return true;
}

static login_outcome outcome_of(hsm_err err)
{
    switch (err) {
    case HSM_OK:
        return LOGIN_OK;
    case HSM_E_PIN_INCORRECT:
        return LOGIN_WRONG_PIN;
    case HSM_E_PIN_LOCKED:
        return LOGIN_LOCKED;
    default:
        return LOGIN_OTHER;
    }
}

void client_tried(client *held, uint32_t slot, hsm_err outcome, int64_t now_ms)
{
    client_tries *tries = &held->tries[slot];
    const uint32_t wrong_max = held->table->config->daemon.max_login_attempts;

    (void)atomic_fetch_add(&held->table->logins[outcome_of(outcome)], 1);
    if (outcome == HSM_OK)
        atomic_store(&tries->wrong, 0);
    if (outcome != HSM_E_PIN_INCORRECT || wrong_max == 0)
        return;
    if (atomic_fetch_add(&tries->wrong, 1) + 1 < wrong_max)
        return;
    atomic_store(&tries->wrong, 0);
    atomic_store(&tries->until_ms,
                 now_ms + (int64_t)held->table->config->daemon.login_cooldown_secs * MS_PER_SEC);
    hsm_log(HSM_LOG_WARNING, "%s: too many wrong PINs for slot %u; it has to wait", held->name,
            slot);
}
