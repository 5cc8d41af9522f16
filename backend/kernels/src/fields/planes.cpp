// The C interface of the tri-plane encoding; backend/kernels/planes.py is its other side.
#include "api.h"
#include "common/guard.h"
#include "common/thread_pool.h"
#include "common/workspace.h"
#include "fields/plane_cells.h"

namespace talker {
namespace {

struct Workspace {
    Buffer<float> cells;
};

}  // namespace
}  // namespace talker

using namespace talker;

int talker_planes_forward(const talker_planes* p, const float* const* levels, float* outputs) {
    if (!are_sound(*p)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Borrowed<Workspace> memory;
        int threads = thread_count(p->threads);
        std::vector<FeaturePlane> planes = lay_out_planes(*p, memory->cells);
        PlanePoints points = make_points(*p, plane_features(*p));
        fill_planes(planes, levels, p->features, threads);
        int64_t blocks = (p->count + kPointBlock - 1) / kPointBlock;
        parallel_for(blocks, threads, [&](int64_t block) {
            int64_t begin = block * kPointBlock, end = begin + kPointBlock < p->count ? begin + kPointBlock : p->count;
            for (const FeaturePlane& plane : planes) best::read_plane(points, plane, begin, end, outputs);
        });
        return TALKER_OK;
    });
}

int talker_planes_backward(const talker_planes* p, const float* gradients, float* const* level_gradients) {
    if (!are_sound(*p)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Borrowed<Workspace> memory;
        std::vector<FeaturePlane> planes = lay_out_planes(*p, memory->cells);
        PlanePoints points = make_points(*p, plane_features(*p));
        sum_plane_gradients(planes, points, gradients, level_gradients, thread_count(p->threads));
        return TALKER_OK;
    });
}
