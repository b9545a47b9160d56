/* SPDX-License-Identifier: Apache-2.0 */
#include "os/meter.h"
#include "support/check.h"

static void counts_when_it_is_on(void)
{
    hsm_meter meter = { .is_on = false };
    hsm_meter_reading read = { 0 };

    CHECK_EQ(hsm_meter_begin(&meter), 0);
    hsm_meter_end(&meter, 0);
    read = hsm_meter_read(&meter);
    CHECK_THAT(read.count == 0 && read.ns == 0);

    hsm_meter_start(&meter);
    const uint64_t begun_ns = hsm_meter_begin(&meter);
    CHECK_THAT(begun_ns > 0);
    hsm_meter_end(&meter, begun_ns - 5000);
    hsm_meter_end(&meter, 0); /* begun before it was on */
    read = hsm_meter_read(&meter);
    CHECK_EQ(read.count, 1);
    CHECK_THAT(read.ns >= 5000);
}

static const check_test tests[] = {
    CHECK_TEST(counts_when_it_is_on),
};
CHECK_MAIN(tests)
