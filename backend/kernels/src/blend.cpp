// Stages 3 and 4: splats of a tile to pixels, front to back, and the gradients of that.
//
// Each works on one tile in buffers on the stack. The sign of a pixel's transmittance tells whether it is finished:
// negative, and nothing more is added. Pixels outside of the picture begin finished.
#include "kernels.h"
#include "spans.h"

namespace talker::TALKER_ISA {
namespace {

// Splats between two looks at whether every pixel of the tile is finished.
constexpr int kFinishedInterval = 32;

struct TileBounds {
    int x, y, width, height;  // the part of the picture

    TileBounds(const Camera& camera, const TileLists& lists, int tile) {
        x = tile % lists.tiles_x * kTile, y = tile / lists.tiles_x * kTile;
        width = camera.width - x < kTile ? camera.width - x : kTile;
        height = camera.height - y < kTile ? camera.height - y : kTile;
    }
};

void start_transmittance(float* transmittance, const TileBounds& bounds) {
    for (int i = 0; i < kTilePixels; i++) transmittance[i] = -1.0f;
    for (int y = 0; y < bounds.height; y++)
        for (int x = 0; x < bounds.width; x++) transmittance[y * kTileStride + x] = 1.0f;
}

bool all_finished(const float* transmittance) {
    for (int i = 0; i < kTilePixels; i += 4 * kLanes) {
        f8 highest = max(max(load(transmittance + i), load(transmittance + i + 8)),
                         max(load(transmittance + i + 16), load(transmittance + i + 24)));
        if (mask_bits((i8)(highest > all(0.0f)))) return false;
    }
    return true;
}

// One vector of pixels meets one splat.
struct Meeting {
    f8 dx;
    f8 alpha_uncapped;  // meaningful where alpha is not zero
    f8 alpha;           // zero outside of the splat
    f8 transmittance;   // before the splat; zero where the pixel was finished
    f8 weight;          // what the splat contributes
    i8 open;            // pixels that are not finished by it
};

// Computes the meeting and writes the transmittance that it leaves.
TALKER_INLINE Meeting meet(const Spans& spans, int n, f8 xx, float* transmittance) {
    Meeting m;
    float* t = transmittance + spans.offset[n];
    m.dx = all(spans.dx[n]) + iota();
    f8 exponent = fma(fma(xx, m.dx, all(spans.linear[n])), m.dx, all(spans.constant[n]));
    m.alpha_uncapped = exp2(exponent);
    m.alpha = keep(min(m.alpha_uncapped, all(kAlphaCap)), (i8)(exponent >= all(kLog2AlphaCutoff)));
    f8 stored = load(t);
    m.transmittance = max(stored, all(0.0f));
    m.weight = m.alpha * m.transmittance;
    f8 left = m.transmittance - m.weight;
    m.open = (i8)(left > all(kTransmittanceStop));
    store(t, select(m.open, left, sign_set(stored)));
    m.weight = keep(m.weight, m.open);
    return m;
}

template <int Channels>
void blend(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
           float* const* planes, float* alpha) {
    TileBounds bounds(camera, lists, tile);
    int begin = lists.begin[tile], end = lists.begin[tile + 1];
    alignas(64) float transmittance[kTilePixels];
    alignas(64) float sums[Channels > 0 ? Channels : 1][kTilePixels];
    if (begin < end) {
        start_transmittance(transmittance, bounds);
        std::memset(sums, 0, sizeof sums);
    }
    Spans spans;
    for (int e = begin; e < end; e++) {
        if ((e - begin) % kFinishedInterval == kFinishedInterval - 1 && all_finished(transmittance)) break;
        if (e + 2 < end) __builtin_prefetch(&splats[lists.entries[e + 2].splat]);
        const Splat& s = splats[lists.entries[e].splat];
        const float* values = pass.values + lists.entries[e].splat * pass.value_stride;
        f8 value[Channels > 0 ? Channels : 1];
        for (int c = 0; c < Channels; c++) value[c] = all(values[c]);
        cut_spans(spans, s, bounds.x, bounds.y);
        f8 xx = all(s.xx);
        for (int n = 0; n < spans.count; n++) {
            Meeting m = meet(spans, n, xx, transmittance);
            for (int c = 0; c < Channels; c++) {
                float* p = sums[c] + spans.offset[n];
                store(p, fma(m.weight, value[c], load(p)));
            }
        }
    }
    for (int y = 0; y < bounds.height; y++) {
        int64_t pixel = static_cast<int64_t>(bounds.y + y) * camera.width + bounds.x;
        size_t bytes = bounds.width * sizeof(float);
        for (int c = 0; c < Channels; c++) {
            if (begin == end)
                std::memset(planes[c] + pixel, 0, bytes);
            else
                std::memcpy(planes[c] + pixel, sums[c] + y * kTileStride, bytes);
        }
        if (!alpha) continue;
        const float* left = transmittance + y * kTileStride;
        for (int x = 0; x < bounds.width; x++) alpha[pixel + x] = begin == end ? 0.0f : 1.0f - std::fabs(left[x]);
    }
}

// Gradients at the tile's pixels; zero outside of the picture.
void copy_plane(float* to, const Plane& plane, const TileBounds& bounds) {
    std::memset(to, 0, kTilePixels * sizeof(float));
    if (!plane.data) return;
    for (int y = 0; y < bounds.height; y++) {
        const float* from = plane.data + (bounds.y + y) * plane.row + bounds.x * plane.column;
        float* row = to + y * kTileStride;
        if (plane.column == 1)
            std::memcpy(row, from, bounds.width * sizeof(float));
        else
            for (int x = 0; x < bounds.width; x++) row[x] = from[x * plane.column];
    }
}

// Front to back, like the forward pass, which it repeats: with L the loss, g the gradient of the pixel's channels and
// alpha, f = g . (values, 1) the worth of a splat in this pixel, and `behind` the worth of all that lies behind it,
//     dL/dalpha = T f - behind / (1 - alpha),
// where `behind` starts as the worth of the whole pixel and loses weight x f at every splat.
template <int Channels>
void blend_backward(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
                    const float* const* planes, const float* alpha, const Plane* plane_gradients,
                    const Plane& alpha_gradient, float* sums, int64_t sum_stride) {
    constexpr int kSums = kMoments + Channels, kPaddedSums = (kSums + 3) / 4 * 4;
    int begin = lists.begin[tile], end = lists.begin[tile + 1];
    if (begin == end) return;
    TileBounds bounds(camera, lists, tile);
    alignas(64) float transmittance[kTilePixels], behind[kTilePixels], opacity_worth[kTilePixels];
    alignas(64) float gradient[Channels > 0 ? Channels : 1][kTilePixels];
    start_transmittance(transmittance, bounds);
    copy_plane(opacity_worth, alpha_gradient, bounds);
    for (int c = 0; c < Channels; c++) copy_plane(gradient[c], plane_gradients[c], bounds);
    std::memset(behind, 0, sizeof behind);
    for (int y = 0; y < bounds.height; y++) {
        int64_t pixel = static_cast<int64_t>(bounds.y + y) * camera.width + bounds.x;
        for (int x = 0; x < bounds.width; x++) {
            int i = y * kTileStride + x;
            float worth = opacity_worth[i] * alpha[pixel + x];
            for (int c = 0; c < Channels; c++) worth += gradient[c][i] * planes[c][pixel + x];
            behind[i] = worth;
        }
    }

    Spans spans;
    for (int e = begin; e < end; e++) {
        if ((e - begin) % kFinishedInterval == kFinishedInterval - 1 && all_finished(transmittance)) {
            for (; e < end; e++)
                std::memset(sums + lists.entries[e].slot * sum_stride, 0, kPaddedSums * sizeof(float));
            break;
        }
        if (e + 2 < end) {
            __builtin_prefetch(&splats[lists.entries[e + 2].splat]);
            __builtin_prefetch(sums + lists.entries[e + 2].slot * sum_stride, 1);
        }
        const Splat& s = splats[lists.entries[e].splat];
        const float* values = pass.values + lists.entries[e].splat * pass.value_stride;
        f8 value[Channels > 0 ? Channels : 1];
        for (int c = 0; c < Channels; c++) value[c] = all(values[c]);
        cut_spans(spans, s, bounds.x, bounds.y);
        f8 xx = all(s.xx);
        f8 sum[kPaddedSums];
        for (int k = 0; k < kPaddedSums; k++) sum[k] = all(0.0f);
        for (int n = 0; n < spans.count; n++) {
            int offset = spans.offset[n];
            Meeting m = meet(spans, n, xx, transmittance);
            f8 worth = load(opacity_worth + offset);
            for (int c = 0; c < Channels; c++) {
                f8 g = load(gradient[c] + offset);
                worth = fma(g, value[c], worth);
                sum[kMoments + c] = fma(m.weight, g, sum[kMoments + c]);
            }
            f8 left = load(behind + offset) - m.weight * worth;
            store(behind + offset, left);
            // Times alpha, it is the gradient of the logarithm of alpha: what the exponent's gradient is made of.
            // The cap has no slope.
            f8 g = m.alpha * (m.transmittance * worth - left / (all(1.0f) - m.alpha));
            g = keep(g, m.open & (i8)(m.alpha_uncapped <= all(kAlphaCap)));
            f8 dy = all(spans.dy[n]), g_dx = g * m.dx, g_dy = g * dy;
            sum[kSum] += g;
            sum[kSumX] += g_dx;
            sum[kSumXX] = fma(g_dx, m.dx, sum[kSumXX]);
            sum[kSumY] += g_dy;
            sum[kSumXY] = fma(g_dx, dy, sum[kSumXY]);
            sum[kSumYY] = fma(g_dy, dy, sum[kSumYY]);
        }
        float* slot = sums + lists.entries[e].slot * sum_stride;
        for (int k = 0; k < kPaddedSums; k += 4) store_sums(slot + k, sum[k], sum[k + 1], sum[k + 2], sum[k + 3]);
    }
}

}  // namespace

#define TALKER_FOR_CHANNELS(CASE) CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)

void blend_tile(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
                float* const* planes, float* alpha) {
    switch (pass.channels) {
#define TALKER_CASE(N) \
    case N: return blend<N>(camera, splats, lists, tile, pass, planes, alpha);
        TALKER_FOR_CHANNELS(TALKER_CASE)
#undef TALKER_CASE
    }
}

void blend_tile_backward(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
                         const float* const* planes, const float* alpha, const Plane* plane_gradients,
                         const Plane& alpha_gradient, float* sums, int64_t sum_stride) {
    switch (pass.channels) {
#define TALKER_CASE(N)                                                                                             \
    case N:                                                                                                        \
        return blend_backward<N>(camera, splats, lists, tile, pass, planes, alpha, plane_gradients, alpha_gradient, \
                                 sums, sum_stride);
        TALKER_FOR_CHANNELS(TALKER_CASE)
#undef TALKER_CASE
    }
}

}  // namespace talker::TALKER_ISA
