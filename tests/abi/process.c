/* Other processes of a test program. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

int wait_for_child(pid_t pid)
{
    int status = 0;

    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

pid_t begin_child(int (*child)(void *arg), void *arg)
{
    (void)fflush(stdout);
    const pid_t pid = fork();

    if (pid == 0)
        _exit(child(arg));
    return pid;
}

int in_child(int (*child)(void *arg), void *arg)
{
    return wait_for_child(begin_child(child, arg));
}

int in_new_process(const char *role, const fixture *fix)
{
    (void)fflush(stdout);
    const pid_t pid = fork();

    if (pid == 0) {
        (void)execl("/proc/self/exe", "role", "--role", role, fix->dir, (char *)NULL);
        _exit(127);
    }
    return wait_for_child(pid);
}

static int run_role(const process_role *roles, size_t count, char **argv)
{
    fixture fix = { .is_ready = true };

    module_load();
    (void)snprintf(fix.dir, sizeof fix.dir, "%s", argv[3]);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(roles[i].name, argv[2]) == 0)
            return roles[i].run(&fix);
    }
    return 126;
}

int role_main(const process_role *roles, size_t role_count, const check_test *tests,
              size_t test_count, int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--role") == 0)
        return run_role(roles, role_count, argv);
    return check_main(tests, test_count, argc, argv);
}
