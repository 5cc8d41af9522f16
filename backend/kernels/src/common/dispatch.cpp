#include "common/dispatch.h"

#include <cstdlib>
#include <cstring>

#if defined(TALKER_HAS_X86)
#include <cpuid.h>
#endif

namespace talker {

#if defined(TALKER_HAS_X86)
namespace {

// What this processor and its system have of what the stages are compiled with (AVX2_FLAGS and AVX512_FLAGS in
// build.py). Asked directly, since not every compiler's runtime library answers __builtin_cpu_supports (zig's always
// says no).
InstructionSet find_best() {
    unsigned a, b, c, d;
    constexpr unsigned kBase = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C | bit_POPCNT;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kBase) != kBase) return InstructionSet::portable;
    // What the system saves of the registers when it switches threads.
    unsigned saved, unused;
    asm volatile("xgetbv" : "=a"(saved), "=d"(unused) : "c"(0));
    constexpr unsigned kWide = 0x06, kWider = 0xe6;
    constexpr unsigned kAvx2 = bit_AVX2 | bit_BMI2;
    constexpr unsigned kAvx512 = bit_AVX512F | bit_AVX512VL | bit_AVX512DQ | bit_AVX512BW;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return InstructionSet::portable;
    if ((saved & kWide) != kWide || (b & kAvx2) != kAvx2) return InstructionSet::portable;
    bool avx512 = (saved & kWider) == kWider && (b & kAvx512) == kAvx512;
    return avx512 ? InstructionSet::avx512 : InstructionSet::avx2;
}

InstructionSet find_allowed() {
    const char* set = std::getenv("TALKER_KERNELS");
    const char* wish = set ? set : "";
    InstructionSet best = find_best();
    if (std::strcmp(wish, "portable") == 0) return InstructionSet::portable;
    if (std::strcmp(wish, "avx2") == 0 && best == InstructionSet::avx512) return InstructionSet::avx2;
    return best;
}

}  // namespace

InstructionSet instruction_set() {
    static const InstructionSet set = find_allowed();
    return set;
}
#else
InstructionSet instruction_set() { return InstructionSet::portable; }
#endif

}  // namespace talker
