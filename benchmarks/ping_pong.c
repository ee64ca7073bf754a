/* The floor of small calls: two processes that send a message of 112 octets to and fro by a SEQPACKET socket and sleep
 * in between. For every line read it does 1000 round trips, then writes a line.
 * Usage: ping_pong CALLER_PROCESSOR SERVER_PROCESSOR (-1: any) */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void pin(int processor) {
    cpu_set_t set;
    if (processor < 0) return;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof set, &set)) exit(1);
}

int main(int count, char **words) {
    static char note[65536];
    int pair[2];
    if (count != 3 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) return 2;
    if (!fork()) {
        close(pair[0]);
        pin(atoi(words[2]));
        for (ssize_t size; (size = recv(pair[1], note, sizeof note, 0)) > 0;)
            if (send(pair[1], note, size, 0) < 0) break;
        return 0;
    }
    close(pair[1]);
    pin(atoi(words[1]));
    while (getchar() == '\n') {
        for (int round = 0; round < 1000; round++)
            if (send(pair[0], note, 112, 0) < 0 || recv(pair[0], note, sizeof note, 0) <= 0) return 1;
        puts("");
        fflush(stdout);
    }
    return 0;
}
