#include <cstdlib>
#include <cstring>

#include "kernels.h"

#if defined(TALKER_HAS_X86)
#include <cpuid.h>
#endif

namespace talker {

namespace portable {
extern const Kernels table;
}
#if defined(TALKER_HAS_X86)
namespace avx2 {
extern const Kernels table;
}
namespace avx512 {
extern const Kernels table;
}

namespace {

struct Support {
    bool avx2, avx512;
};

// Whether this processor and its system have all that the kernels are compiled with (AVX2_FLAGS and AVX512_FLAGS in
// build.py). Asked directly, since not every compiler's runtime library answers __builtin_cpu_supports (zig's always
// says no).
Support find_support() {
    unsigned a, b, c, d;
    constexpr unsigned kBase = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C | bit_POPCNT;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kBase) != kBase) return {};
    // What the system saves of the registers when it switches threads.
    unsigned saved, unused;
    asm volatile("xgetbv" : "=a"(saved), "=d"(unused) : "c"(0));
    constexpr unsigned kWide = 0x06, kWider = 0xe6;
    constexpr unsigned kAvx2 = bit_AVX2 | bit_BMI2;
    constexpr unsigned kAvx512 = bit_AVX512F | bit_AVX512VL | bit_AVX512DQ | bit_AVX512BW;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return {};
    bool avx2 = (saved & kWide) == kWide && (b & kAvx2) == kAvx2;
    return {avx2, avx2 && (saved & kWider) == kWider && (b & kAvx512) == kAvx512};
}

}  // namespace
#endif

const Kernels& kernels() {
    static const Kernels& best = []() -> const Kernels& {
#if defined(TALKER_HAS_X86)
        const char* set = std::getenv("TALKER_KERNELS");
        const char* wish = set ? set : "";
        Support support = find_support();
        bool portable_only = std::strcmp(wish, "portable") == 0, avx2_at_most = std::strcmp(wish, "avx2") == 0;
        if (support.avx512 && !portable_only && !avx2_at_most) return avx512::table;
        if (support.avx2 && !portable_only) return avx2::table;
#endif
        return portable::table;
    }();
    return best;
}

}  // namespace talker
