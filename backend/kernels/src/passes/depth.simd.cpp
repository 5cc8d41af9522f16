// Premultiplied depth to expected depth.
#include "passes/depth.h"
#include "common/simd.h"

namespace talker::TALKER_ISA {

void expect_depth(const float* alpha, float* depth, int64_t begin, int64_t end, float least_alpha, float empty) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
        f8 a = load(alpha + i), d = load(depth + i);
        store(depth + i, select((i8)(a >= all(least_alpha)), d / a, all(empty)));
    }
    for (; i < end; i++) depth[i] = alpha[i] >= least_alpha ? depth[i] / alpha[i] : empty;
}

}  // namespace talker::TALKER_ISA
