// What the library says of itself.
#include "api.h"
#include "common/dispatch.h"
#include "common/thread_pool.h"

using namespace talker;

const char* talker_kernels_name(void) {
    switch (instruction_set()) {
        case InstructionSet::avx512: return "avx512";
        case InstructionSet::avx2: return "avx2";
        default: return "portable";
    }
}

// (build.py defines it, from the text of api.h.)
const char* talker_interface(void) { return TALKER_INTERFACE; }

int talker_thread_count(int requested) { return thread_count(requested); }
