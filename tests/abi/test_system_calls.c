/* Operations with a key that was used before make no system call: a filter ends the process at the
 * first one, so that an allocation that asks the kernel for memory, a lock that sleeps or a question
 * for the process id would all be seen. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support.h"

enum { ROUNDS = 2000 };

/* From here on only the end of the process is allowed. */
static bool forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = { .len = ARRAY_LEN(filter), .filter = filter };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static CK_BYTE data[1024];
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;
static CK_OBJECT_HANDLE public_key;
static CK_MECHANISM mech;
static CK_GCM_PARAMS gcm = { .pIv = data, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
static CK_BYTE signature[512];
static CK_ULONG signature_len;

static CK_RV sign(void)
{
    const CK_RV rv = p11->C_SignInit(session, &mech, key);

    signature_len = sizeof signature;
    return rv != CKR_OK ? rv : p11->C_Sign(session, data, 32, signature, &signature_len);
}

static CK_RV verify(void)
{
    const CK_RV rv = p11->C_VerifyInit(session, &mech, public_key);

    return rv != CKR_OK ? rv : p11->C_Verify(session, data, 32, signature, signature_len);
}

static CK_RV encrypt(void)
{
    CK_BYTE out[sizeof data + 16];
    CK_ULONG len = sizeof out;
    const CK_RV rv = p11->C_EncryptInit(session, &mech, key);

    return rv != CKR_OK ? rv : p11->C_Encrypt(session, data, sizeof data, out, &len);
}

static CK_RV digest(void)
{
    CK_BYTE out[64];
    CK_ULONG len = sizeof out;
    const CK_RV rv = p11->C_DigestInit(session, &mech);

    return rv != CKR_OK ? rv : p11->C_Digest(session, data, 64, out, &len);
}

static CK_RV open_and_close(void)
{
    CK_SESSION_HANDLE opened = 0;
    const CK_RV rv = p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION, NULL, NULL, &opened);

    return rv != CKR_OK ? rv : p11->C_CloseSession(opened);
}

static const struct {
    const char *label;
    CK_RV (*run)(void);
    CK_MECHANISM_TYPE mechanism;
    const pair_kind *pair; /* NULL: an AES key, or none */
    bool needs_signature;
    bool draws; /* random numbers */
} rows[] = {
    { "RSA-2048 signature", sign, CKM_SHA256_RSA_PKCS, &rsa_2048, false, true },
    { "P-256 signature", sign, CKM_ECDSA, &p_256, false, true },
    { "P-256 verification", verify, CKM_ECDSA, &p_256, true, false },
    { "Ed25519 signature", sign, CKM_EDDSA, &ed_25519, false, false },
    { "Ed25519 verification", verify, CKM_EDDSA, &ed_25519, true, false },
    { "AES-GCM encryption", encrypt, CKM_AES_GCM, NULL, false, false },
    { "digest", digest, CKM_SHA256, NULL, false, false },
    { "session", open_and_close, 0, NULL, false, false },
};

#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

static int prepare(size_t row)
{
    mech = (CK_MECHANISM){ rows[row].mechanism, NULL, 0 };
    if (rows[row].mechanism == CKM_AES_GCM)
        mech = (CK_MECHANISM){ CKM_AES_GCM, &gcm, sizeof gcm };
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            &session) == CKR_OK);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    if (rows[row].pair != NULL) {
        const pair made = generate_pair(session, rows[row].pair, true, "quiet");

        key = made.private_key;
        public_key = made.public_key;
    } else {
        key = generate_aes(session, 32, true, "quiet");
    }
    STEP(key != CK_INVALID_HANDLE);
    STEP(!rows[row].needs_signature || sign() == CKR_OK);
    for (int i = 0; i < 4; i++)
        STEP(rows[row].run() == CKR_OK);
    return 0;
}

/* Ends the process itself: what atexit handlers do is not the question here. */
static int run_quietly(size_t row)
{
    STEP(prepare(row) == 0);
    STEP(forbid_system_calls());
    for (int i = 0; i < ROUNDS; i++) {
        if (rows[row].run() != CKR_OK)
            syscall(SYS_exit_group, 200);
    }
    syscall(SYS_exit_group, 0);
    return 0;
}

#define ROLE(n)                             \
    static int role_##n(const fixture *fix) \
    {                                       \
        (void)fix;                          \
        return run_quietly(n);              \
    }
ROLE(0)
ROLE(1)
ROLE(2)
ROLE(3)
ROLE(4)
ROLE(5)
ROLE(6)
ROLE(7)

/* The filter itself: a call that is not allowed must end the process. */
static int role_control(const fixture *fix)
{
    (void)fix;
    STEP(forbid_system_calls());
    (void)syscall(SYS_getpid);
    return 0;
}

static const process_role roles[] = {
    { "0", role_0 }, { "1", role_1 }, { "2", role_2 },
    { "3", role_3 }, { "4", role_4 }, { "5", role_5 },
    { "6", role_6 }, { "7", role_7 }, { "control", role_control },
};

/* One that asks the kernel for the process id before each random number (docs/entropy.md). */
static bool is_libcrypto_shared(void)
{
    const char *kind = getenv("CRATON_HSM_LIBCRYPTO");

    return kind != NULL && strcmp(kind, "system") == 0;
}

static void no_system_call(void)
{
    if (IS_SANITIZED)
        SKIP("sanitizers make system calls of their own");
    FIXTURE(fix);

    CASE("the filter works");
    CHECK_THAT(in_new_process("control", &fix) != 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].draws && is_libcrypto_shared())
            continue;
        CASE(rows[i].label);
        CHECK_EQ(in_new_process(roles[i].name, &fix), 0);
    }
}

static const check_test tests[] = { CHECK_TEST(no_system_call) };

int main(int argc, char **argv)
{
    /* A durable audit entry takes system calls of course: the path is measured without. */
    fixture_settings = "[audit]\nenabled = false\n";
    _Static_assert(ARRAY_LEN(rows) + 1 == ARRAY_LEN(roles), "a role for each row");
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
