/* Every (state, operation), and how a state follows from dates and what was set by hand, against what
 * SP 800-57 part 1, 7, says, written out here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "core/internal.h"
#include "store/store.h"
#include "support/check.h"

/* P: only active. O: old data too, so deactivated. C: compromised as well, where it is allowed. */
static const struct {
    hsm_op op;
    char who;
} operations[] = {
    { HSM_OP_ENCRYPT, 'P' },         { HSM_OP_DECRYPT, 'C' },
    { HSM_OP_DIGEST, 'P' },          { HSM_OP_SIGN, 'P' },
    { HSM_OP_SIGN_RECOVER, 'P' },    { HSM_OP_VERIFY, 'C' },
    { HSM_OP_VERIFY_RECOVER, 'C' },  { HSM_OP_GENERATE, 'P' },
    { HSM_OP_GENERATE_PAIR, 'P' },   { HSM_OP_WRAP, 'P' },
    { HSM_OP_UNWRAP, 'O' },          { HSM_OP_DERIVE, 'P' },
    { HSM_OP_ENCAPSULATE, 'P' },     { HSM_OP_DECAPSULATE, 'O' },
    { HSM_OP_MESSAGE_ENCRYPT, 'P' }, { HSM_OP_MESSAGE_DECRYPT, 'C' },
    { HSM_OP_MESSAGE_SIGN, 'P' },    { HSM_OP_MESSAGE_VERIFY, 'C' },
};

static void every_state_and_operation(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(operations); i++) {
        const hsm_op op = operations[i].op;
        const char who = operations[i].who;
        char name[32];

        (void)snprintf(name, sizeof name, "operation %#x", (unsigned)op);
        CASE(name);
        for (int is_lenient = 0; is_lenient <= 1; is_lenient++) {
            CHECK_THAT(!hsm_key_state_allows(HSM_KEY_PRE_ACTIVATION, op, is_lenient));
            CHECK_THAT(hsm_key_state_allows(HSM_KEY_ACTIVE, op, is_lenient));
            CHECK_EQ(hsm_key_state_allows(HSM_KEY_DEACTIVATED, op, is_lenient), who != 'P');
            CHECK_EQ(hsm_key_state_allows(HSM_KEY_COMPROMISED, op, is_lenient),
                     is_lenient && who == 'C');
        }
    }
}

static const struct {
    const char *label;
    hsm_key_life life;
    uint32_t today;
    hsm_key_state want;
} lives[] = {
    { "no dates", { 0, 0, 0 }, 20260101, HSM_KEY_ACTIVE },
    { "day before the start", { 0, 20260102, 0 }, 20260101, HSM_KEY_PRE_ACTIVATION },
    { "day of the start", { 0, 20260101, 0 }, 20260101, HSM_KEY_ACTIVE },
    { "day of the end", { 0, 0, 20260101 }, 20260101, HSM_KEY_ACTIVE },
    { "day after the end", { 0, 0, 20251231 }, 20260101, HSM_KEY_DEACTIVATED },
    { "end before start, between", { 0, 20260103, 20260101 }, 20260102, HSM_KEY_DEACTIVATED },
    { "pre-activation by hand", { 1, 0, 0 }, 20260101, HSM_KEY_PRE_ACTIVATION },
    { "pre-activation by hand, started", { 1, 20250101, 0 }, 20260101, HSM_KEY_PRE_ACTIVATION },
    { "pre-activation by hand, ended", { 1, 0, 20250101 }, 20260101, HSM_KEY_DEACTIVATED },
    { "active by hand, before the start", { 2, 20270101, 0 }, 20260101, HSM_KEY_ACTIVE },
    { "active by hand, ended", { 2, 0, 20250101 }, 20260101, HSM_KEY_DEACTIVATED },
    { "deactivated by hand", { 3, 20250101, 20270101 }, 20260101, HSM_KEY_DEACTIVATED },
    { "compromised, ended", { 4, 0, 20250101 }, 20260101, HSM_KEY_COMPROMISED },
    { "compromised, not started", { 4, 20270101, 0 }, 20260101, HSM_KEY_COMPROMISED },
};

static void states_follow(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(lives); i++) {
        CASE(lives[i].label);
        CHECK_EQ(hsm_key_state_on(&lives[i].life, lives[i].today), lives[i].want);
    }
}

/* Time passes, the state only goes forward, whatever dates and hand say. */
static void time_never_takes_back(void)
{
    static const uint32_t days[] = { 0, 20260101, 20260102, 20260103 };

    for (size_t start = 0; start < HSM_ARRAY_LEN(days); start++) {
        for (size_t end = 0; end < HSM_ARRAY_LEN(days); end++) {
            for (CK_ULONG by_hand = 0; by_hand <= HSM_KEY_COMPROMISED; by_hand++) {
                const hsm_key_life life = { by_hand, days[start], days[end] };
                hsm_key_state last = HSM_KEY_BY_DATES;

                for (uint32_t today = 20251231; today <= 20260104; today++) {
                    const hsm_key_state now = hsm_key_state_on(&life, today);

                    CHECK_THAT(now >= last && now >= by_hand);
                    last = now;
                }
            }
        }
    }
}

/* The mark of a later day, as another process left it before the clock went back. */
static void a_clock_set_back_is_noticed(void)
{
    char dir[] = "/tmp/craton-life-XXXXXX", text[200], command[100];
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;
    hsm_core *core = NULL;
    uint32_t day = 0;

    REQUIRE_THAT(mkdtemp(dir) != NULL);
    (void)snprintf(text, sizeof text, "[token]\nstorage_path = \"%s/store\"\n", dir);
    REQUIRE_OK(hsm_config_parse(hsm_bytes_of_text(text), "test", &config, NULL));
    REQUIRE_OK(hsm_core_open(config, &core));
    CHECK_OK(hsm_store_day_read(core->store, &day));
    CHECK_EQ(day, 0);
    const uint32_t today = hsm_core_today(core);
    CHECK_THAT(today > 20260101);
    CHECK_OK(hsm_store_day_read(core->store, &day));
    CHECK_EQ(day, today);

    CHECK_OK(hsm_store_day_write(core->store, 29990101));
    CHECK_EQ(hsm_core_today(core), today); /* looked at a moment ago */
    hsm_core_close(core);
    REQUIRE_OK(hsm_core_open(config, &core));
    CHECK_EQ(hsm_core_today(core), 29990101);
    CHECK_OK(hsm_store_day_read(core->store, &day));
    CHECK_EQ(day, 29990101);

    CASE("a mark that somebody wrote without the device key");
    (void)snprintf(command, sizeof command,
                   "printf x | dd of=%s/store/latest.day bs=1 seek=6 "
                   "conv=notrunc 2>/dev/null",
                   dir);
    CHECK_EQ(system(command), 0);
    CHECK_ERR(hsm_store_day_read(core->store, &day), HSM_E_STORE_CORRUPT);
    hsm_core_close(core);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    CHECK_EQ(system(command), 0);
}

static const check_test tests[] = {
    CHECK_TEST(every_state_and_operation),
    CHECK_TEST(states_follow),
    CHECK_TEST(time_never_takes_back),
    CHECK_TEST(a_clock_set_back_is_noticed),
};
CHECK_MAIN(tests)
