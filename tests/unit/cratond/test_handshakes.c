/* Who may begin how many handshakes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "cratond/handshakes.h"
#include "support/check.h"

static handshakes *counts;

static void limit(uint32_t running_max, uint32_t per_sec, uint32_t burst, uint32_t conns_max)
{
    const handshakes_limits limits = {
        .running_max = running_max, .per_sec = per_sec, .burst = burst, .conns_max = conns_max
    };

    handshakes_destroy(counts);
    counts = NULL;
    REQUIRE_OK(handshakes_create(&limits, &counts));
}

static uint32_t number; /* of the last that began */

static bool begin_at(const char *text, int64_t now_ms)
{
    struct sockaddr_storage peer = { .ss_family = AF_INET };

    if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&peer)->sin_addr) != 1) {
        peer.ss_family = AF_INET6;
        CHECK_EQ(inet_pton(AF_INET6, text, &((struct sockaddr_in6 *)&peer)->sin6_addr), 1);
    }
    return handshakes_begin(counts, (const struct sockaddr *)&peer, now_ms, &number);
}

static bool begin(const char *text)
{
    return begin_at(text, 0);
}

static void each_address_has_its_own_that_run(void)
{
    limit(2, 0, 10, 100);
    CHECK_THAT(begin("192.0.2.1"));
    const uint32_t first = number;
    CHECK_THAT(begin("192.0.2.1"));
    CHECK_THAT(!begin("192.0.2.1"));
    CHECK_THAT(begin("192.0.2.2"));
    handshakes_end(counts, first);
    CHECK_THAT(begin("192.0.2.1"));
    CHECK_THAT(!begin("192.0.2.1"));
    CHECK_THAT(begin("192.0.2.2"));
    CHECK_THAT(!begin("192.0.2.2"));
}

static void an_address_is_one_network_of_version_6(void)
{
    limit(1, 0, 10, 100);
    CHECK_THAT(begin("2001:db8::1"));
    CHECK_THAT(!begin("2001:db8:0:0:ffff::2"));
    CHECK_THAT(begin("2001:db8:0:1::1"));
    CHECK_THAT(begin("::ffff:192.0.2.1")); /* the same as without the prefix */
    CHECK_THAT(!begin("192.0.2.1"));
    CHECK_THAT(begin("192.0.2.2"));
    CHECK_THAT(begin("c000:201::")); /* the same bytes, but version 6 */
}

static void other_kinds_are_one(void)
{
    const struct sockaddr none = { .sa_family = AF_UNSPEC };

    limit(1, 0, 10, 100);
    CHECK_THAT(handshakes_begin(counts, &none, 0, &number));
    CHECK_THAT(!handshakes_begin(counts, &none, 0, &number));
}

static void so_many_a_second(void)
{
    limit(0, 2, 3, 100);
    for (int i = 0; i < 3; i++)
        CHECK_THAT(begin_at("192.0.2.1", 1000));
    CHECK_THAT(!begin_at("192.0.2.1", 1000));
    CHECK_THAT(begin_at("192.0.2.2", 1000));
    CHECK_THAT(!begin_at("192.0.2.1", 1499));
    CHECK_THAT(begin_at("192.0.2.1", 1501)); /* what is asked for in vain costs nothing */
    CHECK_THAT(!begin_at("192.0.2.1", 1501));
    for (int i = 0; i < 3; i++) /* never more at once than that */
        CHECK_THAT(begin_at("192.0.2.1", 1000000));
    CHECK_THAT(!begin_at("192.0.2.1", 1000000));
}

static void a_second_of_them_may_come_at_once(void)
{
    limit(0, 5, 1, 100);
    for (int i = 0; i < 5; i++)
        CHECK_THAT(begin("192.0.2.1"));
    CHECK_THAT(!begin("192.0.2.1"));
}

static void without_limits_there_are_none(void)
{
    limit(0, 0, 1, 100);
    for (int i = 0; i < 100000; i++)
        CHECK_THAT(begin("192.0.2.1"));
}

/* More addresses than are remembered: those that were quiet for longest are forgotten, those with a
 * handshake that runs never. */
static void many_addresses_take_no_more_memory(void)
{
    char text[20];

    limit(1, 1, 1, 2);
    CHECK_THAT(begin_at("192.0.2.1", 0)); /* runs */
    CHECK_THAT(begin_at("192.0.2.2", 0));
    handshakes_end(counts, number);
    CHECK_THAT(!begin_at("192.0.2.2", 0));
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof text, "10.0.%u.%u", i / 250, i % 250);
        CHECK_THAT(begin_at(text, 1));
        handshakes_end(counts, number);
    }
    CHECK_THAT(!begin_at("192.0.2.1", 60000));
    CHECK_THAT(begin_at("192.0.2.2", 1)); /* forgotten, and what it had used with it */
}

/* Room for the quiet ones, 1,024 as they are, is for those that run as well. */
static void only_so_many_can_run(void)
{
    char text[20];
    unsigned running = 0;

    limit(0, 0, 1, 3);
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(text, sizeof text, "10.0.%u.%u", i / 250, i % 250);
        running += begin(text);
    }
    CHECK_EQ(running, 3 + 1024);
}

static const check_test tests[] = {
    CHECK_TEST(each_address_has_its_own_that_run),
    CHECK_TEST(an_address_is_one_network_of_version_6),
    CHECK_TEST(other_kinds_are_one),
    CHECK_TEST(so_many_a_second),
    CHECK_TEST(a_second_of_them_may_come_at_once),
    CHECK_TEST(without_limits_there_are_none),
    CHECK_TEST(many_addresses_take_no_more_memory),
    CHECK_TEST(only_so_many_can_run),
};
CHECK_MAIN(tests)
