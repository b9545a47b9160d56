/* Two processes on one store: each sees what the other commits. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

static int open_token(CK_SESSION_HANDLE *out_session)
{
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            out_session) == CKR_OK);
    STEP(login(*out_session, CKU_USER, USER_PIN) == CKR_OK);
    return 0;
}

static int role_create(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    STEP(open_token(&session) == 0);
    STEP(create_data(session, true, false, "public of the other") != CK_INVALID_HANDLE);
    STEP(create_data(session, true, true, "private of the other") != CK_INVALID_HANDLE);
    return 0;
}

static int change(const char *from, const char *to)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[2];
    attrs tmpl = { .count = 0 };

    STEP(open_token(&session) == 0);
    STEP(find_label(session, from, found, 2) == 1);
    put_text(&tmpl, CKA_LABEL, to);
    STEP(p11->C_SetAttributeValue(session, found[0], tmpl.at, tmpl.count) == CKR_OK);
    return 0;
}

static int role_change(const fixture *fix)
{
    (void)fix;
    return change("mine", "yours");
}

static int role_destroy(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[2];

    (void)fix;
    STEP(open_token(&session) == 0);
    STEP(find_label(session, "yours", found, 2) == 1);
    STEP(p11->C_DestroyObject(session, found[0]) == CKR_OK);
    return 0;
}

static void commits_of_the_other_are_seen(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2];
    CK_BYTE label[32];
    const CK_OBJECT_HANDLE object = create_data(fix.session, true, true, "mine");

    CHECK_EQ(in_new_process("create", &fix), 0);
    CHECK_EQ(find_label(fix.session, "public of the other", found, 2), 1);
    CHECK_EQ(find_label(fix.session, "private of the other", found, 2), 1);
    CHECK_EQ(in_new_process("change", &fix), 0);
    CHECK_EQ(get_attr(fix.session, object, CKA_LABEL, label, sizeof label), 5);
    CHECK_BYTES(label, 5, "yours", 5);
    CHECK_EQ(find_label(fix.session, "mine", found, 2), 0);
    CHECK_EQ(in_new_process("destroy", &fix), 0);
    CHECK_EQ(ask_attr(fix.session, object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_EQ(find_label(fix.session, "yours", found, 2), 0);
}

static int role_destroy_key(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[4];

    (void)fix;
    STEP(open_token(&session) == 0);
    STEP(find_label(session, "shared key", found, 4) == 2);
    STEP(p11->C_DestroyObject(session, found[0]) == CKR_OK);
    STEP(p11->C_DestroyObject(session, found[1]) == CKR_OK);
    return 0;
}

/* A key that the other process destroyed signs no more, though this one has it parsed. */
static void destroyed_keys_stop_signing(void)
{
    FIXTURE(fix);
    const pair keys = generate_pair(fix.session, &p_256, true, "shared key");
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 1 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    REQUIRE_OK(p11->C_SignInit(fix.session, &ecdsa, keys.private_key));
    CHECK_OK(p11->C_Sign(fix.session, hash, sizeof hash, signature, &len));
    CHECK_EQ(in_new_process("destroy key", &fix), 0);
    CHECK_EQ(p11->C_SignInit(fix.session, &ecdsa, keys.private_key), CKR_KEY_HANDLE_INVALID);
}

static int role_change_pin(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    STEP(open_token(&session) == 0);
    STEP(p11->C_SetPIN(session, utf8(USER_PIN), strlen(USER_PIN), utf8(OTHER_PIN),
                       strlen(OTHER_PIN)) == CKR_OK);
    return 0;
}

static void pins_changed_by_the_other_count(void)
{
    FIXTURE(fix);

    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(in_new_process("change pin", &fix), 0);
    CHECK_EQ(login(fix.session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
    CHECK_OK(login(fix.session, CKU_USER, OTHER_PIN));
}

enum { WRITERS = 4, OBJECTS = 15 };

static int role_write(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    char label[32];

    (void)fix;
    STEP(open_token(&session) == 0);
    for (int i = 0; i < OBJECTS; i++) {
        (void)snprintf(label, sizeof label, "written %d", i);
        const CK_OBJECT_HANDLE kept = create_data(session, true, i % 2 == 0, label);
        const CK_OBJECT_HANDLE passing = create_data(session, true, true, "passing");

        STEP(kept != CK_INVALID_HANDLE);
        STEP(p11->C_DestroyObject(session, passing) == CKR_OK);
    }
    return 0;
}

static void many_writers(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2 * WRITERS];
    pid_t writers[WRITERS];
    char label[32];

    (void)fflush(stdout);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            (void)execl("/proc/self/exe", "role", "--role", "write", fix.dir, (char *)NULL);
            _exit(127);
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        int status = -1;

        CHECK_EQ(waitpid(writers[i], &status, 0), writers[i]);
        CHECK_EQ(status, 0);
    }
    for (int i = 0; i < OBJECTS; i++) {
        (void)snprintf(label, sizeof label, "written %d", i);
        CHECK_EQ(find_label(fix.session, label, found, ARRAY_LEN(found)), WRITERS);
    }
    CHECK_EQ(find_label(fix.session, "passing", found, ARRAY_LEN(found)), 0);
}

static const process_role roles[] = {
    { "create", role_create },   { "change", role_change },
    { "destroy", role_destroy }, { "destroy key", role_destroy_key },
    { "write", role_write },     { "change pin", role_change_pin },
};
static const check_test tests[] = {
    CHECK_TEST(commits_of_the_other_are_seen),
    CHECK_TEST(destroyed_keys_stop_signing),
    CHECK_TEST(pins_changed_by_the_other_count),
    CHECK_TEST(many_writers),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
