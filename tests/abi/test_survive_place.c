/* Where the store lies: wrong owners and modes, read-only, damaged, of a newer version, with no space
 * left. Most of it means something only for a process that is not root, so it is done as one. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#define OTHER_ID 65534 /* nobody */

#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

/* --- another user ------------------------------------------------------------------------------- */

static bool drop_root(void)
{
    if (geteuid() != 0)
        return true;
    return setgroups(0, NULL) == 0 && setresgid(OTHER_ID, OTHER_ID, OTHER_ID) == 0 &&
           setresuid(OTHER_ID, OTHER_ID, OTHER_ID) == 0;
}

/* Runs a role as another user, with its log in the file "log". */
static int as_other(const char *role, const fixture *fix)
{
    CHECK_THAT(run_command(fix, "rm -f log; touch log; chmod 666 log"));
    (void)setenv("CRATON_HSM_LOG", "stderr:warning", 1);
    const int status = in_new_process(role, fix);
    (void)unsetenv("CRATON_HSM_LOG");
    return status;
}

static bool log_to_file(const fixture *fix)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/log", fix->dir);
    const int fd = open(path, O_WRONLY | O_APPEND);
    const bool is_good = fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO;
    (void)close(fd);
    return is_good && drop_root();
}

static bool log_says(const fixture *fix, const char *text)
{
    char command[256];

    (void)snprintf(command, sizeof command, "grep -qe '%s' log", text);
    return run_command(fix, command);
}

static CK_RV wanted(void)
{
    const char *text = getenv("WANT_RV");

    return text != NULL ? strtoul(text, NULL, 0) : CKR_OK;
}

/* C_Initialize answers what is wanted, twice, and the library is closed then. */
static int role_refused(const fixture *fix)
{
    CK_INFO info;

    STEP(log_to_file(fix));
    for (int i = 0; i < 2; i++) {
        const CK_RV rv = p11->C_Initialize(NULL);
        if (rv != wanted()) {
            printf("# C_Initialize: 0x%lx\n", rv);
            (void)fflush(stdout);
        }
        STEP(rv == wanted());
        STEP(p11->C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    return 0;
}

static int open_token(CK_SESSION_HANDLE *out_session, CK_FLAGS flags)
{
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | flags, NULL, NULL, out_session) ==
         CKR_OK);
    return 0;
}

static int role_whole(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE found[2];

    STEP(log_to_file(fix));
    STEP(open_token(&session, CKF_RW_SESSION) == 0);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    STEP(find_label(session, "private data", found, 2) == 1);
    STEP(find_label(session, "public data", found, 2) == 1);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return 0;
}

/* A store with something in it, owned by the other user, and a copy of it aside. */
static bool settle(const fixture *fix)
{
    char command[256];

    (void)create_data(fix->session, true, true, "private data");
    (void)create_data(fix->session, true, false, "public data");
    CHECK_OK(p11->C_Finalize(NULL));
    (void)snprintf(command, sizeof command, "chown -R %u:%u . && cp -a store pristine",
                   geteuid() == 0 ? OTHER_ID : geteuid(), geteuid() == 0 ? OTHER_ID : getegid());
    return CHECK_THAT(run_command(fix, command));
}

static bool put_back(const fixture *fix)
{
    return CHECK_THAT(run_command(
        fix, "chmod -R u+rwX store; rm -rf store; cp -a pristine store; chmod 600 *.toml;"
             " chown --reference=store *.toml; touch log"));
}

/* --- refused ------------------------------------------------------------------------------------ */

static const struct {
    const char *label;
    const char *command;
    bool needs_root;
    CK_RV rv;
    const char *said; /* in the log */
} refusals[] = {
    { "a group that may write", "chmod 770 store", false, CKR_DEVICE_ERROR, "owner or mode" },
    { "anyone may write", "chmod 777 store", false, CKR_DEVICE_ERROR, "owner or mode" },
    { "somebody else's directory", "chown 1 store; chmod 755 store", true, CKR_DEVICE_ERROR,
      "owner or mode" },
    { "no right to enter", "chmod 0 store", false, CKR_DEVICE_ERROR, "store" },
    { "a link to a directory", "mv store elsewhere; ln -s elsewhere store", false,
      CKR_GENERAL_ERROR, "storage_path" },
    { "a file for a directory", "rm -rf store; touch store", false, CKR_DEVICE_ERROR, "store" },
    { "a configuration that others may write", "chmod 666 craton_hsm.toml", false,
      CKR_GENERAL_ERROR, "craton_hsm.toml" },
    { "somebody else's configuration", "chown 1 craton_hsm.toml; chmod 644 craton_hsm.toml", true,
      CKR_GENERAL_ERROR, "craton_hsm.toml" },
    { "no right to read the configuration", "chmod 0 craton_hsm.toml", false, CKR_GENERAL_ERROR,
      "craton_hsm.toml" },
    { "a key that others may read", "chmod 644 store/device.key", false, CKR_DEVICE_ERROR,
      "device.key" },
    { "somebody else's key", "chown 1 store/device.key", true, CKR_DEVICE_ERROR, "device.key" },
    { "no key", "rm store/device.key", false, CKR_DEVICE_ERROR, "device.key.*missing" },
    { "half a key", "truncate -s 16 store/device.key", false, CKR_DEVICE_ERROR, "device.key" },
    { "a longer key", "echo more >>store/device.key", false, CKR_DEVICE_ERROR, "device.key" },
    { "another key", "head -c 32 /dev/urandom >store/device.key", false, CKR_DEVICE_ERROR,
      "another device key" },
    { "a link to the key", "mv store/device.key key; ln -s ../key store/device.key", false,
      CKR_DEVICE_ERROR, "device.key" },
    { "no right to read the store", "chmod 0 store/store.db", false, CKR_DEVICE_ERROR, "." },
    { "a directory for the store", "rm store/store.db*; mkdir store/store.db", false,
      CKR_DEVICE_ERROR, "." },
    { "a link to the store", "mv store/store.db db; ln -s ../db store/store.db", false,
      CKR_DEVICE_ERROR, "." },
    { "another kind of file", "rm store/store.db*; seq 10000 >store/store.db", false,
      CKR_DEVICE_ERROR, "." },
    { "half a page", "rm store/store.db-*; truncate -s 2000 store/store.db", false,
      CKR_DEVICE_ERROR, "." },
    { "a newer version", "printf '\\0\\0\\0\\2' | dd of=store/store.db bs=1 seek=60 conv=notrunc",
      false, CKR_DEVICE_ERROR, "newer" },
};

static void wrong_owners_modes_and_files_are_refused(void)
{
    FIXTURE(fix);
    char text[32];

    REQUIRE_THAT(settle(&fix));
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        CASE(refusals[i].label);
        if (refusals[i].needs_root && geteuid() != 0)
            continue;
        REQUIRE_THAT(put_back(&fix));
        REQUIRE_THAT(run_command(&fix, refusals[i].command));
        (void)snprintf(text, sizeof text, "%lu", refusals[i].rv);
        (void)setenv("WANT_RV", text, 1);
        CHECK_EQ(as_other("refused", &fix), 0);
        CHECK_THAT(log_says(&fix, refusals[i].said));
    }
    CASE("all right again");
    REQUIRE_THAT(put_back(&fix));
    CHECK_EQ(as_other("whole", &fix), 0);
}

/* --- read-only ---------------------------------------------------------------------------------- */

static int role_read_only(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    CK_SESSION_HANDLE rw = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE found[2];
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    CK_TOKEN_INFO info;
    attrs tmpl = { .count = 0 };

    STEP(log_to_file(fix));
    STEP(open_token(&session, 0) == 0);
    STEP(p11->C_GetTokenInfo(first_slot(), &info) == CKR_OK);
    STEP((info.flags & CKF_WRITE_PROTECTED) != 0);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &rw) ==
         CKR_TOKEN_WRITE_PROTECTED);
    STEP(find_label(session, "public data", found, 2) == 1);
    STEP(ask_attr(session, found[0], CKA_VALUE) == CKR_OK);
    STEP(find_label(session, "written last", found, 2) == 1);
    STEP(create_data(session, false, false, "of the session") != CK_INVALID_HANDLE);
    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_PRIVATE, false);
    const CK_RV rv = p11->C_CreateObject(session, tmpl.at, tmpl.count, &made);
    STEP(rv == CKR_SESSION_READ_ONLY || rv == CKR_TOKEN_WRITE_PROTECTED);
    /* A try that can't be counted is none. */
    STEP(login(session, CKU_USER, USER_PIN) == CKR_TOKEN_WRITE_PROTECTED);
    STEP(login(session, CKU_USER, "not-the-pin") == CKR_TOKEN_WRITE_PROTECTED);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return 0;
}

static int role_write_last(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    STEP(log_to_file(fix));
    STEP(open_token(&session, CKF_RW_SESSION) == 0);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    STEP(create_data(session, true, false, "written last") != CK_INVALID_HANDLE);
    if (strcmp(getenv("END"), "finalize") == 0)
        STEP(p11->C_Finalize(NULL) == CKR_OK);
    (void)raise(SIGKILL); /* leaves its log where it is */
    return 1;
}

static const struct {
    const char *label;
    const char *command;
    bool hides_log; /* what is in the log can't be read: better no answer than an old one */
} read_only[] = {
    { "all", "chmod 500 store; chmod 400 store/*", false },
    { "the directory", "chmod 500 store", false },
    { "the files", "chmod 400 store/store.db*", false },
    { "all, without the log's index", "rm -f store/*-shm; chmod 500 store; chmod 400 store/*",
      true },
    { "all, with nothing but what must be",
      "rm -f store/store.[cgl]* store/*-shm; chmod 500 store; chmod 400 store/*", true },
};

/* What the last writer left in its log is read too. */
static void a_read_only_store_is_read(void)
{
    FIXTURE(fix);

    REQUIRE_THAT(settle(&fix));
    for (size_t i = 0; i < 2 * ARRAY_LEN(read_only); i++) {
        const bool is_killed = i % 2 == 1;
        CASE(read_only[i / 2].label);
        REQUIRE_THAT(put_back(&fix));
        (void)setenv("END", is_killed ? "kill" : "finalize", 1);
        CHECK_EQ(as_other("write last", &fix), -1);
        REQUIRE_THAT(run_command(&fix, read_only[i / 2].command));
        (void)setenv("WANT_RV", "0x30", 1); /* CKR_DEVICE_ERROR */
        const bool is_refused = is_killed && read_only[i / 2].hides_log;
        if (!CHECK_EQ(as_other(is_refused ? "refused" : "read only", &fix), 0))
            printf("# the last writer %s\n", is_killed ? "was killed" : "finalised");
    }
    CASE("writable again");
    REQUIRE_THAT(put_back(&fix));
    CHECK_EQ(as_other("whole", &fix), 0);
}

/* --- damaged ------------------------------------------------------------------------------------ */

/* HIDDEN: a search by label does not find an object that a search for all does. The index has no
 * checksum: an object whose entry is damaged is not missed until it is asked for. */
enum { DAMAGED_OBJECTS = 12, WHOLE = 0, SOME_LOST = 1, REFUSED = 2, HIDDEN = 3, ANSWERS };

static void damaged_label(char label[static 32], int i)
{
    (void)snprintf(label, 32, "object %d", i);
}

static bool is_honest(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_DEVICE_ERROR || rv == CKR_TOKEN_NOT_RECOGNIZED;
}

enum fate { LOST, FOUND, FOUND_AMONG_ALL, WRONG };

/* Searches by label, or looks through all objects for it. */
static CK_RV search(CK_SESSION_HANDLE session, const char *label, bool among_all,
                    CK_OBJECT_HANDLE *out, CK_ULONG *out_count)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;
    attrs tmpl = { .count = 0 };

    put_text(&tmpl, CKA_LABEL, label);
    CK_RV rv = p11->C_FindObjectsInit(session, tmpl.at, among_all ? 0 : tmpl.count);
    if (rv != CKR_OK)
        return rv;
    rv = p11->C_FindObjects(session, found, ARRAY_LEN(found), &count);
    (void)p11->C_FindObjectsFinal(session);
    *out_count = 0;
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
        char text[32] = "";
        CK_ATTRIBUTE attr = { CKA_LABEL, text, sizeof text - 1 };

        if (p11->C_GetAttributeValue(session, found[i], &attr, 1) != CKR_OK ||
            strcmp(text, label) != 0)
            continue;
        *out = found[i];
        (*out_count)++;
    }
    return rv;
}

static enum fate look_at(CK_SESSION_HANDLE session, int i)
{
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    CK_BYTE value[64];
    CK_ATTRIBUTE attr = { CKA_VALUE, value, sizeof value };
    char label[32];
    bool is_hidden = false;

    damaged_label(label, i);
    CK_RV rv = search(session, label, false, &object, &count);
    if (rv == CKR_OK && count == 0) {
        is_hidden = true;
        rv = search(session, label, true, &object, &count);
    }
    if (rv == CKR_OK && count == 1)
        rv = p11->C_GetAttributeValue(session, object, &attr, 1);
    if (rv != CKR_OK || count == 0)
        return is_honest(rv) && count <= 1 ? LOST : WRONG;
    const size_t len = strlen("some data");
    if (count != 1 || attr.ulValueLen != len || memcmp(value, "some data", len) != 0)
        return WRONG;
    return is_hidden ? FOUND_AMONG_ALL : FOUND;
}

static int role_damaged(const fixture *fix)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    int fates[4] = { 0 };

    STEP(log_to_file(fix));
    (void)alarm(30); /* a hang */
    CK_RV rv = p11->C_Initialize(NULL);
    if (rv != CKR_OK)
        return rv == CKR_DEVICE_ERROR ? REFUSED : 100;
    rv =
        p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (rv == CKR_OK)
        rv = login(session, CKU_USER, USER_PIN);
    if (rv != CKR_OK && !is_honest(rv)) {
        printf("# login: 0x%lx\n", rv);
        (void)fflush(stdout);
        return 101;
    }
    const bool is_logged_in = rv == CKR_OK;
    for (int i = 0; session != CK_INVALID_HANDLE && i < DAMAGED_OBJECTS; i++) {
        fates[look_at(session, i)]++;
    }
    (void)p11->C_Finalize(NULL);
    if (fates[WRONG] > 0)
        return 102;
    if (!is_logged_in || fates[LOST] > 0)
        return SOME_LOST;
    return fates[FOUND_AMONG_ALL] > 0 ? HIDDEN : WHOLE;
}

static bool damage(const fixture *fix, unsigned trial, long size)
{
    char path[128];
    unsigned char byte = 0;
    /* Pages in turn, so that each kind is hit. */
    const long place = (long)(trial * 4096u) % size + rand() % 4096;

    (void)snprintf(path, sizeof path, "%s/store/store.db", fix->dir);
    if (trial % 8 == 7)
        return truncate(path, size - size * (long)(trial % 5 + 1) / 6) == 0;
    const int fd = open(path, O_RDWR);
    bool is_good = pread(fd, &byte, 1, place) == 1;
    byte ^= (unsigned char)(1u << trial % 8);
    is_good = is_good && pwrite(fd, &byte, 1, place) == 1;
    (void)close(fd);
    return is_good;
}

static void damage_is_told(void)
{
    FIXTURE(fix);
    unsigned answers[ANSWERS] = { 0 };
    unsigned unsaid = 0;
    const unsigned trials = getenv("CRATON_HSM_TEST_LONG") != NULL ? 1500 : 60;
    struct stat info;
    char path[128];

    for (int i = 0; i < DAMAGED_OBJECTS; i++) {
        char label[32];
        damaged_label(label, i);
        (void)create_data(fix.session, true, i % 2 == 0, label);
    }
    REQUIRE_THAT(settle(&fix));
    (void)snprintf(path, sizeof path, "%s/store/store.db", fix.dir);
    REQUIRE_OK(stat(path, &info));
    for (unsigned i = 0; i < trials; i++) {
        REQUIRE_THAT(put_back(&fix));
        REQUIRE_THAT(damage(&fix, i, (long)info.st_size / 4096 * 4096));
        const int answer = as_other("damaged", &fix);
        if (!CHECK_THAT(answer >= WHOLE && answer < ANSWERS))
            printf("# trial %u: %d\n", i, answer);
        else
            answers[answer]++;
        if (answer == SOME_LOST || answer == REFUSED)
            unsaid += !log_says(&fix, "craton-hsm: ");
    }
    /* A row whose id is damaged looks as if somebody had just destroyed the object. */
    CHECK_THAT(unsaid * 50 <= trials);
    printf("# %u whole, %u with a loss (%u of them without a word), %u hidden, %u refused\n",
           answers[WHOLE], answers[SOME_LOST], unsaid, answers[HIDDEN], answers[REFUSED]);
    CHECK_THAT(answers[WHOLE] > 0 && answers[SOME_LOST] > 0 && answers[REFUSED] > 0);
}

/* --- no space ----------------------------------------------------------------------------------- */

static CK_RV create_big(CK_SESSION_HANDLE session, unsigned number)
{
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    static CK_BYTE value[3000];
    char label[32];

    (void)snprintf(label, sizeof label, "big %u", number);
    memset(value, (int)number, sizeof value);
    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_text(&tmpl, CKA_LABEL, label);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    return p11->C_CreateObject(session, tmpl.at, tmpl.count, &object);
}

static void check_big(CK_SESSION_HANDLE session, unsigned count)
{
    CK_OBJECT_HANDLE found[2];
    CK_BYTE value[3000];
    char label[32];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(label, sizeof label, "big %u", i);
        if (CHECK_EQ(find_label(session, label, found, 2), 1) &&
            CHECK_EQ(get_attr(session, found[0], CKA_VALUE, value, sizeof value), sizeof value))
            CHECK_THAT(value[0] == (CK_BYTE)i && value[2999] == (CK_BYTE)i);
    }
    (void)snprintf(label, sizeof label, "big %u", count);
    CHECK_EQ(find_label(session, label, found, 2), 0); /* what was refused is not there */
}

static bool can_sign(CK_SESSION_HANDLE session, const pair *keys)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 1 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    return p11->C_SignInit(session, &ecdsa, keys->private_key) == CKR_OK &&
           p11->C_Sign(session, hash, sizeof hash, signature, &len) == CKR_OK;
}

/* Fills what there is, uses the full store, and goes on when there is room. */
static void fill(const fixture *fix, bool (*make_room)(const fixture *fix))
{
    const pair keys = generate_pair(fix->session, &p_256, true, "pair");
    unsigned count = 0;
    CK_RV rv = CKR_OK;

    while (count < 5000 && (rv = create_big(fix->session, count)) == CKR_OK)
        count++;
    CHECK_EQ(rv, CKR_DEVICE_MEMORY);
    CHECK_THAT(count >= 5 && count < 5000);
    for (int i = 0; i < 20; i++)
        CHECK_EQ(create_big(fix->session, count), CKR_DEVICE_MEMORY);
    check_big(fix->session, count);
    CHECK_THAT(can_sign(fix->session, &keys));
    const CK_SESSION_HANDLE session = open_session(fix, true);
    CHECK_OK(p11->C_Logout(session));
    const CK_RV full = login(session, CKU_USER, USER_PIN);
    CHECK_THAT(full == CKR_DEVICE_MEMORY || full == CKR_OK);
    REQUIRE_THAT(make_room(fix));
    if (full != CKR_OK)
        CHECK_OK(login(session, CKU_USER, USER_PIN));
    check_big(session, count);
    CHECK_OK(create_big(session, count));
    CHECK_OK(p11->C_Finalize(NULL));
    CK_SESSION_HANDLE again = CK_INVALID_HANDLE;
    CHECK_EQ(open_token(&again, CKF_RW_SESSION), 0);
    CHECK_OK(login(again, CKU_USER, USER_PIN));
    check_big(again, count + 1);
    printf("# full after %u objects\n", count);
}

static bool grow_file_system(const fixture *fix)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/store", fix->dir);
    return mount(NULL, path, NULL, MS_REMOUNT, "size=8m") == 0;
}

static void fill_file_system(const fixture *fix)
{
    fixture again = *fix;

    REQUIRE_OK(p11->C_Initialize(NULL));
    again.slot = first_slot();
    CK_UTF8CHAR label[32];
    memset(label, ' ', sizeof label);
    REQUIRE_OK(p11->C_InitToken(again.slot, utf8(SO_PIN), strlen(SO_PIN), label));
    const CK_SESSION_HANDLE so = open_session(&again, true);
    REQUIRE_OK(login(so, CKU_SO, SO_PIN));
    REQUIRE_OK(p11->C_InitPIN(so, utf8(USER_PIN), strlen(USER_PIN)));
    REQUIRE_OK(p11->C_CloseSession(so));
    again.session = open_session(&again, true);
    REQUIRE_OK(login(again.session, CKU_USER, USER_PIN));
    fill(&again, grow_file_system);
}

/* In a child: the mount is seen by nobody else. */
static int on_small_file_system(void *arg)
{
    const fixture *fix = arg;
    char path[128];

    (void)snprintf(path, sizeof path, "%s/store", fix->dir);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        (mkdir(path, 0700) != 0 && errno != EEXIST) ||
        mount("small", path, "tmpfs", 0, "size=400k,mode=0700") != 0)
        return 200;
    const unsigned before = check_failures();
    fill_file_system(fix);
    (void)p11->C_Finalize(NULL);
    (void)fflush(stdout);
    return check_failures() > before ? 1 : 0;
}

static void a_full_file_system_loses_nothing(void)
{
    FIXTURE_PREPARED(fix);

    const int answer = in_child(on_small_file_system, &fix);
    if (answer == 200)
        SKIP("may not mount");
    CHECK_EQ(answer, 0);
}

static bool lift_limit(const fixture *fix)
{
    struct rlimit limit;

    (void)fix;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

static void a_limit_on_files_loses_nothing(void)
{
    FIXTURE(fix);
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN); /* EFBIG else */
    REQUIRE_OK(getrlimit(RLIMIT_FSIZE, &limit));
    limit.rlim_cur = 400000;
    REQUIRE_OK(setrlimit(RLIMIT_FSIZE, &limit));
    fill(&fix, lift_limit);
    CHECK_THAT(lift_limit(&fix));
}

static const process_role roles[] = {
    { "refused", role_refused },       { "whole", role_whole },     { "read only", role_read_only },
    { "write last", role_write_last }, { "damaged", role_damaged },
};
static const check_test tests[] = {
    CHECK_TEST(wrong_owners_modes_and_files_are_refused),
    CHECK_TEST(a_read_only_store_is_read),
    CHECK_TEST(damage_is_told),
    CHECK_TEST(a_full_file_system_loses_nothing),
    CHECK_TEST(a_limit_on_files_loses_nothing),
};

int main(int argc, char **argv)
{
    /* These are about the store; what the audit log does where it can not be written: test_audit.c. */
    fixture_settings = "[audit]\nenabled = false\n";
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
