/* Two applications in one process: what they share and what they must not.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>

#include "config/config.h"
#include "core/audit_log.h"
#include "core/core.h"
#include "core/process.h"
#include "core/remote.h"
#include "support/check.h"
#include "unit/os/scratch.h"

static const char so_pin[] = "so-pin-1";
static const char user_pin[] = "user-pin-1";
#define RW (CKF_SERIAL_SESSION | CKF_RW_SESSION)

/* One application with a session. */
typedef struct app {
    hsm_core *core;
    CK_SESSION_HANDLE session;
} app;

typedef struct pair {
    hsm_config *config;
    hsm_core *root;
    app a;
    app b;
} pair;

static hsm_bytes text(const char *value)
{
    return hsm_bytes_of_text(value);
}

static void close_pair(pair *of)
{
    hsm_core_close(of->a.core);
    hsm_core_close(of->b.core);
    hsm_core_close(of->root);
    hsm_config_destroy(of->config);
}

static hsm_err init_token(hsm_core *core)
{
    CK_SESSION_HANDLE session = 0;
    uint8_t label[32];

    memset(label, ' ', sizeof label);
    HSM_TRY(hsm_core_init_token(core, 0, text(so_pin), label));
    HSM_TRY(hsm_core_open_session(core, 0, RW, &session));
    HSM_TRY(hsm_core_login(core, session, CKU_SO, text(so_pin)));
    HSM_TRY(hsm_core_init_pin(core, session, text(user_pin)));
    return hsm_core_close_session(core, session);
}

static hsm_err open_pair_with(pair *of, const char *audit)
{
    char toml[5000];

    (void)snprintf(toml, sizeof toml,
                   "token.persist_objects = false\ntoken.storage_path = '/nowhere'\n"
                   "security.pbkdf2_iterations = 100000\n%s\n",
                   audit);
    HSM_TRY(hsm_core_process_watch());
    HSM_TRY(hsm_config_parse(text(toml), "test", &of->config, NULL));
    HSM_TRY(hsm_core_open(of->config, &of->root));
    HSM_TRY(init_token(of->root));
    HSM_TRY(hsm_core_share(of->root, &of->a.core));
    HSM_TRY(hsm_core_share(of->root, &of->b.core));
    HSM_TRY(hsm_core_open_session(of->a.core, 0, RW, &of->a.session));
    return hsm_core_open_session(of->b.core, 0, RW, &of->b.session);
}

static hsm_err open_pair(pair *of)
{
    return open_pair_with(of, "audit.enabled = false");
}

/* A secret key of the token with this label. */
static hsm_err make_key(const app *of, bool is_token, const char *label)
{
    static const CK_MECHANISM mechanism = { .mechanism = CKM_AES_KEY_GEN };
    static const CK_BBOOL yes = CK_TRUE;
    const CK_BBOOL token = is_token ? CK_TRUE : CK_FALSE;
    static const CK_ULONG len = 32;
    const hsm_attr attrs[] = {
        { CKA_TOKEN, hsm_bytes_of(&token, sizeof token) },
        { CKA_PRIVATE, hsm_bytes_of(&yes, sizeof yes) },
        { CKA_VALUE_LEN, hsm_bytes_of(&len, sizeof len) },
        { CKA_LABEL, text(label) },
    };
    const hsm_template tmpl = { .attrs = attrs, .count = HSM_ARRAY_LEN(attrs) };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = 0;

    HSM_TRY(hsm_core_session(of->core, of->session, &session));
    return hsm_core_generate_key(of->core, session, &mechanism, &tmpl, &key);
}

static size_t count_labelled(const app *of, const char *label)
{
    const hsm_attr attrs[] = { { CKA_LABEL, text(label) } };
    const hsm_template tmpl = { .attrs = attrs, .count = 1 };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE found[8];
    size_t count = 0;

    CHECK_OK(hsm_core_session(of->core, of->session, &session));
    CHECK_OK(hsm_core_find_init(of->core, session, &tmpl));
    CHECK_OK(hsm_core_find(of->core, session, found, HSM_ARRAY_LEN(found), &count));
    CHECK_OK(hsm_core_find_final(of->core, session));
    return count;
}

static void a_login_is_for_one_application(void)
{
    HSM_AUTO(close_pair) pair of = { 0 };

    REQUIRE_OK(open_pair(&of));
    REQUIRE_OK(hsm_core_login(of.a.core, of.a.session, CKU_USER, text(user_pin)));
    REQUIRE_OK(make_key(&of.a, true, "of a"));
    CHECK_EQ(count_labelled(&of.a, "of a"), 1);
    CASE("the other one has not logged in");
    CHECK_EQ(count_labelled(&of.b, "of a"), 0);
    CHECK_ERR(make_key(&of.b, true, "of b"), HSM_E_NOT_LOGGED_IN);
    CASE("and its right PIN opens the same objects");
    CHECK_OK(hsm_core_login(of.b.core, of.b.session, CKU_USER, text(user_pin)));
    CHECK_EQ(count_labelled(&of.b, "of a"), 1);
    CASE("a logout there leaves the first one logged in");
    CHECK_OK(hsm_core_logout(of.b.core, of.b.session));
    CHECK_EQ(count_labelled(&of.b, "of a"), 0);
    CHECK_EQ(count_labelled(&of.a, "of a"), 1);
}

static void session_objects_are_of_one_application(void)
{
    HSM_AUTO(close_pair) pair of = { 0 };

    REQUIRE_OK(open_pair(&of));
    REQUIRE_OK(hsm_core_login(of.a.core, of.a.session, CKU_USER, text(user_pin)));
    REQUIRE_OK(hsm_core_login(of.b.core, of.b.session, CKU_USER, text(user_pin)));
    REQUIRE_OK(make_key(&of.a, false, "session"));
    CHECK_EQ(count_labelled(&of.a, "session"), 1);
    CHECK_EQ(count_labelled(&of.b, "session"), 0);
}

static void closing_one_leaves_the_others(void)
{
    HSM_AUTO(close_pair) pair of = { 0 };

    REQUIRE_OK(open_pair(&of));
    REQUIRE_OK(hsm_core_login(of.a.core, of.a.session, CKU_USER, text(user_pin)));
    REQUIRE_OK(make_key(&of.a, true, "kept"));
    hsm_core_close(HSM_MOVE(of.a.core));
    REQUIRE_OK(hsm_core_login(of.b.core, of.b.session, CKU_USER, text(user_pin)));
    CHECK_EQ(count_labelled(&of.b, "kept"), 1);
    REQUIRE_OK(hsm_core_share(of.root, &of.a.core));
}

static void a_second_application_has_no_third(void)
{
    HSM_AUTO(close_pair) pair of = { 0 };
    hsm_core *third = NULL;

    REQUIRE_OK(open_pair(&of));
    CHECK_ERR(hsm_core_share(of.a.core, &third), HSM_E_ARG);
    CHECK_THAT(third == NULL);
}

/* --- one log for all ------------------------------------------------------------------------------ */

#define KEYS_EACH 20u

static void *make_keys(void *arg)
{
    for (unsigned i = 0; i < KEYS_EACH; i++)
        CHECK_OK(make_key(arg, false, "made"));
    return NULL;
}

/* Entries that tell of a key that was made. */
static uint64_t count_made(hsm_core_audit *audit)
{
    hsm_core_audit_entry entry;
    uint64_t count = 0;

    while (hsm_core_audit_next(audit, &entry) == HSM_OK)
        count += entry.operation == HSM_AUDITED_GENERATE_KEY && entry.is_success;
    return count;
}

static void they_write_one_chain(void)
{
    HSM_AUTO(close_pair) pair of = { 0 };
    HSM_AUTO(hsm_core_audit_drop) hsm_core_audit *audit = NULL;
    char settings[4500];
    hsm_audit_verdict verdict;
    pthread_t other;

    (void)snprintf(settings, sizeof settings, "audit.log_path = '%s'", scratch_path("audit.jsonl"));
    REQUIRE_OK(open_pair_with(&of, settings));
    REQUIRE_OK(hsm_core_login(of.a.core, of.a.session, CKU_USER, text(user_pin)));
    REQUIRE_OK(hsm_core_login(of.b.core, of.b.session, CKU_USER, text(user_pin)));
    REQUIRE_THAT(pthread_create(&other, NULL, make_keys, &of.b) == 0);
    (void)make_keys(&of.a);
    CHECK_EQ(pthread_join(other, NULL), 0);
    CHECK_OK(hsm_core_refused(of.b.core, "somebody", "something"));
    CASE("one goes, the other goes on writing");
    hsm_core_close(HSM_MOVE(of.a.core));
    CHECK_OK(make_key(&of.b, false, "made"));
    hsm_core_close(HSM_MOVE(of.b.core));
    hsm_core_close(HSM_MOVE(of.root));

    const hsm_core_audit_source source = { .config = of.config };
    REQUIRE_OK(hsm_core_audit_open(&source, &audit));
    CHECK_EQ(count_made(audit), 2 * KEYS_EACH + 1);
    CHECK_OK(hsm_core_audit_verify(audit, NULL, NULL, &verdict));
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_THAT(verdict.is_keyed && verdict.has_head && verdict.entries > 2 * KEYS_EACH);
}

static const check_test tests[] = {
    CHECK_TEST(a_login_is_for_one_application), CHECK_TEST(session_objects_are_of_one_application),
    CHECK_TEST(closing_one_leaves_the_others),  CHECK_TEST(a_second_application_has_no_third),
    CHECK_TEST(they_write_one_chain),
};
CHECK_MAIN(tests)
