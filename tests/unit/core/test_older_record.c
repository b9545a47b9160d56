/* What the older system's backups say, in both forms: all of it is read, and every fault is named.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/older_record.h"

#include <stdio.h>

#include "support/check.h"

enum { ROOM = 1 << 20 };

static uint8_t room[ROOM];
static size_t used;

static hsm_older_reader reader_of(unsigned format)
{
    return (hsm_older_reader){ .format = format, .data = room, .len = used };
}

static hsm_err read_all(hsm_older_reader *reader, hsm_older_head *head, hsm_older_object *last)
{
    HSM_TRY(hsm_older_begin(reader, head));
    while (reader->left > 0)
        HSM_TRY(hsm_older_next(reader, last));
    return hsm_older_end(reader);
}

static bool is_text(hsm_bytes bytes, const char *text)
{
    return hsm_bytes_equal(bytes, hsm_bytes_of_text(text));
}

/* --- JSON ----------------------------------------------------------------------------------------- */

#define HEAD                                                                           \
    "{\"version\":1,\"created\":\"1s-since-epoch\",\"created_epoch\":7,\"backup_id\":" \
    "\"00112233445566778899aabbccddeeff\",\"token_serial\":\"OLD "                     \
    "\\\"1\\\\\",\"object_count\":1,\"objects\":["
#define TAIL "]}"
#define FLAGS                                                                            \
    "\"token_object\":true,\"private\":false,\"sensitive\":true,\"extractable\":false,"  \
    "\"modifiable\":true,\"destroyable\":true,\"copyable\":false,\"can_encrypt\":false," \
    "\"can_decrypt\":false,\"can_sign\":true,\"can_verify\":false,\"can_wrap\":false,"   \
    "\"can_unwrap\":false,\"can_derive\":true"
#define REST                                                                            \
    "\"key_material\":[0,255,9],\"public_key_data\":null,\"modulus\":null,"             \
    "\"modulus_bits\":null,\"public_exponent\":null,\"ec_params\":[6],\"ec_point\":[]," \
    "\"value_len\":32,\"extra_attributes\":{\"2147483649\":[1],\"17\":[]},"             \
    "\"start_date\":[50,48,50,53,48,49,48,49],\"end_date\":null,"                       \
    "\"lifecycle_state\":\"Compromised\",\"creation_time\":1769999999"
#define START                                                                    \
    "\"handle\":18446744073709551615,\"slot_id\":2,\"class\":4,\"key_type\":31," \
    "\"label\":[97,98],\"id\":[]"
#define OBJECT "{" START "," FLAGS "," REST "}"

static void put_text(const char *text)
{
    used = strlen(text);
    REQUIRE_THAT(used <= sizeof room);
    memcpy(room, text, used);
}

static void json_is_read(void)
{
    hsm_older_head head = { 0 };
    hsm_older_object object;

    put_text(HEAD OBJECT TAIL " \n");
    hsm_older_reader reader = reader_of(1);
    REQUIRE_OK(read_all(&reader, &head, &object));
    CHECK_EQ(head.created, 7);
    CHECK_THAT(is_text(head.id, "00112233445566778899aabbccddeeff"));
    CHECK_THAT(is_text(head.serial, "OLD \"1\\"));
    CHECK_EQ(object.number[HSM_OLDER_HANDLE], UINT64_MAX);
    CHECK_EQ(object.number[HSM_OLDER_SLOT], 2);
    CHECK_EQ(object.number[HSM_OLDER_CLASS], 4);
    CHECK_THAT(object.has_number[HSM_OLDER_KEY_TYPE] && object.number[HSM_OLDER_KEY_TYPE] == 31);
    CHECK_THAT(!object.has_number[HSM_OLDER_MODULUS_BITS]);
    CHECK_THAT(object.flag[HSM_OLDER_TOKEN] && !object.flag[HSM_OLDER_PRIVATE]);
    CHECK_THAT(object.flag[HSM_OLDER_SIGN] && !object.flag[HSM_OLDER_COPYABLE]);
    CHECK_THAT(is_text(object.bytes[HSM_OLDER_LABEL], "ab"));
    CHECK_BYTES(object.bytes[HSM_OLDER_KEY].data, object.bytes[HSM_OLDER_KEY].len, "\x00\xff\x09",
                3);
    CHECK_THAT(object.bytes[HSM_OLDER_PUBLIC].data == NULL);
    CHECK_THAT(object.bytes[HSM_OLDER_EC_POINT].data != NULL);
    CHECK_EQ(object.bytes[HSM_OLDER_EC_POINT].len, 0);
    CHECK_EQ(object.attr_count, 2);
    CHECK_THAT(hsm_older_find(&object, 0x80000001u)->value.data[0] == 1);
    CHECK_THAT(hsm_older_find(&object, 18) == NULL);
    CHECK_THAT(is_text(object.bytes[HSM_OLDER_START_DATE], "20250101"));
    CHECK_THAT(object.bytes[HSM_OLDER_END_DATE].data == NULL);
    CHECK_EQ(object.state, HSM_OLDER_COMPROMISED);
    CHECK_EQ(object.number[HSM_OLDER_CREATED], 1769999999);
}

/* What the first versions did not write, and what may be none. */
static void json_may_lack_fields(void)
{
    hsm_older_head head = { 0 };
    hsm_older_object object;

    put_text(HEAD
             " { \"handle\" : 1 , \"class\":0,\"label\":[],\"id\":[],\"token_object\":true,"
             "\"private\":true,\"sensitive\":true,\"extractable\":true,\"modifiable\":true,"
             "\"destroyable\":true,\"can_encrypt\":true,\"can_decrypt\":true,\"can_sign\":true,"
             "\"can_verify\":true,\"can_wrap\":true,\"can_unwrap\":true,\"can_derive\":true,"
             "\"extra_attributes\":{}}" TAIL);
    hsm_older_reader reader = reader_of(1);
    REQUIRE_OK(read_all(&reader, &head, &object));
    CHECK_THAT(object.flag[HSM_OLDER_COPYABLE]);
    CHECK_EQ(object.state, HSM_OLDER_ACTIVE);
    CHECK_EQ(object.number[HSM_OLDER_SLOT], 0);
}

static const struct {
    const char *label;
    const char *text;
    const char *fault;
} json_faults[] = {
    { "nothing", "", "no JSON object" },
    { "a list", "[]", "no JSON object" },
    { "no members", "{}", "without all" },
    { "another version", "{\"version\":2}", "another version" },
    { "objects before the rest", "{\"objects\":[]}", "without all" },
    { "a member twice", "{\"version\":1,\"version\":1}", "second time" },
    { "a member that is not known", "{\"more\":1}", "not known" },
    { "no comma", "{\"version\":1 \"created\":\"\"}", "no comma" },
    { "no colon", "{\"version\" 1}", "no colon" },
    { "no string", "{version:1}", "no string" },
    { "a string without end", "{\"version", "middle of a string" },
    { "an escape", "{\"\\u0061\":1}", "escape" },
    { "an escape at the end", "{\"\\", "escape" },
    { "a control character", "{\"a\nb\":1}", "control" },
    { "a negative number", "{\"version\":-1}", "whole number" },
    { "a fraction", "{\"version\":1.0}", "no comma" },
    { "a number with 0 before it", "{\"version\":01}", "begins with 0" },
    { "a number over its bound", "{\"version\":4294967296}", "too large" },
    { "a number over 64 bits", "{\"created_epoch\":18446744073709551616}", "too large" },
    { "objects that are none", HEAD "7" TAIL, "no object" },
    { "fewer objects than said", HEAD TAIL, "no object" },
    { "more objects than said", HEAD OBJECT "," OBJECT TAIL, "more objects" },
    { "something after the list", HEAD OBJECT "],\"x\":1}", "after the list" },
    { "something after the end", HEAD OBJECT TAIL "x", "after its end" },
    { "an end in the middle", HEAD OBJECT "]", "after the list" },
    { "a field twice", HEAD "{" START "," START "}" TAIL, "second time" },
    { "a field that is not known", HEAD "{" START ",\"secret\":1}" TAIL, "not known" },
    { "an object without fields", HEAD "{" START "}" TAIL, "all of its fields" },
    { "neither true nor false", HEAD "{\"private\":1}" TAIL, "neither true" },
    { "a byte of 256", HEAD "{\"label\":[256]}" TAIL, "too large" },
    { "a byte of -1", HEAD "{\"label\":[-1]}" TAIL, "whole number" },
    { "a list without commas", HEAD "{\"label\":[1 2]}" TAIL, "no comma" },
    { "a list without end", HEAD "{\"label\":[1,2", "no comma" },
    { "a comma at the end", HEAD "{\"label\":[1,]}" TAIL, "whole number" },
    { "a list in a list", HEAD "{\"label\":[[[[[[[[[[1]]]]]]]]]]}" TAIL, "whole number" },
    { "a text for bytes", HEAD "{\"label\":\"ab\"}" TAIL, "no list" },
    { "null for what must be there", HEAD "{\"label\":null}" TAIL, "no list" },
    { "a date of 7 bytes", HEAD "{\"end_date\":[1,2,3,4,5,6,7]}" TAIL, "8 bytes" },
    { "an unknown state", HEAD "{\"lifecycle_state\":\"active\"}" TAIL, "a state" },
    { "a state that is a number", HEAD "{\"lifecycle_state\":1}" TAIL, "no string" },
    { "attributes in a list", HEAD "{\"extra_attributes\":[]}" TAIL, "no attributes" },
    { "an attribute without a number", HEAD "{\"extra_attributes\":{\"x\":[]}}" TAIL, "a number" },
    { "an empty one", HEAD "{\"extra_attributes\":{\"\":[]}}" TAIL, "a number" },
    { "one with a blank", HEAD "{\"extra_attributes\":{\" 1\":[]}}" TAIL, "a number" },
    { "one with more behind it", HEAD "{\"extra_attributes\":{\"1x\":[]}}" TAIL, "a number" },
    { "an attribute twice", HEAD "{\"extra_attributes\":{\"1\":[],\"1\":[]}}" TAIL, "second time" },
};

static void json_faults_are_named(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(json_faults); i++) {
        hsm_older_head head = { 0 };
        hsm_older_object object;

        CASE(json_faults[i].label);
        put_text(json_faults[i].text);
        hsm_older_reader reader = reader_of(1);
        CHECK_ERR(read_all(&reader, &head, &object), HSM_E_DATA);
        CHECK_THAT(reader.fault != NULL && strstr(reader.fault, json_faults[i].fault) != NULL);
        CHECK_THAT(reader.at <= reader.len);
    }
}

static void json_ends_everywhere(void)
{
    const size_t whole = strlen(HEAD OBJECT TAIL);

    for (size_t len = 0; len < whole; len++) {
        hsm_older_head head = { 0 };
        hsm_older_object object;

        CASE("each shorter length");
        put_text(HEAD OBJECT TAIL);
        used = len;
        hsm_older_reader reader = reader_of(1);
        CHECK_ERR(read_all(&reader, &head, &object), HSM_E_DATA);
        CHECK_THAT(reader.fault != NULL);
    }
}

static void add(const char *text)
{
    REQUIRE_THAT(used + strlen(text) <= sizeof room);
    memcpy(room + used, text, strlen(text));
    used += strlen(text);
}

/* count times one, with commas between; # is replaced by a number of its own. */
static void repeat(const char *before, const char *one, size_t count, const char *after)
{
    put_text(before);
    for (size_t i = 0; i < count; i++) {
        const char *mark = strchr(one, '#');
        char number[24];

        add(i > 0 ? "," : " ");
        if (mark == NULL) {
            add(one);
            continue;
        }
        (void)snprintf(number, sizeof number, "\"%zu", i);
        add(number);
        add(mark + 1);
    }
    add(after);
}

static void json_limits(void)
{
    hsm_older_head head = { 0 };
    hsm_older_object object;
    hsm_older_reader reader;

    CASE("as many bytes as a field has, and one more");
    for (size_t more = 0; more < 2; more++) {
        repeat(HEAD "{\"label\":[", "7", HSM_OLDER_FIELD_MAX_BYTES + more, "]}" TAIL);
        reader = reader_of(1);
        CHECK_ERR(read_all(&reader, &head, &object), HSM_E_DATA);
        CHECK_THAT(strstr(reader.fault, more == 0 ? "all of its fields" : "longer than any") !=
                   NULL);
    }
    CASE("as many attributes as an object has, and one more");
    for (size_t more = 0; more < 2; more++) {
        repeat(HEAD "{\"extra_attributes\":{", "#\":[]", HSM_OLDER_ATTRS_MAX + more, "}}" TAIL);
        reader = reader_of(1);
        CHECK_ERR(read_all(&reader, &head, &object), HSM_E_DATA);
        CHECK_THAT(strstr(reader.fault, more == 0 ? "all of its fields" : "more attributes") !=
                   NULL);
    }
    CASE("more objects than there can be");
    put_text(
        "{\"version\":1,\"created\":\"\",\"created_epoch\":0,\"backup_id\":\"\",\"token_serial\":"
        "\"\",\"object_count\":10001,\"objects\":[");
    reader = reader_of(1);
    CHECK_ERR(hsm_older_begin(&reader, &head), HSM_E_LIMIT);
    CHECK_THAT(strstr(reader.fault, "more objects") != NULL);
}

/* --- the binary form ------------------------------------------------------------------------------ */

static void put(uint64_t number, size_t width)
{
    for (size_t i = 0; i < width; i++)
        room[used++] = (uint8_t)(number >> (8 * i));
}

static void put_bytes(const char *text)
{
    put(strlen(text), 4);
    memcpy(room + used, text, strlen(text));
    used += strlen(text);
}

static void put_binary_head(uint64_t objects)
{
    used = 0;
    put(2, 4);
    put_bytes("1s-since-epoch");
    put(7, 8);
    put_bytes("00112233445566778899aabbccddeeff");
    put_bytes("OLD-1");
    put(objects, 4);
}

/* Where the fields of the object are, for damage. */
static struct {
    size_t len, magic, version, key_type, flags, key, attrs, first_type, date, state;
} place;

static void put_binary_object(void)
{
    place.len = used;
    put(0, 4);
    place.magic = used;
    memcpy(room + used, "RHSO\x01", 5);
    used += 5;
    place.version = used - 1;
    put(UINT64_MAX, 8); /* handle */
    put(2, 8);
    put(4, 8);
    place.key_type = used;
    put(1, 1);
    put(31, 8);
    put_bytes("ab");
    put_bytes("");
    place.flags = used;
    for (size_t i = 0; i < HSM_OLDER_FLAG_COUNT; i++)
        put(i == HSM_OLDER_TOKEN || i == HSM_OLDER_DERIVE, 1);
    place.key = used;
    put(1, 1);
    put_bytes("secret");
    for (size_t i = 0; i < 7; i++) /* public key ... value length */
        put(0, 1);
    place.attrs = used;
    put(2, 4);
    place.first_type = used;
    put(0x80000001u, 8);
    put_bytes("x");
    put(17, 8);
    put_bytes("");
    place.date = used;
    put(1, 1);
    memcpy(room + used, "20250101", 8);
    used += 8;
    put(0, 1);
    place.state = used;
    put(3, 1);
    put(1769999999, 8);
    const size_t end = used;
    used = place.len;
    put(end - place.len - 4, 4);
    used = end;
}

static void binary_is_read(void)
{
    hsm_older_head head = { 0 };
    hsm_older_object object;

    put_binary_head(1);
    put_binary_object();
    hsm_older_reader reader = reader_of(2);
    REQUIRE_OK(read_all(&reader, &head, &object));
    CHECK_EQ(head.created, 7);
    CHECK_THAT(is_text(head.serial, "OLD-1"));
    CHECK_EQ(object.number[HSM_OLDER_HANDLE], UINT64_MAX);
    CHECK_EQ(object.number[HSM_OLDER_KEY_TYPE], 31);
    CHECK_THAT(object.flag[HSM_OLDER_TOKEN] && object.flag[HSM_OLDER_DERIVE]);
    CHECK_THAT(!object.flag[HSM_OLDER_COPYABLE]);
    CHECK_THAT(is_text(object.bytes[HSM_OLDER_KEY], "secret"));
    CHECK_THAT(object.bytes[HSM_OLDER_PUBLIC].data == NULL);
    CHECK_THAT(!object.has_number[HSM_OLDER_VALUE_LEN]);
    CHECK_EQ(object.attr_count, 2);
    CHECK_THAT(is_text(object.bytes[HSM_OLDER_START_DATE], "20250101"));
    CHECK_EQ(object.state, HSM_OLDER_COMPROMISED);
    CHECK_EQ(object.number[HSM_OLDER_CREATED], 1769999999);
}

static void check_binary(const char *label, const char *fault)
{
    hsm_older_head head = { 0 };
    hsm_older_object object;
    hsm_older_reader reader = reader_of(2);

    CASE(label);
    CHECK_ERR(read_all(&reader, &head, &object), HSM_E_DATA);
    CHECK_THAT(reader.fault != NULL && strstr(reader.fault, fault) != NULL);
}

static void begin_binary(void)
{
    put_binary_head(1);
    put_binary_object();
}

static void binary_faults_are_named(void)
{
    const struct {
        const char *label;
        const size_t *at;
        uint8_t byte;
        const char *fault;
    } bytes[] = {
        { "no object", &place.magic, 'X', "no object" },
        { "another version of objects", &place.version, 2, "no object" },
        { "neither there nor not", &place.key_type, 2, "neither 0 nor 1" },
        { "a flag of 2", &place.flags, 2, "neither 0 nor 1" },
        { "a key that is there twice", &place.key, 9, "neither 0 nor 1" },
        { "65 attributes", &place.attrs, 65, "more attributes" },
        { "a date of 2", &place.date, 2, "neither 0 nor 1" },
        { "a sixth state", &place.state, 5, "a state" },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(bytes); i++) {
        begin_binary();
        room[*bytes[i].at] = bytes[i].byte;
        check_binary(bytes[i].label, bytes[i].fault);
    }
    begin_binary();
    room[place.first_type] = 17;
    room[place.first_type + 3] = 0;
    check_binary("an attribute twice", "second time");
    begin_binary();
    room[0] = 1;
    check_binary("another version inside", "another version");
    begin_binary();
    room[used++] = 0;
    check_binary("a byte after the last object", "after the last object");
    begin_binary();
    room[place.len]++;
    room[used++] = 0;
    check_binary("a byte after the last field", "after the last field");
    begin_binary();
    room[place.len]--;
    check_binary("an object that ends too early", "in the middle");
    begin_binary();
    room[place.key + 1 + 2] = 1; /* 64 KiB and 6 bytes */
    check_binary("a field that is too long", "longer than any");
    begin_binary();
    room[place.len + 2] = 0x11;
    check_binary("an object that is too long", "longer than any");
    put_binary_head(1);
    check_binary("fewer objects than said", "in the middle");
}

static void binary_limits(void)
{
    hsm_older_head head = { 0 };
    hsm_older_reader reader;

    CASE("as many objects as there can be, and one more");
    put_binary_head(HSM_OLDER_OBJECTS_MAX);
    reader = reader_of(2);
    CHECK_ERR(hsm_older_begin(&reader, &head), HSM_OK);
    put_binary_head(HSM_OLDER_OBJECTS_MAX + 1);
    reader = reader_of(2);
    CHECK_ERR(hsm_older_begin(&reader, &head), HSM_E_LIMIT);
    put_binary_head(UINT32_MAX);
    reader = reader_of(2);
    CHECK_ERR(hsm_older_begin(&reader, &head), HSM_E_LIMIT);
    CASE("each shorter length");
    begin_binary();
    for (size_t whole = used; used > 0; whole--) {
        hsm_older_object object;

        used = whole - 1;
        reader = reader_of(2);
        CHECK_ERR(read_all(&reader, &head, &object), HSM_E_DATA);
    }
}

static const check_test tests[] = {
    CHECK_TEST(json_is_read),
    CHECK_TEST(json_may_lack_fields),
    CHECK_TEST(json_faults_are_named),
    CHECK_TEST(json_ends_everywhere),
    CHECK_TEST(json_limits),
    CHECK_TEST(binary_is_read),
    CHECK_TEST(binary_faults_are_named),
    CHECK_TEST(binary_limits),
};
CHECK_MAIN(tests)
