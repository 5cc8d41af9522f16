#include <cstdlib>
#include <cstring>

#include "kernels.h"

#if defined(TALKER_HAS_AVX2)
#include <cpuid.h>
#endif

namespace talker {

namespace portable {
extern const Kernels table;
}
#if defined(TALKER_HAS_AVX2)
namespace avx2 {
extern const Kernels table;
}

// Whether this processor and its system have all that the AVX2 kernels are compiled with (AVX2_FLAGS in build.py). Asked
// directly, since not every compiler's runtime library answers __builtin_cpu_supports (zig's always says no).
static bool has_avx2() {
    unsigned a, b, c, d;
    constexpr unsigned kBase = bit_OSXSAVE | bit_AVX | bit_FMA | bit_POPCNT;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kBase) != kBase) return false;
    unsigned state, unused;
    asm volatile("xgetbv" : "=a"(state), "=d"(unused) : "c"(0));
    constexpr unsigned kWideRegistersAreSaved = 6;
    if ((state & kWideRegistersAreSaved) != kWideRegistersAreSaved) return false;
    constexpr unsigned kExtended = bit_AVX2 | bit_BMI2;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & kExtended) == kExtended;
}
#endif

const Kernels& kernels() {
    static const Kernels& best = []() -> const Kernels& {
#if defined(TALKER_HAS_AVX2)
        const char* wish = std::getenv("TALKER_KERNELS");
        bool portable_only = wish && std::strcmp(wish, "portable") == 0;
        if (!portable_only && has_avx2()) return avx2::table;
#endif
        return portable::table;
    }();
    return best;
}

}  // namespace talker
