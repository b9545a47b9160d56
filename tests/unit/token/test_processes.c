/* Several processes on one store in a directory, as real ones. */
#include "unit/token/token_env.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

static char directory[4096];

static bool make_directory(void)
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(directory, sizeof directory, "%s/craton-token-XXXXXX",
                   base != NULL ? base : "/tmp");
    return CHECK_THAT(mkdtemp(directory) != NULL);
}

static void remove_directory(void)
{
    char command[sizeof directory + 16];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", directory);
    CHECK_EQ(system(command), 0);
}

/* Runs work in a process of its own with the token opened anew; its return value is the exit
 * status, so small. The caller has no store open. */
static pid_t start(int (*work)(env *e))
{
    (void)fflush(NULL);
    const pid_t pid = fork();

    if (pid == 0) {
        env e;

        _exit(env_open(&e, directory) ? work(&e) : 99);
    }
    CHECK_THAT(pid > 0);
    return pid;
}

static int finish(pid_t pid)
{
    int status = 0;

    CHECK_EQ(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void die(void *arg)
{
    (void)arg;
    (void)kill(getpid(), SIGKILL);
}

/* Killed between count and answer, with the right PIN or a wrong one. */
static int killed_with_right_pin(env *e)
{
    env_before(ENV_COMPARE, 1, die, NULL);
    return (int)hsm_token_login(e->token, HSM_USER_USER, env_pin(ENV_USER_PIN));
}

static int killed_with_wrong_pin(env *e)
{
    env_before(ENV_COMPARE, 1, die, NULL);
    return (int)hsm_token_login(e->token, HSM_USER_USER, env_pin("wrong"));
}

/* Killed when the PIN has proved right, before the try is taken back. */
static int killed_before_taking_back(env *e)
{
    env_before(ENV_WRITE, 2, die, NULL);
    return (int)hsm_token_login(e->token, HSM_USER_USER, env_pin(ENV_USER_PIN));
}

static int log_in(env *e)
{
    return (int)hsm_token_login(e->token, HSM_USER_USER, env_pin(ENV_USER_PIN));
}

static int count_tries_left(env *e)
{
    return (int)env_info(e->token).user_tries_left;
}

static int make_ready(env *e)
{
    return env_make_ready(e->token) ? 0 : 1;
}

static void kill_is_no_free_try(void)
{
    if (!make_directory())
        return;
    CHECK_EQ(finish(start(make_ready)), 0);

    CASE("each kill costs a try");
    CHECK_EQ(finish(start(killed_with_right_pin)), -SIGKILL);
    CHECK_EQ(finish(start(count_tries_left)), ENV_TRIES_MAX - 1);
    CHECK_EQ(finish(start(killed_with_wrong_pin)), -SIGKILL);
    CHECK_EQ(finish(start(count_tries_left)), ENV_TRIES_MAX - 2);
    CHECK_EQ(finish(start(killed_before_taking_back)), -SIGKILL);
    CHECK_EQ(finish(start(count_tries_left)), ENV_TRIES_MAX - 3);

    CASE("a login gives them back");
    CHECK_EQ(finish(start(log_in)), HSM_OK);
    CHECK_EQ(finish(start(count_tries_left)), ENV_TRIES_MAX);

    CASE("kills enough lock the PIN");
    for (uint32_t i = 0; i < ENV_TRIES_MAX; i++)
        CHECK_EQ(finish(start(killed_with_wrong_pin)), -SIGKILL);
    CHECK_EQ(finish(start(count_tries_left)), 0);
    CHECK_EQ(finish(start(log_in)), HSM_E_PIN_LOCKED);
    remove_directory();
}

/* Guesses until locked; the number of guesses that were looked at. */
static int guess_until_locked(env *e)
{
    for (int guesses = 0; guesses < 50; guesses++) {
        const hsm_err err = hsm_token_login(e->token, HSM_USER_USER, env_pin("wrong"));

        if (err == HSM_E_PIN_LOCKED)
            return guesses;
        if (err != HSM_E_PIN_INCORRECT)
            return 98;
    }
    return 97;
}

static void parallel_guesses_share_the_tries(void)
{
    pid_t pids[4];

    if (!make_directory())
        return;
    for (int round = 0; round < 3; round++) {
        int guesses = 0;

        CHECK_EQ(finish(start(make_ready)), 0);
        for (size_t i = 0; i < HSM_ARRAY_LEN(pids); i++)
            pids[i] = start(guess_until_locked);
        for (size_t i = 0; i < HSM_ARRAY_LEN(pids); i++)
            guesses += finish(pids[i]);
        CHECK_EQ(guesses, ENV_TRIES_MAX);
        CHECK_EQ(finish(start(log_in)), HSM_E_PIN_LOCKED);
    }
    remove_directory();
}

static int change_pin(env *e)
{
    return (int)hsm_token_set_pin(e->token, HSM_USER_USER, env_pin(ENV_USER_PIN), env_pin("5678"));
}

static int initialise(env *e)
{
    return (int)hsm_token_init(e->token, env_pin(ENV_SO_PIN), env_label);
}

/* The process that stays logged in: told by one pipe what happened, tells by the other. */
static int to_child[2], from_child[2];

static int stay_logged_in(env *e)
{
    char byte = 0;

    if (log_in(e) != 0 || write(from_child[1], "i", 1) != 1 || read(to_child[0], &byte, 1) != 1)
        return 1;
    if (hsm_token_refresh(e->token) != HSM_OK || /* the PIN was changed */
        hsm_token_login_state(e->token) != HSM_LOGIN_USER || !hsm_store_is_unlocked(e->store, 0))
        return 2;
    if (write(from_child[1], "i", 1) != 1 || read(to_child[0], &byte, 1) != 1)
        return 3;
    if (hsm_token_refresh(e->token) != HSM_OK || /* the token was initialised anew */
        hsm_token_login_state(e->token) != HSM_LOGIN_NONE || hsm_store_is_unlocked(e->store, 0))
        return 4;
    return 0;
}

static void changes_by_others_are_seen(void)
{
    char byte = 0;

    if (!make_directory())
        return;
    CHECK_EQ(finish(start(make_ready)), 0);
    REQUIRE_THAT(pipe(to_child) == 0 && pipe(from_child) == 0);
    const pid_t child = start(stay_logged_in);
    (void)close(from_child[1]); /* so that reading ends if it dies */
    CHECK_EQ(read(from_child[0], &byte, 1), 1);
    CHECK_EQ(finish(start(change_pin)), 0);
    CHECK_EQ(write(to_child[1], "o", 1), 1);
    CHECK_EQ(read(from_child[0], &byte, 1), 1);
    CHECK_EQ(finish(start(initialise)), 0);
    CHECK_EQ(write(to_child[1], "o", 1), 1);
    CHECK_EQ(finish(child), 0);
    (void)close(to_child[0]);
    (void)close(to_child[1]);
    (void)close(from_child[0]);
    remove_directory();
}

static const check_test tests[] = {
    CHECK_TEST(kill_is_no_free_try),
    CHECK_TEST(parallel_guesses_share_the_tries),
    CHECK_TEST(changes_by_others_are_seen),
};
CHECK_MAIN(tests)
