/* The floor of large calls: two processes that echo through shared memory, one section each way, and tell each other by
 * a SEQPACKET socket. Prints the nanoseconds of the best round, and of the one in the middle.
 * Usage: large_call OCTETS ROUNDS CALLER_PROCESSOR SERVER_PROCESSOR (-1: any) */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void pin(int processor) {
    cpu_set_t set;
    if (processor < 0) return;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof set, &set)) exit(1);
}

static char *section(size_t size) {
    char *found = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) exit(1);
    return found;
}

static int longer(const void *one, const void *other) {
    long left = *(const long *)one, right = *(const long *)other;
    return (left > right) - (left < right);
}

int main(int count, char **words) {
    if (count != 5) return 2;
    size_t size = strtoul(words[1], NULL, 10);
    char *there = section(size), *back = section(size), *from = malloc(size), *to = malloc(size), note[64] = {0};
    int pair[2];
    memset(from, 'x', size);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) return 1;
    if (!fork()) {
        close(pair[0]);
        pin(atoi(words[4]));
        while (recv(pair[1], note, sizeof note, 0) > 0) {
            memcpy(back, there, size);
            if (send(pair[1], note, sizeof note, 0) < 0) break;
        }
        return 0;
    }
    close(pair[1]);
    pin(atoi(words[3]));
    int rounds = atoi(words[2]);
    long *took = malloc(rounds * sizeof *took);
    for (int round = 0; round < rounds; round++) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        memcpy(there, from, size);
        if (send(pair[0], note, sizeof note, 0) < 0 || recv(pair[0], note, sizeof note, 0) <= 0) return 1;
        memcpy(to, back, size);
        clock_gettime(CLOCK_MONOTONIC, &end);
        took[round] = (end.tv_sec - begin.tv_sec) * 1000000000L + end.tv_nsec - begin.tv_nsec;
    }
    if (memcmp(from, to, size)) return 1;
    qsort(took, rounds, sizeof *took, longer);
    printf("%ld %ld\n", took[0], took[rounds / 2]);
    return 0;
}
