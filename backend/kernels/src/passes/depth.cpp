// The C interface of the depth pass; backend/kernels/depth.py is its other side.
#include "passes/depth.h"
#include "api.h"
#include "common/guard.h"
#include "common/thread_pool.h"

using namespace talker;

int talker_expect_depth(const float* alpha, float* depth, int64_t count, float least_alpha, float empty,
                        int32_t threads) {
    constexpr int64_t kPiece = 32768;
    if (count < 0) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        parallel_for((count + kPiece - 1) / kPiece, thread_count(threads), [&](int64_t n) {
            int64_t end = (n + 1) * kPiece < count ? (n + 1) * kPiece : count;
            best::expect_depth(alpha, depth, n * kPiece, end, least_alpha, empty);
        });
        return TALKER_OK;
    });
}
