// What training minimises: the portrait over its background against a recorded frame. See picture_loss.cpp.
#pragma once

#include <cstdint>

#include "common/dispatch.h"
#include "common/picture.h"

namespace talker {

// Rows of a piece of work.
constexpr int kLossRows = 32;

// Pixels [left, right) x [top, bottom) weigh 1 + weight, the others one.
struct WeightedBox {
    int top, bottom, left, right;
    float weight;
};

struct LossPicture {
    int width, height;
    Plane colours[kColours], alpha, background[kColours], target[kColours];
    WeightedBox box;
    // Planes of height x width: the composite and the target, for the similarity.
    float *composite, *recorded;
};

// Rows [first_row, end_row) of a composite and of the recorded frame; returns the weighted sum of their absolute
// differences. Then its gradients: adds the differences' to the colours' (which hold the similarity's), and makes
// alpha's of them. `scratch` has four rows.
TALKER_STAGE(double, composite_rows, const LossPicture&, int first_row, int end_row, float* scratch)
TALKER_STAGE(void, composite_rows_backward, const LossPicture&, int first_row, int end_row, float difference_scale,
             float* colour_gradients, float* alpha_gradient, float* scratch)

// Rows of one plane against another: the sum of absolute differences, and `scale` times its gradient.
TALKER_STAGE(double, difference_rows, const Plane& values, const Plane& target, int width, int first_row, int end_row,
             float scale, float* gradient)

}  // namespace talker
