/* A host that is interrupted, spawns programs, and lives under small limits. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

/* --- signals ------------------------------------------------------------------------------------ */

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms = alarms + 1;
}

static void set_storm(bool is_on)
{
    const struct itimerval storm = { .it_interval = { .tv_usec = is_on ? 150 : 0 },
                                     .it_value = { .tv_usec = is_on ? 150 : 0 } };

    (void)setitimer(ITIMER_REAL, &storm, NULL);
}

/* Handlers without SA_RESTART: every call that can be interrupted is. */
static void a_storm_of_signals(void)
{
    FIXTURE(fix);
    const struct sigaction action = { .sa_handler = on_alarm };
    CK_OBJECT_HANDLE found[2];
    char label[32];

    REQUIRE_OK(sigaction(SIGALRM, &action, NULL));
    const pair keys = generate_pair(fix.session, &p_256, true, "pair");
    set_storm(true);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(label, sizeof label, "stormy %d", i);
        (void)create_data(fix.session, true, true, label);
    }
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(login(fix.session, CKU_USER, "not-the-pin"), CKR_PIN_INCORRECT);
    CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    CHECK_OK(p11->C_DestroyObject(fix.session, keys.public_key));
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_OK(p11->C_Initialize(NULL));
    const CK_SESSION_HANDLE session = open_session(&fix, true);
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    set_storm(false);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(label, sizeof label, "stormy %d", i);
        CHECK_EQ(find_label(session, label, found, 2), 1);
    }
    CHECK_EQ(find_label(session, "pair", found, 2), 1);
    CHECK_THAT(alarms > 100);
    printf("# %d signals\n", (int)alarms);
}

/* Another process holds the store's lock while signals come: the wait goes on. */
static int role_hold(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    char label[32];

    (void)fix;
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            &session) == CKR_OK);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(label, sizeof label, "held %d", i);
        STEP(create_data(session, true, true, label) != CK_INVALID_HANDLE);
    }
    return 0;
}

static void signals_while_others_write(void)
{
    FIXTURE(fix);
    const struct sigaction action = { .sa_handler = on_alarm };
    int status = -1;

    REQUIRE_OK(sigaction(SIGALRM, &action, NULL));
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/proc/self/exe", "role", "--role", "hold", fix.dir, (char *)NULL);
        _exit(127);
    }
    set_storm(true);
    pid_t ended = 0;
    unsigned written = 0;
    while (ended == 0 || (ended < 0 && errno == EINTR)) {
        if (create_data(fix.session, true, true, "mine") == CK_INVALID_HANDLE)
            break;
        written++;
        ended = waitpid(pid, &status, WNOHANG);
    }
    set_storm(false);
    CHECK_EQ(ended, pid);
    CHECK_EQ(status, 0);
    printf("# %u written beside 200\n", written);
}

/* --- programs started from the host ------------------------------------------------------------- */

static int spawn_and_wait(void)
{
    char name[] = "true";
    char *arguments[] = { name, NULL };
    pid_t pid = -1;
    int status = -1;

    if (posix_spawnp(&pid, "true", NULL, NULL, arguments, environ) != 0 ||
        waitpid(pid, &status, 0) != pid)
        return -1;
    return status;
}

static int vfork_and_wait(void)
{
    int status = -1;
    const pid_t pid = vfork();

    if (pid == 0)
        _exit(7);
    return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1;
}

static void programs_are_spawned(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2];

    for (int i = 0; i < 3; i++) {
        CHECK_EQ(spawn_and_wait(), 0);
        CHECK_EQ(vfork_and_wait(), 7);
        CHECK_THAT(has_command("true")); /* system() */
        (void)create_data(fix.session, true, true, "after");
        CHECK_THAT(find_label(fix.session, "after", found, 2) >= 1);
    }
}

/* A program started by the host has none of the store's files. */
static void descriptors_are_not_inherited(void)
{
    FIXTURE(fix);

    (void)create_data(fix.session, true, true, "some");
    CHECK_THAT(run_command(&fix, "! ls -l /proc/self/fd | grep -e store -e device.key"));
}

/* --- closed standard streams -------------------------------------------------------------------- */

static bool is_closed_or_null(int fd)
{
    char link[32];
    char target[64] = "";

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return readlink(link, target, sizeof target - 1) < 0 || strcmp(target, "/dev/null") == 0;
}

/* What a host prints although it has closed its streams must not go into a file of ours. */
static int role_no_streams(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        (void)close(fd);
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            &session) == CKR_OK);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    STEP(create_data(session, true, true, "streamless") != CK_INVALID_HANDLE);
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        STEP(is_closed_or_null(fd));
    return 0;
}

static void standard_streams_are_left_alone(void)
{
    FIXTURE(fix);

    CHECK_EQ(in_new_process("no streams", &fix), 0);
}

/* --- limits ------------------------------------------------------------------------------------- */

/* The soft limit: it can be taken back, for whatever looks at a process when it ends. */
static bool set_limit(int which, rlim_t value, struct rlimit *out_old)
{
    if (getrlimit((__rlimit_resource_t)which, out_old) != 0)
        return false;
    const struct rlimit limit = { value, out_old->rlim_max };

    return setrlimit((__rlimit_resource_t)which, &limit) == 0;
}

static bool log_to_file(const fixture *fix)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/log", fix->dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const bool is_good = fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO;
    (void)close(fd);
    return is_good;
}

/* As root, locked memory has no limit. */
static bool drop_root(const fixture *fix)
{
    char command[64];

    if (geteuid() != 0)
        return true;
    (void)snprintf(command, sizeof command, "chown -R 65534 .");
    return run_command(fix, command) && setresuid(65534, 65534, 65534) == 0;
}

static int use_token(void)
{
    CK_SESSION_HANDLE session;

    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            &session) == CKR_OK);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    const pair keys = generate_pair(session, &rsa_2048, true, "pair");
    STEP(keys.private_key != CK_INVALID_HANDLE);
    STEP(generate_aes(session, 32, true, "aes") != CK_INVALID_HANDLE);
    STEP(p11->C_DestroyObject(session, keys.private_key) == CKR_OK);
    return 0;
}

static int role_unlocked(const fixture *fix)
{
    struct rlimit old;

    STEP(drop_root(fix) && log_to_file(fix));
    STEP(set_limit(RLIMIT_MEMLOCK, 0, &old));
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    const int used = use_token();
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return used;
}

static void no_locked_memory(void)
{
    FIXTURE(fix);

    if (IS_SANITIZED)
        SKIP("a sanitizer locks no memory, and says that it did");
    CHECK_OK(p11->C_Finalize(NULL));
    (void)setenv("CRATON_HSM_LOG", "stderr:warning", 1);
    CHECK_EQ(in_new_process("unlocked", &fix), 0);
    (void)unsetenv("CRATON_HSM_LOG");
    CHECK_THAT(
        run_command(&fix, "test $(grep -ci '^craton-hsm:.*lock' log) -eq 1")); /* says so, once */
}

static int role_must_lock(const fixture *fix)
{
    struct rlimit old;

    STEP(drop_root(fix) && log_to_file(fix));
    STEP(set_limit(RLIMIT_MEMLOCK, 0, &old));
    const CK_RV rv = p11->C_Initialize(NULL);
    if (rv != CKR_HOST_MEMORY)
        printf("# C_Initialize: 0x%lx\n", rv);
    (void)fflush(stdout);
    STEP(rv == CKR_HOST_MEMORY);
    return 0;
}

static void no_locked_memory_in_approved_mode(void)
{
    fixture_settings = "[algorithms]\nfips_approved_only = true\n";
    FIXTURE(fix);
    fixture_settings = NULL;

    if (IS_SANITIZED)
        SKIP("a sanitizer locks no memory, and says that it did");
    CHECK_OK(p11->C_Finalize(NULL));
    (void)setenv("CRATON_HSM_LOG", "stderr:warning", 1);
    CHECK_EQ(in_new_process("must lock", &fix), 0);
    (void)unsetenv("CRATON_HSM_LOG");
    CHECK_THAT(run_command(&fix, "grep -qi '^craton-hsm:.*lock' log"));
}

static rlim_t limit_now(void)
{
    const char *text = getenv("LIMIT");

    return text != NULL ? (rlim_t)strtoull(text, NULL, 10) : 0;
}

static bool is_of_limits(CK_RV rv)
{
    return rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_ERROR || rv == CKR_DEVICE_MEMORY ||
           rv == CKR_FUNCTION_FAILED || rv == CKR_GENERAL_ERROR;
}

static int try_a_little(void)
{
    const CK_RV rv = p11->C_Initialize(NULL);
    if (rv != CKR_OK)
        return is_of_limits(rv) ? 200 : 201;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    CK_RV last = p11->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
    if (last == CKR_OK)
        last = login(session, CKU_USER, USER_PIN);
    if (last == CKR_OK)
        last = p11->C_CreateObject(session, tmpl.at, tmpl.count, &object);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return last == CKR_OK ? 0 : is_of_limits(last) ? 200 : 202;
}

/* 0: worked; 200: refused properly. */
static int under_limit(int which)
{
    struct rlimit old;

    (void)alarm(30); /* a hang */
    STEP(set_limit(which, limit_now(), &old));
    const int answer = try_a_little();
    STEP(setrlimit((__rlimit_resource_t)which, &old) == 0);
    return answer;
}

static int role_few_files(const fixture *fix)
{
    (void)fix;
    return under_limit(RLIMIT_NOFILE);
}

static int role_little_memory(const fixture *fix)
{
    (void)fix;
    return under_limit(RLIMIT_AS);
}

static void try_limits(const fixture *fix, const char *role, unsigned long from, unsigned long step,
                       unsigned count)
{
    unsigned worked = 0;
    unsigned refused = 0;
    char text[32];

    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%lu", from + i * step);
        (void)setenv("LIMIT", text, 1);
        const int answer = in_new_process(role, fix);
        if (!CHECK_THAT(answer == 0 || answer == 200))
            printf("# %s with %s: %d\n", role, text, answer);
        worked += answer == 0;
        refused += answer == 200;
    }
    printf("# %s: %u worked, %u refused\n", role, worked, refused);
    CHECK_THAT(worked > 0 && refused > 0);
}

static void few_descriptors(void)
{
    FIXTURE(fix);

    CHECK_OK(p11->C_Finalize(NULL));
    try_limits(&fix, "few files", 3, 1, 30);
}

static void little_memory(void)
{
    FIXTURE(fix);

    if (IS_SANITIZED)
        SKIP("a sanitizer reserves address space of its own");
    CHECK_OK(p11->C_Finalize(NULL));
    try_limits(&fix, "little memory", 1ul << 20, 192ul << 10, 80);
}

static const process_role roles[] = {
    { "hold", role_hold },           { "no streams", role_no_streams },
    { "unlocked", role_unlocked },   { "must lock", role_must_lock },
    { "few files", role_few_files }, { "little memory", role_little_memory },
};
static const check_test tests[] = {
    CHECK_TEST(a_storm_of_signals),
    CHECK_TEST(signals_while_others_write),
    CHECK_TEST(programs_are_spawned),
    CHECK_TEST(descriptors_are_not_inherited),
    CHECK_TEST(no_locked_memory),
    CHECK_TEST(no_locked_memory_in_approved_mode),
    CHECK_TEST(few_descriptors),
    CHECK_TEST(little_memory),
    CHECK_TEST(standard_streams_are_left_alone),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
