// Stages 3 and 4: splats of a tile to pixels, front to back, and the gradients of that.
//
// Each works on one tile in buffers on the stack. A pixel is finished when its transmittance is not positive: nothing
// more is added then. The forward pass keeps what it was, with its sign set, for alpha. Pixels outside of the picture
// begin finished.
#include "raster/spans.h"
#include "raster/stages.h"

namespace talker::TALKER_ISA {
namespace {

// The part of the picture that a tile covers.
struct TileBounds {
    int x, y, width, height;

    TileBounds(const Camera& camera, const TileLists& lists, int tile) {
        x = tile % lists.tiles_x * kTile, y = tile / lists.tiles_x * kTile;
        width = camera.width - x < kTile ? camera.width - x : kTile;
        height = camera.height - y < kTile ? camera.height - y : kTile;
    }
};

// Planes of a tile, one float per pixel, beside each other. The line added to each keeps neighbouring planes from
// sharing cache sets.
constexpr int kTilePlane = kTilePixels + 16;
template <int Planes>
struct alignas(64) TilePlanes {
    float at[Planes * kTilePlane];

    float* operator[](int plane) { return at + plane * kTilePlane; }
    void clear(int first, int end) {
        std::memset(at + first * kTilePlane, 0, (end - first) * kTilePlane * sizeof(float));
    }
};

// The first plane of every tile.
constexpr int kTransmittance = 0;

void start_transmittance(float* transmittance, const TileBounds& bounds) {
    bool whole = bounds.width == kTile && bounds.height == kTile;
    for (int i = 0; i < kTilePixels; i++) transmittance[i] = whole ? 1.0f : 0.0f;
    if (whole) return;
    for (int y = 0; y < bounds.height; y++)
        for (int x = 0; x < bounds.width; x++) transmittance[y * kTile + x] = 1.0f;
}

bool all_finished(const float* transmittance) {
    for (int i = 0; i < kTilePixels; i += 4 * kLanes) {
        const float* t = transmittance + i;
        f8 highest = max(max(load(t), load(t + 8)), max(load(t + 16), load(t + 24)));
        if (mask_bits((i8)(highest > all(0.0f)))) return false;
    }
    return true;
}

// One vector of pixels meets one splat.
struct Meeting {
    fw alpha_uncapped;  // meaningful where alpha is not zero
    fw alpha;           // zero outside of the splat
    fw transmittance;   // before the splat; zero where the pixel was finished
    fw weight;          // what the splat contributes
    WideMask open;      // pixels that are not finished by it
};

// Computes the meeting and writes the transmittance that it leaves. `quadratic` is the splat's xx i^2.
template <bool KeepsFinished>
TALKER_INLINE Meeting meet(const Spans& spans, int n, fw quadratic, float* transmittance) {
    Meeting m;
    fw exponent = fma(wide(spans.linear[n]), from_middle(), quadratic + wide(spans.constant[n]));
    m.alpha_uncapped = exp2(exponent);
    m.alpha = keep(min(m.alpha_uncapped, wide(kAlphaCap)), at_least(exponent, wide(kLog2AlphaCutoff)));
    fw stored = load_wide(transmittance);
    m.transmittance = KeepsFinished ? max(stored, wide(0.0f)) : stored;
    m.weight = m.alpha * m.transmittance;
    fw left = m.transmittance - m.weight;
    m.open = greater(left, wide(kTransmittanceStop));
    store(transmittance, KeepsFinished ? select(m.open, left, sign_set(stored)) : keep(left, m.open));
    m.weight = keep(m.weight, m.open);
    return m;
}

// The splat's channels in this pass.
template <int Channels>
TALKER_INLINE void load_values(fw* value, const Pass& pass, const Splat* splats, int64_t splat) {
    const float* features = pass.features + splat * pass.stride;
    for (int c = 0; c + 1 < Channels; c++) value[c] = wide(features[c]);
    if (Channels > 0) value[Channels - 1] = wide(pass.ends_with_depth ? splats[splat].depth : features[Channels - 1]);
}

// A row of a tile, or what the picture's edge leaves of it.
void copy_row(float* to, const float* from, int width) {
    // (A copy of known size is four instructions, one of any size is a call.)
    if (width == kTile)
        std::memcpy(to, from, kTile * sizeof(float));
    else
        std::memcpy(to, from, width * sizeof(float));
}

void write_plane(float* plane, const float* from, const Camera& camera, const TileBounds& bounds) {
    float* to = plane + static_cast<int64_t>(bounds.y) * camera.width + bounds.x;
    for (int y = 0; y < bounds.height; y++) copy_row(to + int64_t{y} * camera.width, from + y * kTile, bounds.width);
}

// What a splat contributes goes to every channel, times its value there; and to the plane of its label, of all labels'.
template <int Channels, bool Labelled>
void blend(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
           float* const* planes, float* alpha) {
    TileBounds bounds(camera, lists, tile);
    const Entry *entry = lists.entries + lists.begin[tile], *end = lists.entries + lists.begin[tile + 1];
    // After the transmittance come the channels' sums, then those of the labels.
    constexpr int kSums = 1, kLabelSums = kSums + Channels, kPlanes = kLabelSums + (Labelled ? kMostLabels : 0);
    TilePlanes<kPlanes> tile_planes;
    float* transmittance = tile_planes[kTransmittance];
    start_transmittance(transmittance, bounds);
    tile_planes.clear(kSums, kPlanes);
    Spans spans;
    while (entry < end) {
        int batch = cut_batch<false>(spans, splats, entry, end, bounds.x, bounds.y);
        for (int b = 0; b < batch; b++, entry++) {
            fw value[Channels > 0 ? Channels : 1];
            fw quadratic = from_middle() * from_middle() * splats[entry->splat].xx;
            load_values<Channels>(value, pass, splats, entry->splat);
            int64_t own = Labelled ? (kLabelSums + splats[entry->splat].label) * kTilePlane : 0;
            for (int n = spans.begin[b]; n < spans.begin[b + 1]; n++) {
                float* at = transmittance + spans.offset[n];
                Meeting m = meet<true>(spans, n, quadratic, at);
                if (Labelled) store(at + own, load_wide(at + own) + m.weight);
                for (int c = 0; c < Channels; c++) {
                    float* p = at + (kSums + c) * kTilePlane;
                    store(p, fma(m.weight, value[c], load_wide(p)));
                }
            }
        }
        if (all_finished(transmittance)) break;
    }
    for (int c = 0; c < Channels; c++) write_plane(planes[c], tile_planes[kSums + c], camera, bounds);
    for (int k = 0; k < pass.labels; k++)
        write_plane(planes[Channels + k], tile_planes[kLabelSums + k], camera, bounds);
    if (!alpha) return;
    for (int i = 0; i < kTilePixels; i++) transmittance[i] = 1.0f - std::fabs(transmittance[i]);
    write_plane(alpha, transmittance, camera, bounds);
}

// A plane's values at the tile's pixels; zero outside of the picture.
void copy_plane(float* to, const Plane& plane, const TileBounds& bounds) {
    if (!plane.data || bounds.width < kTile || bounds.height < kTile) std::memset(to, 0, kTilePixels * sizeof(float));
    if (!plane.data) return;
    for (int y = 0; y < bounds.height; y++) {
        const float* from = plane.data + (bounds.y + y) * plane.row + bounds.x * plane.column;
        float* row = to + y * kTile;
        if (plane.column == 1)
            copy_row(row, from, bounds.width);
        else
            for (int x = 0; x < bounds.width; x++) row[x] = from[x * plane.column];
    }
}

// Adds gradient x value of a rendered plane to the worth of the tile's pixels.
void add_worth(float* worth, const float* gradient, const float* plane, const Camera& camera,
               const TileBounds& bounds) {
    for (int y = 0; y < bounds.height; y++) {
        const float* values = plane + static_cast<int64_t>(bounds.y + y) * camera.width + bounds.x;
        for (int x = 0; x < bounds.width; x++) worth[y * kTile + x] += gradient[y * kTile + x] * values[x];
    }
}

// Front to back, like the forward pass, which it repeats: with L the loss, g the gradient of the pixel's channels and
// alpha, f = g . (values, 1) the worth of a splat in this pixel, and `behind` the worth of all that lies behind it,
//     dL/dalpha = T f - behind / (1 - alpha),
// where `behind` starts as the worth of the whole pixel and loses weight x f at every splat.
template <int Channels, bool HasAlpha>
void blend_backward(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
                    const float* const* planes, const float* alpha, const Plane* plane_gradients,
                    const Plane& alpha_gradient, float* sums, int64_t sum_stride) {
    constexpr int kSums = kMoments + Channels, kPaddedSums = (kSums + 3) / 4 * 4;
    const Entry *entry = lists.entries + lists.begin[tile], *end = lists.entries + lists.begin[tile + 1];
    if (entry == end) return;
    TileBounds bounds(camera, lists, tile);
    // After the transmittance come the worth of what lies behind, and the gradients of alpha and of the channels.
    constexpr int kBehind = 1, kOfAlpha = 2, kGradients = kOfAlpha + HasAlpha;
    TilePlanes<kGradients + Channels> tile_planes;
    float *transmittance = tile_planes[kTransmittance], *behind = tile_planes[kBehind];
    start_transmittance(transmittance, bounds);
    tile_planes.clear(kBehind, kBehind + 1);
    for (int c = 0; c < Channels; c++) {
        copy_plane(tile_planes[kGradients + c], plane_gradients[c], bounds);
        add_worth(behind, tile_planes[kGradients + c], planes[c], camera, bounds);
    }
    if (HasAlpha) {
        copy_plane(tile_planes[kOfAlpha], alpha_gradient, bounds);
        add_worth(behind, tile_planes[kOfAlpha], alpha, camera, bounds);
    }

    Spans spans;
    while (entry < end) {
        int batch = cut_batch<true>(spans, splats, entry, end, bounds.x, bounds.y);
        for (int b = 0; b < batch; b++, entry++) {
            float* slot = sums + entry->slot * sum_stride;
            __builtin_prefetch(slot, 1);
            fw value[Channels > 0 ? Channels : 1];
            fw quadratic = from_middle() * from_middle() * splats[entry->splat].xx;
            load_values<Channels>(value, pass, splats, entry->splat);
            fw sum[kPaddedSums];
            for (int k = 0; k < kPaddedSums; k++) sum[k] = wide(0.0f);
            for (int n = spans.begin[b]; n < spans.begin[b + 1]; n++) {
                float* at = transmittance + spans.offset[n];
                Meeting m = meet<false>(spans, n, quadratic, at);
                fw inverse = wide(1.0f) / (wide(1.0f) - m.alpha);
                fw worth = HasAlpha ? load_wide(at + kOfAlpha * kTilePlane) : wide(0.0f);
                for (int c = 0; c < Channels; c++) {
                    fw g = load_wide(at + (kGradients + c) * kTilePlane);
                    worth = fma(g, value[c], worth);
                    sum[kMoments + c] = fma(m.weight, g, sum[kMoments + c]);
                }
                fw left = load_wide(at + kBehind * kTilePlane) - m.weight * worth;
                store(at + kBehind * kTilePlane, left);
                // Times alpha, it is the gradient of the logarithm of alpha: what the exponent's gradient is made of.
                // The cap has no slope.
                fw g = m.alpha * (m.transmittance * worth - left * inverse);
                g = keep(g, m.open & at_least(wide(kAlphaCap), m.alpha_uncapped));
                fw dx = wide(spans.dx[n]) + from_middle(), dy = wide(spans.dy[n]), g_dx = g * dx, g_dy = g * dy;
                sum[kSum] += g;
                sum[kSumX] += g_dx;
                sum[kSumXX] = fma(g_dx, dx, sum[kSumXX]);
                sum[kSumY] += g_dy;
                sum[kSumXY] = fma(g_dx, dy, sum[kSumXY]);
                sum[kSumYY] = fma(g_dy, dy, sum[kSumYY]);
            }
            for (int k = 0; k < kPaddedSums; k += 4)
                store_sums(slot + k, fold(sum[k]), fold(sum[k + 1]), fold(sum[k + 2]), fold(sum[k + 3]));
        }
        if (all_finished(transmittance)) break;
    }
    for (; entry < end; entry++) std::memset(sums + entry->slot * sum_stride, 0, kPaddedSums * sizeof(float));
}

}  // namespace

#define TALKER_FOR_CHANNELS(CASE) CASE(0) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)

void blend_tile(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
                float* const* planes, float* alpha) {
    switch (pass.channels) {
#define TALKER_CASE(N) \
    case N: return (pass.labels ? blend<N, true> : blend<N, false>)(camera, splats, lists, tile, pass, planes, alpha);
        TALKER_FOR_CHANNELS(TALKER_CASE)
#undef TALKER_CASE
    }
}

void blend_tile_backward(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
                         const float* const* planes, const float* alpha, const Plane* plane_gradients,
                         const Plane& alpha_gradient, float* sums, int64_t sum_stride) {
    switch (pass.channels) {
#define TALKER_CASE(N)                                                                                            \
    case N:                                                                                                       \
        return (alpha_gradient.data ? blend_backward<N, true>                                                     \
                                    : blend_backward<N, false>)(camera, splats, lists, tile, pass, planes, alpha, \
                                                                plane_gradients, alpha_gradient, sums, sum_stride);
        TALKER_FOR_CHANNELS(TALKER_CASE)
#undef TALKER_CASE
    }
}

}  // namespace talker::TALKER_ISA
