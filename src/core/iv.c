/* Initialisation vectors that the token makes (PKCS#11 v3.2, Additional AES mechanisms; SP 800-38D,
 * 8.2): random ones, and counters that no key ever sees twice.
 *
 * A key's uses are counted. For keys of the token the count is in the store, moved ahead of the
 * uses in steps, each durable before a number of it is used: after a crash numbers are skipped,
 * never repeated, and processes that share the store take turns.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "core/internal.h"

/* SP 800-38D, 8.2.2 and 8.3: so many random bits at least, so many uses at most. */
#define RANDOM_MIN_BITS 96u
#define USES_MAX ((uint64_t)1 << 32)
#define GCM_SHORT_IV_BYTES 12u
#define TRIES_MAX 64

/* CKA_CRATON_IV_USES: u64 numbers given out; u16 length of the IV and u16 fixed bits of the
 * counter's shape, 0 while there is none; u32 flags. */
#define RECORD_BYTES 16u
#define IS_COPY 1u /* shares its value with another object: no counter */

typedef struct uses_record {
    uint64_t used;
    uint16_t iv_len;
    uint16_t fixed_bits;
    uint32_t flags;
} uses_record;

static hsm_err read_record(const hsm_object *object, uses_record *out)
{
    const hsm_bytes record = hsm_object_value(object, CKA_CRATON_IV_USES);

    *out = (uses_record){ 0 };
    if (record.len == 0)
        return HSM_OK;
    hsm_reader reader = hsm_reader_of(record);
    out->used = hsm_read_u64(&reader);
    out->iv_len = hsm_read_u16(&reader);
    out->fixed_bits = hsm_read_u16(&reader);
    out->flags = hsm_read_u32(&reader);
    return hsm_reader_end(&reader, HSM_E_STORE_CORRUPT);
}

static hsm_err put_record(hsm_draft *draft, const uses_record *record)
{
    uint8_t bytes[RECORD_BYTES];
    hsm_writer writer = hsm_writer_of(bytes, sizeof bytes);

    hsm_write_u64(&writer, record->used);
    hsm_write_u16(&writer, record->iv_len);
    hsm_write_u16(&writer, record->fixed_bits);
    hsm_write_u32(&writer, record->flags);
    HSM_TRY(hsm_writer_end(&writer));
    return hsm_draft_put(draft, CKA_CRATON_IV_USES, hsm_bytes_of(bytes, sizeof bytes));
}

hsm_err hsm_core_iv_mark_copy(const hsm_object *object, hsm_draft *draft)
{
    uses_record record;

    if (object->object_class != CKO_SECRET_KEY)
        return HSM_OK;
    HSM_TRY(read_record(object, &record));
    record.flags |= IS_COPY;
    return put_record(draft, &record);
}

/* How the wanted IV is made, and how many of that kind a key may have. */
typedef struct plan {
    hsm_iv_shape shape;
    uint64_t uses_max;
} plan;

static uint64_t counter_max(const hsm_mech *mech, const hsm_message_params *given,
                            uint32_t free_bits)
{
    const uint64_t numbers = free_bits >= 64 ? UINT64_MAX : (uint64_t)1 << free_bits;
    const bool is_limited = mech->alg == HSM_ALG_AES_GCM && given->iv_len != GCM_SHORT_IV_BYTES;

    return is_limited && numbers > USES_MAX ? USES_MAX : numbers;
}

static hsm_err make_plan(const hsm_mech *mech, const hsm_message_params *given, plan *out)
{
    const uint32_t free_bits = (uint32_t)given->iv_len * 8 - given->fixed_bits;
    const bool may_be_random = free_bits >= RANDOM_MIN_BITS;
    hsm_iv_source source = given->source;

    if (source == HSM_IV_ANY)
        source = may_be_random ? HSM_IV_RANDOM : HSM_IV_COUNTER;
    HSM_CHECK(source != HSM_IV_RANDOM || may_be_random, HSM_E_MECHANISM_PARAM);
    *out = (plan){
        .shape = { .source = source,
                   .iv_len = (uint16_t)given->iv_len,
                   .fixed_bits = (uint16_t)given->fixed_bits },
        .uses_max = source == HSM_IV_RANDOM ? USES_MAX : counter_max(mech, given, free_bits),
    };
    return HSM_OK;
}

static bool has_other_shape(const uses_record *record, const hsm_iv_shape *shape)
{
    return record->iv_len != 0 &&
           (record->iv_len != shape->iv_len || record->fixed_bits != shape->fixed_bits);
}

/* The next step of the count: how far it may go now. */
static hsm_err next_step(uses_record *record, const plan *wanted, uint64_t step,
                         hsm_iv_range *out_range)
{
    if (wanted->shape.source != HSM_IV_RANDOM) {
        HSM_CHECK((record->flags & IS_COPY) == 0, HSM_E_MECHANISM_PARAM);
        HSM_CHECK(!has_other_shape(record, &wanted->shape), HSM_E_MECHANISM_PARAM);
        record->iv_len = wanted->shape.iv_len;
        record->fixed_bits = wanted->shape.fixed_bits;
    }
    HSM_CHECK(record->used < wanted->uses_max, HSM_E_IV_SPENT);
    const uint64_t left = wanted->uses_max - record->used;
    out_range->next = record->used;
    record->used += left < step ? left : step;
    out_range->end = record->used;
    return HSM_OK;
}

static hsm_err reserve_once(hsm_core *core, const hsm_object *key, const plan *wanted,
                            uint64_t step, hsm_iv_range *out_range)
{
    HSM_AUTO(hsm_object_drop) hsm_object *current = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *changed = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    hsm_iv_range range;
    uses_record record;

    HSM_TRY(hsm_store_get(core->store, key->slot, key->id, &current));
    HSM_TRY(read_record(current, &record));
    HSM_TRY(next_step(&record, wanted, step, &range));
    HSM_TRY(hsm_object_to_draft(current, hsm_core_serial(core, key->slot), &draft));
    HSM_TRY(put_record(draft, &record));
    HSM_TRY(hsm_store_replace(core->store, current, draft, &changed));
    *out_range = range;
    return HSM_OK;
}

/* A range that no process has had. */
static hsm_err reserve(hsm_core *core, const hsm_object *key, const plan *wanted, uint64_t step,
                       hsm_iv_range *out_range)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        const hsm_err err = reserve_once(core, key, wanted, step, out_range);

        if (err == HSM_E_STORE_NOT_FOUND)
            return HSM_E_KEY_HANDLE; /* destroyed meanwhile */
        if (err != HSM_E_STORE_CONFLICT)
            return err;
    }
    return HSM_E_STORE_CONFLICT;
}

/* The number of this use. */
static hsm_err take_number(hsm_core *core, const hsm_object *object, const hsm_iv_print *print,
                           const plan *wanted, uint64_t *out_number)
{
    hsm_iv_range range = { 0 };
    uint64_t number = 0;
    bool is_empty = false;

    for (;;) {
        HSM_TRY(hsm_iv_take(core->ivs, print, &wanted->shape, &number, &is_empty));
        if (!is_empty)
            break;
        HSM_CHECK(object->is_token, HSM_E_IV_SPENT);
        HSM_TRY(reserve(core, object, wanted, number, &range));
        hsm_iv_give(core->ivs, print, range);
    }
    HSM_CHECK(number < wanted->uses_max, HSM_E_IV_SPENT);
    *out_number = number;
    return HSM_OK;
}

/* A counter that is put to what the caller gives must always be put to the same. Keys of the token
 * outlive what is known of that here, and so does a copy what its other half has used. */
static hsm_err check_counter(hsm_core *core, const hsm_object *object,
                             const hsm_message_params *given, hsm_iv_shape *shape)
{
    hsm_iv_print base;
    uses_record record;

    if (shape->source == HSM_IV_RANDOM)
        return HSM_OK;
    HSM_TRY(read_record(object, &record));
    HSM_CHECK((record.flags & IS_COPY) == 0, HSM_E_MECHANISM_PARAM);
    if (shape->source == HSM_IV_COUNTER)
        return HSM_OK;
    HSM_CHECK(!object->is_token, HSM_E_MECHANISM_PARAM);
    HSM_TRY(hsm_iv_print_of(core->ivs, hsm_bytes_of(given->iv, given->iv_len), false, &base));
    memcpy(shape->base, base.bytes, sizeof shape->base);
    return HSM_OK;
}

/* The bits of byte `at` that are not fixed. */
static uint8_t free_mask(uint32_t fixed_bits, size_t at)
{
    if (fixed_bits <= 8 * at)
        return 0xff;
    if (fixed_bits >= 8 * at + 8)
        return 0;
    return (uint8_t)(0xffu >> (fixed_bits - 8 * at));
}

/* What goes into the free bits: random bytes, or the number, big-endian at the right end. */
static hsm_err fill(hsm_core *core, const hsm_iv_shape *shape, uint64_t number, uint8_t *filling)
{
    if (shape->source == HSM_IV_RANDOM)
        return hsm_crypto_random(core->crypto, filling, shape->iv_len);
    memset(filling, 0, shape->iv_len);
    for (size_t i = 0; i < sizeof number && i < shape->iv_len; i++)
        filling[shape->iv_len - 1 - i] = (uint8_t)(number >> (8 * i));
    return HSM_OK;
}

hsm_err hsm_core_make_iv(hsm_core *core, const hsm_iv_use *use, uint8_t iv[HSM_IV_MAX_BYTES])
{
    const hsm_message_params *given = use->given;
    HSM_UNINITIALIZED uint8_t filling[HSM_IV_MAX_BYTES]; /* fill() writes iv_len bytes */
    hsm_iv_print print;
    uint64_t number = 0;
    plan wanted;

    if (given->source == HSM_IV_GIVEN) {
        memcpy(iv, given->iv, given->iv_len);
        return HSM_OK;
    }
    HSM_TRY(make_plan(use->mech, given, &wanted));
    HSM_TRY(check_counter(core, use->object, given, &wanted.shape));
    HSM_TRY(hsm_iv_print_of(core->ivs, hsm_key_value(use->key), use->object->is_token, &print));
    HSM_TRY(take_number(core, use->object, &print, &wanted, &number));
    HSM_TRY(fill(core, &wanted.shape, number, filling));
    for (size_t i = 0; i < given->iv_len; i++) {
        const uint8_t mask = free_mask(given->fixed_bits, i);
        const bool is_put_to = wanted.shape.source == HSM_IV_COUNTER_XOR;
        const uint8_t kept = is_put_to ? given->iv[i] : (uint8_t)(given->iv[i] & ~mask);

        iv[i] = kept ^ (filling[i] & mask);
    }
    return HSM_OK;
}
