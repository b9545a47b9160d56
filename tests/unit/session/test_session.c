#include "unit/session/fake_crypt.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "support/check.h"

#define MANY 10000u

static hsm_session_table *make_table(uint32_t slots, uint32_t sessions, uint32_t rw_sessions)
{
    const hsm_session_limits limits = { .slot_count = slots,
                                        .sessions_max = sessions,
                                        .rw_sessions_max = rw_sessions };
    hsm_session_table *table = NULL;

    CHECK_OK(hsm_session_table_create(&limits, &table));
    return table;
}

static hsm_err close_handle(hsm_session_table *table, CK_SESSION_HANDLE handle)
{
    hsm_session *session = NULL;

    HSM_TRY(hsm_session_get(table, handle, &session));
    hsm_session_close(table, &session);
    CHECK_THAT(session == NULL);
    return HSM_OK;
}

static bool is_open(hsm_session_table *table, CK_SESSION_HANDLE handle)
{
    HSM_AUTO(hsm_session_release) hsm_session *session = NULL;

    return hsm_session_get(table, handle, &session) == HSM_OK;
}

static void limits_are_checked(void)
{
    static const struct {
        const char *label;
        hsm_session_limits limits;
        hsm_err want;
    } rows[] = {
        { "least", { 1, 1, 0 }, HSM_OK },
        { "most slots", { 256, 1, 1 }, HSM_OK },
        { "most sessions", { 1, 1000000, 1000000 }, HSM_OK },
        { "most of both", { 256, 1000000, 1000000 }, HSM_OK },
        { "no slot", { 0, 1, 1 }, HSM_E_ARG },
        { "too many slots", { 257, 1, 1 }, HSM_E_ARG },
        { "no session", { 1, 0, 0 }, HSM_E_ARG },
        { "too many sessions", { 1, 1000001, 1 }, HSM_E_ARG },
        { "more read-write ones than sessions", { 1, 5, 6 }, HSM_E_ARG },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = NULL;

        CASE(rows[i].label);
        CHECK_ERR(hsm_session_table_create(&rows[i].limits, &table), rows[i].want);
        CHECK_THAT((table != NULL) == (rows[i].want == HSM_OK));
    }
    hsm_session_table_destroy(NULL);
}

static void opens_and_closes(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = make_table(2, 3, 2);
    CK_SESSION_HANDLE ro = 0, rw = 0, rw2 = 0, other = 0;
    hsm_session *session = NULL;

    REQUIRE_OK(hsm_session_open(table, 0, false, false, &ro));
    REQUIRE_OK(hsm_session_open(table, 0, true, false, &rw));
    REQUIRE_OK(hsm_session_open(table, 0, true, true, &rw2));
    CHECK_THAT(ro != HSM_HANDLE_NONE && rw != HSM_HANDLE_NONE && ro != rw && rw != rw2);

    CASE("what a new session says of itself");
    REQUIRE_OK(hsm_session_get(table, rw, &session));
    CHECK_EQ(session->handle, rw);
    CHECK_EQ(session->slot, 0);
    CHECK_THAT(session->is_rw);
    CHECK_THAT(session->application == NULL && session->notify == NULL);
    hsm_session_release(&session);
    CHECK_THAT(session == NULL);
    hsm_session_release(&session); /* nothing to release */
    CHECK_EQ(fake_counted().created, 0);

    CASE("counts");
    CHECK_EQ(hsm_session_count(table, 0).sessions, 3);
    CHECK_EQ(hsm_session_count(table, 0).rw_sessions, 2);
    CHECK_EQ(hsm_session_count(table, 1).sessions, 0);
    CHECK_EQ(hsm_session_count(table, 2).sessions, 0);

    CASE("limits, each slot for itself");
    CHECK_ERR(hsm_session_open(table, 0, false, false, &other), HSM_E_SESSION_COUNT);
    CHECK_EQ(other, HSM_HANDLE_NONE);
    CHECK_OK(close_handle(table, ro));
    CHECK_ERR(hsm_session_open(table, 0, true, false, &other), HSM_E_SESSION_COUNT);
    CHECK_OK(hsm_session_open(table, 0, false, false, &ro));
    CHECK_OK(hsm_session_open(table, 1, true, false, &other));
    CHECK_ERR(hsm_session_open(table, 2, true, false, &other), HSM_E_SLOT);

    CASE("no read-only session beside the SO");
    CHECK_OK(close_handle(table, ro));
    CHECK_ERR(hsm_session_open(table, 0, false, true, &ro), HSM_E_SESSION_SO_EXISTS);
    CHECK_EQ(hsm_session_count(table, 0).sessions, 2);
}

static void stale_handles(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = make_table(1, 10, 10);
    CK_SESSION_HANDLE first = 0, second = 0;
    hsm_session *session = NULL;

    CHECK_ERR(hsm_session_get(table, HSM_HANDLE_NONE, &session), HSM_E_SESSION_HANDLE);
    CHECK_ERR(hsm_session_get(table, 1, &session), HSM_E_SESSION_HANDLE);
    CHECK_ERR(hsm_session_get(table, ~0UL, &session), HSM_E_SESSION_HANDLE);
    REQUIRE_OK(hsm_session_open(table, 0, true, false, &first));
    REQUIRE_OK(close_handle(table, first));
    CHECK_ERR(close_handle(table, first), HSM_E_SESSION_HANDLE);
    REQUIRE_OK(hsm_session_open(table, 0, true, false, &second));
    CHECK_THAT(first != second);
    CHECK_ERR(hsm_session_get(table, first, &session), HSM_E_SESSION_HANDLE);
    CHECK_THAT(session == NULL);
    CHECK_THAT(is_open(table, second));
}

static void close_leaves_nothing_behind(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = make_table(1, 10, 10);
    hsm_object object = { .is_private = false };
    CK_SESSION_HANDLE handle = 0;
    hsm_session *session = NULL;
    const uint64_t id = 5;

    REQUIRE_OK(hsm_session_open(table, 0, true, false, &handle));
    REQUIRE_OK(hsm_session_get(table, handle, &session));
    fake_reset();
    hsm_operation *sign = &session->operation[HSM_SLOT_SIGN];
    CHECK_OK(hsm_operation_prepare(sign, NULL));
    sign->is_open = true;
    sign->needs_login = true;
    sign->object = &object;
    session->application = &object;
    session->has_objects = true;
    session->search.is_open = true;
    CHECK_OK(hsm_buf_append(&session->search.ids, hsm_bytes_of(&id, sizeof id)));
    hsm_session *was = session;
    hsm_session_close(table, &session);
    CHECK_EQ(fake_counted().ended, 1);
    CHECK_EQ(fake_counted().forgotten, 1);
    CHECK_EQ(fake_counted().released, 1);
    CHECK_EQ(fake_counted().templates, 1);

    CASE("the next session in the same memory");
    REQUIRE_OK(hsm_session_open(table, 0, false, false, &handle));
    REQUIRE_OK(hsm_session_get(table, handle, &session));
    CHECK_THAT(session == was);
    CHECK_THAT(!session->is_rw && session->application == NULL && !session->search.is_open);
    CHECK_THAT(!session->has_objects);
    CHECK_THAT(!session->operation[HSM_SLOT_SIGN].is_open);
    CHECK_THAT(!session->operation[HSM_SLOT_SIGN].needs_login);
    CHECK_THAT(session->operation[HSM_SLOT_SIGN].object == NULL);

    CASE("destroying the table destroys the context");
    hsm_session_release(&session);
    hsm_session_table_drop(&table);
    CHECK_EQ(fake_counted().destroyed, 1);
}

static void ten_thousand(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = make_table(1, MANY, MANY);
    static CK_SESSION_HANDLE handles[MANY], again[MANY];
    CK_SESSION_HANDLE one_more = 0;

    for (uint32_t i = 0; i < MANY; i++)
        REQUIRE_OK(hsm_session_open(table, 0, i % 3 == 0, false, &handles[i]));
    CHECK_EQ(hsm_session_count(table, 0).sessions, MANY);
    CHECK_EQ(hsm_session_count(table, 0).rw_sessions, (MANY + 2) / 3);
    CHECK_ERR(hsm_session_open(table, 0, false, false, &one_more), HSM_E_SESSION_COUNT);

    CASE("every other one closed, in another order"); /* 4567 shares no factor with MANY */
    for (uint32_t i = 0; i < MANY; i++)
        if (i * 4567 % MANY % 2 == 0)
            REQUIRE_OK(close_handle(table, handles[i * 4567 % MANY]));
    CHECK_EQ(hsm_session_count(table, 0).sessions, MANY / 2);
    for (uint32_t i = 0; i < MANY; i++)
        REQUIRE_THAT(is_open(table, handles[i]) == (i % 2 == 1));

    CASE("opened again: new handles, the old ones stay stale");
    for (uint32_t i = 0; i < MANY / 2; i++)
        REQUIRE_OK(hsm_session_open(table, 0, false, false, &again[i]));
    for (uint32_t i = 0; i < MANY; i++)
        REQUIRE_THAT(is_open(table, handles[i]) == (i % 2 == 1));
    for (uint32_t i = 0; i < MANY / 2; i++)
        REQUIRE_THAT(is_open(table, again[i]));
    CHECK_EQ(hsm_session_count(table, 0).rw_sessions, (MANY / 2 + 2) / 3);
}

/* --- hsm_session_each ------------------------------------------------------------------------ */

typedef struct walk {
    hsm_session_table *table;
    int visits;
    bool closes_all;
    bool releases;
    CK_SESSION_HANDLE must_see[4];
    bool has_seen[4];
} walk;

static void visit(hsm_session **session, void *arg)
{
    walk *w = arg;

    w->visits++;
    for (size_t i = 0; i < HSM_ARRAY_LEN(w->must_see); i++)
        w->has_seen[i] |= (*session)->handle == w->must_see[i];
    if (w->closes_all)
        hsm_session_close(w->table, session);
    else if (w->releases)
        hsm_session_release(session);
}

static void each_visits_all(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = make_table(2, 10, 10);
    CK_SESSION_HANDLE handles[10], elsewhere = 0;
    walk w = { .table = table };

    hsm_session_each(table, 0, visit, &w);
    hsm_session_each(table, 9, visit, &w);
    CHECK_EQ(w.visits, 0);
    for (size_t i = 0; i < HSM_ARRAY_LEN(handles); i++)
        REQUIRE_OK(hsm_session_open(table, 0, true, false, &handles[i]));
    REQUIRE_OK(hsm_session_open(table, 1, true, false, &elsewhere));
    CHECK_OK(close_handle(table, handles[3]));
    memcpy(w.must_see, (CK_SESSION_HANDLE[]){ handles[0], handles[2], handles[4], handles[9] },
           sizeof w.must_see);

    CASE("each once, and it is unlocked again");
    hsm_session_each(table, 0, visit, &w);
    CHECK_EQ(w.visits, 9);
    for (size_t i = 0; i < HSM_ARRAY_LEN(w.has_seen); i++)
        CHECK_THAT(w.has_seen[i]);
    CHECK_THAT(is_open(table, handles[0]));

    CASE("a visitor may release");
    w.releases = true;
    hsm_session_each(table, 0, visit, &w);
    CHECK_EQ(w.visits, 18);
    CHECK_THAT(is_open(table, handles[0]));

    CASE("a visitor may close");
    w.closes_all = true;
    hsm_session_each(table, 0, visit, &w);
    CHECK_EQ(w.visits, 27);
    CHECK_EQ(hsm_session_count(table, 0).sessions, 0);
    CHECK_THAT(is_open(table, elsewhere));
}

/* --- Memory runs out --------------------------------------------------------------------------- */

static hsm_err open_some(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = NULL;
    const hsm_session_limits limits = { .slot_count = 2,
                                        .sessions_max = 50,
                                        .rw_sessions_max = 50 };

    HSM_TRY(hsm_session_table_create(&limits, &table));
    for (uint32_t i = 0; i < 40; i++) {
        CK_SESSION_HANDLE handle = 0;
        const hsm_err err = hsm_session_open(table, 0, true, false, &handle);

        CHECK_EQ(hsm_session_count(table, 0).sessions, err == HSM_OK ? i + 1 : i);
        CHECK_EQ(hsm_session_count(table, 0).rw_sessions, err == HSM_OK ? i + 1 : i);
        if (err != HSM_OK) { /* and then there is memory again */
            CHECK_OK(hsm_session_open(table, 0, true, false, &handle));
            return err;
        }
    }
    return HSM_OK;
}

static void memory_runs_out(void)
{
    int n = 0;
    hsm_err err = HSM_E_NO_MEMORY;

    while (err != HSM_OK && n < 1000) {
        fake_fail_allocation(++n);
        err = open_some();
        fake_fail_allocation(0);
        if (err != HSM_OK)
            REQUIRE_THAT(err == HSM_E_NO_MEMORY);
    }
    CHECK_THAT(n > 40 && n < 1000);
}

/* --- Threads ----------------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS 4000

typedef struct crowd {
    hsm_session_table *table;
    atomic_ulong last_handle; /* somebody's, perhaps closed: fair game for all */
    CK_SESSION_HANDLE steady[4];
    atomic_int stop;
} crowd;

static void *churn(void *arg)
{
    crowd *c = arg;

    for (int i = 0; i < ROUNDS; i++) {
        CK_SESSION_HANDLE handle = 0;
        hsm_session *session = NULL;

        if (!CHECK_OK(hsm_session_open(c->table, 0, i % 2 == 0, false, &handle)))
            break;
        const CK_SESSION_HANDLE prey = atomic_exchange(&c->last_handle, handle);
        if (hsm_session_get(c->table, prey, &session) == HSM_OK) {
            CHECK_EQ(session->handle, prey);
            session->application = session;
            if (i % 5 == 0)
                hsm_session_close(c->table, &session);
            hsm_session_release(&session);
        }
        if (i % 3 != 0)
            (void)close_handle(c->table, handle);
    }
    return NULL;
}

/* Closes what churn() leaves open, never the steady ones. */
static void sweep(hsm_session **session, void *arg)
{
    crowd *c = arg;

    for (size_t i = 0; i < HSM_ARRAY_LEN(c->steady); i++)
        if ((*session)->handle == c->steady[i])
            return;
    hsm_session_close(c->table, session);
}

static void *walk_around(void *arg)
{
    crowd *c = arg;

    while (!atomic_load(&c->stop)) {
        walk w = { .table = c->table };

        memcpy(w.must_see, c->steady, sizeof w.must_see);
        hsm_session_each(c->table, 0, visit, &w);
        for (size_t i = 0; i < HSM_ARRAY_LEN(w.has_seen); i++)
            CHECK_THAT(w.has_seen[i]);
        hsm_session_each(c->table, 0, sweep, c);
    }
    return NULL;
}

static void threads(void)
{
    HSM_AUTO(hsm_session_table_drop)
    hsm_session_table *table = make_table(1, THREADS * ROUNDS, THREADS * ROUNDS);
    crowd c = { .table = table };
    pthread_t churners[THREADS], walker;
    CK_SESSION_HANDLE filler = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(c.steady); i++) {
        /* not the first places only: sweeping the fillers moves them about */
        REQUIRE_OK(hsm_session_open(table, 0, true, false, &filler));
        REQUIRE_OK(hsm_session_open(table, 0, true, false, &c.steady[i]));
    }
    REQUIRE_OK(pthread_create(&walker, NULL, walk_around, &c));
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&churners[i], NULL, churn, &c));
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(churners[i], NULL);
    atomic_store(&c.stop, 1);
    (void)pthread_join(walker, NULL);

    hsm_session_each(table, 0, sweep, &c);
    CHECK_EQ(hsm_session_count(table, 0).sessions, HSM_ARRAY_LEN(c.steady));
    CHECK_EQ(hsm_session_count(table, 0).rw_sessions, HSM_ARRAY_LEN(c.steady));
    for (size_t i = 0; i < HSM_ARRAY_LEN(c.steady); i++)
        CHECK_OK(close_handle(table, c.steady[i]));
    CHECK_EQ(hsm_session_count(table, 0).sessions, 0);
}

static void names_its_client(void)
{
    HSM_AUTO(hsm_session_table_drop) hsm_session_table *table = make_table(1, 1, 1);
    char longest[HSM_CLIENT_MAX_BYTES + 2] = "";
    CK_SESSION_HANDLE handle = 0;
    hsm_session *session = NULL;

    REQUIRE_OK(hsm_session_open(table, 0, true, false, &handle));
    REQUIRE_OK(hsm_session_get(table, handle, &session));
    CHECK_THAT(session->client == NULL);

    memset(longest, 'c', HSM_CLIENT_MAX_BYTES);
    CHECK_OK(hsm_session_set_client(session, longest));
    CHECK_STR(session->client, longest);
    CHECK_THAT(session->client != longest);
    CASE("what is refused leaves the name as it is");
    longest[HSM_CLIENT_MAX_BYTES] = 'c';
    CHECK_ERR(hsm_session_set_client(session, longest), HSM_E_ARG);
    CHECK_ERR(hsm_session_set_client(session, "CN=\xff"), HSM_E_ARG);
    CHECK_EQ(strlen(session->client), HSM_CLIENT_MAX_BYTES);
    CHECK_OK(hsm_session_set_client(session, NULL));
    CHECK_THAT(session->client == NULL);

    CASE("the next session has none");
    CHECK_OK(hsm_session_set_client(session, "CN=one"));
    hsm_session_close(table, &session);
    REQUIRE_OK(hsm_session_open(table, 0, true, false, &handle));
    REQUIRE_OK(hsm_session_get(table, handle, &session));
    CHECK_THAT(session->client == NULL);
    hsm_session_release(&session);
}

static const check_test tests[] = {
    CHECK_TEST(limits_are_checked),
    CHECK_TEST(opens_and_closes),
    CHECK_TEST(stale_handles),
    CHECK_TEST(close_leaves_nothing_behind),
    CHECK_TEST(ten_thousand),
    CHECK_TEST(each_visits_all),
    CHECK_TEST(memory_runs_out),
    CHECK_TEST(names_its_client),
    CHECK_TEST(threads),
};
CHECK_MAIN(tests)
