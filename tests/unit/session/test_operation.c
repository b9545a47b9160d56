#include "unit/session/fake_crypt.h"

#include <stdlib.h>

#include "support/check.h"

static void slots_of_kinds(void)
{
    static const struct {
        hsm_op op;
        hsm_op_slot slot;
    } rows[] = {
        { HSM_OP_ENCRYPT, HSM_SLOT_ENCRYPT },
        { HSM_OP_DECRYPT, HSM_SLOT_DECRYPT },
        { HSM_OP_DIGEST, HSM_SLOT_DIGEST },
        { HSM_OP_SIGN, HSM_SLOT_SIGN },
        { HSM_OP_SIGN_RECOVER, HSM_SLOT_SIGN_RECOVER },
        { HSM_OP_VERIFY, HSM_SLOT_VERIFY },
        { HSM_OP_VERIFY_RECOVER, HSM_SLOT_VERIFY_RECOVER },
        { HSM_OP_MESSAGE_ENCRYPT, HSM_SLOT_MESSAGE_ENCRYPT },
        { HSM_OP_MESSAGE_DECRYPT, HSM_SLOT_MESSAGE_DECRYPT },
        { HSM_OP_MESSAGE_SIGN, HSM_SLOT_MESSAGE_SIGN },
        { HSM_OP_MESSAGE_VERIFY, HSM_SLOT_MESSAGE_VERIFY },
    };

    CHECK_EQ(HSM_ARRAY_LEN(rows), HSM_SLOT_COUNT);
    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++)
        CHECK_EQ(hsm_op_slot_of(rows[i].op), rows[i].slot);
    for (unsigned op = HSM_OP_FIND; op <= HSM_OP_DECAPSULATE; op <<= 1)
        CHECK_EQ(hsm_op_slot_of((hsm_op)op), HSM_SLOT_COUNT);
}

static void prepare_makes_one_context(void)
{
    hsm_operation operation = { 0 };

    fake_reset();
    fake_fail_create(HSM_E_CRYPTO);
    CHECK_ERR(hsm_operation_prepare(&operation, NULL), HSM_E_CRYPTO);
    CHECK_THAT(operation.crypt == NULL);

    fake_reset();
    REQUIRE_OK(hsm_operation_prepare(&operation, NULL));
    hsm_crypt *first = operation.crypt;
    CHECK_OK(hsm_operation_prepare(&operation, NULL));
    CHECK_THAT(operation.crypt == first);
    CHECK_EQ(fake_counted().created, 1);
    hsm_crypt_destroy(operation.crypt);
}

/* An operation as C_SignInit leaves it. */
static void open_operation(hsm_operation *operation, hsm_object *object)
{
    if (!CHECK_OK(hsm_operation_prepare(operation, NULL)))
        return;
    operation->is_open = true;
    operation->needs_login = true;
    operation->object = object;
    operation->handle = 7;
}

static void end_keeps_key_and_context(void)
{
    hsm_object object = { .is_private = true };
    hsm_operation operation = { 0 };

    fake_reset();
    open_operation(&operation, &object);
    hsm_operation_end(&operation);
    CHECK_THAT(!operation.is_open);
    CHECK_THAT(!operation.needs_login);
    CHECK_THAT(operation.object == &object);
    CHECK_THAT(operation.crypt != NULL);
    CHECK_EQ(fake_counted().ended, 1);
    CHECK_EQ(fake_counted().forgotten, 0);
    CHECK_EQ(fake_counted().released, 0);

    CASE("what is not open is not ended again");
    hsm_operation_end(&operation);
    CHECK_EQ(fake_counted().ended, 1);
    hsm_crypt_destroy(operation.crypt);
}

static void logout_drops_keys(void)
{
    hsm_object private_object = { .is_private = true };
    hsm_object public_object = { .is_private = false };
    hsm_session session = { 0 };
    hsm_operation *sign = &session.operation[HSM_SLOT_SIGN];
    hsm_operation *verify = &session.operation[HSM_SLOT_VERIFY];
    hsm_operation *digest = &session.operation[HSM_SLOT_DIGEST];
    hsm_operation *encrypt = &session.operation[HSM_SLOT_ENCRYPT];

    fake_reset();
    open_operation(sign, &private_object);
    open_operation(verify, &public_object);
    open_operation(digest, NULL);
    open_operation(encrypt, &public_object);
    hsm_operation_end(encrypt);
    fake_reset();

    hsm_session_forget_keys(&session, true);
    CASE("open on a private object: ended, key gone");
    CHECK_THAT(!sign->is_open);
    CHECK_THAT(sign->object == NULL);
    CHECK_EQ(sign->handle, HSM_HANDLE_NONE);
    CASE("open on a public object or none: goes on");
    CHECK_THAT(verify->is_open && verify->object == &public_object);
    CHECK_THAT(digest->is_open);
    CASE("ended before: its contexts go too, they may hold a private key used earlier");
    CHECK_THAT(encrypt->object == NULL);
    CASE("counts");
    CHECK_EQ(fake_counted().ended, 1);
    CHECK_EQ(fake_counted().forgotten, 2);
    CHECK_EQ(fake_counted().released, 2);

    CASE("what went on is forgotten at its end");
    hsm_operation_end(verify);
    CHECK_THAT(verify->object == NULL);
    CHECK_EQ(fake_counted().forgotten, 3);

    CASE("all of them");
    open_operation(verify, &public_object);
    fake_reset();
    hsm_session_forget_keys(&session, false);
    CHECK_THAT(!verify->is_open && verify->object == NULL);
    CHECK_THAT(!digest->is_open);
    CHECK_EQ(fake_counted().ended, 2);
    CHECK_EQ(fake_counted().released, 1);

    CASE("an operation opened afterwards keeps its key again");
    open_operation(verify, &public_object);
    hsm_operation_end(verify);
    CHECK_THAT(verify->object == &public_object);
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++)
        hsm_crypt_destroy(session.operation[i].crypt);
}

static void wrapping_contexts_go_at_logout(void)
{
    hsm_session session = { 0 };

    fake_reset();
    fake_fail_create(HSM_E_CRYPTO);
    CHECK_ERR(hsm_session_prepare_wrapping(&session, NULL), HSM_E_CRYPTO);
    CHECK_THAT(session.wrapping == NULL);

    fake_reset();
    hsm_session_forget_keys(&session, true);
    CHECK_EQ(fake_counted().forgotten, 0);
    REQUIRE_OK(hsm_session_prepare_wrapping(&session, NULL));
    hsm_crypt *first = session.wrapping;
    CHECK_OK(hsm_session_prepare_wrapping(&session, NULL));
    CHECK_THAT(session.wrapping == first);
    CHECK_EQ(fake_counted().created, 1);
    hsm_session_forget_keys(&session, true);
    CHECK_EQ(fake_counted().forgotten, 1);
    hsm_session_forget_keys(&session, false);
    CHECK_EQ(fake_counted().forgotten, 2);
    hsm_crypt_destroy(session.wrapping);
}

static void search_ends_empty(void)
{
    hsm_search search = { .is_open = true, .next = 1 };
    const uint64_t id = 5;

    REQUIRE_OK(hsm_buf_append(&search.ids, hsm_bytes_of(&id, sizeof id)));
    fake_reset();
    hsm_search_end(&search);
    CHECK_THAT(!search.is_open);
    CHECK_EQ(search.next, 0);
    CHECK_EQ(search.ids.len, 0);
    CHECK_THAT(search.ids.data == NULL);
    CHECK_EQ(fake_counted().templates, 1);
}

static const check_test tests[] = {
    CHECK_TEST(slots_of_kinds),
    CHECK_TEST(prepare_makes_one_context),
    CHECK_TEST(end_keeps_key_and_context),
    CHECK_TEST(logout_drops_keys),
    CHECK_TEST(wrapping_contexts_go_at_logout),
    CHECK_TEST(search_ends_empty),
};
CHECK_MAIN(tests)
