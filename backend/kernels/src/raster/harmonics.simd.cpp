// Stage 0, where colour is given as spherical harmonics: the colours seen from the camera, and the gradient of that.
// backend/raster/spherical_harmonics.py says the same in torch, with the source.
#include "raster/projection.h"
#include "raster/stages.h"

namespace talker::TALKER_ISA {
namespace {

constexpr float kHalf = 0.5f;  // the colour where all coefficients are zero

// Directions from the camera's centre to eight Gaussians.
struct Directions {
    f8 x, y, z, inverse_length;
};

// The camera's centre, -rotation^T translation.
void find_centre(const Camera& camera, float centre[3]) {
    for (int j = 0; j < 3; j++) {
        centre[j] = 0.0f;
        for (int i = 0; i < 3; i++) centre[j] -= camera.rotation[i * 3 + j] * camera.translation[i];
    }
}

Directions directions_to(const float* means, const float centre[3]) {
    f8 x = load_column(means, 3, 0) - all(centre[0]), y = load_column(means, 3, 1) - all(centre[1]);
    f8 z = load_column(means, 3, 2) - all(centre[2]);
    f8 inverse = all(1.0f) / sqrt(x * x + y * y + z * z);
    return {x * inverse, y * inverse, z * inverse, inverse};
}

// Eight rows of `width` floats from row `first` on. Where fewer are left: a copy in `scratch`, filled up with zeros.
const float* eight_rows(const float* rows, int width, int64_t first, int64_t count, float* scratch) {
    const float* from = rows + first * width;
    if (count - first >= kLanes) return from;
    std::memset(scratch, 0, kLanes * width * sizeof(float));
    std::memcpy(scratch, from, (count - first) * width * sizeof(float));
    return scratch;
}

void evaluate_basis(const Directions& d, int bases, f8* value) {
    f8 x = d.x, y = d.y, z = d.z;
    value[0] = all(0.28209479f);
    if (bases == 1) return;
    value[1] = -0.48860251f * y, value[2] = 0.48860251f * z, value[3] = -0.48860251f * x;
    if (bases == 4) return;
    f8 xx = x * x, yy = y * y, zz = z * z, xy = x * y, difference = xx - yy;
    value[4] = 1.09254843f * xy, value[5] = -1.09254843f * y * z, value[7] = -1.09254843f * x * z;
    value[6] = 0.31539157f * (2.0f * zz - xx - yy), value[8] = 0.54627422f * difference;
    if (bases == 9) return;
    f8 high = 4.0f * zz - xx - yy;
    value[9] = -0.59004359f * y * (3.0f * xx - yy), value[10] = 2.89061144f * xy * z;
    value[11] = -0.45704580f * y * high, value[13] = -0.45704580f * x * high;
    value[12] = 0.37317633f * z * (2.0f * zz - 3.0f * xx - 3.0f * yy), value[14] = 1.44530572f * z * difference;
    value[15] = -0.59004359f * x * (xx - 3.0f * yy);
}

// The direction's gradient from that of the basis functions.
void basis_backward(const Directions& d, int bases, const f8* g, f8 out[3]) {
    f8 x = d.x, y = d.y, z = d.z;
    for (int k = 0; k < 3; k++) out[k] = all(0.0f);
    if (bases == 1) return;
    out[0] -= 0.48860251f * g[3], out[1] -= 0.48860251f * g[1], out[2] += 0.48860251f * g[2];
    if (bases == 4) return;
    out[0] += 1.09254843f * (y * g[4] - z * g[7] + x * g[8]) - 0.63078313f * x * g[6];
    out[1] += 1.09254843f * (x * g[4] - z * g[5] - y * g[8]) - 0.63078313f * y * g[6];
    out[2] += 1.26156626f * z * g[6] - 1.09254843f * (y * g[5] + x * g[7]);
    if (bases == 9) return;
    f8 xx = x * x, yy = y * y, zz = z * z, xy = x * y, xz = x * z, yz = y * z;
    f8 high = 4.0f * zz - xx - yy, difference = 1.77013077f * (xx - yy);
    out[0] += -3.54026154f * xy * g[9] - difference * g[15] + 2.89061144f * (yz * g[10] + xz * g[14]) -
              2.23905798f * xz * g[12] + 0.45704580f * (2.0f * xy * g[11] + (2.0f * xx - high) * g[13]);
    out[1] += 3.54026154f * xy * g[15] - difference * g[9] + 2.89061144f * (xz * g[10] - yz * g[14]) -
              2.23905798f * yz * g[12] + 0.45704580f * (2.0f * xy * g[13] + (2.0f * yy - high) * g[11]);
    out[2] += 2.89061144f * xy * g[10] + 1.44530572f * (xx - yy) * g[14] + 1.11952899f * (2.0f * zz - xx - yy) * g[12] -
              3.65636640f * (yz * g[11] + xz * g[13]);
}

}  // namespace

void shade_block(const Scene& scene, const Camera& camera, int64_t block, float* values) {
    int64_t begin = block * kBlock, end = begin + kBlock < scene.count ? begin + kBlock : scene.count;
    int width = scene.bases * kColours;
    float centre[3], mean_scratch[kLanes * 3], scratch[kLanes * kMostBases * kColours];
    find_centre(camera, centre);
    for (int64_t first = begin; first < end; first += kLanes) {
        Directions d = directions_to(eight_rows(scene.means, 3, first, scene.count, mean_scratch), centre);
        const float* coefficients = eight_rows(scene.harmonics, width, first, scene.count, scratch);
        f8 basis[kMostBases], colour[kColours] = {all(kHalf), all(kHalf), all(kHalf)};
        evaluate_basis(d, scene.bases, basis);
        for (int k = 0; k < scene.bases; k++)
            for (int c = 0; c < kColours; c++)
                colour[c] = fma(basis[k], load_column(coefficients, width, k * kColours + c), colour[c]);
        int lanes = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        for (int i = 0; i < lanes; i++) {
            float* row = values + (first + i) * (kColours + scene.channels);
            // A NaN must stay one: such a Gaussian is not drawn.
            for (int c = 0; c < kColours; c++) row[c] = colour[c][i] < 0.0f ? 0.0f : colour[c][i];
            for (int64_t c = 0; c < scene.channels; c++)
                row[kColours + c] = scene.features[(first + i) * scene.channels + c];
        }
    }
}

void shade_block_backward(const Scene& scene, const Camera& camera, int64_t block, const TileBox* boxes,
                          const float* values, const float* value_gradients, const SceneGradient& out) {
    int64_t begin = block * kBlock, end = begin + kBlock < scene.count ? begin + kBlock : scene.count;
    int width = scene.bases * kColours;
    int64_t row = kColours + scene.channels;
    float centre[3], mean_scratch[kLanes * 3], scratch[kLanes * kMostBases * kColours];
    find_centre(camera, centre);
    f8 centre_sums[3] = {all(0.0f), all(0.0f), all(0.0f)};
    for (int64_t first = begin; first < end; first += kLanes) {
        int lanes = end - first < kLanes ? static_cast<int>(end - first) : kLanes;
        // What is not drawn has gradient zero, and so has a colour that was cut off at zero.
        i8 drawn = {};
        f8 g[kColours] = {all(0.0f), all(0.0f), all(0.0f)};
        for (int i = 0; i < lanes; i++) {
            drawn[i] = boxes[first + i].count() > 0 ? -1 : 0;
            for (int c = 0; c < kColours; c++)
                if (values[(first + i) * row + c] > 0.0f) g[c][i] = value_gradients[(first + i) * row + c];
            for (int64_t c = 0; c < scene.channels; c++)
                out.features[(first + i) * scene.channels + c] = value_gradients[(first + i) * row + kColours + c];
        }
        Directions d = directions_to(eight_rows(scene.means, 3, first, scene.count, mean_scratch), centre);
        const float* coefficients = eight_rows(scene.harmonics, width, first, scene.count, scratch);
        f8 basis[kMostBases], g_basis[kMostBases], g_direction[3];
        evaluate_basis(d, scene.bases, basis);
        for (int k = 0; k < scene.bases; k++) {
            g_basis[k] = all(0.0f);
            for (int c = 0; c < kColours; c++) {
                int column = k * kColours + c;
                g_basis[k] = fma(g[c], load_column(coefficients, width, column), g_basis[k]);
                store_column(out.harmonics + first * width, width, column, lanes, keep(basis[k] * g[c], drawn));
            }
        }
        basis_backward(d, scene.bases, g_basis, g_direction);

        // Through the normalisation: what points along the direction is lost.
        f8 along = g_direction[0] * d.x + g_direction[1] * d.y + g_direction[2] * d.z;
        const f8 unit[3] = {d.x, d.y, d.z};
        for (int j = 0; j < 3; j++) {
            f8 g_mean = keep((g_direction[j] - along * unit[j]) * d.inverse_length, drawn);
            for (int i = 0; i < lanes; i++) out.means[(first + i) * 3 + j] += g_mean[i];
            centre_sums[j] -= g_mean;
        }
    }
    if (!out.camera) return;
    // centre = -rotation^T translation.
    double* camera_sums = out.camera + block * 12;
    for (int j = 0; j < 3; j++) {
        double g_centre = sum(centre_sums[j]);
        for (int i = 0; i < 3; i++) {
            camera_sums[i * 4 + j] -= g_centre * camera.translation[i];
            camera_sums[i * 4 + 3] -= g_centre * camera.rotation[i * 3 + j];
        }
    }
}

}  // namespace talker::TALKER_ISA
