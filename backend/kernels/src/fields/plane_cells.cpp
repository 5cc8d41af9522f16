#include "fields/plane_cells.h"

#include <cstring>

#include "common/thread_pool.h"

namespace talker {
namespace {

constexpr int kAxes[kPlanesPerLevel][2] = {{0, 1}, {1, 2}, {0, 2}};

// Between (features, cells), as torch has a plane, and (cells, features).
void transpose(const float* from, float* to, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

int64_t cell_count(const FeaturePlane& plane) { return int64_t{plane.size} * plane.size; }

}  // namespace

bool are_sound(const talker_planes& p) {
    constexpr int kMostCells = 16384, kMostFeatures = 4096;  // a side
    if (p.count < 0 || p.level_count < 1 || p.features < 1 || p.features > kMostFeatures) return false;
    for (int level = 0; level < p.level_count; level++)
        if (p.sizes[level] < 1 || p.sizes[level] > kMostCells) return false;
    return true;
}

PlanePoints make_points(const talker_planes& p, int64_t row) {
    PlanePoints points{p.count, p.points, {}, {}, p.features, row};
    for (int axis = 0; axis < 3; axis++) {
        points.low[axis] = p.low[axis];
        points.scale[axis] = 1.0f / (p.high[axis] - p.low[axis]);
    }
    return points;
}

std::vector<FeaturePlane> lay_out_planes(const talker_planes& p, Buffer<float>& cells) {
    int64_t total = 0;
    for (int level = 0; level < p.level_count; level++)
        total += int64_t{kPlanesPerLevel} * p.sizes[level] * p.sizes[level] * p.features;
    float* next = cells.resize(total);
    std::vector<FeaturePlane> planes;
    for (int level = 0; level < p.level_count; level++)
        for (int k = 0; k < kPlanesPerLevel; k++) {
            int64_t first_output = (int64_t{level} * kPlanesPerLevel + k) * p.features;
            planes.push_back({next, p.sizes[level], kAxes[k][0], kAxes[k][1], first_output});
            next += int64_t{p.sizes[level]} * p.sizes[level] * p.features;
        }
    return planes;
}

void fill_planes(const std::vector<FeaturePlane>& planes, const float* const* levels, int features, int threads) {
    parallel_for(static_cast<int64_t>(planes.size()), threads, [&](int64_t i) {
        int64_t cells = cell_count(planes[i]);
        const float* from = levels[i / kPlanesPerLevel] + i % kPlanesPerLevel * cells * features;
        transpose(from, planes[i].cells, features, cells);
    });
}

void sum_plane_gradients(const std::vector<FeaturePlane>& planes, const PlanePoints& points, const float* gradients,
                         float* const* level_gradients, int threads) {
    // Each plane is summed up by one thread, in the order of the points: no two write to the same cell.
    parallel_for(static_cast<int64_t>(planes.size()), threads, [&](int64_t i) {
        const FeaturePlane& plane = planes[i];
        int64_t cells = cell_count(plane);
        std::memset(plane.cells, 0, cells * points.features * sizeof(float));
        best::add_to_plane(points, plane, gradients);
        float* to = level_gradients[i / kPlanesPerLevel] + i % kPlanesPerLevel * cells * points.features;
        transpose(plane.cells, to, cells, points.features);
    });
}

}  // namespace talker
