// One rendered frame: what the backward pass needs of the forward pass, and the stages in their order.
#pragma once

#include "common/buffer.h"
#include "raster/stages.h"

namespace talker {

struct Frame {
    Camera camera;
    int threads;
    int64_t count;                  // Gaussians
    int64_t visible;                // of which splats on screen
    int64_t slots;                  // (tile, splat) pairs
    Buffer<float> values;           // with harmonics: colours and features, by Gaussian
    Buffer<float> value_gradients;  // backward, with harmonics
    Buffer<Splat> splats;           // by Gaussian
    Buffer<TileBox> boxes;          // by Gaussian
    Buffer<int32_t> first_slot;     // by Gaussian: its first gradient sum; it has one for every tile of its box
    Buffer<uint32_t> keys;          // sort keys, by Gaussian; then scratch of the sort
    Buffer<uint32_t> keys2;
    Buffer<int32_t> order;  // visible Gaussians, nearest first
    Buffer<int32_t> order2;
    Buffer<int32_t> chunk_counts;  // splats per (chunk of the order, tile)
    Buffer<int32_t> tile_begin;
    Buffer<Entry> entries;
    Buffer<int32_t> tile_order;    // tiles, fullest first
    Buffer<float> sums;            // backward: gradient sums by slot
    Buffer<double> camera_blocks;  // backward
    TileLists lists;

    int tiles() const { return lists.tiles_x * lists.tiles_y; }
    int64_t blocks() const { return (count + kBlock - 1) / kBlock; }
    int64_t bytes() const;
};

// More (tile, splat) pairs than this are refused: their memory would be tens of gigabytes.
constexpr int64_t kMostSlots = int64_t{1} << 29;

// Channels of the picture, depth, alpha and labels apart.
inline int64_t picture_channels(const Scene& scene) { return scene.channels + (scene.bases ? kColours : 0); }

// Stage 2 (bins.cpp): sorts the splats by depth and lists them by tile. False if there are more than kMostSlots pairs.
bool bin_splats(Frame& frame);

// Renders the scene: planes of its channels and labels (`features`), alpha and depth. False as bin_splats.
bool render(Frame& frame, const Scene& scene, float* features, float* alpha, float* depth);

// Gradients of `render`. Planes without data have gradient zero. `features`, `alpha`, `depth` are what was rendered.
void render_backward(Frame& frame, const Scene& scene, const float* features, const float* alpha, const float* depth,
                     const Plane* feature_gradients, const Plane& alpha_gradient, const Plane& depth_gradient,
                     const SceneGradient& out);

}  // namespace talker
