// Stage 1: Gaussians to splats.
#include "raster/projection.h"
#include "raster/stages.h"

namespace talker::TALKER_ISA {
namespace {

// Lanes whose Gaussian can be drawn: finite, before the camera, and not all but transparent.
i8 drawable(const Gaussians& g, const Projection& p) {
    // A NaN or an infinity times zero is a NaN, which equals nothing.
    f8 zero = g.opacity * 0.0f;
    for (int k = 0; k < 3; k++) zero += g.mean[k] * 0.0f + g.scale[k] * 0.0f + p.in_camera[k] * 0.0f;
    zero += p.inverse_length * 0.0f + p.determinant * 0.0f + p.xx * 0.0f + p.yy * 0.0f;
    return (i8)(zero == all(0.0f)) & (i8)(p.in_camera[2] > all(kNear)) & (i8)(g.opacity >= all(kAlphaCutoff)) &
           (i8)(p.determinant > all(0.0f));
}

bool finite_features(const Scene& scene, int64_t gaussian) {
    const float* features = scene.features + gaussian * scene.channels;
    float zero = 0.0f;
    for (int64_t c = 0; c < scene.channels; c++) zero += features[c] * 0.0f;
    return zero == 0.0f;
}

uint16_t first_tile(float pixel) { return static_cast<uint16_t>(static_cast<int>(pixel) / kTile); }
uint16_t end_tile(float pixel) { return static_cast<uint16_t>((static_cast<int>(pixel) + kTile - 1) / kTile); }

}  // namespace

void project_block(const Scene& scene, const Camera& camera, int64_t block, Splat* splats, TileBox* boxes,
                   uint32_t* keys) {
    int64_t begin = block * kBlock, end = begin + kBlock < scene.count ? begin + kBlock : scene.count;
    float width = static_cast<float>(camera.width), height = static_cast<float>(camera.height);
    for (int64_t first = begin; first < end; first += kLanes) {
        Gaussians g = load_gaussians(scene, first);
        Projection p = project(g, camera);
        i8 drawn = drawable(g, p);

        f8 x = p.in_camera[0] * p.inverse_z * camera.fx + all(camera.cx);
        f8 y = p.in_camera[1] * p.inverse_z * camera.fy + all(camera.cy);
        f8 inverse = all(1.0f) / p.determinant;
        // An opacity that is not drawn anyway must not reach the logarithm.
        f8 log2_opacity = log2(max(g.opacity, all(kAlphaCutoff)));
        f8 radius2 = (log2_opacity - all(kLog2AlphaCutoff)) * (2.0f / kLog2E);

        // The box of the ellipse on which alpha equals the cut-off, a trifle larger, in whole pixels of the picture.
        f8 reach_x = sqrt(radius2 * p.xx) * 1.00001f + all(2e-3f);
        f8 reach_y = sqrt(radius2 * p.yy) * 1.00001f + all(2e-3f);
        f8 left = clamp(ceil(x - reach_x - all(0.5f)), 0.0f, width);
        f8 right = clamp(floor(x + reach_x - all(0.5f)) + all(1.0f), 0.0f, width);
        f8 top = clamp(ceil(y - reach_y - all(0.5f)), 0.0f, height);
        f8 bottom = clamp(floor(y + reach_y - all(0.5f)) + all(1.0f), 0.0f, height);
        // (Comparisons with a NaN are false, so a centre that overflowed is not drawn either.)
        drawn &= (i8)(right > left) & (i8)(bottom > top) & (i8)(x * 0.0f + y * 0.0f == all(0.0f));

        f8 xx = p.yy * inverse * (-0.5f * kLog2E), xy = p.xy * inverse * kLog2E, yy = p.xx * inverse * (-0.5f * kLog2E);
        f8 inverse_yy = all(1.0f) / p.yy;
        f8 row_shift = -p.xy * inverse_yy, row_scale = p.determinant * inverse_yy;
        int lanes = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        for (int i = 0; i < lanes; i++) {
            Splat& s = splats[first + i];
            if (!drawn[i] || !finite_features(scene, first + i)) {
                boxes[first + i] = {};
                keys[first + i] = ~0u;
                continue;
            }
            s.x = x[i], s.y = y[i];
            s.xx = xx[i], s.xy = xy[i], s.yy = yy[i];
            s.log2_opacity = log2_opacity[i];
            s.row_shift = row_shift[i], s.row_scale = row_scale[i], s.inverse_yy = inverse_yy[i];
            s.radius2 = radius2[i];
            s.depth = p.in_camera[2][i];
            s.top = static_cast<uint16_t>(top[i]), s.bottom = static_cast<uint16_t>(bottom[i]);
            s.label = scene.label_count ? static_cast<int32_t>(scene.labels[first + i]) : 0;
            boxes[first + i] = {first_tile(left[i]), end_tile(right[i]), first_tile(top[i]), end_tile(bottom[i])};
            std::memcpy(&keys[first + i], &s.depth, sizeof(float));
        }
    }
}

}  // namespace talker::TALKER_ISA
