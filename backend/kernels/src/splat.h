// What the stages of the rasteriser hand to each other.
#pragma once

#include <cstdint>

namespace talker {

// The splatting model; the same numbers as backend/raster/model.py.
constexpr float kBlurPx2 = 0.3f;
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
constexpr int kMostLabels = 4;

// Sums that the backward blend leaves for every (tile, splat), before those of the channels.
enum Moment { kSum, kSumX, kSumXX, kSumY, kSumXY, kSumYY, kMoments };

struct Camera {
    float rotation[9];  // camera from world, row-major
    float translation[3];
    float fx, fy, cx, cy;
    int width, height;
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

// The scene as the caller holds it: N Gaussians, rows of contiguous floats.
struct Scene {
    int64_t count;
    int64_t channels;
    const float* means;
    const float* quaternions;
    const float* scales;
    const float* opacities;
    const float* features;
    int bases;               // colour as spherical harmonics: 1, 4, 9 or 16 functions;
    const float* harmonics;  // their coefficients (count, bases, kColours). No bases: colour is among the features
    int label_count;         // 0 .. kMostLabels
    const int64_t* labels;   // numbers in [0, label_count)
};

constexpr int kColours = 3, kMostBases = 16;

// Gradients of a Scene, same shapes; `camera` is 12 doubles (rows of rotation | translation) per block, or null.
struct SceneGradient {
    float* means;
    float* quaternions;
    float* scales;
    float* opacities;
    float* features;
    float* harmonics;
    double* camera_blocks;
};

// Gaussians are projected in blocks of this many: a piece of parallel work, and the unit in which sums over all
// Gaussians are made, so that they do not depend on the number of threads.
constexpr int64_t kBlock = 512;

// A plane of a picture: pixel (x, y) is at data[y * row + x * column]. No data: all zero.
struct Plane {
    const float* data;
    int64_t row, column;
};

}  // namespace talker
