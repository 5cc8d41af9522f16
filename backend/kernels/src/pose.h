// Canonical Gaussians to what the rasteriser takes: changed, turned, shifted into the camera, out of their logarithms and
// logits. See pose.cpp.
#pragma once

#include <cstdint>

#include "splat.h"

namespace talker {

constexpr int64_t kPoseBlock = 256;

// A rigid motion into the camera.
struct Motion {
    float rotation[9];  // row-major
    float translation[3];
    float quaternion[4];  // w, x, y, z
};

// A set of Gaussians, rows of contiguous floats. `change` has rows of `change_width` (0, 3, 6, 9 or 12) floats: position,
// half angles, log scale, colour logit.
struct PoseSet {
    int64_t count;
    const float *means, *rotations, *log_scales, *opacity_logits, *colour_logits, *change;
    const int64_t* mattes;
    int change_width;
    bool has_body;
    Motion head, body;
    float neck_y, neck_sharpness;  // a point follows the head by sigmoid((y - neck_y) * neck_sharpness), else the body
};

// What the rasteriser takes; rows of features have `channels` floats: colours, then mattes if there are more.
struct PoseOutput {
    float *means, *quaternions, *scales, *opacities, *features;
    int64_t channels, mattes;
};

// Gradients of what the rasteriser takes.
struct PoseUpstream {
    const float *means, *quaternions, *scales, *opacities, *features;
    int64_t channels;
};

// Gradients of a set; `change` may be null.
struct PoseGradient {
    float *means, *rotations, *log_scales, *opacity_logits, *colour_logits, *change;
};

// Sums over a block, for the gradient of the body's motion and of the neck: by rotation (9), translation (3), quaternion
// (4), neck_y, and the logarithm of the neck's sharpness.
constexpr int kBodySums = 18;

}  // namespace talker
