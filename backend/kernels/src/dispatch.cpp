#include <cstdlib>
#include <cstring>

#include "kernels.h"

namespace talker {

namespace portable {
extern const Kernels table;
}
#if defined(TALKER_HAS_AVX2)
namespace avx2 {
extern const Kernels table;
}
#endif

const Kernels& kernels() {
    static const Kernels& best = []() -> const Kernels& {
#if defined(TALKER_HAS_AVX2)
        const char* wish = std::getenv("TALKER_KERNELS");
        bool portable_only = wish && std::strcmp(wish, "portable") == 0;
        __builtin_cpu_init();
        if (!portable_only && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::table;
#endif
        return portable::table;
    }();
    return best;
}

}  // namespace talker
