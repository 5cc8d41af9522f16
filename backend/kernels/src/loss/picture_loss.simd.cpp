// The composite of a portrait over its background, and its absolute difference from a recorded frame.
//
// composite = colour + (1 - alpha) background, so that its gradient is the colour's, and minus its product with the
// background, summed over the colours, is alpha's.
#include "loss/picture_loss.h"

#include <cmath>

#include "common/simd.h"

namespace talker::TALKER_ISA {
namespace {

// Every Step-th float: of a step that is known, the loop becomes vectors.
template <int Step>
void gather(const float* from, int width, float* to) {
    for (int x = 0; x < width; x++) to[x] = from[x * Step];
}

// A row of a plane as contiguous floats: in place, or copied to `own`.
const float* row_of(const Plane& plane, int row, int width, float* own) {
    const float* from = plane.data + row * plane.row;
    switch (plane.column) {
        case 1: return from;
        case 3: gather<3>(from, width, own); break;
        case 4: gather<4>(from, width, own); break;
        default:
            for (int x = 0; x < width; x++) own[x] = from[x * plane.column];
    }
    return own;
}

}  // namespace

double composite_rows(const LossPicture& p, int first_row, int end_row, float* scratch) {
    int width = p.width;
    int64_t plane = int64_t{width} * p.height;
    float *a = scratch, *b = a + width, *c = b + width, *d = c + width;
    double total = 0.0;
    for (int row = first_row; row < end_row; row++) {
        const float* alpha = row_of(p.alpha, row, width, a);
        bool in_box = row >= p.box.top && row < p.box.bottom;
        for (int k = 0; k < kColours; k++) {
            const float* colour = row_of(p.colours[k], row, width, b);
            const float* background = row_of(p.background[k], row, width, c);
            const float* target = row_of(p.target[k], row, width, d);
            float* composite = p.composite + k * plane + int64_t{row} * width;
            float* recorded = p.recorded + k * plane + int64_t{row} * width;
            float sum = 0.0f, boxed = 0.0f;
            f8 sums = all(0.0f);
            int x = 0;
            for (; x + kLanes <= width; x += kLanes) {
                f8 value = load(colour + x) + (all(1.0f) - load(alpha + x)) * load(background + x);
                f8 apart = value - load(target + x);
                store(composite + x, value);
                store(recorded + x, load(target + x));
                sums += max(all(0.0f) - apart, apart);
            }
            for (; x < width; x++) {
                composite[x] = colour[x] + (1.0f - alpha[x]) * background[x];
                recorded[x] = target[x];
                sum += std::fabs(composite[x] - recorded[x]);
            }
            if (in_box)
                for (x = p.box.left; x < p.box.right; x++) boxed += std::fabs(composite[x] - recorded[x]);
            total += static_cast<double>(sum) + TALKER_ISA::sum(sums) + p.box.weight * static_cast<double>(boxed);
        }
    }
    return total;
}

void composite_rows_backward(const LossPicture& p, int first_row, int end_row, float difference_scale,
                             float* colour_gradients, float* alpha_gradient, float* scratch) {
    int width = p.width;
    int64_t plane = int64_t{width} * p.height;
    for (int row = first_row; row < end_row; row++) {
        bool in_box = row >= p.box.top && row < p.box.bottom;
        float* by_alpha = alpha_gradient + int64_t{row} * width;
        std::memset(by_alpha, 0, width * sizeof(float));
        for (int k = 0; k < kColours; k++) {
            int64_t at = k * plane + int64_t{row} * width;
            const float *composite = p.composite + at, *recorded = p.recorded + at;
            const float* background = row_of(p.background[k], row, width, scratch);
            float* gradient = colour_gradients + at;
            auto step = [&](int x, float scale) {
                float apart = composite[x] - recorded[x];
                gradient[x] += apart > 0.0f ? scale : apart < 0.0f ? -scale : 0.0f;
            };
            for (int x = 0; x < width; x++) step(x, difference_scale);
            if (in_box)
                for (int x = p.box.left; x < p.box.right; x++) step(x, difference_scale * p.box.weight);
            for (int x = 0; x < width; x++) by_alpha[x] -= gradient[x] * background[x];
        }
    }
}

double difference_rows(const Plane& values, const Plane& target, int width, int first_row, int end_row, float scale,
                       float* gradient) {
    double total = 0.0;
    for (int row = first_row; row < end_row; row++) {
        const float *from = values.data + row * values.row, *to = target.data + row * target.row;
        float* out = gradient + int64_t{row} * width;
        float sum = 0.0f;
        for (int x = 0; x < width; x++) {
            float apart = from[x * values.column] - to[x * target.column];
            sum += std::fabs(apart);
            out[x] = apart > 0.0f ? scale : apart < 0.0f ? -scale : 0.0f;
        }
        total += sum;
    }
    return total;
}

}  // namespace talker::TALKER_ISA
