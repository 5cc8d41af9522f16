// The stages of the rasteriser that are compiled for every instruction set, in their order.
#pragma once

#include "common/dispatch.h"
#include "raster/splat.h"

namespace talker {

// Tiles of the picture and the splats in them, front to back.
struct TileLists {
    int tiles_x, tiles_y;
    const int32_t* begin;  // tiles_x * tiles_y + 1: where each tile's entries begin
    const Entry* entries;
};

// One pass of the blend: some channels of every splat.
struct Pass {
    int channels;           // 0 .. kMaxPassChannels
    const float* features;  // channel c of Gaussian i is at features[i * stride + c],
    int64_t stride;
    bool ends_with_depth;  // except that the last channel may be the depth
    int labels;            // 0 .. kMostLabels: planes that come after the channels', one for each label
};

// Stage 0, where the scene has harmonics. Gives every Gaussian of the block its row of `values`: its colour as seen
// from the camera, then its features. And the gradient, which adds to that of means and camera.
TALKER_STAGE(void, shade_block, const Scene&, const Camera&, int64_t block, float* values)
TALKER_STAGE(void, shade_block_backward, const Scene&, const Camera&, int64_t block, const TileBox*,
             const float* values, const float* value_gradients, const SceneGradient&)

// Stage 1. Projects block `block` of the scene: its splats, the tiles they touch, and sort keys (the depth's bits; ~0
// for what is not drawn).
TALKER_STAGE(void, project_block, const Scene&, const Camera&, int64_t block, Splat* splats, TileBox* boxes,
             uint32_t* keys)

// (Stage 2 is bin_splats of frame.h.)

// Stage 3. Blends one tile. `planes` are the pass's channels, then its labels, row-major pictures of the camera's size;
// `alpha` may be null.
TALKER_STAGE(void, blend_tile, const Camera&, const Splat*, const TileLists&, int tile, const Pass&,
             float* const* planes, float* alpha)

// Stage 4. Gradient sums of one tile: slot s gets moments and channel gradients at sums[s * sum_stride], of which there
// are kMoments + channels, padded to a multiple of four. `planes`, `alpha` are what blend_tile made.
TALKER_STAGE(void, blend_tile_backward, const Camera&, const Splat*, const TileLists&, int tile, const Pass&,
             const float* const* planes, const float* alpha, const Plane* plane_gradients, const Plane& alpha_gradient,
             float* sums, int64_t sum_stride)

// Stage 5. Gradients of block `block` of the scene from its splats' sums: Gaussian i has one for every tile of its box,
// from first_slot[i] on. Channel gradients cover the features [first_feature, first_feature + features), and the depth
// where it is among the channels (then it is the last one). With `accumulate`, adds to what is there.
TALKER_STAGE(void, project_block_backward, const Scene&, const Camera&, int64_t block, const TileBox*,
             const int32_t* first_slot, const float* sums, int64_t sum_stride, int64_t first_feature, int64_t features,
             bool has_depth, bool accumulate, const SceneGradient&)

}  // namespace talker
