// What training minimises: the portrait over its background against a recorded frame. See picture_loss.cpp.
#pragma once

#include <cstdint>

#include "splat.h"

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

}  // namespace talker
