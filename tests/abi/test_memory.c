/* What is left of secrets: after C_Finalize neither this process's memory nor the store's files have a
 * PIN or a key that was used. The needles are kept masked here, so that a hit is the module's. */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MASK 0x5a
#define NEEDLE_BYTES 32
#define WINDOW ((size_t)1024 * 1024)

typedef struct needle {
    const char *label;
    CK_BYTE masked[NEEDLE_BYTES];
} needle;

static needle needles[3] = { { .label = "AES key" }, { .label = "HMAC key" }, { .label = "PIN" } };

/* A value that nothing else has, written out plain only into `out`. */
static void plant(size_t which, CK_BYTE out[NEEDLE_BYTES])
{
    for (size_t i = 0; i < NEEDLE_BYTES; i++) {
        out[i] = (CK_BYTE)('A' + (i * 7 + which * 5 + i * i) % 26);
        needles[which].masked[i] = out[i] ^ MASK;
    }
}

static bool is_at(const CK_BYTE *at, const needle *what)
{
    for (size_t i = 0; i < NEEDLE_BYTES; i++) {
        if ((at[i] ^ MASK) != what->masked[i])
            return false;
    }
    return true;
}

static size_t count_in(const CK_BYTE *data, size_t len, const needle *what)
{
    size_t found = 0;

    for (size_t i = 0; i + NEEDLE_BYTES <= len; i++)
        found += is_at(data + i, what);
    return found;
}

/* All writable memory, in windows that overlap by a needle. */
static size_t count_in_memory(const needle *what)
{
    static CK_BYTE window[WINDOW];
    FILE *maps = fopen("/proc/self/maps", "r");
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    char line[512];
    size_t found = 0;

    if (!CHECK_THAT(maps != NULL && memory >= 0))
        return SIZE_MAX;
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from = 0, to = 0;
        char mode[5] = "";

        if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 || mode[0] != 'r' || mode[1] != 'w')
            continue;
        while (from < to) {
            const size_t want = to - from < WINDOW ? to - from : WINDOW;
            const ssize_t got = pread(memory, window, want, (off_t)from);

            if (got <= NEEDLE_BYTES)
                break;
            found += count_in(window, (size_t)got, what);
            from += (size_t)got == want && from + want < to ? want - NEEDLE_BYTES : want;
        }
        explicit_bzero(window, sizeof window);
    }
    (void)fclose(maps);
    (void)close(memory);
    return found;
}

static size_t count_in_files(const char *dir, const needle *what)
{
    static CK_BYTE content[8 * WINDOW];
    DIR *folder = opendir(dir);
    size_t found = 0;

    if (!CHECK_THAT(folder != NULL))
        return SIZE_MAX;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        FILE *file = fopen(path, "rb");

        if (file != NULL) {
            found += count_in(content, fread(content, 1, sizeof content, file), what);
            (void)fclose(file);
        }
    }
    (void)closedir(folder);
    return found;
}

static void use_secrets(fixture *fix)
{
    CK_BYTE aes[NEEDLE_BYTES], mac[NEEDLE_BYTES], pin[NEEDLE_BYTES], data[32] = { 1 }, out[64];
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, hmac = { CKM_SHA256_HMAC, NULL, 0 };
    CK_ULONG len = sizeof out;
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    attrs stored = { .count = 0 };

    plant(0, aes);
    plant(1, mac);
    plant(2, pin);
    CHECK_OK(p11->C_SetPIN(fix->session, utf8(USER_PIN), strlen(USER_PIN), pin, sizeof pin));
    CHECK_OK(p11->C_Logout(fix->session));
    CHECK_OK(p11->C_Login(fix->session, CKU_USER, pin, sizeof pin));
    const CK_OBJECT_HANDLE cipher = import_secret(fix->session, CKK_AES, aes, sizeof aes);
    const CK_OBJECT_HANDLE signer =
        import_secret(fix->session, CKK_GENERIC_SECRET, mac, sizeof mac);
    put_bool(&stored, CKA_TOKEN, true);
    CHECK_OK(p11->C_CopyObject(fix->session, cipher, stored.at, stored.count, &copy));
    CHECK_OK(p11->C_CopyObject(fix->session, signer, stored.at, stored.count, &copy));
    CHECK_OK(p11->C_EncryptInit(fix->session, &ecb, cipher));
    CHECK_OK(p11->C_Encrypt(fix->session, data, sizeof data, out, &len));
    len = sizeof out;
    CHECK_OK(p11->C_SignInit(fix->session, &hmac, signer));
    CHECK_OK(p11->C_Sign(fix->session, data, sizeof data, out, &len));
    CHECK_THAT(count_in_memory(&needles[0]) > 0); /* the search finds what is there */
    explicit_bzero(aes, sizeof aes);
    explicit_bzero(mac, sizeof mac);
    explicit_bzero(pin, sizeof pin);
}

static void nothing_is_left(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer's shadow is too large to search, and it keeps freed memory");
    FIXTURE(fix);
    char dir[128];

    use_secrets(&fix);
    CHECK_OK(p11->C_Finalize(NULL));
    (void)snprintf(dir, sizeof dir, "%s/store", fix.dir);
    for (size_t i = 0; i < ARRAY_LEN(needles); i++) {
        CASE(needles[i].label);
        CHECK_EQ(count_in_memory(&needles[i]), 0);
        CHECK_EQ(count_in_files(dir, &needles[i]), 0);
    }
}

static const check_test tests[] = {
    CHECK_TEST(nothing_is_left),
};
CHECK_MAIN(tests)
