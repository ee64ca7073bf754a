/* What the stubs of both programs allocate with. */
#include <stdlib.h>
#include <windows.h>
#include <rpc.h>

void *__RPC_USER MIDL_user_allocate(SIZE_T size) { return malloc(size); }
void __RPC_USER MIDL_user_free(void *memory) { free(memory); }
