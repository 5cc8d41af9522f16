// Stage 5: from the sums over pixels that the backward blend left, to the gradients of the scene and of the camera.
#include "raster/projection.h"
#include "raster/stages.h"

namespace talker::TALKER_ISA {
namespace {

// Sums of eight splats over all of their tiles, one splat per lane; zero for what is not drawn.
struct SplatSums {
    f8 moment[kMoments];
    f8 depth;
    bool any;
};

struct Accumulate {
    bool on;
    float operator()(float old, float value) const { return on ? old + value : value; }
};

SplatSums gather_sums(const Scene& scene, int64_t first, int lanes, const TileBox* boxes, const int32_t* first_slot,
                      const float* sums, int64_t sum_stride, int64_t first_feature, int64_t features, bool has_depth,
                      float* feature_gradients) {
    constexpr int kRows = kMoments + 1;
    float lane_sums[kRows][kLanes] = {};
    bool any = false;
    for (int i = 0; i < lanes; i++) {
        float total[kMoments + kMaxPassChannels + 2] = {};
        int tiles = boxes[first + i].count();
        any |= tiles > 0;
        for (int t = 0; t < tiles; t++) {
            const float* slot = sums + (int64_t{first_slot[first + i]} + t) * sum_stride;
            for (int64_t k = 0; k < sum_stride; k++) total[k] += slot[k];
        }
        for (int k = 0; k < kMoments; k++) lane_sums[k][i] = total[k];
        if (has_depth) lane_sums[kMoments][i] = total[kMoments + features];
        float* row = feature_gradients + (first + i) * scene.channels + first_feature;
        for (int64_t c = 0; c < features; c++) row[c] = total[kMoments + c];
    }
    SplatSums out;
    for (int k = 0; k < kMoments; k++) out.moment[k] = load(lane_sums[k]);
    out.depth = load(lane_sums[kMoments]);
    out.any = any;
    return out;
}

// Lanes that are not drawn may hold anything, NaN included: their gradient is zero.
void write_column(float* rows, int width, int column, int lanes, f8 value, i8 drawn, Accumulate into) {
    value = keep(value, drawn);
    for (int i = 0; i < lanes; i++) {
        float& p = rows[i * width + column];
        p = into(p, value[i]);
    }
}

// Gradient of the unit quaternion's rotation matrix, then of the normalisation.
void rotation_backward(const Projection& p, const f8 g[9], f8 quaternion[4]) {
    f8 w = p.unit[0], x = p.unit[1], y = p.unit[2], z = p.unit[3];
    f8 unit[4];
    unit[0] = 2.0f * (x * (g[7] - g[5]) + y * (g[2] - g[6]) + z * (g[3] - g[1]));
    unit[1] = 2.0f * (w * (g[7] - g[5]) + y * (g[1] + g[3]) + z * (g[2] + g[6]) - 2.0f * x * (g[4] + g[8]));
    unit[2] = 2.0f * (w * (g[2] - g[6]) + x * (g[1] + g[3]) + z * (g[5] + g[7]) - 2.0f * y * (g[0] + g[8]));
    unit[3] = 2.0f * (w * (g[3] - g[1]) + x * (g[2] + g[6]) + y * (g[5] + g[7]) - 2.0f * z * (g[0] + g[4]));
    f8 along = unit[0] * w + unit[1] * x + unit[2] * y + unit[3] * z;
    for (int k = 0; k < 4; k++) quaternion[k] = (unit[k] - along * p.unit[k]) * p.inverse_length;
}

}  // namespace

void project_block_backward(const Scene& scene, const Camera& camera, int64_t block, const TileBox* boxes,
                            const int32_t* first_slot, const float* sums, int64_t sum_stride, int64_t first_feature,
                            int64_t features, bool has_depth, bool accumulate, const SceneGradient& out) {
    int64_t begin = block * kBlock, end = begin + kBlock < scene.count ? begin + kBlock : scene.count;
    Accumulate into{accumulate};
    f8 camera_sums[12];
    for (f8& v : camera_sums) v = all(0.0f);

    for (int64_t first = begin; first < end; first += kLanes) {
        int lanes = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        SplatSums s = gather_sums(scene, first, lanes, boxes, first_slot, sums, sum_stride, first_feature, features,
                                  has_depth, out.features);
        float *means = out.means + first * 3, *quaternions = out.quaternions + first * 4;
        float *scales = out.scales + first * 3, *opacities = out.opacities + first;
        if (!s.any) {
            if (accumulate) continue;
            std::memset(means, 0, lanes * 3 * sizeof(float));
            std::memset(quaternions, 0, lanes * 4 * sizeof(float));
            std::memset(scales, 0, lanes * 3 * sizeof(float));
            std::memset(opacities, 0, lanes * sizeof(float));
            continue;
        }
        i8 drawn = {};
        for (int i = 0; i < lanes; i++) drawn[i] = boxes[first + i].count() > 0 ? -1 : 0;
        Gaussians g = load_gaussians(scene, first);
        Projection p = project(g, camera);
        const f8 *a = p.screen_x, *b = p.screen_y, *m = p.axes;

        // Inverse covariance, and the gradients of the centre and of the covariance: with S the second moments,
        // half of inverse x S x inverse.
        f8 inverse = all(1.0f) / p.determinant;
        f8 ixx = p.yy * inverse, ixy = -p.xy * inverse, iyy = p.xx * inverse;
        f8 g_x = ixx * s.moment[kSumX] + ixy * s.moment[kSumY], g_y = ixy * s.moment[kSumX] + iyy * s.moment[kSumY];
        f8 t00 = ixx * s.moment[kSumXX] + ixy * s.moment[kSumXY], t01 = ixx * s.moment[kSumXY] + ixy * s.moment[kSumYY];
        f8 t10 = ixy * s.moment[kSumXX] + iyy * s.moment[kSumXY], t11 = ixy * s.moment[kSumXY] + iyy * s.moment[kSumYY];
        f8 g_xx = 0.5f * (t00 * ixx + t01 * ixy), g_yy = 0.5f * (t10 * ixy + t11 * iyy);
        f8 g_xy = 0.5f * (t00 * ixy + t01 * iyy + t10 * ixx + t11 * ixy);

        // Covariance to the axes on screen, to the axes in the camera.
        f8 scale_x = p.inverse_z * camera.fx, scale_y = p.inverse_z * camera.fy;
        f8 g_axes[9], g_inverse_z = g_x * p.in_camera[0] * camera.fx + g_y * p.in_camera[1] * camera.fy;
        f8 g_slope_x = all(0.0f), g_slope_y = all(0.0f);
        for (int k = 0; k < 3; k++) {
            f8 ga = 2.0f * g_xx * a[k] + g_xy * b[k], gb = 2.0f * g_yy * b[k] + g_xy * a[k];
            f8 in_x = scale_x * ga, in_y = scale_y * gb;
            g_axes[k] = in_x, g_axes[3 + k] = in_y;
            g_axes[6 + k] = -(in_x * p.slope_x + in_y * p.slope_y);
            g_inverse_z += camera.fx * ga * (m[k] - p.slope_x * m[6 + k]);
            g_inverse_z += camera.fy * gb * (m[3 + k] - p.slope_y * m[6 + k]);
            g_slope_x -= in_x * m[6 + k], g_slope_y -= in_y * m[6 + k];
        }
        g_slope_x = keep(g_slope_x, p.slope_x_free), g_slope_y = keep(g_slope_y, p.slope_y_free);
        g_inverse_z += g_slope_x * p.in_camera[0] + g_slope_y * p.in_camera[1];

        // The centre in the camera, then in the world.
        f8 g_centre[3] = {(g_x * camera.fx + g_slope_x) * p.inverse_z, (g_y * camera.fy + g_slope_y) * p.inverse_z,
                          s.depth - g_inverse_z * p.inverse_z * p.inverse_z};
        const float* v = camera.rotation;
        for (int k = 0; k < 3; k++) {
            f8 g_mean = v[k] * g_centre[0] + v[3 + k] * g_centre[1] + v[6 + k] * g_centre[2];
            write_column(means, 3, k, lanes, g_mean, drawn, into);
        }

        // axes = camera rotation x rotation x scale.
        f8 g_rotation[9];
        for (int k = 0; k < 3; k++) {
            f8 g_scale = all(0.0f);
            for (int j = 0; j < 3; j++) {
                f8 turned = v[j] * g_axes[k] + v[3 + j] * g_axes[3 + k] + v[6 + j] * g_axes[6 + k];
                g_scale += turned * p.rotation[j * 3 + k];
                g_rotation[j * 3 + k] = turned * g.scale[k];
            }
            write_column(scales, 3, k, lanes, g_scale, drawn, into);
        }
        f8 g_quaternion[4];
        rotation_backward(p, g_rotation, g_quaternion);
        for (int k = 0; k < 4; k++) write_column(quaternions, 4, k, lanes, g_quaternion[k], drawn, into);
        write_column(opacities, 1, 0, lanes, s.moment[kSum] / g.opacity, drawn, into);

        if (!out.camera) continue;
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                f8 g_element = g_centre[i] * g.mean[j];
                for (int k = 0; k < 3; k++) g_element += g_axes[i * 3 + k] * p.rotation[j * 3 + k] * g.scale[k];
                camera_sums[i * 4 + j] += keep(g_element, drawn);
            }
            camera_sums[i * 4 + 3] += keep(g_centre[i], drawn);
        }
    }
    if (!out.camera) return;
    for (int k = 0; k < 12; k++) {
        double& total = out.camera[block * 12 + k];
        total = (accumulate ? total : 0.0) + sum(camera_sums[k]);
    }
}

}  // namespace talker::TALKER_ISA
