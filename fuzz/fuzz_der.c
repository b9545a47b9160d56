/* DER as keys bring it: the reader stays inside its input, and an element that was read is written
 * again byte for byte. Curves and points in all the forms that clients send.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"
#include "crypto/key.h"
#include "fuzz.h"

static void read_element(hsm_bytes input)
{
    hsm_reader reader = hsm_reader_of(input);
    const uint8_t tag = input.data[0];
    const hsm_bytes whole = hsm_der_read_whole(&reader, tag);

    if (reader.is_failed)
        return;
    FUZZ_REQUIRE(whole.data == input.data && whole.len + reader.rest.len == input.len);

    hsm_reader again = hsm_reader_of(whole);
    const hsm_bytes content = hsm_der_read(&again, tag);
    FUZZ_REQUIRE(!again.is_failed && again.rest.len == 0);

    uint8_t *room = malloc(whole.len);
    FUZZ_REQUIRE(room != NULL);
    hsm_der_writer writer = hsm_der_writer_of(room, whole.len);
    hsm_der_put(&writer, content);
    hsm_der_wrap(&writer, tag, 0);
    FUZZ_REQUIRE(!writer.is_failed && hsm_bytes_equal(hsm_der_view(&writer), whole));
    free(room);
}

static void read_number(hsm_bytes input)
{
    hsm_reader reader = hsm_reader_of(input);
    const hsm_bytes number = hsm_der_read_uint(&reader);

    if (!reader.is_failed && number.len > 0)
        FUZZ_REQUIRE(number.data[0] != 0);
    reader = hsm_reader_of(input);
    (void)hsm_der_read_bits(&reader);
}

/* The first byte says how long the parameters are; the rest is a point. */
static void read_curve(hsm_bytes input)
{
    const size_t params_len = input.data[0] < input.len - 1 ? input.data[0] : input.len - 1;
    const hsm_bytes point = hsm_bytes_of(input.data + 1 + params_len, input.len - 1 - params_len);
    const hsm_curve *curve = NULL;
    hsm_bytes raw;

    if (hsm_curve_find(hsm_bytes_of(input.data + 1, params_len), HSM_KEY_TYPE_NONE, &curve) !=
        HSM_OK)
        return;
    FUZZ_REQUIRE(curve != NULL);
    if (hsm_curve_point_raw(curve, point, &raw) == HSM_OK)
        FUZZ_REQUIRE(raw.len == curve->point_bytes && raw.data >= point.data &&
                     raw.data + raw.len <= point.data + point.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const hsm_bytes input = hsm_bytes_of(data, size);

    if (size == 0)
        return 0;
    read_element(input);
    read_number(input);
    read_curve(input);
    return 0;
}
