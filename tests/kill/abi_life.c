#include "kill/abi_life.h"

#include <stdio.h>
#include <unistd.h>

/* Each cycle makes, changes and destroys. */
enum step {
    CREATE_DATA,
    IMPORT_AES,
    MAKE_PAIR,
    CHANGE_PUBLIC,
    DESTROY_AES,
    LAST, /* even cycles: destroys the private key; odd ones: copies the data */
};

enum thing { DATA, AES, PUBLIC, PRIVATE, COPY, THINGS };

static const char *const thing_names[THINGS] = { "data", "aes", "pair", "pair", "copy" };
static const CK_ULONG thing_classes[THINGS] = { CKO_DATA, CKO_SECRET_KEY, CKO_PUBLIC_KEY,
                                                CKO_PRIVATE_KEY, CKO_DATA };

static const CK_BYTE signed_hash[32] = "what every pair of a life signs";

static bool destroys_private(uint32_t cycle)
{
    return cycle % 2 == 0;
}

static void name_it(char label[static 48], uint32_t number, uint32_t cycle, enum thing thing)
{
    (void)snprintf(label, 48, "%s %u.%u", thing_names[thing], number, cycle);
}

static void value_of(CK_BYTE value[static 32], uint32_t number, uint32_t cycle)
{
    for (size_t i = 0; i < 32; i++)
        value[i] = (CK_BYTE)(number * 7 + cycle * 31 + i);
}

/* --- living ------------------------------------------------------------------------------------- */

static CK_RV create_data_object(CK_SESSION_HANDLE session, uint32_t number, uint32_t cycle,
                                CK_OBJECT_HANDLE *out)
{
    attrs tmpl = { .count = 0 };
    char label[48];
    CK_BYTE value[32];

    name_it(label, number, cycle, DATA);
    value_of(value, number, cycle);
    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_PRIVATE, cycle % 3 != 0);
    put_text(&tmpl, CKA_LABEL, label);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    return p11->C_CreateObject(session, tmpl.at, tmpl.count, out);
}

static CK_RV import_aes(CK_SESSION_HANDLE session, uint32_t number, uint32_t cycle,
                        CK_OBJECT_HANDLE *out)
{
    attrs tmpl = { .count = 0 };
    char label[48];
    CK_BYTE value[32];

    name_it(label, number, cycle, AES);
    value_of(value, number, cycle);
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_text(&tmpl, CKA_LABEL, label);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    put_bool(&tmpl, CKA_ENCRYPT, true);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    return p11->C_CreateObject(session, tmpl.at, tmpl.count, out);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, uint8_t *signature)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_ULONG len = LIFE_SIGNATURE_BYTES;
    CK_RV rv = p11->C_SignInit(session, &ecdsa, key);

    if (rv == CKR_OK)
        rv = p11->C_Sign(session, (CK_BYTE *)(uintptr_t)signed_hash, sizeof signed_hash, signature,
                         &len);
    return rv;
}

static CK_RV verify(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const uint8_t *signature)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_RV rv = p11->C_VerifyInit(session, &ecdsa, key);

    if (rv == CKR_OK)
        rv = p11->C_Verify(session, (CK_BYTE *)(uintptr_t)signed_hash, sizeof signed_hash,
                           (CK_BYTE *)(uintptr_t)signature, LIFE_SIGNATURE_BYTES);
    return rv;
}

static CK_RV change_id(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, uint32_t number,
                       uint32_t cycle)
{
    attrs tmpl = { .count = 0 };
    CK_BYTE value[32];

    value_of(value, number, cycle);
    put_bytes(&tmpl, CKA_ID, value, sizeof value);
    return p11->C_SetAttributeValue(session, key, tmpl.at, tmpl.count);
}

static CK_RV copy_data(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE data, uint32_t number,
                       uint32_t cycle)
{
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    char label[48];

    name_it(label, number, cycle, COPY);
    put_text(&tmpl, CKA_LABEL, label);
    return p11->C_CopyObject(session, data, tmpl.at, tmpl.count, &copy);
}

static CK_RV do_step(CK_SESSION_HANDLE session, uint32_t number, uint32_t step,
                     CK_OBJECT_HANDLE made[static THINGS], uint8_t *signature)
{
    const uint32_t cycle = step / LIFE_CYCLE_STEPS;
    char label[48];
    pair keys;

    switch ((enum step)(step % LIFE_CYCLE_STEPS)) {
    case CREATE_DATA:
        return create_data_object(session, number, cycle, &made[DATA]);
    case IMPORT_AES:
        return import_aes(session, number, cycle, &made[AES]);
    case MAKE_PAIR:
        name_it(label, number, cycle, PUBLIC);
        keys = generate_pair(session, &p_256, true, label);
        made[PUBLIC] = keys.public_key;
        made[PRIVATE] = keys.private_key;
        return sign(session, keys.private_key, signature);
    case CHANGE_PUBLIC:
        return change_id(session, made[PUBLIC], number, cycle);
    case DESTROY_AES:
        return p11->C_DestroyObject(session, made[AES]);
    case LAST:
        break;
    }
    return destroys_private(cycle) ? p11->C_DestroyObject(session, made[PRIVATE])
                                   : copy_data(session, made[DATA], number, cycle);
}

int life_live(CK_SESSION_HANDLE session, uint32_t number, int out)
{
    CK_OBJECT_HANDLE made[THINGS] = { 0 };

    for (uint32_t step = 0; step < LIFE_STEPS; step++) {
        life_ack ack = { .step = step };
        const CK_RV rv = do_step(session, number, step, made, ack.signature);

        if (rv != CKR_OK) {
            printf("# life %u, step %u: 0x%lx\n", number, step, rv);
            (void)fflush(stdout);
            return 2;
        }
        if (write(out, &ack, sizeof ack) != (ssize_t)sizeof ack)
            return 3;
    }
    for (;;) /* nothing more to do but to be killed */
        (void)pause();
}

/* --- what is left ------------------------------------------------------------------------------- */

enum presence { ABSENT, PRESENT, EITHER };

/* Whether what step made is there, after `done` steps. */
static enum presence after(uint32_t done, uint32_t made_by)
{
    return made_by < done ? PRESENT : made_by == done ? EITHER : ABSENT;
}

static enum presence expected(const life *dead, uint32_t cycle, enum thing thing)
{
    static const enum step makers[THINGS] = { CREATE_DATA, IMPORT_AES, MAKE_PAIR, MAKE_PAIR, LAST };
    const uint32_t base = cycle * LIFE_CYCLE_STEPS;
    const enum presence made = after(dead->done, base + makers[thing]);
    enum presence gone = ABSENT;

    if (thing == COPY && destroys_private(cycle))
        return ABSENT;
    if (thing == AES)
        gone = after(dead->done, base + DESTROY_AES);
    if (thing == PRIVATE && destroys_private(cycle))
        gone = after(dead->done, base + LAST);
    return gone == PRESENT ? ABSENT : gone == EITHER ? EITHER : made;
}

static CK_OBJECT_HANDLE find_thing(CK_SESSION_HANDLE session, const life *dead, uint32_t cycle,
                                   enum thing thing)
{
    CK_OBJECT_HANDLE found[2] = { CK_INVALID_HANDLE };
    attrs tmpl = { .count = 0 };
    char label[48];

    name_it(label, dead->number, cycle, thing);
    put_ulong(&tmpl, CKA_CLASS, thing_classes[thing]);
    put_text(&tmpl, CKA_LABEL, label);
    const size_t count = find_all(session, &tmpl, found, ARRAY_LEN(found));
    CHECK_THAT(count <= 1);
    return count == 1 ? found[0] : CK_INVALID_HANDLE;
}

static void check_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const life *dead,
                        uint32_t cycle)
{
    CK_BYTE value[64];
    CK_BYTE want[32];
    const size_t len = get_attr(session, object, CKA_VALUE, value, sizeof value);

    value_of(want, dead->number, cycle);
    CHECK_BYTES(value, len, want, sizeof want);
}

static void check_public(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const life *dead,
                         uint32_t cycle)
{
    const uint32_t base = cycle * LIFE_CYCLE_STEPS;
    const enum presence change = after(dead->done, base + CHANGE_PUBLIC);
    CK_BYTE id[64];
    CK_BYTE changed[32];
    const size_t len = get_attr(session, key, CKA_ID, id, sizeof id);

    if (base + MAKE_PAIR < dead->done) /* the key that signed then, and no other */
        CHECK_OK(verify(session, key, dead->signatures[cycle]));
    value_of(changed, dead->number, cycle);
    if (change == ABSENT || (change == EITHER && len == 0))
        CHECK_EQ(len, 0);
    else
        CHECK_BYTES(id, len, changed, sizeof changed);
}

static void check_thing(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, const life *dead,
                        uint32_t cycle, enum thing thing)
{
    uint8_t signature[LIFE_SIGNATURE_BYTES];

    switch (thing) {
    case DATA:
    case AES:
    case COPY:
        check_value(session, object, dead, cycle);
        break;
    case PUBLIC:
        check_public(session, object, dead, cycle);
        break;
    case PRIVATE:
        CHECK_OK(sign(session, object, signature));
        CHECK_OK(verify(session, find_thing(session, dead, cycle, PUBLIC), signature));
        break;
    case THINGS:
        break;
    }
}

void life_check(CK_SESSION_HANDLE session, const life *dead)
{
    const uint32_t cycles = dead->done / LIFE_CYCLE_STEPS + 1;

    for (uint32_t cycle = 0; cycle < cycles && cycle < LIFE_CYCLES; cycle++) {
        for (enum thing thing = DATA; thing < THINGS; thing++) {
            const enum presence want = expected(dead, cycle, thing);
            const CK_OBJECT_HANDLE object = find_thing(session, dead, cycle, thing);
            const bool is_there = object != CK_INVALID_HANDLE;

            if (!CHECK_THAT(want == EITHER || is_there == (want == PRESENT)))
                printf("# %s %u.%u after %u steps: %s\n", thing_names[thing], dead->number, cycle,
                       dead->done, is_there ? "back" : "lost");
            if (is_there)
                check_thing(session, object, dead, cycle, thing);
        }
        /* Both halves of a pair or none, unless one was destroyed since. */
        if (dead->done == cycle * LIFE_CYCLE_STEPS + MAKE_PAIR)
            CHECK_EQ(find_thing(session, dead, cycle, PUBLIC) == CK_INVALID_HANDLE,
                     find_thing(session, dead, cycle, PRIVATE) == CK_INVALID_HANDLE);
    }
}

void life_count(const life *lives, size_t count, size_t *out_least, size_t *out_most)
{
    *out_least = 0;
    *out_most = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t cycle = 0; cycle < LIFE_CYCLES; cycle++) {
            for (enum thing thing = DATA; thing < THINGS; thing++) {
                const enum presence want = expected(&lives[i], cycle, thing);

                *out_least += want == PRESENT;
                *out_most += want != ABSENT;
            }
        }
    }
}
