// Structural similarity and its gradient in two sweeps over a picture, a band of rows at a time.
//
// The window's weights are a product of a Gaussian along x and one along y, so every blur is a blur of rows followed by
// a blur of columns. The first sweep blurs x, y, x^2 + y^2 and xy together (the similarity asks for the sum of the
// squares only); where a gradient is wanted it leaves its derivatives by the blurs that x is part of. The second sweep
// blurs those again: the window is symmetric, so a pixel takes part in its neighbours' windows with the weights that
// they have in its own.
#include "loss/ssim.h"
#include "common/wide.h"

namespace talker::TALKER_ISA {
namespace {

constexpr float kC1 = 0.01f * 0.01f, kC2 = 0.03f * 0.03f;
enum { kX, kY, kSquares, kProduct };

void copy_row(float* to, const Plane& plane, int row, int width) {
    const float* from = plane.data + row * plane.row;
    if (plane.column == 1)
        std::memcpy(to + kSsimPad, from, width * sizeof(float));
    else
        for (int x = 0; x < width; x++) to[kSsimPad + x] = from[x * plane.column];
}

// Zeros before and behind the `width` floats of a padded row.
void clear_border(float* row, int width) {
    std::memset(row, 0, kSsimPad * sizeof(float));
    std::memset(row + kSsimPad + width, 0, (ssim_row(width) - kSsimPad - width) * sizeof(float));
}

// The window's weights, each in all lanes. (Read from the channel they would be read anew for every vector, since what
// is written might be them.)
struct Window {
    fw at[kSsimTaps];

    explicit Window(const SsimChannel& channel) {
        for (int k = 0; k < kSsimTaps; k++) at[k] = wide(channel.weights[k]);
    }
};

// Blurs of rows that lie `stride` floats apart.
template <int Rows>
TALKER_INLINE void blur_along(const float* rows, const Window& window, int width, float* out, int64_t stride) {
    for (int i = 0; i < width; i += kWide) {
        fw sum[Rows];
        for (fw& s : sum) s = wide(0.0f);
        for (int k = 0; k < kSsimTaps; k++)
            for (int q = 0; q < Rows; q++)
                sum[q] = fma(window.at[k], load_wide(rows + q * stride + i + k - kSsimReach), sum[q]);
        for (int q = 0; q < Rows; q++) store(out + q * stride + i, sum[q]);
    }
}

// Blur of columns at float i of the rows `lines`.
TALKER_INLINE fw blur_across(const float* const* lines, const Window& window, int64_t i) {
    fw sum = window.at[0] * load_wide(lines[0] + i);
    for (int k = 1; k < kSsimTaps; k++) sum = fma(window.at[k], load_wide(lines[k] + i), sum);
    return sum;
}

}  // namespace

double ssim_band(const SsimChannel& channel, int first_row, int end_row, float* scratch) {
    int width = channel.width;
    Window window(channel);
    int64_t stride = ssim_row(width), line = kSsimBlurs * stride;
    float *rows = scratch, *ring = scratch + line;  // the last 11 blurred rows
    float *x = rows + kX * stride, *y = rows + kY * stride;
    std::memset(rows, 0, line * sizeof(float));
    double total = 0.0;
    for (int row = first_row - kSsimReach; row < end_row + kSsimReach; row++) {
        float* blurred = ring + (row + kSsimTaps) % kSsimTaps * line;
        if (row < 0 || row >= channel.height) {
            std::memset(blurred, 0, line * sizeof(float));
        } else {
            copy_row(x, channel.x, row, width), copy_row(y, channel.y, row, width);
            for (int i = kSsimPad; i < kSsimPad + width; i += kWide) {
                fw a = load_wide(x + i), b = load_wide(y + i);
                store(rows + kSquares * stride + i, fma(a, a, b * b));
                store(rows + kProduct * stride + i, a * b);
            }
            blur_along<kSsimBlurs>(rows + kSsimPad, window, width, blurred, stride);
        }
        int centre = row - kSsimReach;
        if (centre < first_row) continue;
        const float* lines[kSsimTaps];
        for (int k = 0; k < kSsimTaps; k++) lines[k] = ring + (centre + k - kSsimReach + kSsimTaps) % kSsimTaps * line;
        fw row_total = wide(0.0f);
        int64_t map_row = centre * stride;
        if (channel.by_mean) {
            clear_border(channel.by_mean + map_row, width);
            clear_border(channel.by_square + map_row, width);
            clear_border(channel.by_product + map_row, width);
        }
        for (int i = 0; i < width; i += kWide) {
            fw m[kSsimBlurs];
            for (int q = 0; q < kSsimBlurs; q++) m[q] = blur_across(lines, window, q * stride + i);
            fw product = m[kX] * m[kY], squares = m[kX] * m[kX] + m[kY] * m[kY];
            fw a1 = 2.0f * product + wide(kC1), a2 = 2.0f * (m[kProduct] - product) + wide(kC2);
            fw b1 = squares + wide(kC1), b2 = m[kSquares] - squares + wide(kC2);
            fw inverse = wide(1.0f) / (b1 * b2), value = a1 * a2 * inverse;
            WideMask inside = within(i, width);
            row_total += keep(value, inside);
            if (!channel.by_mean) continue;
            int64_t at = map_row + kSsimPad + i;
            fw b1_inverse = b2 * inverse, b2_inverse = b1 * inverse;
            fw by_mean = 2.0f * (m[kY] * (a2 - a1) * inverse + m[kX] * value * (b2_inverse - b1_inverse));
            store(channel.by_mean + at, keep(by_mean, inside));
            store(channel.by_square + at, keep(wide(0.0f) - value * b2_inverse, inside));
            store(channel.by_product + at, keep(2.0f * a1 * inverse, inside));
        }
        total += sum(fold(row_total));
    }
    return total;
}

void ssim_gradient_band(const SsimChannel& channel, int first_row, int end_row, float* scratch) {
    int width = channel.width;
    Window window(channel);
    int64_t stride = ssim_row(width), line = 3 * stride;
    const float* maps[3] = {channel.by_mean, channel.by_square, channel.by_product};
    float *x = scratch, *y = scratch + stride, *ring = scratch + 2 * stride;
    for (int row = first_row - kSsimReach; row < end_row + kSsimReach; row++) {
        float* blurred = ring + (row + kSsimTaps) % kSsimTaps * line;
        if (row < 0 || row >= channel.height) {
            std::memset(blurred, 0, line * sizeof(float));
        } else {
            for (int q = 0; q < 3; q++)
                blur_along<1>(maps[q] + row * stride + kSsimPad, window, width, blurred + q * stride, stride);
        }
        int centre = row - kSsimReach;
        if (centre < first_row) continue;
        copy_row(x, channel.x, centre, width), copy_row(y, channel.y, centre, width);
        const float* lines[kSsimTaps];
        for (int k = 0; k < kSsimTaps; k++) lines[k] = ring + (centre + k - kSsimReach + kSsimTaps) % kSsimTaps * line;
        float* out = channel.gradient + static_cast<int64_t>(centre) * width;
        for (int i = 0; i < width; i += kWide) {
            fw m[3];
            for (int q = 0; q < 3; q++) m[q] = blur_across(lines, window, q * stride + i);
            fw gradient = m[0] + 2.0f * load_wide(x + kSsimPad + i) * m[1] + load_wide(y + kSsimPad + i) * m[2];
            gradient *= channel.gradient_scale;
            if (i + kWide <= width)
                store(out + i, gradient);
            else
                std::memcpy(out + i, &gradient, (width - i) * sizeof(float));
        }
    }
}

}  // namespace talker::TALKER_ISA
