/* Adds one millisecond to every sync of the process it is preloaded into: a slower disk. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_a_millisecond(void)
{
    struct timespec left = {0, 1000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0)
        ;
}

int fdatasync(int file)
{
    wait_a_millisecond();
    return syscall(SYS_fdatasync, file);
}

int fsync(int file)
{
    wait_a_millisecond();
    return syscall(SYS_fsync, file);
}
