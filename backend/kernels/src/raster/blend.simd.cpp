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

// One float per pixel of a tile. The line added at the end keeps neighbouring buffers from sharing cache sets.
struct alignas(64) TileBuffer {
    float at[kTilePixels + 16];
};

void start_transmittance(TileBuffer& transmittance, const TileBounds& bounds) {
    bool whole = bounds.width == kTile && bounds.height == kTile;
    for (int i = 0; i < kTilePixels; i++) transmittance.at[i] = whole ? 1.0f : 0.0f;
    if (whole) return;
    for (int y = 0; y < bounds.height; y++)
        for (int x = 0; x < bounds.width; x++) transmittance.at[y * kTile + x] = 1.0f;
}

bool all_finished(const TileBuffer& transmittance) {
    for (int i = 0; i < kTilePixels; i += 4 * kLanes) {
        const float* t = transmittance.at + i;
        f8 highest = max(max(load(t), load(t + 8)), max(load(t + 16), load(t + 24)));
        if (mask_bits((i8)(highest > all(0.0f)))) return false;
    }
    return true;
}

// One vector of pixels meets one splat.
struct Meeting {
    f8 alpha_uncapped;  // meaningful where alpha is not zero
    f8 alpha;           // zero outside of the splat
    f8 transmittance;   // before the splat; zero where the pixel was finished
    f8 weight;          // what the splat contributes
    i8 open;            // pixels that are not finished by it
};

// Computes the meeting and writes the transmittance that it leaves. `quadratic` is the splat's xx i^2.
template <bool KeepsFinished>
TALKER_INLINE Meeting meet(const Spans& spans, int n, f8 quadratic, TileBuffer& transmittance) {
    Meeting m;
    float* t = transmittance.at + spans.offset[n];
    f8 exponent = fma(all(spans.linear[n]), iota(), quadratic + all(spans.constant[n]));
    m.alpha_uncapped = exp2(exponent);
    m.alpha = keep(min(m.alpha_uncapped, all(kAlphaCap)), (i8)(exponent >= all(kLog2AlphaCutoff)));
    f8 stored = load(t);
    m.transmittance = KeepsFinished ? max(stored, all(0.0f)) : stored;
    m.weight = m.alpha * m.transmittance;
    f8 left = m.transmittance - m.weight;
    m.open = (i8)(left > all(kTransmittanceStop));
    store(t, KeepsFinished ? select(m.open, left, sign_set(stored)) : keep(left, m.open));
    m.weight = keep(m.weight, m.open);
    return m;
}

// The splat's channels in this pass.
template <int Channels>
TALKER_INLINE void load_values(f8* value, const Pass& pass, const Splat* splats, int64_t splat) {
    const float* features = pass.features + splat * pass.stride;
    for (int c = 0; c + 1 < Channels; c++) value[c] = all(features[c]);
    if (Channels > 0) value[Channels - 1] = all(pass.ends_with_depth ? splats[splat].depth : features[Channels - 1]);
}

// A row of a tile, or what the picture's edge leaves of it.
void copy_row(float* to, const float* from, int width) {
    // (A copy of known size is four instructions, one of any size is a call.)
    if (width == kTile)
        std::memcpy(to, from, kTile * sizeof(float));
    else
        std::memcpy(to, from, width * sizeof(float));
}

void write_plane(float* plane, const TileBuffer& from, const Camera& camera, const TileBounds& bounds) {
    float* to = plane + static_cast<int64_t>(bounds.y) * camera.width + bounds.x;
    for (int y = 0; y < bounds.height; y++) copy_row(to + int64_t{y} * camera.width, from.at + y * kTile, bounds.width);
}

// What a splat contributes goes to every channel, times its value there; and to the plane of its label, of all labels'.
template <int Channels, bool Labelled>
void blend(const Camera& camera, const Splat* splats, const TileLists& lists, int tile, const Pass& pass,
           float* const* planes, float* alpha) {
    TileBounds bounds(camera, lists, tile);
    const Entry *entry = lists.entries + lists.begin[tile], *end = lists.entries + lists.begin[tile + 1];
    TileBuffer transmittance, sums[Channels > 0 ? Channels : 1], label_sums[Labelled ? kMostLabels : 1];
    start_transmittance(transmittance, bounds);
    std::memset(sums, 0, sizeof sums);
    if (Labelled) std::memset(label_sums, 0, sizeof label_sums);
    Spans spans;
    while (entry < end) {
        int batch = cut_batch<false>(spans, splats, entry, end, bounds.x, bounds.y);
        for (int b = 0; b < batch; b++, entry++) {
            f8 value[Channels > 0 ? Channels : 1];
            load_values<Channels>(value, pass, splats, entry->splat);
            f8 quadratic = iota() * iota() * splats[entry->splat].xx;
            float* own = label_sums[Labelled ? splats[entry->splat].label : 0].at;
            for (int n = spans.begin[b]; n < spans.begin[b + 1]; n++) {
                Meeting m = meet<true>(spans, n, quadratic, transmittance);
                if (Labelled) store(own + spans.offset[n], load(own + spans.offset[n]) + m.weight);
                for (int c = 0; c < Channels; c++) {
                    float* p = sums[c].at + spans.offset[n];
                    store(p, fma(m.weight, value[c], load(p)));
                }
            }
        }
        if (all_finished(transmittance)) break;
    }
    for (int c = 0; c < Channels; c++) write_plane(planes[c], sums[c], camera, bounds);
    for (int k = 0; k < pass.labels; k++) write_plane(planes[Channels + k], label_sums[k], camera, bounds);
    if (!alpha) return;
    for (float& t : transmittance.at) t = 1.0f - std::fabs(t);
    write_plane(alpha, transmittance, camera, bounds);
}

// A plane's values at the tile's pixels; zero outside of the picture.
void copy_plane(TileBuffer& to, const Plane& plane, const TileBounds& bounds) {
    if (!plane.data || bounds.width < kTile || bounds.height < kTile) std::memset(to.at, 0, sizeof to.at);
    if (!plane.data) return;
    for (int y = 0; y < bounds.height; y++) {
        const float* from = plane.data + (bounds.y + y) * plane.row + bounds.x * plane.column;
        float* row = to.at + y * kTile;
        if (plane.column == 1)
            copy_row(row, from, bounds.width);
        else
            for (int x = 0; x < bounds.width; x++) row[x] = from[x * plane.column];
    }
}

// Adds gradient x value of a rendered plane to the worth of the tile's pixels.
void add_worth(TileBuffer& worth, const TileBuffer& gradient, const float* plane, const Camera& camera,
               const TileBounds& bounds) {
    for (int y = 0; y < bounds.height; y++) {
        const float* values = plane + static_cast<int64_t>(bounds.y + y) * camera.width + bounds.x;
        for (int x = 0; x < bounds.width; x++) worth.at[y * kTile + x] += gradient.at[y * kTile + x] * values[x];
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
    TileBuffer transmittance, behind, gradient[Channels > 0 ? Channels : 1], opacity_worth[1];
    start_transmittance(transmittance, bounds);
    std::memset(behind.at, 0, sizeof behind.at);
    for (int c = 0; c < Channels; c++) {
        copy_plane(gradient[c], plane_gradients[c], bounds);
        add_worth(behind, gradient[c], planes[c], camera, bounds);
    }
    if (HasAlpha) {
        copy_plane(opacity_worth[0], alpha_gradient, bounds);
        add_worth(behind, opacity_worth[0], alpha, camera, bounds);
    }

    Spans spans;
    while (entry < end) {
        int batch = cut_batch<true>(spans, splats, entry, end, bounds.x, bounds.y);
        for (int b = 0; b < batch; b++, entry++) {
            float* slot = sums + entry->slot * sum_stride;
            __builtin_prefetch(slot, 1);
            f8 value[Channels > 0 ? Channels : 1];
            load_values<Channels>(value, pass, splats, entry->splat);
            f8 quadratic = iota() * iota() * splats[entry->splat].xx;
            f8 sum[kPaddedSums];
            for (int k = 0; k < kPaddedSums; k++) sum[k] = all(0.0f);
            for (int n = spans.begin[b]; n < spans.begin[b + 1]; n++) {
                int offset = spans.offset[n];
                Meeting m = meet<false>(spans, n, quadratic, transmittance);
                f8 inverse = all(1.0f) / (all(1.0f) - m.alpha);
                f8 worth = HasAlpha ? load(opacity_worth[0].at + offset) : all(0.0f);
                for (int c = 0; c < Channels; c++) {
                    f8 g = load(gradient[c].at + offset);
                    worth = fma(g, value[c], worth);
                    sum[kMoments + c] = fma(m.weight, g, sum[kMoments + c]);
                }
                f8 left = load(behind.at + offset) - m.weight * worth;
                store(behind.at + offset, left);
                // Times alpha, it is the gradient of the logarithm of alpha: what the exponent's gradient is made of.
                // The cap has no slope.
                f8 g = m.alpha * (m.transmittance * worth - left * inverse);
                g = keep(g, m.open & (i8)(m.alpha_uncapped <= all(kAlphaCap)));
                f8 dx = all(spans.dx[n]) + iota(), dy = all(spans.dy[n]), g_dx = g * dx, g_dy = g * dy;
                sum[kSum] += g;
                sum[kSumX] += g_dx;
                sum[kSumXX] = fma(g_dx, dx, sum[kSumXX]);
                sum[kSumY] += g_dy;
                sum[kSumXY] = fma(g_dx, dy, sum[kSumXY]);
                sum[kSumYY] = fma(g_dy, dy, sum[kSumYY]);
            }
            for (int k = 0; k < kPaddedSums; k += 4) store_sums(slot + k, sum[k], sum[k + 1], sum[k + 2], sum[k + 3]);
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
