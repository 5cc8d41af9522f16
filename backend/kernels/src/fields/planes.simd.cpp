#include "fields/planes.h"

#include "common/simd.h"

namespace talker::TALKER_ISA {
namespace {

// Where a point lies in a plane: the cell at the lower corner, and how far on towards the next ones.
struct Place {
    int64_t corner;        // in floats
    int64_t right, below;  // steps to the neighbours; zero at the border
    float weights[4];      // here, right, below, both
};

// (Written so that a NaN becomes zero.)
TALKER_INLINE float within(float a, float high) { return a > 0.0f ? (a < high ? a : high) : 0.0f; }

TALKER_INLINE Place locate(const PlanePoints& points, const FeaturePlane& plane, int64_t n) {
    float last = static_cast<float>(plane.size - 1), position[2];
    int axes[2] = {plane.column_axis, plane.row_axis};
    for (int i = 0; i < 2; i++) {
        int axis = axes[i];
        float share = (points.points[n * 3 + axis] - points.low[axis]) * points.scale[axis];
        position[i] = within(share * last, last);
    }
    int column = static_cast<int>(position[0]), row = static_cast<int>(position[1]);
    float u = position[0] - static_cast<float>(column), v = position[1] - static_cast<float>(row);
    Place place;
    place.corner = (static_cast<int64_t>(row) * plane.size + column) * points.features;
    place.right = column + 1 < plane.size ? points.features : 0;
    place.below = row + 1 < plane.size ? static_cast<int64_t>(plane.size) * points.features : 0;
    place.weights[0] = (1 - u) * (1 - v), place.weights[1] = u * (1 - v);
    place.weights[2] = (1 - u) * v, place.weights[3] = u * v;
    return place;
}

// With the number of features known, the loops over them become vectors. Zero: not known.
template <int Features>
void read(const PlanePoints& points, const FeaturePlane& plane, int64_t begin, int64_t end, float* outputs) {
    int features = Features ? Features : points.features;
    for (int64_t n = begin; n < end; n++) {
        Place at = locate(points, plane, n);
        const float* cell = plane.cells + at.corner;
        const float *right = cell + at.right, *below = cell + at.below, *both = right + at.below;
        float* out = outputs + n * points.width + plane.first_output;
        for (int f = 0; f < features; f++)
            out[f] =
                at.weights[0] * cell[f] + at.weights[1] * right[f] + at.weights[2] * below[f] + at.weights[3] * both[f];
    }
}

template <int Features>
void add(const PlanePoints& points, const FeaturePlane& plane, const float* gradients) {
    int features = Features ? Features : points.features;
    for (int64_t n = 0; n < points.count; n++) {
        Place at = locate(points, plane, n);
        float* cell = plane.cells + at.corner;
        const int64_t steps[4] = {0, at.right, at.below, at.right + at.below};
        const float* g = gradients + n * points.width + plane.first_output;
        for (int corner = 0; corner < 4; corner++)
            for (int f = 0; f < features; f++) cell[steps[corner] + f] += at.weights[corner] * g[f];
    }
}

}  // namespace

void read_plane(const PlanePoints& points, const FeaturePlane& plane, int64_t begin, int64_t end, float* outputs) {
    switch (points.features) {
        case 4: return read<4>(points, plane, begin, end, outputs);
        case 8: return read<8>(points, plane, begin, end, outputs);
        case 12: return read<12>(points, plane, begin, end, outputs);
        default: return read<0>(points, plane, begin, end, outputs);
    }
}

void add_to_plane(const PlanePoints& points, const FeaturePlane& plane, const float* gradients) {
    switch (points.features) {
        case 4: return add<4>(points, plane, gradients);
        case 8: return add<8>(points, plane, gradients);
        case 12: return add<12>(points, plane, gradients);
        default: return add<0>(points, plane, gradients);
    }
}

}  // namespace talker::TALKER_ISA
