/* Objects: every class, the rules of attributes, searching, copying, destroying. */
#include <stdio.h>

#include "support.h"

static CK_RV create(CK_SESSION_HANDLE session, attrs *tmpl)
{
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;

    return p11->C_CreateObject(session, tmpl->at, tmpl->count, &object);
}

static CK_RV set_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                      bool value)
{
    attrs tmpl = { .count = 0 };

    put_bool(&tmpl, type, value);
    return p11->C_SetAttributeValue(session, object, tmpl.at, tmpl.count);
}

static CK_RV set_text(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                      const char *value)
{
    attrs tmpl = { .count = 0 };

    put_text(&tmpl, type, value);
    return p11->C_SetAttributeValue(session, object, tmpl.at, tmpl.count);
}

/* The shortest certificate that is DER with the parts the standard asks for is enough: the token
 * does not interpret it beyond that. */
static void put_certificate(attrs *tmpl, const char *label)
{
    static const CK_BYTE subject[] = { 0x30, 0x0c, 0x31, 0x0a, 0x30, 0x08, 0x06,
                                       0x03, 0x55, 0x04, 0x03, 0x0c, 0x01, 'x' };
    static const CK_BYTE value[] = { 0x30, 0x03, 0x02, 0x01, 0x00 };

    put_ulong(tmpl, CKA_CLASS, CKO_CERTIFICATE);
    put_ulong(tmpl, CKA_CERTIFICATE_TYPE, CKC_X_509);
    put_text(tmpl, CKA_LABEL, label);
    put_bytes(tmpl, CKA_SUBJECT, subject, sizeof subject);
    put_bytes(tmpl, CKA_VALUE, value, sizeof value);
}

static void objects_of_each_class(void)
{
    FIXTURE(fix);
    CK_BYTE id[128];
    CK_BYTE other[128];

    for (int is_token = 0; is_token < 2; is_token++) {
        attrs cert = { .count = 0 };
        CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
        const CK_OBJECT_HANDLE data = create_data(fix.session, is_token != 0, false, "data");

        put_certificate(&cert, "certificate");
        put_bool(&cert, CKA_TOKEN, is_token != 0);
        CHECK_OK(p11->C_CreateObject(fix.session, cert.at, cert.count, &object));
        CHECK_EQ(get_bool(fix.session, object, CKA_TOKEN), is_token != 0);
        CHECK_THAT(!get_bool(fix.session, object, CKA_PRIVATE));
        CHECK_THAT(get_bool(fix.session, data, CKA_MODIFIABLE));
        if (!module_is_ours())
            continue;
        const size_t len = get_attr(fix.session, data, CKA_UNIQUE_ID, id, sizeof id);
        CHECK_THAT(len != SIZE_MAX && len > 0);
        CHECK_EQ(get_attr(fix.session, object, CKA_UNIQUE_ID, other, sizeof other), len);
        CHECK_THAT(memcmp(id, other, len) != 0);
    }
}

static void templates_that_can_not_be(void)
{
    static const CK_BYTE value[16] = { 1 };
    FIXTURE(fix);
    attrs tmpl = { .count = 0 };

    CASE("empty");
    CHECK_EQ(create(fix.session, &tmpl), CKR_TEMPLATE_INCOMPLETE);
    CASE("no key type");
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    CHECK_EQ(create(fix.session, &tmpl), CKR_TEMPLATE_INCOMPLETE);
    CASE("the same attribute twice, differently");
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    CHECK_EQ(create(fix.session, &tmpl), CKR_TEMPLATE_INCONSISTENT);
    CASE("an attribute of another class");
    tmpl.count--;
    put_bytes(&tmpl, CKA_MODULUS, value, sizeof value);
    const CK_RV foreign = create(fix.session, &tmpl);
    CHECK_THAT(foreign == CKR_ATTRIBUTE_TYPE_INVALID || foreign == CKR_TEMPLATE_INCONSISTENT);
    CASE("an unknown attribute");
    tmpl.count--;
    put_bytes(&tmpl, 0x7ffffff0UL, value, sizeof value);
    CHECK_EQ(create(fix.session, &tmpl), CKR_ATTRIBUTE_TYPE_INVALID);
    CASE("what only the token may say");
    tmpl.count--;
    put_bool(&tmpl, CKA_LOCAL, true);
    const CK_RV local = create(fix.session, &tmpl);
    CHECK_THAT(local == CKR_ATTRIBUTE_READ_ONLY || local == CKR_TEMPLATE_INCONSISTENT ||
               local == CKR_ATTRIBUTE_TYPE_INVALID);
    CASE("a boolean of two bytes");
    tmpl.count--;
    put_bytes(&tmpl, CKA_ENCRYPT, value, 2);
    CHECK_EQ(create(fix.session, &tmpl), CKR_ATTRIBUTE_VALUE_INVALID);
    CASE("a NULL value with a length");
    tmpl.count--;
    put_bytes(&tmpl, CKA_LABEL, NULL, 4);
    CHECK_EQ(create(fix.session, &tmpl), CKR_ATTRIBUTE_VALUE_INVALID);
    CASE("an absurd length");
    tmpl.count--;
    put_bytes(&tmpl, CKA_LABEL, value, ~0UL);
    CHECK_EQ(create(fix.session, &tmpl), CKR_ATTRIBUTE_VALUE_INVALID);
    CASE("an AES key of 15 bytes");
    tmpl.count = 1;
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_bytes(&tmpl, CKA_VALUE, value, 15);
    const CK_RV odd = create(fix.session, &tmpl);
    CHECK_THAT(odd == CKR_ATTRIBUTE_VALUE_INVALID || odd == CKR_KEY_SIZE_RANGE ||
               odd == CKR_TEMPLATE_INCONSISTENT);
    CASE("an unknown class");
    tmpl.count = 0;
    put_ulong(&tmpl, CKA_CLASS, 0x7ffffff0UL);
    CHECK_THAT(create(fix.session, &tmpl) != CKR_OK);
}

static void large_values(void)
{
    static CK_BYTE large[2 << 20];
    FIXTURE(fix);
    attrs tmpl = { .count = 0 };
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    static CK_BYTE back[100000];

    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bytes(&tmpl, CKA_VALUE, large, 100000);
    memset(large, 'v', sizeof large);
    CHECK_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &object));
    CHECK_EQ(get_attr(fix.session, object, CKA_VALUE, back, sizeof back), 100000);
    CHECK_THAT(back[0] == 'v' && back[99999] == 'v');
    if (!module_is_ours())
        SKIP("the limit is ours");
    tmpl.at[2].ulValueLen = sizeof large;
    CHECK_EQ(create(fix.session, &tmpl), CKR_ATTRIBUTE_VALUE_INVALID);
}

static void reading_follows_the_five_cases(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE data = create_data(fix.session, false, false, "label");
    CK_BYTE label[8];
    CK_BYTE value[4];
    CK_BYTE modulus[8];
    CK_ATTRIBUTE tmpl[] = {
        { CKA_LABEL, label, sizeof label },
        { CKA_VALUE, value, sizeof value },
        { CKA_MODULUS, modulus, sizeof modulus },
        { CKA_VALUE, NULL, 0 },
    };

    const CK_RV rv = p11->C_GetAttributeValue(fix.session, data, tmpl, ARRAY_LEN(tmpl));
    CHECK_THAT(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(tmpl[0].ulValueLen, 5);
    CHECK_BYTES(label, 5, "label", 5);
    CHECK_EQ(tmpl[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(tmpl[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(tmpl[3].ulValueLen, strlen("some data"));
    CHECK_OK(p11->C_GetAttributeValue(fix.session, data, NULL, 0));
}

static void sensitive_values_stay_inside(void)
{
    static const CK_BYTE value[16] = { 1 };
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, value, sizeof value);
    CK_BYTE room[32] = { 0 };
    CK_ATTRIBUTE attr = { CKA_VALUE, room, sizeof room };

    CHECK_OK(ask_attr(fix.session, key, CKA_VALUE));
    CHECK_THAT(!get_bool(fix.session, key, CKA_LOCAL));
    CHECK_THAT(!get_bool(fix.session, key, CKA_ALWAYS_SENSITIVE));
    CHECK_THAT(!get_bool(fix.session, key, CKA_NEVER_EXTRACTABLE));
    CHECK_OK(set_bool(fix.session, key, CKA_SENSITIVE, true));
    CHECK_EQ(p11->C_GetAttributeValue(fix.session, key, &attr, 1), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_EQ(attr.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(room[0], 0);
    CHECK_EQ(set_bool(fix.session, key, CKA_SENSITIVE, false), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_THAT(!get_bool(fix.session, key, CKA_ALWAYS_SENSITIVE)); /* it was not always */

    const CK_OBJECT_HANDLE kept = import_secret(fix.session, CKK_AES, value, sizeof value);
    CHECK_OK(set_bool(fix.session, kept, CKA_EXTRACTABLE, false));
    CHECK_EQ(ask_attr(fix.session, kept, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_EQ(set_bool(fix.session, kept, CKA_EXTRACTABLE, true), CKR_ATTRIBUTE_READ_ONLY);
}

static const struct {
    const char *label;
    CK_ATTRIBUTE_TYPE type;
    bool is_bool;
    CK_RV want;
} change_cases[] = {
    { "label", CKA_LABEL, false, CKR_OK },
    { "id", CKA_ID, false, CKR_OK },
    { "encrypt", CKA_ENCRYPT, true, CKR_OK },
    { "value", CKA_VALUE, false, CKR_ATTRIBUTE_READ_ONLY },
    { "token", CKA_TOKEN, true, CKR_ATTRIBUTE_READ_ONLY },
    { "private", CKA_PRIVATE, true, CKR_ATTRIBUTE_READ_ONLY },
    { "modifiable", CKA_MODIFIABLE, true, CKR_ATTRIBUTE_READ_ONLY },
    { "local", CKA_LOCAL, true, CKR_ATTRIBUTE_READ_ONLY },
    { "always sensitive", CKA_ALWAYS_SENSITIVE, true, CKR_ATTRIBUTE_READ_ONLY },
    { "trusted, by the user", CKA_TRUSTED, true, CKR_ATTRIBUTE_READ_ONLY },
    { "an unknown one", 0x7ffffff0UL, false, CKR_ATTRIBUTE_TYPE_INVALID },
};

static void changing_attributes(void)
{
    static const CK_BYTE value[16] = { 1 };
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, value, sizeof value);

    for (size_t i = 0; i < ARRAY_LEN(change_cases); i++) {
        CASE(change_cases[i].label);
        CHECK_EQ(change_cases[i].is_bool
                     ? set_bool(fix.session, key, change_cases[i].type, true)
                     : set_text(fix.session, key, change_cases[i].type, "sixteen letters."),
                 change_cases[i].want);
    }
    CASE("of another class");
    const CK_RV foreign = set_text(fix.session, key, CKA_MODULUS, "m");
    CHECK_THAT(foreign == CKR_ATTRIBUTE_TYPE_INVALID || foreign == CKR_TEMPLATE_INCONSISTENT);
    CASE("all or nothing");
    attrs two = { .count = 0 };
    CK_BYTE label[32];
    put_text(&two, CKA_LABEL, "changed");
    put_bool(&two, CKA_TOKEN, true);
    CHECK_EQ(p11->C_SetAttributeValue(fix.session, key, two.at, two.count),
             CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(get_attr(fix.session, key, CKA_LABEL, label, sizeof label), 16);
}

static void objects_that_resist(void)
{
    FIXTURE(fix);
    static const CK_ATTRIBUTE_TYPE types[] = { CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE };
    CK_OBJECT_HANDLE object[3] = { 0 };
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        attrs tmpl = { .count = 0 };

        put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
        put_text(&tmpl, CKA_VALUE, "value");
        put_bool(&tmpl, types[i], false);
        REQUIRE_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &object[i]));
    }
    CHECK_EQ(set_text(fix.session, object[0], CKA_LABEL, "new"), CKR_ACTION_PROHIBITED);
    CHECK_EQ(p11->C_CopyObject(fix.session, object[1], NULL, 0, &copy), CKR_ACTION_PROHIBITED);
    CHECK_EQ(set_bool(fix.session, object[1], CKA_COPYABLE, true), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(p11->C_DestroyObject(fix.session, object[2]), CKR_ACTION_PROHIBITED);
    CHECK_OK(ask_attr(fix.session, object[2], CKA_VALUE));
    CHECK_OK(p11->C_DestroyObject(fix.session, object[0]));
    CHECK_OK(p11->C_DestroyObject(fix.session, object[1]));
}

static void copies(void)
{
    static const CK_BYTE value[16] = { 5 };
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, value, sizeof value);
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE second = CK_INVALID_HANDLE;
    CK_BYTE back[32];
    attrs changes = { .count = 0 };
    attrs bad = { .count = 0 };

    put_text(&changes, CKA_LABEL, "the copy");
    put_bool(&changes, CKA_TOKEN, true);
    REQUIRE_OK(p11->C_CopyObject(fix.session, key, changes.at, changes.count, &copy));
    CHECK_THAT(copy != key);
    CHECK_THAT(get_bool(fix.session, copy, CKA_TOKEN));
    CHECK_EQ(get_attr(fix.session, copy, CKA_VALUE, back, sizeof back), sizeof value);
    CHECK_BYTES(back, sizeof value, value, sizeof value);
    CHECK_OK(p11->C_DestroyObject(fix.session, key));
    CHECK_OK(ask_attr(fix.session, copy, CKA_VALUE));

    put_bool(&changes, CKA_SENSITIVE, true);
    put_bool(&changes, CKA_EXTRACTABLE, false);
    CHECK_OK(p11->C_CopyObject(fix.session, copy, changes.at, changes.count, &second));
    CHECK_EQ(ask_attr(fix.session, second, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    put_bool(&bad, CKA_EXTRACTABLE, true);
    const CK_RV rv = p11->C_CopyObject(fix.session, second, bad.at, bad.count, &copy);
    CHECK_THAT(rv == CKR_ATTRIBUTE_READ_ONLY || rv == CKR_TEMPLATE_INCONSISTENT);
}

static void destroyed_handles_stay_invalid(void)
{
    FIXTURE(fix);

    for (int is_token = 0; is_token < 2; is_token++) {
        const CK_OBJECT_HANDLE object = create_data(fix.session, is_token != 0, false, "gone");

        CHECK_OK(p11->C_DestroyObject(fix.session, object));
        CHECK_EQ(p11->C_DestroyObject(fix.session, object), CKR_OBJECT_HANDLE_INVALID);
        for (int i = 0; i < 50; i++)
            CHECK_THAT(create_data(fix.session, is_token != 0, false, "next") != object);
        CHECK_EQ(ask_attr(fix.session, object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    }
}

static void read_only_sessions_change_no_token_object(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE ro = open_session(&fix, false);
    const CK_OBJECT_HANDLE object = create_data(fix.session, true, false, "token");
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    CHECK_EQ(create(ro, &tmpl), CKR_SESSION_READ_ONLY);
    CHECK_EQ(set_text(ro, object, CKA_LABEL, "new"), CKR_SESSION_READ_ONLY);
    CHECK_EQ(p11->C_DestroyObject(ro, object), CKR_SESSION_READ_ONLY);
    (void)create_data(ro, false, false, "session");
}

static void private_objects_need_the_user(void)
{
    FIXTURE(fix);
    attrs tmpl = { .count = 0 };

    CHECK_OK(p11->C_Logout(fix.session));
    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_PRIVATE, true);
    CHECK_EQ(create(fix.session, &tmpl), CKR_USER_NOT_LOGGED_IN);
    tmpl.count = 1;
    put_bool(&tmpl, CKA_PRIVATE, false);
    CHECK_OK(create(fix.session, &tmpl));
    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    CHECK_OK(create(fix.session, &tmpl));
}

static void searching(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[200];
    CK_ULONG count = 0;
    attrs by = { .count = 0 };
    attrs none = { .count = 0 };
    char label[16];

    for (int i = 0; i < 150; i++) {
        (void)snprintf(label, sizeof label, "object %d", i % 10);
        (void)create_data(fix.session, i % 2 == 0, i % 3 == 0, label);
    }
    CHECK_EQ(find_label(fix.session, "object 3", found, 200), 15);
    for (int i = 1; i < 15; i++)
        CHECK_THAT(found[i] != found[0]);
    CHECK_EQ(find_label(fix.session, "object", found, 200), 0); /* no prefixes */
    put_ulong(&by, CKA_CLASS, CKO_DATA);
    put_bool(&by, CKA_TOKEN, true);
    CHECK_EQ(find_all(fix.session, &by, found, 200), 75);
    put_bool(&by, CKA_PRIVATE, true);
    CHECK_EQ(find_all(fix.session, &by, found, 200), 25);
    put_ulong(&none, 0x7ffffff0UL, 1);
    CHECK_EQ(find_all(fix.session, &none, found, 200), 0);

    CASE("a few at a time");
    by.count = 1;
    size_t total = 0;
    REQUIRE_OK(p11->C_FindObjectsInit(fix.session, by.at, by.count));
    CHECK_EQ(p11->C_FindObjectsInit(fix.session, by.at, by.count), CKR_OPERATION_ACTIVE);
    do {
        CHECK_OK(p11->C_FindObjects(fix.session, found, 7, &count));
        CHECK_THAT(count <= 7);
        total += count;
    } while (count > 0);
    CHECK_EQ(total, 150);
    CHECK_OK(p11->C_FindObjects(fix.session, found, 7, &count));
    CHECK_EQ(count, 0);
    CHECK_OK(p11->C_FindObjectsFinal(fix.session));
    CHECK_EQ(p11->C_FindObjectsFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);

    CASE("a room larger than there is");
    REQUIRE_OK(p11->C_FindObjectsInit(fix.session, by.at, by.count));
    CHECK_OK(p11->C_FindObjects(fix.session, found, ~0UL, &count));
    CHECK_EQ(count, 150);
    CHECK_OK(p11->C_FindObjectsFinal(fix.session));

    CASE("after logout");
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(find_all(fix.session, &by, found, 200), 100);
}

static void changed_objects_are_found_by_the_new_value(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE object = create_data(fix.session, true, true, "before");
    CK_OBJECT_HANDLE found[2];

    CHECK_OK(set_text(fix.session, object, CKA_LABEL, "after"));
    CHECK_EQ(find_label(fix.session, "before", found, 2), 0);
    CHECK_EQ(find_label(fix.session, "after", found, 2), 1);
    CHECK_EQ(found[0], object);
    CHECK_OK(p11->C_DestroyObject(fix.session, object));
    CHECK_EQ(find_label(fix.session, "after", found, 2), 0);
}

static void nested_templates(void)
{
    FIXTURE(fix);
    CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG class = CKO_SECRET_KEY;
    CK_ATTRIBUTE inner[] = { { CKA_CLASS, &class, sizeof class },
                             { CKA_ENCRYPT, &yes, sizeof yes } };
    CK_BYTE first[8];
    CK_BYTE second[8];
    CK_ATTRIBUTE out[] = { { 0, first, sizeof first }, { 0, second, sizeof second } };
    CK_ATTRIBUTE ask = { CKA_UNWRAP_TEMPLATE, NULL, 0 };
    attrs tmpl = { .count = 0 };

    if (!module_is_ours())
        SKIP("few modules have them");
    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    put_bool(&tmpl, CKA_UNWRAP, true);
    put_bytes(&tmpl, CKA_UNWRAP_TEMPLATE, inner, sizeof inner);
    REQUIRE_OK(p11->C_GenerateKey(fix.session, &gen, tmpl.at, tmpl.count, &key));
    CHECK_OK(p11->C_GetAttributeValue(fix.session, key, &ask, 1));
    CHECK_EQ(ask.ulValueLen, sizeof inner);
    ask.pValue = out;
    ask.ulValueLen = sizeof out;
    CHECK_OK(p11->C_GetAttributeValue(fix.session, key, &ask, 1));
    CHECK_EQ(out[0].type, CKA_CLASS);
    CHECK_BYTES(first, out[0].ulValueLen, &class, sizeof class);
    CHECK_EQ(out[1].type, CKA_ENCRYPT);
    CHECK_BYTES(second, out[1].ulValueLen, &yes, sizeof yes);
    out[0].ulValueLen = 3;
    out[1].ulValueLen = sizeof second;
    CHECK_EQ(p11->C_GetAttributeValue(fix.session, key, &ask, 1), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(out[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    CHECK_EQ(out[1].ulValueLen, sizeof yes);
    ask.ulValueLen = sizeof out - 1;
    CHECK_EQ(p11->C_GetAttributeValue(fix.session, key, &ask, 1), CKR_BUFFER_TOO_SMALL);

    CASE("half an attribute");
    tmpl.at[2].ulValueLen = sizeof inner - 1;
    CHECK_EQ(p11->C_GenerateKey(fix.session, &gen, tmpl.at, tmpl.count, &key),
             CKR_ATTRIBUTE_VALUE_INVALID);
    CASE("a template in a template in a template");
    CK_ATTRIBUTE deep = { CKA_UNWRAP_TEMPLATE, inner, sizeof inner };
    tmpl.at[2].pValue = &deep;
    tmpl.at[2].ulValueLen = sizeof deep;
    CHECK_EQ(p11->C_GenerateKey(fix.session, &gen, tmpl.at, tmpl.count, &key),
             CKR_ATTRIBUTE_VALUE_INVALID);
}

static size_t found_by_check_value(CK_SESSION_HANDLE session, const CK_BYTE value[3])
{
    CK_OBJECT_HANDLE found[4];
    attrs tmpl = { .count = 0 };

    put_bytes(&tmpl, CKA_CHECK_VALUE, value, 3);
    return find_all(session, &tmpl, found, ARRAY_LEN(found));
}

static CK_RV set_check_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const CK_BYTE *value,
                             size_t len)
{
    attrs tmpl = { .count = 0 };

    put_bytes(&tmpl, CKA_CHECK_VALUE, value, len);
    return p11->C_SetAttributeValue(session, key, tmpl.at, tmpl.count);
}

/* A zero block under a zero key is 66e94b... (NIST's GCM test case 1 calls it H). */
static void check_values(void)
{
    static const CK_BYTE want[3] = { 0x66, 0xe9, 0x4b }, zeros[16];
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    CK_BYTE got[8];
    attrs to_token = { .count = 0 };

    const CK_OBJECT_HANDLE key = import_secret(h, CKK_AES, zeros, sizeof zeros);
    CHECK_EQ(get_attr(h, key, CKA_CHECK_VALUE, got, sizeof got), 3);
    CHECK_BYTES(got, 3, want, 3);
    CHECK_EQ(found_by_check_value(h, want), 1);
    CHECK_EQ(found_by_check_value(h, zeros), 0);

    CASE("a copy that is stored has it, and is found too");
    put_bool(&to_token, CKA_TOKEN, true);
    CHECK_OK(p11->C_CopyObject(h, key, to_token.at, to_token.count, &copy));
    CHECK_EQ(get_attr(h, copy, CKA_CHECK_VALUE, got, sizeof got), 3);
    CHECK_BYTES(got, 3, want, 3);
    CHECK_EQ(found_by_check_value(h, want), 2);

    CASE("never a caller's choice; may be removed");
    CHECK_EQ(set_check_value(h, key, zeros, 3), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_OK(set_check_value(h, key, want, 3));
    CHECK_OK(set_check_value(h, key, NULL, 0));
    CHECK_EQ(get_attr(h, key, CKA_CHECK_VALUE, got, sizeof got), 0);
    CHECK_EQ(found_by_check_value(h, want), 1);
}

static void sizes(void)
{
    FIXTURE(fix);
    CK_ULONG size = 0;
    const CK_OBJECT_HANDLE object = create_data(fix.session, true, false, "sized");

    CHECK_OK(p11->C_GetObjectSize(fix.session, object, &size));
    CHECK_THAT(size >= strlen("sized") + strlen("some data"));
}

static const check_test tests[] = {
    CHECK_TEST(objects_of_each_class),
    CHECK_TEST(templates_that_can_not_be),
    CHECK_TEST(large_values),
    CHECK_TEST(reading_follows_the_five_cases),
    CHECK_TEST(sensitive_values_stay_inside),
    CHECK_TEST(changing_attributes),
    CHECK_TEST(objects_that_resist),
    CHECK_TEST(copies),
    CHECK_TEST(destroyed_handles_stay_invalid),
    CHECK_TEST(read_only_sessions_change_no_token_object),
    CHECK_TEST(private_objects_need_the_user),
    CHECK_TEST(searching),
    CHECK_TEST(changed_objects_are_found_by_the_new_value),
    CHECK_TEST(nested_templates),
    CHECK_TEST(check_values),
    CHECK_TEST(sizes),
};
CHECK_MAIN(tests)
