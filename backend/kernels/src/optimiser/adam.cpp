// The C interface of the optimiser; backend/kernels/adam.py is its other side.
#include <vector>

#include "api.h"
#include "common/guard.h"
#include "common/thread_pool.h"
#include "optimiser/adam.h"

using namespace talker;

int talker_adam(const talker_adam_tensor* tensors, int32_t tensor_count, double beta1, double beta2, double epsilon,
                int32_t threads) {
    constexpr int64_t kPiece = 16384;
    for (int32_t i = 0; i < tensor_count; i++)
        if (tensors[i].count < 0) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        struct Piece {
            int32_t tensor;
            int64_t begin;
        };
        std::vector<Piece> pieces;
        for (int32_t i = 0; i < tensor_count; i++)
            for (int64_t begin = 0; begin < tensors[i].count; begin += kPiece) pieces.push_back({i, begin});
        AdamSettings settings{static_cast<float>(1.0 - beta1), static_cast<float>(beta2),
                              static_cast<float>(1.0 - beta2), static_cast<float>(epsilon)};
        parallel_for(static_cast<int64_t>(pieces.size()), thread_count(threads), [&](int64_t n) {
            const talker_adam_tensor& t = tensors[pieces[n].tensor];
            int64_t begin = pieces[n].begin, end = begin + kPiece < t.count ? begin + kPiece : t.count;
            best::adam_piece(t, settings, begin, end);
        });
        return TALKER_OK;
    });
}
