/* What stays of keys that nobody uses, told by the secrets that the slab holds.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/secret.h"
#include "config/config.h"
#include "core/internal.h"
#include "support/check.h"

typedef struct env {
    hsm_config *config;
    hsm_core *core;
    CK_SESSION_HANDLE handle;
} env;

static void start(env *e, const char *settings)
{
    uint8_t label[32] = { 0 };
    const hsm_bytes pin = hsm_bytes_of_text("pin-12345");
    char text[300];

    (void)snprintf(text, sizeof text,
                   "[token]\npersist_objects = false\n[audit]\nenabled = "
                   "false\n[security]\npbkdf2_iterations = 100000\n%s",
                   settings);
    REQUIRE_OK(hsm_config_parse(hsm_bytes_of_text(text), "test", &e->config, NULL));
    REQUIRE_OK(hsm_core_open(e->config, &e->core));
    REQUIRE_OK(hsm_core_init_token(e->core, 0, pin, label));
    REQUIRE_OK(hsm_core_open_session(e->core, 0, CKF_SERIAL_SESSION | CKF_RW_SESSION, &e->handle));
    REQUIRE_OK(hsm_core_login(e->core, e->handle, CKU_SO, pin));
    REQUIRE_OK(hsm_core_init_pin(e->core, e->handle, pin));
    REQUIRE_OK(hsm_core_logout(e->core, e->handle));
    REQUIRE_OK(hsm_core_login(e->core, e->handle, CKU_USER, pin));
}

static void stop(env *e)
{
    hsm_core_close(e->core);
    hsm_config_destroy(e->config);
}

static CK_OBJECT_HANDLE make_key(env *e)
{
    const CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
    const CK_ULONG len = 32;
    const CK_BBOOL yes = CK_TRUE;
    const hsm_attr attrs[] = {
        { CKA_VALUE_LEN, hsm_bytes_of(&len, sizeof len) },
        { CKA_TOKEN, hsm_bytes_of(&yes, sizeof yes) },
    };
    const hsm_template tmpl = { attrs, HSM_ARRAY_LEN(attrs) };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = HSM_HANDLE_NONE;

    CHECK_OK(hsm_core_session(e->core, e->handle, &session));
    CHECK_OK(hsm_core_generate_key(e->core, session, &gen, &tmpl, &key));
    return key;
}

static void begin(env *e, CK_OBJECT_HANDLE key)
{
    const CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    CHECK_OK(hsm_core_session(e->core, e->handle, &session));
    CHECK_OK(hsm_core_op_init(e->core, session, HSM_OP_ENCRYPT, &ecb, key));
}

static void finish(env *e)
{
    uint8_t block[16] = { 1 }, room[16];
    hsm_out out = hsm_out_of(room, sizeof room);
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    CHECK_OK(hsm_core_session(e->core, e->handle, &session));
    CHECK_OK(hsm_core_op_single(e->core, session, HSM_OP_ENCRYPT, hsm_bytes_of(block, 16), &out));
}

static void idle_keys_are_wiped(void)
{
    env e = { 0 };

    start(&e, "");
    const CK_OBJECT_HANDLE key = make_key(&e);
    const size_t before = hsm_secret_statistics().secrets;

    begin(&e, key);
    finish(&e);
    CHECK_THAT(hsm_secret_statistics().secrets > before);
    hsm_core_idle_round(e.core);
    CHECK_THAT(hsm_secret_statistics().secrets > before); /* it was used in this round */
    hsm_core_idle_round(e.core);
    hsm_core_idle_round(e.core);
    CHECK_EQ(hsm_secret_statistics().secrets, before);

    CASE("and come back when they are asked for");
    begin(&e, key);
    finish(&e);
    stop(&e);
}

static void open_operations_keep_theirs(void)
{
    env e = { 0 };

    start(&e, "");
    const CK_OBJECT_HANDLE key = make_key(&e);
    begin(&e, key);
    for (int i = 0; i < 4; i++)
        hsm_core_idle_round(e.core);
    finish(&e);
    stop(&e);
}

/* The clock decides: not before the time, and never with 0. */
static void rounds_come_with_time(void)
{
    static const char *const settings[] = { "key_cache_secs = 0\n", "key_cache_secs = 86400\n" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(settings); i++) {
        env e = { 0 };

        CASE(settings[i]);
        start(&e, settings[i]);
        for (int k = 0; k < 10; k++)
            hsm_core_wipe_idle(e.core);
        CHECK_EQ(atomic_load(&e.core->idle_turn), 0);
        if (i == 1) {
            const uint64_t due = atomic_load(&e.core->idle_due_secs);

            atomic_store(&e.core->idle_due_secs, 1); /* long ago */
            hsm_core_wipe_idle(e.core);
            CHECK_EQ(atomic_load(&e.core->idle_turn), 1);
            atomic_store(&e.core->idle_due_secs, due + 86400); /* the clock was put back a day */
            hsm_core_wipe_idle(e.core);
            CHECK_EQ(atomic_load(&e.core->idle_turn), 2);
            hsm_core_wipe_idle(e.core);
            CHECK_EQ(atomic_load(&e.core->idle_turn), 2);
        }
        stop(&e);
    }
}

static const check_test tests[] = {
    CHECK_TEST(idle_keys_are_wiped),
    CHECK_TEST(open_operations_keep_theirs),
    CHECK_TEST(rounds_come_with_time),
};
CHECK_MAIN(tests)
