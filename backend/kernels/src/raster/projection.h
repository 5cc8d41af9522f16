// Projection of eight Gaussians at a time (Zwicker et al. 2001), and what its gradient needs again.
#pragma once

#include "common/simd.h"
#include "raster/splat.h"

namespace talker::TALKER_ISA {

// Eight Gaussians, one per lane.
struct Gaussians {
    f8 mean[3], quaternion[4], scale[3], opacity;
};

// Column `column` of eight rows of `width` floats.
TALKER_INLINE f8 load_column(const float* rows, int width, int column) {
    const float* p = rows + column;
    return f8{p[0], p[width], p[2 * width], p[3 * width], p[4 * width], p[5 * width], p[6 * width], p[7 * width]};
}

TALKER_INLINE void store_column(float* rows, int width, int column, int lanes, f8 v) {
    float* p = rows + column;
    for (int i = 0; i < lanes; i++) p[i * width] = v[i];
}

// Gaussians first .. first + 7 of the scene; lanes past its end are zero, which is not drawable.
TALKER_INLINE Gaussians load_gaussians(const Scene& scene, int64_t first) {
    const float *means = scene.means + first * 3, *quaternions = scene.quaternions + first * 4;
    const float *scales = scene.scales + first * 3, *opacities = scene.opacities + first;
    float padded[11 * kLanes];
    int64_t left = scene.count - first;
    if (left < kLanes) {
        std::memset(padded, 0, sizeof padded);
        std::memcpy(padded, means, left * 3 * sizeof(float));
        std::memcpy(padded + 24, quaternions, left * 4 * sizeof(float));
        std::memcpy(padded + 56, scales, left * 3 * sizeof(float));
        std::memcpy(padded + 80, opacities, left * sizeof(float));
        means = padded, quaternions = padded + 24, scales = padded + 56, opacities = padded + 80;
    }
    Gaussians g;
    for (int k = 0; k < 3; k++) g.mean[k] = load_column(means, 3, k);
    for (int k = 0; k < 4; k++) g.quaternion[k] = load_column(quaternions, 4, k);
    for (int k = 0; k < 3; k++) g.scale[k] = load_column(scales, 3, k);
    g.opacity = load(opacities);
    return g;
}

struct Projection {
    f8 unit[4], inverse_length;  // the quaternion, normalised
    f8 rotation[9];
    f8 in_camera[3];
    f8 axes[9];  // camera-space axes: rotation of the camera x rotation x scale, row-major
    f8 inverse_z;
    f8 slope_x, slope_y;            // x / z, y / z, kept near the picture
    i8 slope_x_free, slope_y_free;  // where they were not clamped
    f8 screen_x[3], screen_y[3];    // the axes on screen, px
    f8 xx, xy, yy;                  // covariance on screen with the blur, px^2
    f8 determinant;
};

TALKER_INLINE Projection project(const Gaussians& g, const Camera& camera) {
    Projection p;
    const f8* q = g.quaternion;
    p.inverse_length = all(1.0f) / sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    for (int k = 0; k < 4; k++) p.unit[k] = q[k] * p.inverse_length;
    f8 w = p.unit[0], x = p.unit[1], y = p.unit[2], z = p.unit[3];
    f8 one = all(1.0f), two = all(2.0f);
    f8* r = p.rotation;
    r[0] = one - two * (y * y + z * z), r[1] = two * (x * y - w * z), r[2] = two * (x * z + w * y);
    r[3] = two * (x * y + w * z), r[4] = one - two * (x * x + z * z), r[5] = two * (y * z - w * x);
    r[6] = two * (x * z - w * y), r[7] = two * (y * z + w * x), r[8] = one - two * (x * x + y * y);

    const float* v = camera.rotation;
    for (int i = 0; i < 3; i++) {
        p.in_camera[i] =
            g.mean[0] * v[i * 3] + g.mean[1] * v[i * 3 + 1] + g.mean[2] * v[i * 3 + 2] + all(camera.translation[i]);
        for (int k = 0; k < 3; k++)
            p.axes[i * 3 + k] = (r[k] * v[i * 3] + r[3 + k] * v[i * 3 + 1] + r[6 + k] * v[i * 3 + 2]) * g.scale[k];
    }

    p.inverse_z = one / p.in_camera[2];
    float margin_x = kFovMargin * 0.5f * camera.width / camera.fx;
    float margin_y = kFovMargin * 0.5f * camera.height / camera.fy;
    f8 tan_x = p.in_camera[0] * p.inverse_z, tan_y = p.in_camera[1] * p.inverse_z;
    p.slope_x = clamp(tan_x, -camera.cx / camera.fx - margin_x, (camera.width - camera.cx) / camera.fx + margin_x);
    p.slope_y = clamp(tan_y, -camera.cy / camera.fy - margin_y, (camera.height - camera.cy) / camera.fy + margin_y);
    p.slope_x_free = (i8)(tan_x == p.slope_x), p.slope_y_free = (i8)(tan_y == p.slope_y);

    const f8* m = p.axes;
    f8 scale_x = p.inverse_z * camera.fx, scale_y = p.inverse_z * camera.fy;
    for (int k = 0; k < 3; k++) {
        p.screen_x[k] = scale_x * (m[k] - p.slope_x * m[6 + k]);
        p.screen_y[k] = scale_y * (m[3 + k] - p.slope_y * m[6 + k]);
    }
    const f8 *a = p.screen_x, *b = p.screen_y;
    f8 aa = a[0] * a[0] + a[1] * a[1] + a[2] * a[2], bb = b[0] * b[0] + b[1] * b[1] + b[2] * b[2];
    p.xx = aa + all(camera.blur), p.yy = bb + all(camera.blur);
    p.xy = a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    // aa bb - ab^2 is the squared length of a x b (Lagrange): in this form a long thin splat loses no digits.
    f8 c0 = a[1] * b[2] - a[2] * b[1], c1 = a[2] * b[0] - a[0] * b[2], c2 = a[0] * b[1] - a[1] * b[0];
    p.determinant = c0 * c0 + c1 * c1 + c2 * c2 + (aa + bb) * camera.blur + all(camera.blur * camera.blur);
    return p;
}

}  // namespace talker::TALKER_ISA
