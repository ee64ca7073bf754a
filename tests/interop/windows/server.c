/* Serves shapes on a port of loopback: server.exe PORT [ntlm]; says "listening" and runs until standard input ends. */
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>
#include <rpc.h>
#include "shapes.h"

static LONG rundowns;

long Add(long a, long b) { return a + b; }

void Mix(mixed_t *given, mixed_t *more)
{
    more->tag = given->tag + 1;
    more->large = given->large + 1;
    more->little = given->little + 1;
    more->real = given->real * 2;
    more->last = given->last + 1;
}

void Nest(nested_t *both)
{
    mixed_t more;

    Mix(&both->inside, &more);
    both->before += 1;
    both->inside = more;
    both->after += 1;
    for (int i = 0; i < 3; i++)
        both->numbers[i] += 1;
}

static colour_t next(colour_t colour) { return colour == BLUE ? RED : colour * 2; }

colour_t NextColour(colour_t colour, colour_t *other)
{
    *other = next(*other);
    return next(colour);
}

long Lengths(wchar_t *wide, char *narrow) { return wcslen(wide) + strlen(narrow); }

void Twice(texts_t *given, texts_t *twice)
{
    twice->wide = NULL;
    twice->narrow = NULL;
    if (given->wide) {
        twice->wide = MIDL_user_allocate((2 * wcslen(given->wide) + 1) * sizeof(wchar_t));
        wcscpy(twice->wide, given->wide);
        wcscat(twice->wide, given->wide);
    }
    if (given->narrow) {
        twice->narrow = MIDL_user_allocate(2 * strlen(given->narrow) + 1);
        strcpy(twice->narrow, given->narrow);
        strcat(twice->narrow, given->narrow);
    }
}

hyper Sum(long count, long numbers[])
{
    hyper sum = 0;

    for (long i = 0; i < count; i++)
        sum += numbers[i];
    return sum;
}

void Evens(long size, long *length, short values[])
{
    long kept = 0;

    for (long i = 0; i < *length; i++)
        if (values[i] % 2 == 0)
            values[kept++] = values[i];
    *length = kept;
}

void Reverse(long count, byte octets[])
{
    for (long i = 0; i < count / 2; i++) {
        byte octet = octets[i];
        octets[i] = octets[count - 1 - i];
        octets[count - 1 - i] = octet;
    }
}

long Turn(node_t *list, node_t **turned)
{
    long length = 0;

    for (*turned = NULL; list; list = list->next, length++) {
        node_t *node = MIDL_user_allocate(sizeof(node_t));
        node->value = list->value;
        node->next = *turned;
        *turned = node;
    }
    return length;
}

long Perhaps(long *number) { return number ? *number : -1; }

void Raise(tagged_t *value)
{
    mixed_t more;

    switch (value->kind) {
    case 1: value->value.number += 1; break;
    case 2:
        for (wchar_t *at = value->value.text; at && *at; at++)
            if (*at >= 'a' && *at <= 'z')
                *at -= 'a' - 'A';
        break;
    case 3:
        if (value->value.mixed) {
            Mix(value->value.mixed, &more);
            *value->value.mixed = more;
        }
        break;
    case 4: case 5: value->value.large += 1; break;
    }
}

void RaiseAll(values_t *values)
{
    for (long i = 0; i < values->count; i++)
        Raise(&values->values[i]);
}

session_t Open(long first)
{
    long *total = MIDL_user_allocate(sizeof(long));

    *total = first;
    return total;
}

void Put(session_t session, long number) { *(long *)session += number; }

long Total(session_t session) { return *(long *)session; }

void Close(session_t *session)
{
    MIDL_user_free(*session);
    *session = NULL;
}

void __RPC_USER session_t_rundown(session_t session)
{
    MIDL_user_free(session);
    InterlockedIncrement(&rundowns);
}

long Rundowns(void) { return rundowns; }

void Fray(ragged_t *both)
{
    both->tag += 1;
    both->large += 1;
    both->little += 1;
}

void Fail(long code) { RpcRaiseException(code); }

static void check(const char *what, RPC_STATUS status)
{
    if (status != RPC_S_OK) {
        printf("%s: %ld\n", what, (long)status);
        fflush(stdout);
        ExitProcess(1);
    }
}

int main(int argc, char **argv)
{
    check("protseq", RpcServerUseProtseqEpA((RPC_CSTR)"ncacn_ip_tcp", 10, (RPC_CSTR)argv[1], NULL));
    check("register", RpcServerRegisterIf(shapes_v1_0_s_ifspec, NULL, NULL));
    if (argc > 2)
        check("authentication", RpcServerRegisterAuthInfoA(NULL, RPC_C_AUTHN_WINNT, NULL, NULL));
    check("listen", RpcServerListen(1, RPC_C_LISTEN_MAX_CALLS_DEFAULT, TRUE));
    printf("listening\n");
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    return 0;
}
