// Structural similarity and its gradient in two sweeps over a picture, a band of rows at a time.
//
// The window's weights are a product of a Gaussian along x and one along y, so every blur is a blur of rows followed by
// a blur of columns. The first sweep blurs x, y, x^2, y^2 and xy together; where a gradient is wanted it leaves the
// derivatives of the similarity by the three blurs that x is part of. The second sweep blurs those again: the window is
// symmetric, so a pixel takes part in its neighbours' windows with the weights that they have in its own.
#include "loss/ssim.h"
#include "common/simd.h"

namespace talker::TALKER_ISA {
namespace {

constexpr float kC1 = 0.01f * 0.01f, kC2 = 0.03f * 0.03f;
enum { kX, kY, kXX, kYY, kXY, kBlurs };

void copy_row(float* to, const Plane& plane, int row, int width) {
    const float* from = plane.data + row * plane.row;
    if (plane.column == 1)
        std::memcpy(to + kSsimPad, from, width * sizeof(float));
    else
        for (int x = 0; x < width; x++) to[kSsimPad + x] = from[x * plane.column];
}

// Blurs one row of both pictures and of their products: five rows, `stride` floats apart.
void blur_row(const float* x, const float* y, const float* weights, int width, float* out, int64_t stride) {
    for (int i = 0; i < width; i += kLanes) {
        f8 sum[kBlurs];
        for (f8& s : sum) s = all(0.0f);
        for (int k = 0; k < kSsimTaps; k++) {
            int at = kSsimPad + i + k - kSsimReach;
            f8 w = all(weights[k]), a = load(x + at), b = load(y + at), wa = w * a, wb = w * b;
            sum[kX] += wa, sum[kY] += wb;
            sum[kXX] = fma(wa, a, sum[kXX]), sum[kYY] = fma(wb, b, sum[kYY]), sum[kXY] = fma(wa, b, sum[kXY]);
        }
        for (int q = 0; q < kBlurs; q++) store(out + q * stride + i, sum[q]);
    }
}

// Lanes i .. i + 7 that lie within the picture.
TALKER_INLINE i8 within(int i, int width) { return (i8)(iota() < all(static_cast<float>(width - i))); }

}  // namespace

double ssim_band(const SsimChannel& channel, int first_row, int end_row, float* scratch) {
    int width = channel.width;
    int64_t stride = ssim_row(width), line = kBlurs * stride;
    float *x = scratch, *y = scratch + stride, *ring = scratch + 2 * stride;  // the last 11 blurred rows
    std::memset(scratch, 0, 2 * stride * sizeof(float));
    double total = 0.0;
    for (int row = first_row - kSsimReach; row < end_row + kSsimReach; row++) {
        float* blurred = ring + (row + kSsimTaps) % kSsimTaps * line;
        if (row < 0 || row >= channel.height) {
            std::memset(blurred, 0, line * sizeof(float));
        } else {
            copy_row(x, channel.x, row, width), copy_row(y, channel.y, row, width);
            blur_row(x, y, channel.weights, width, blurred, stride);
        }
        int centre = row - kSsimReach;
        if (centre < first_row) continue;
        const float* lines[kSsimTaps];
        for (int k = 0; k < kSsimTaps; k++) lines[k] = ring + (centre + k - kSsimReach + kSsimTaps) % kSsimTaps * line;
        f8 row_total = all(0.0f);
        for (int i = 0; i < width; i += kLanes) {
            f8 m[kBlurs];
            for (int q = 0; q < kBlurs; q++) {
                f8 sum = all(channel.weights[0]) * load(lines[0] + q * stride + i);
                for (int k = 1; k < kSsimTaps; k++)
                    sum = fma(all(channel.weights[k]), load(lines[k] + q * stride + i), sum);
                m[q] = sum;
            }
            f8 product = m[kX] * m[kY], squares = m[kX] * m[kX] + m[kY] * m[kY];
            f8 a1 = 2.0f * product + all(kC1), a2 = 2.0f * (m[kXY] - product) + all(kC2);
            f8 b1 = squares + all(kC1), b2 = m[kXX] + m[kYY] - squares + all(kC2);
            f8 inverse = all(1.0f) / (b1 * b2), value = a1 * a2 * inverse;
            i8 inside = within(i, width);
            row_total += keep(value, inside);
            if (!channel.by_mean) continue;
            int64_t at = centre * stride + kSsimPad + i;
            f8 b1_inverse = b2 * inverse, b2_inverse = b1 * inverse;
            f8 by_mean = 2.0f * (m[kY] * (a2 - a1) * inverse + m[kX] * value * (b2_inverse - b1_inverse));
            store(channel.by_mean + at, keep(by_mean, inside));
            store(channel.by_square + at, keep(-value * b2_inverse, inside));
            store(channel.by_product + at, keep(2.0f * a1 * inverse, inside));
        }
        total += sum(row_total);
    }
    return total;
}

void ssim_gradient_band(const SsimChannel& channel, int first_row, int end_row, float* scratch) {
    int width = channel.width;
    int64_t stride = ssim_row(width), line = 3 * stride;
    const float* maps[3] = {channel.by_mean, channel.by_square, channel.by_product};
    float *x = scratch, *y = scratch + stride, *ring = scratch + 2 * stride;
    for (int row = first_row - kSsimReach; row < end_row + kSsimReach; row++) {
        float* blurred = ring + (row + kSsimTaps) % kSsimTaps * line;
        if (row < 0 || row >= channel.height) {
            std::memset(blurred, 0, line * sizeof(float));
        } else {
            for (int q = 0; q < 3; q++) {
                const float* map = maps[q] + row * stride + kSsimPad - kSsimReach;
                for (int i = 0; i < width; i += kLanes) {
                    f8 sum = all(channel.weights[0]) * load(map + i);
                    for (int k = 1; k < kSsimTaps; k++) sum = fma(all(channel.weights[k]), load(map + i + k), sum);
                    store(blurred + q * stride + i, sum);
                }
            }
        }
        int centre = row - kSsimReach;
        if (centre < first_row) continue;
        copy_row(x, channel.x, centre, width), copy_row(y, channel.y, centre, width);
        const float* lines[kSsimTaps];
        for (int k = 0; k < kSsimTaps; k++) lines[k] = ring + (centre + k - kSsimReach + kSsimTaps) % kSsimTaps * line;
        float* out = channel.gradient + static_cast<int64_t>(centre) * width;
        for (int i = 0; i < width; i += kLanes) {
            f8 m[3];
            for (int q = 0; q < 3; q++) {
                f8 sum = all(channel.weights[0]) * load(lines[0] + q * stride + i);
                for (int k = 1; k < kSsimTaps; k++)
                    sum = fma(all(channel.weights[k]), load(lines[k] + q * stride + i), sum);
                m[q] = sum;
            }
            f8 gradient = m[0] + 2.0f * load(x + kSsimPad + i) * m[1] + load(y + kSsimPad + i) * m[2];
            gradient *= channel.gradient_scale;
            if (i + kLanes <= width)
                store(out + i, gradient);
            else
                std::memcpy(out + i, &gradient, (width - i) * sizeof(float));
        }
    }
}

}  // namespace talker::TALKER_ISA
