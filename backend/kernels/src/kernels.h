// The stages that are compiled once for every instruction set, and the choice between them.
#pragma once

#include "splat.h"

namespace talker {

// Tiles of the picture and the splats in them, front to back.
struct TileLists {
    int tiles_x, tiles_y;
    const int32_t* begin;  // tiles_x * tiles_y + 1: where each tile's entries begin
    const Entry* entries;
};

// One pass of the blend: some channels of every splat.
struct Pass {
    int channels;                // 0 .. kMaxPassChannels
    const float* values;         // channel c of Gaussian i is at values[i * value_stride + c]
    int64_t value_stride;
};

struct Kernels {
    const char* name;

    // Stage 1. Projects block `block` of the scene: its splats and sort keys (the depth's bits; ~0 for what is not
    // drawn).
    void (*project_block)(const Scene&, const Camera&, int64_t block, Splat* splats, uint32_t* keys);

    // Stage 3. Blends one tile. `planes` are the pass's channels, row-major pictures of the camera's size; `alpha` may
    // be null.
    void (*blend_tile)(const Camera&, const Splat*, const TileLists&, int tile, const Pass&, float* const* planes,
                       float* alpha);

    // Stage 4. Gradient sums of one tile: slot s gets moments and channel gradients at sums[s * sum_stride], of which
    // there are kMoments + channels, padded to a multiple of four. `planes`, `alpha` are what blend_tile made.
    void (*blend_tile_backward)(const Camera&, const Splat*, const TileLists&, int tile, const Pass&,
                                const float* const* planes, const float* alpha, const Plane* plane_gradients,
                                const Plane& alpha_gradient, float* sums, int64_t sum_stride);

    // Stage 5. Gradients of block `block` of the scene from its splats' sums. `slots[i]` sums belong to Gaussian i from
    // splats[i].first_slot on. Channel gradients cover the features [first_feature, first_feature + features), and the
    // depth where it is among the channels (then it is the last one). With `accumulate`, adds to what is there.
    void (*project_block_backward)(const Scene&, const Camera&, int64_t block, const Splat*, const float* sums,
                                   int64_t sum_stride, int64_t first_feature, int64_t features, bool has_depth,
                                   bool accumulate, const SceneGradient&);
};

// The best for this machine; TALKER_KERNELS=portable in the environment forces the portable one.
const Kernels& kernels();

// Slots of a splat: the number of tiles that its box touches.
inline int tiles_touched(const Splat& s) {
    if (s.right <= s.left || s.bottom <= s.top) return 0;
    return ((s.right - 1) / kTile - s.left / kTile + 1) * ((s.bottom - 1) / kTile - s.top / kTile + 1);
}

}  // namespace talker
