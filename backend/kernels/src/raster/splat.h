// What the stages of the rasteriser hand to each other.
#pragma once

#include <cstdint>

#include "common/picture.h"

namespace talker {

// The splatting model; the same numbers as backend/raster/constants.py.
constexpr float kAlphaCutoff = 1.0f / 255.0f;
constexpr float kLog2AlphaCutoff = -7.99435344f;
constexpr float kAlphaCap = 0.999f;
constexpr float kTransmittanceStop = 1e-4f;
constexpr float kNear = 0.01f;
constexpr float kFovMargin = 0.3f;
constexpr float kLog2E = 1.44269504f;

// Tiles of 32 x 32 px: big enough that few splats lie in several of them, small enough that a tile's transmittance,
// channels and gradients stay in the first-level cache.
constexpr int kTile = 32;
constexpr int kTilePixels = kTile * kTile;

// Channels that one pass over a tile blends; wider features take several passes.
constexpr int kMaxPassChannels = 8;

// Labels that Gaussians may have: each has a plane of its own in the picture.
constexpr int kMostLabels = TALKER_MOST_LABELS;

// Sums that the backward blend leaves for every (tile, splat), before those of the channels.
enum Moment { kSum, kSumX, kSumXX, kSumY, kSumXY, kSumYY, kMoments };

struct Camera {
    float rotation[9];  // camera from world, row-major
    float translation[3];
    float fx, fy, cx, cy;
    int width, height;
    float blur;  // variance added to every splat on screen, px^2
};

// One Gaussian on screen. With dx, dy from its centre, alpha = 2^(xx dx^2 + xy dx dy + yy dy^2 + log2_opacity).
struct alignas(64) Splat {
    float x, y;  // centre, px
    float xx, xy, yy;
    float log2_opacity;
    // The ellipse on which alpha equals the cut-off meets the pixel row at dy in
    // x - row_shift dy -+ sqrt(row_scale (radius2 - dy^2 inverse_yy)).
    float row_shift, row_scale, inverse_yy, radius2;
    float depth;
    uint16_t top, bottom;  // rows [top, bottom) of the picture may be covered
    int32_t label;         // meaningful where the scene has labels
};

// Tiles [left, right) x [top, bottom) that a splat touches; none: it is not drawn.
struct TileBox {
    uint16_t left, right, top, bottom;

    int count() const { return (right - left) * (bottom - top); }
};

// A splat in a tile's list.
struct Entry {
    int32_t splat;
    int32_t slot;
};

// The Gaussians as the caller holds them. (The stages take the camera from a Camera, not from here.)
using Scene = talker_raster_scene;

constexpr int kMostBases = 16;

// In the stages, `camera` has 12 doubles for every block of Gaussians.
using SceneGradient = talker_raster_gradient;

// Gaussians are projected in blocks of this many: a piece of parallel work, and the unit in which sums over all
// Gaussians are made, so that they do not depend on the number of threads.
constexpr int64_t kBlock = 512;

}  // namespace talker
