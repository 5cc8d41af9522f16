// Stages: functions of *.simd.cpp files, which are compiled once for every instruction set, each time in its own
// namespace.
//
// A header declares a stage with TALKER_STAGE(result, name, parameters...). Its *.simd.cpp file defines it in the
// namespace talker::TALKER_ISA; everybody else calls best::name(...), the version for the best set that this machine
// has.
#pragma once

namespace talker {

enum class InstructionSet { portable, avx2, avx512 };

// The best that this machine has; TALKER_KERNELS=portable or =avx2 in the environment asks for nothing better.
InstructionSet instruction_set();

template <class Function>
Function* choose(Function* portable, Function* avx2, Function* avx512) {
    InstructionSet set = instruction_set();
    return set == InstructionSet::avx512 ? avx512 : set == InstructionSet::avx2 ? avx2 : portable;
}

}  // namespace talker

#if defined(TALKER_ISA)
// Within a *.simd.cpp file. Nothing here may choose: that code would itself be compiled for one set, and run on others.
#define TALKER_STAGE(result, name, ...) \
    namespace TALKER_ISA {              \
    result name(__VA_ARGS__);           \
    }
#elif defined(TALKER_HAS_X86)
#define TALKER_STAGE(result, name, ...)                                                          \
    namespace portable {                                                                         \
    result name(__VA_ARGS__);                                                                    \
    }                                                                                            \
    namespace avx2 {                                                                             \
    result name(__VA_ARGS__);                                                                    \
    }                                                                                            \
    namespace avx512 {                                                                           \
    result name(__VA_ARGS__);                                                                    \
    }                                                                                            \
    namespace best {                                                                             \
    inline result (*const name)(__VA_ARGS__) = choose(portable::name, avx2::name, avx512::name); \
    }
#else
#define TALKER_STAGE(result, name, ...)                        \
    namespace portable {                                       \
    result name(__VA_ARGS__);                                  \
    }                                                          \
    namespace best {                                           \
    inline result (*const name)(__VA_ARGS__) = portable::name; \
    }
#endif
