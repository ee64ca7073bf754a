/* Calls shapes: client.exe PORT all|fray [LEVEL DOMAIN USER PASSWORD]; a line for each call, "right NAME" or "wrong NAME",
   and what the last raised. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>
#include <rpc.h>
#include "shapes.h"

#define LONG_ARRAY 20000
#define LARGE 0x123456789abcdefLL

static void said(const char *name, int right)
{
    printf("%s %s\n", right ? "right" : "wrong", name);
    fflush(stdout);
}

static void check(const char *what, RPC_STATUS status)
{
    if (status != RPC_S_OK) {
        printf("wrong %s: %ld\n", what, (long)status);
        ExitProcess(1);
    }
}

static void structures(void)
{
    mixed_t given = { 1, LARGE, -3, 1.5, 9 }, more;
    nested_t both = { 7, { 1, -2, 3, 0.25, 5 }, 8, { 10, -20, 30 } };
    colour_t other = BLUE, colour;

    said("Add", Add(-40, 82) == 42);
    Mix(&given, &more);
    said("Mix", more.tag == 2 && more.large == LARGE + 1 && more.little == -2 && more.real == 3.0 && more.last == 10);
    Nest(&both);
    said("Nest", both.before == 8 && both.inside.tag == 2 && both.inside.large == -1 && both.inside.little == 4 &&
         both.inside.real == 0.5 && both.inside.last == 6 && both.after == 9 && both.numbers[0] == 11 &&
         both.numbers[1] == -19 && both.numbers[2] == 31);
    colour = NextColour(RED, &other);
    said("NextColour", colour == GREEN && other == RED);
}

static void strings(void)
{
    texts_t given = { L"gr\u00fc\u00df \u4e2d", "plain" }, none = { NULL, "" }, twice;

    said("Lengths", Lengths(L"\u20ac and on", "four") == 12);
    memset(&twice, 0, sizeof(twice));
    Twice(&given, &twice);
    said("Twice", !wcscmp(twice.wide, L"gr\u00fc\u00df \u4e2dgr\u00fc\u00df \u4e2d") && !strcmp(twice.narrow, "plainplain"));
    memset(&twice, 0, sizeof(twice));
    Twice(&none, &twice);
    said("Twice-null", twice.wide == NULL && twice.narrow && !*twice.narrow);
}

static void arrays(void)
{
    static long numbers[LONG_ARRAY];
    static byte octets[LONG_ARRAY];
    short values[8] = { 1, 2, 3, 4, 6, 7, 77, 77 };
    long length = 6;
    int right = 1;

    for (int i = 0; i < LONG_ARRAY; i++) {
        numbers[i] = i * 100000;
        octets[i] = i * 7;
    }
    said("Sum", Sum(LONG_ARRAY, numbers) == 100000LL * LONG_ARRAY * (LONG_ARRAY - 1) / 2);
    said("Sum-empty", Sum(0, numbers) == 0);
    Evens(8, &length, values);
    said("Evens", length == 3 && values[0] == 2 && values[1] == 4 && values[2] == 6);
    Reverse(LONG_ARRAY, octets);
    for (int i = 0; i < LONG_ARRAY; i++)
        right &= octets[LONG_ARRAY - 1 - i] == (byte)(i * 7);
    said("Reverse", right);
}

static void pointers(void)
{
    node_t third = { 3, NULL }, second = { 2, &third }, first = { 1, &second }, *turned = NULL;
    long number = 17;
    tagged_t value = { 1 };
    mixed_t mixed = { 1, 2, 3, 4, 5 };
    tagged_t several[4];
    values_t values = { 4, several };

    said("Turn", Turn(&first, &turned) == 3 && turned->value == 3 && turned->next->value == 2 &&
         turned->next->next->value == 1 && !turned->next->next->next);
    turned = NULL;
    said("Turn-empty", Turn(NULL, &turned) == 0 && !turned);
    said("Perhaps", Perhaps(&number) == 17 && Perhaps(NULL) == -1);
    value.value.number = 4;
    Raise(&value);
    said("Raise", value.kind == 1 && value.value.number == 5);
    value.kind = 9;
    Raise(&value);
    said("Raise-default", value.kind == 9);
    several[0].kind = 5, several[0].value.large = 1LL << 40;
    several[1].kind = 3, several[1].value.mixed = &mixed;
    several[2].kind = 2, several[2].value.text = wcsdup(L"abc\u00e4");
    several[3].kind = 1, several[3].value.number = -1;
    RaiseAll(&values);
    said("RaiseAll", values.count == 4 && several[0].value.large == (1LL << 40) + 1 && mixed.tag == 2 && mixed.real == 8 &&
         !wcscmp(several[2].value.text, L"ABC\u00e4") && several[3].value.number == 0);
}

static void sessions(void)
{
    session_t session = Open(5), kept = session;

    Put(session, 30);
    Put(session, 7);
    said("Total", Total(session) == 42);
    Close(&session);
    said("Close", session == NULL && kept != NULL);
    kept = Open(1);
    said("Open", kept != NULL);
}

/* A call that Wine sends without the padding of its structure. */
static void fray(void)
{
    ragged_t both = { 1, LARGE, 3 };

    Fray(&both);
    said("Fray", both.tag == 2 && both.large == LARGE + 1 && both.little == 4);
}

static LONG CALLBACK caught(EXCEPTION_POINTERS *exception)
{
    printf("raised %ld\n", (long)exception->ExceptionRecord->ExceptionCode);
    ExitProcess(0);
}

int main(int argc, char **argv)
{
    RPC_CSTR text;
    SEC_WINNT_AUTH_IDENTITY_A user;

    check("compose", RpcStringBindingComposeA(NULL, (RPC_CSTR)"ncacn_ip_tcp", (RPC_CSTR)"127.0.0.1", (RPC_CSTR)argv[1],
                                              NULL, &text));
    check("binding", RpcBindingFromStringBindingA(text, &shapes_binding));
    if (argc > 6) {
        memset(&user, 0, sizeof(user));
        user.Domain = (unsigned char *)argv[4], user.DomainLength = strlen(argv[4]);
        user.User = (unsigned char *)argv[5], user.UserLength = strlen(argv[5]);
        user.Password = (unsigned char *)argv[6], user.PasswordLength = strlen(argv[6]);
        user.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
        check("authentication", RpcBindingSetAuthInfoA(shapes_binding, NULL, atoi(argv[3]), RPC_C_AUTHN_WINNT, &user, 0));
    }
    AddVectoredExceptionHandler(1, caught);
    if (!strcmp(argv[2], "fray")) {
        fray();
        return 0;
    }
    structures();
    strings();
    arrays();
    pointers();
    sessions();
    Fail(RPC_S_INVALID_ARG);
    return 1;
}
