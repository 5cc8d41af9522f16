#include "optimiser/adam.h"

#include "common/simd.h"

namespace talker::TALKER_ISA {
namespace {

TALKER_INLINE void step(const talker_adam_tensor& t, const AdamSettings& s, f8 gradient, f8& parameter, f8& mean,
                        f8& square) {
    mean = mean + (gradient - mean) * s.new_mean;
    square = square * s.old_square + gradient * gradient * s.new_square;
    parameter = parameter - mean * t.step_size / (sqrt(square) * t.root_scale + all(s.epsilon));
}

}  // namespace

void adam_piece(const talker_adam_tensor& t, const AdamSettings& s, int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
        f8 parameter = load(t.parameter + i), mean = load(t.mean + i), square = load(t.square + i);
        step(t, s, load(t.gradient + i), parameter, mean, square);
        store(t.parameter + i, parameter), store(t.mean + i, mean), store(t.square + i, square);
    }
    size_t left = (end - i) * sizeof(float);
    if (!left) return;
    f8 gradient = all(0.0f), parameter = all(0.0f), mean = all(0.0f), square = all(0.0f);
    std::memcpy(&gradient, t.gradient + i, left), std::memcpy(&parameter, t.parameter + i, left);
    std::memcpy(&mean, t.mean + i, left), std::memcpy(&square, t.square + i, left);
    step(t, s, gradient, parameter, mean, square);
    std::memcpy(t.parameter + i, &parameter, left);
    std::memcpy(t.mean + i, &mean, left), std::memcpy(t.square + i, &square, left);
}

}  // namespace talker::TALKER_ISA
