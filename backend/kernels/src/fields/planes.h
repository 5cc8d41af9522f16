// Features of points, read bilinearly from three planes at several resolutions (tri-plane encoding).
#pragma once

#include <cstdint>

#include "common/dispatch.h"

namespace talker {

constexpr int kPlanesPerLevel = 3;
// Points of a piece of work.
constexpr int64_t kPointBlock = 512;

// One plane of one level with its features side by side: feature f of cell (row, column) is at
// cells[(row * size + column) * features + f].
struct FeaturePlane {
    float* cells;
    int size;
    int column_axis, row_axis;  // of a point: x, y or z
    int64_t first_output;       // where its features stand in a point's row of outputs
};

struct PlanePoints {
    int64_t count;
    const float* points;     // (count, 3)
    float low[3], scale[3];  // (point - low) * scale lies in [0, 1] within the box that the planes span
    int features;
    int64_t width;  // floats of a row of outputs, which may be longer than what the planes fill
};

// One plane's features of points [begin, end); and the sum of all points' gradients in a plane.
TALKER_STAGE(void, read_plane, const PlanePoints&, const FeaturePlane&, int64_t begin, int64_t end, float* outputs)
TALKER_STAGE(void, add_to_plane, const PlanePoints&, const FeaturePlane&, const float* gradients)

}  // namespace talker
