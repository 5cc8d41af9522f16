// Canonical Gaussians to what the rasteriser takes: changed, turned, shifted into the camera, out of their logarithms
// and logits. See pose.cpp.
#pragma once

#include <cstdint>

#include "api.h"
#include "common/dispatch.h"

namespace talker {

constexpr int64_t kPoseBlock = 256;

// A rigid motion into the camera.
struct Motion {
    float rotation[9];  // row-major
    float translation[3];
    float quaternion[4];  // w, x, y, z
};

// A set of Gaussians, rows of contiguous floats. `change` has rows of `change_width` (0, 3, 6, 9 or 12) floats:
// position, half angles, log scale, colour logit.
struct PoseSet {
    int64_t count;
    const float *means, *rotations, *log_scales, *opacity_logits, *colour_logits, *change;
    const int64_t* mattes;
    int change_width;
    bool has_body;
    Motion head, body;
    float neck_y, neck_sharpness;  // a point follows the head by sigmoid((y - neck_y) * neck_sharpness), else the body
};

// Sums over a block, for the gradient of the body's motion and of the neck: by rotation (9), translation (3),
// quaternion (4), neck_y, and the logarithm of the neck's sharpness.
constexpr int kBodySums = 18;

// Block `block` of a set of Gaussians for the rasteriser; and the gradients, with `body_sums` for a set that has a
// body. (What the gradient's structure has of the body itself is not touched.)
TALKER_STAGE(void, pose_block, const PoseSet&, int64_t block, const talker_pose_arrays&)
TALKER_STAGE(void, pose_block_backward, const PoseSet&, int64_t block, const talker_pose_arrays& posed,
             const talker_pose_arrays& upstream, const talker_pose_gradient&, double* body_sums)

}  // namespace talker
