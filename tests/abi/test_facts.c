/* Objects and answers about trust and about the token itself: CKO_TRUST, CKO_VALIDATION,
 * C_WaitForSlotEvent. */
#include <pthread.h>

#include "support.h"

static const CK_BYTE issuer[] = { 0x30, 0x03, 1, 2, 3 };
static const CK_BYTE serial[] = { 0x02, 0x01, 0x07 };
static const CK_BYTE hash[32] = { 1, 2, 3 };

static void trust_template(attrs *tmpl, bool is_token)
{
    tmpl->count = 0;
    put_ulong(tmpl, CKA_CLASS, CKO_TRUST);
    put_bool(tmpl, CKA_TOKEN, is_token);
    put_text(tmpl, CKA_LABEL, "trust");
    put_bytes(tmpl, CKA_ISSUER, issuer, sizeof issuer);
    put_bytes(tmpl, CKA_SERIAL_NUMBER, serial, sizeof serial);
}

static CK_ULONG trust_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG value = ~0UL;

    CHECK_EQ(get_attr(session, object, type, &value, sizeof value), sizeof value);
    return value;
}

static void trust_objects(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
    attrs tmpl;
    attrs query = { .count = 0 };
    attrs change = { .count = 0 };

    trust_template(&tmpl, true);
    put_bytes(&tmpl, CKA_HASH_OF_CERTIFICATE, hash, sizeof hash);
    put_ulong(&tmpl, CKA_NAME_HASH_ALGORITHM, CKM_SHA256);
    put_ulong(&tmpl, CKA_TRUST_SERVER_AUTH, CKT_TRUST_ANCHOR);
    put_ulong(&tmpl, CKA_TRUST_CODE_SIGNING, CKT_NOT_TRUSTED);
    CHECK_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made));
    CHECK_EQ(trust_of(fix.session, made, CKA_TRUST_SERVER_AUTH), CKT_TRUST_ANCHOR);
    CHECK_EQ(trust_of(fix.session, made, CKA_TRUST_CODE_SIGNING), CKT_NOT_TRUSTED);
    CHECK_EQ(trust_of(fix.session, made, CKA_TRUST_OCSP_SIGNING), CKT_TRUST_UNKNOWN);
    CHECK_THAT(!get_bool(fix.session, made, CKA_PRIVATE));
    CHECK_THAT(get_bool(fix.session, made, CKA_MODIFIABLE));

    put_ulong(&query, CKA_CLASS, CKO_TRUST);
    put_bytes(&query, CKA_ISSUER, issuer, sizeof issuer);
    put_bytes(&query, CKA_SERIAL_NUMBER, serial, sizeof serial);
    CHECK_EQ(find_all(fix.session, &query, &found, 1), 1);
    CHECK_EQ(found, made);

    put_ulong(&change, CKA_TRUST_SERVER_AUTH, CKT_TRUST_MUST_VERIFY_TRUST);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, made, change.at, 1));
    CHECK_EQ(trust_of(fix.session, made, CKA_TRUST_SERVER_AUTH), CKT_TRUST_MUST_VERIFY_TRUST);
    change.count = 0;
    put_bytes(&change, CKA_ISSUER, hash, 4);
    CHECK_EQ(p11->C_SetAttributeValue(fix.session, made, change.at, 1), CKR_ATTRIBUTE_READ_ONLY);

    CASE("still there afterwards");
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_OK(p11->C_Initialize(NULL));
    const CK_SESSION_HANDLE session = open_session(&fix, false);
    CHECK_EQ(find_all(session, &query, &found, 1), 1);
    CHECK_EQ(trust_of(session, found, CKA_TRUST_SERVER_AUTH), CKT_TRUST_MUST_VERIFY_TRUST);
}

static void trust_that_is_incomplete(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl;

    CASE("no hash is needed where nothing is trusted");
    trust_template(&tmpl, false);
    put_ulong(&tmpl, CKA_TRUST_SERVER_AUTH, CKT_NOT_TRUSTED);
    CHECK_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made));
    CASE("trust needs one, and its algorithm");
    trust_template(&tmpl, false);
    put_ulong(&tmpl, CKA_TRUST_SERVER_AUTH, CKT_TRUSTED);
    CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made), CKR_TEMPLATE_INCOMPLETE);
    put_bytes(&tmpl, CKA_HASH_OF_CERTIFICATE, hash, sizeof hash);
    CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made), CKR_TEMPLATE_INCOMPLETE);
    put_ulong(&tmpl, CKA_NAME_HASH_ALGORITHM, CKM_SHA256);
    CHECK_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made));
    CASE("an unknown trust");
    put_ulong(&tmpl, CKA_TRUST_CLIENT_AUTH, CKT_TRUST_MUST_VERIFY_TRUST + 1);
    CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made),
             CKR_ATTRIBUTE_VALUE_INVALID);
    CASE("no issuer");
    tmpl.count = 0;
    put_ulong(&tmpl, CKA_CLASS, CKO_TRUST);
    put_bytes(&tmpl, CKA_SERIAL_NUMBER, serial, sizeof serial);
    CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &made), CKR_TEMPLATE_INCOMPLETE);
}

/* The object says that nobody has validated the token, and which flag its own word has. */
static void validation_object(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2];
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    CK_BYTE text[64];
    attrs query = { .count = 0 };

    if (!module_is_ours())
        SKIP("the facts are ours");
    put_ulong(&query, CKA_CLASS, CKO_VALIDATION);
    CHECK_EQ(find_all(fix.session, &query, found, 2), 1);
    CHECK_EQ(trust_of(fix.session, found[0], CKA_VALIDATION_TYPE), CKV_TYPE_SOFTWARE);
    CHECK_EQ(trust_of(fix.session, found[0], CKA_VALIDATION_AUTHORITY_TYPE),
             CKV_AUTHORITY_TYPE_UNSPECIFIED);
    CHECK_EQ(trust_of(fix.session, found[0], CKA_VALIDATION_FLAG), 1);
    CHECK_EQ(trust_of(fix.session, found[0], CKA_VALIDATION_LEVEL), 0);
    CHECK_EQ(get_attr(fix.session, found[0], CKA_VALIDATION_VERSION, text, sizeof text),
             sizeof(CK_VERSION));
    CHECK_EQ(
        get_attr(fix.session, found[0], CKA_VALIDATION_CERTIFICATE_IDENTIFIER, text, sizeof text),
        0);
    CHECK_EQ(get_attr(fix.session, found[0], CKA_VALIDATION_MODULE_ID, text, sizeof text), 10);
    CHECK_BYTES(text, 10, "Craton HSM", 10);
    CHECK_EQ(p11->C_DestroyObject(fix.session, found[0]), CKR_ACTION_PROHIBITED);
    CHECK_EQ(p11->C_CreateObject(fix.session, query.at, query.count, &made),
             CKR_ATTRIBUTE_VALUE_INVALID);
}

static void *wait_for_event(void *arg)
{
    CK_SLOT_ID slot = 0;

    *(CK_RV *)arg = p11->C_WaitForSlotEvent(0, &slot, NULL);
    return NULL;
}

/* No event ever comes; the wait ends with the library, whichever of the two is first. */
static void waiting_ends_with_the_library(void)
{
    FIXTURE(fix);
    CK_SLOT_ID slot = 0;

    CHECK_EQ(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    for (int i = 0; i < 20; i++) {
        CK_RV rv = CKR_OK;
        pthread_t thread;

        REQUIRE_THAT(pthread_create(&thread, NULL, wait_for_event, &rv) == 0);
        CHECK_OK(p11->C_Finalize(NULL));
        (void)pthread_join(thread, NULL);
        CHECK_EQ(rv, CKR_CRYPTOKI_NOT_INITIALIZED);
        CHECK_OK(p11->C_Initialize(NULL));
    }
}

static const check_test tests[] = {
    CHECK_TEST(trust_objects),
    CHECK_TEST(trust_that_is_incomplete),
    CHECK_TEST(validation_object),
    CHECK_TEST(waiting_ends_with_the_library),
};
CHECK_MAIN(tests)
