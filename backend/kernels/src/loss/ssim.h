// Mean structural similarity (Wang et al. 2004) of two pictures, and its gradient; see ssim.cpp.
#pragma once

#include <cstdint>

#include "common/dispatch.h"
#include "common/picture.h"

namespace talker {

constexpr int kSsimReach = 5;  // the window has 11 x 11 px
constexpr int kSsimTaps = 2 * kSsimReach + 1;

// Rows of scratch pictures have zeros before and behind, so that the window never asks for the border.
constexpr int kSsimPad = 16;
inline int64_t ssim_row(int width) { return (width + 15) / 16 * 16 + 2 * kSsimPad; }

// What the window takes means of: x, y, x^2 + y^2, xy.
constexpr int kSsimBlurs = 4;

// Floats of scratch memory that a band of rows needs.
inline int64_t ssim_scratch(int width) { return kSsimBlurs * (1 + kSsimTaps) * ssim_row(width); }

// One channel of two pictures.
struct SsimChannel {
    Plane x, y;
    int width, height;
    float weights[kSsimTaps];
    // Derivatives of the similarity by the window's mean of x, of x^2 and of xy: `height` rows of ssim_row(width).
    // Null: only the value is wanted.
    float* by_mean;
    float* by_square;
    float* by_product;
    float* gradient;  // by x, of the sum of similarities times gradient_scale: height x width
    float gradient_scale;
};

// Structural similarity of rows [first_row, end_row) of a channel, summed up, with what its gradient needs; then the
// gradient. `scratch` has ssim_scratch(width) floats.
TALKER_STAGE(double, ssim_band, const SsimChannel&, int first_row, int end_row, float* scratch)
TALKER_STAGE(void, ssim_gradient_band, const SsimChannel&, int first_row, int end_row, float* scratch)

}  // namespace talker
