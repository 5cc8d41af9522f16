// The C interface of the tri-plane encoding; backend/kernels/planes.py is its other side.
#include <cstring>
#include <mutex>
#include <vector>

#include "api.h"
#include "buffer.h"
#include "guard.h"
#include "kernels.h"
#include "thread_pool.h"

namespace talker {
namespace {

// Planes with their features side by side, so that a point finds all of them in one place; kept from call to call.
struct Workspace {
    std::mutex mutex;
    Buffer<float> cells;
};

Workspace& workspace() {
    static Workspace* kept = new Workspace;
    return *kept;
}

constexpr int kAxes[kPlanesPerLevel][2] = {{0, 1}, {1, 2}, {0, 2}};

std::vector<FeaturePlane> lay_out(const talker_planes& p, Buffer<float>& cells) {
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

PlanePoints make_points(const talker_planes& p) {
    PlanePoints points{p.count, p.points, {}, {}, p.features, int64_t{p.level_count} * kPlanesPerLevel * p.features};
    for (int axis = 0; axis < 3; axis++) {
        points.low[axis] = p.low[axis];
        points.scale[axis] = 1.0f / (p.high[axis] - p.low[axis]);
    }
    return points;
}

bool is_sound(const talker_planes& p) {
    constexpr int kMostCells = 16384, kMostFeatures = 4096;  // a side
    if (p.count < 0 || p.level_count < 1 || p.features < 1 || p.features > kMostFeatures) return false;
    for (int level = 0; level < p.level_count; level++)
        if (p.sizes[level] < 1 || p.sizes[level] > kMostCells) return false;
    return true;
}

// Between (features, cells), as torch has a plane, and (cells, features).
void transpose(const float* from, float* to, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

}  // namespace
}  // namespace talker

using namespace talker;

int talker_planes_forward(const talker_planes* p, const float* const* levels, float* outputs) {
    if (!is_sound(*p)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Workspace& memory = workspace();
        std::lock_guard<std::mutex> lock(memory.mutex);
        std::vector<FeaturePlane> planes = lay_out(*p, memory.cells);
        PlanePoints points = make_points(*p);
        for (size_t i = 0; i < planes.size(); i++) {
            int64_t cells = int64_t{planes[i].size} * planes[i].size;
            const float* from = levels[i / kPlanesPerLevel] + i % kPlanesPerLevel * cells * p->features;
            transpose(from, planes[i].cells, p->features, cells);
        }
        int64_t blocks = (p->count + kPointBlock - 1) / kPointBlock;
        parallel_for(blocks, thread_count(p->threads), [&](int64_t block) {
            int64_t begin = block * kPointBlock, end = begin + kPointBlock < p->count ? begin + kPointBlock : p->count;
            for (const FeaturePlane& plane : planes) kernels().read_plane(points, plane, begin, end, outputs);
        });
        return TALKER_OK;
    });
}

int talker_planes_backward(const talker_planes* p, const float* gradients, float* const* level_gradients) {
    if (!is_sound(*p)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Workspace& memory = workspace();
        std::lock_guard<std::mutex> lock(memory.mutex);
        std::vector<FeaturePlane> planes = lay_out(*p, memory.cells);
        PlanePoints points = make_points(*p);
        // Each plane is summed up by one thread, in the order of the points: no two write to the same cell.
        parallel_for(static_cast<int64_t>(planes.size()), thread_count(p->threads), [&](int64_t i) {
            const FeaturePlane& plane = planes[i];
            int64_t cells = int64_t{plane.size} * plane.size;
            std::memset(plane.cells, 0, cells * p->features * sizeof(float));
            kernels().add_to_plane(points, plane, gradients);
            float* to = level_gradients[i / kPlanesPerLevel] + i % kPlanesPerLevel * cells * p->features;
            transpose(plane.cells, to, cells, p->features);
        });
        return TALKER_OK;
    });
}
