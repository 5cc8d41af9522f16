// Splats of a tile as a flat list of vectors: neighbouring pixels of one row each, as many as wide.h has lanes.
//
// Only pixels within the ellipse on which alpha equals the cut-off matter, and each row's run of them is known exactly.
// Cutting the runs into vectors first, without a branch, leaves the blend one simple loop per splat instead of a loop
// over rows with a short, unpredictable loop over pixels within; and cutting some splats ahead keeps the processor from
// waiting for each one's square roots.
#pragma once

#include "common/wide.h"
#include "raster/splat.h"

namespace talker::TALKER_ISA {

static_assert(kTile % kWide == 0 && kTile <= 4 * kWide, "cut_spans cuts a row into four vectors at most");

struct Spans {
    static constexpr int kBatch = 16;  // splats cut at a time
    // Vectors of one splat: all of every row at most.
    static constexpr int kMostPerSplat = kTilePixels / kWide;
    static constexpr int kMost = 3 * kMostPerSplat;

    int count;
    int begin[kBatch + 1];  // where each splat's vectors begin
    // (A compressed store may write up to eight values past the end.)
    alignas(32) int32_t offset[kMost + kLanes];  // of the first pixel in the tile's buffers
    // A pixel that is i from the vector's middle has the exponent xx i^2 + linear i + constant: of the small numbers
    // there are about the middle, few digits are lost.
    alignas(32) float linear[kMost + kLanes];
    alignas(32) float constant[kMost + kLanes];
    // The middle, from the splat's centre. (Only the gradient asks.)
    alignas(32) float dx[kMost + kLanes];
    alignas(32) float dy[kMost + kLanes];

    bool has_room() const { return count <= kMost - kMostPerSplat; }
};

#if defined(__AVX2__)
// Indices that move the lanes of an 8-bit mask to the front.
struct CompressTable {
    alignas(64) uint8_t lanes[256][8];
    constexpr CompressTable() : lanes() {
        for (int mask = 0; mask < 256; mask++)
            for (int lane = 0, next = 0; lane < 8; lane++)
                if (mask >> lane & 1) lanes[mask][next++] = static_cast<uint8_t>(lane);
    }
};
static constexpr CompressTable kCompress{};
#endif

constexpr float kMiddle = 0.5f * (kWide - 1);
// Lanes from the middle of their vector.
TALKER_INLINE fw from_middle() { return wide_iota() - wide(kMiddle); }

// Eight vectors to be, one per lane.
struct Cut {
    i8 offset;
    f8 linear, constant, dx, dy;
};

// Appends the lanes whose bits are set.
template <bool WithPositions>
TALKER_INLINE void append(Spans& spans, int bits, const Cut& cut) {
    int n = spans.count;
#if defined(__AVX2__)
    __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kCompress.lanes[bits])));
    store(spans.offset + n, (i8)_mm256_permutevar8x32_epi32((__m256i)cut.offset, order));
    store(spans.linear + n, (f8)_mm256_permutevar8x32_ps((__m256)cut.linear, order));
    store(spans.constant + n, (f8)_mm256_permutevar8x32_ps((__m256)cut.constant, order));
    if (WithPositions) {
        store(spans.dx + n, (f8)_mm256_permutevar8x32_ps((__m256)cut.dx, order));
        store(spans.dy + n, (f8)_mm256_permutevar8x32_ps((__m256)cut.dy, order));
    }
    spans.count = n + __builtin_popcount(bits);
#else
    for (int i = 0; i < kLanes; i++) {
        if (!(bits >> i & 1)) continue;
        spans.offset[n] = cut.offset[i], spans.linear[n] = cut.linear[i], spans.constant[n] = cut.constant[i];
        if (WithPositions) spans.dx[n] = cut.dx[i], spans.dy[n] = cut.dy[i];
        n++;
    }
    spans.count = n;
#endif
}

// The vectors that follow in the same rows.
TALKER_INLINE Cut step_right(const Cut& cut, f8 xx) {
    f8 step = all(static_cast<float>(kWide));
    return {cut.offset + kWide, fma(xx, 2.0f * step, cut.linear), fma(fma(xx, step, cut.linear), step, cut.constant),
            cut.dx + step, cut.dy};
}

// Appends the spans of `s` in the tile whose first pixel is (tile_x, tile_y).
template <bool WithPositions>
TALKER_INLINE void cut_spans(Spans& spans, const Splat& s, int tile_x, int tile_y) {
    constexpr float kStep = kWide;
    int top = s.top > tile_y ? s.top : tile_y;
    int bottom = s.bottom < tile_y + kTile ? s.bottom : tile_y + kTile;
    float x = s.x - 0.5f - static_cast<float>(tile_x);
    f8 edge = all(static_cast<float>(kTile - 1));
    for (int row = top; row < bottom; row += kLanes) {
        f8 y = all(static_cast<float>(row)) + iota();
        f8 dy = y + all(0.5f - s.y);
        f8 half2 = (all(s.radius2) - dy * dy * s.inverse_yy) * s.row_scale;
        f8 half = sqrt(max(half2, all(0.0f))) + all(2e-3f);
        f8 middle = all(x) - dy * s.row_shift;
        f8 first = max(ceil(middle - half), all(0.0f)), last = min(floor(middle + half), edge);
        i8 mask = (i8)(half2 > all(0.0f)) & (i8)(y < all(static_cast<float>(bottom))) & (i8)(last >= first);

        // A vector of sixteen that crosses no line of the cache is read and written faster: where as many do that begin
        // at whole multiples of their width, they are taken. Elsewhere they begin with the row's run, or further left,
        // so that the last ends within the tile. Either adds pixels outside of the ellipse, which the cut-off leaves
        // alone.
        f8 more = floor((last - first) * (1.0f / kStep)) * kStep;
        f8 start = max(min(first, edge - all(kStep - 1.0f) - more), all(0.0f));
        if (kWide == 16) {
            f8 whole = floor(first * (1.0f / kStep)) * kStep;
            start = select((i8)(last < whole + more + kStep), whole, start);
        }
        f8 xx = all(s.xx), dx = start + all(kMiddle - x);
        f8 row_linear = dy * s.xy, row_constant = fma(dy * dy, all(s.yy), all(s.log2_opacity));
        Cut cut;
        // (Offsets of rows outside of the mask are not used.)
        cut.offset = to_int((y - all(static_cast<float>(tile_y))) * static_cast<float>(kTile) + start);
        cut.linear = fma(2.0f * xx, dx, row_linear);
        cut.constant = fma(fma(xx, dx, row_linear), dx, row_constant);
        cut.dx = dx, cut.dy = dy;
        append<WithPositions>(spans, mask_bits(mask), cut);
        // A second vector in some row is so common that a branch would not pay, a third is rare.
        cut = step_right(cut, xx);
        append<WithPositions>(spans, mask_bits(mask & (i8)(more >= all(kStep))), cut);
        if (kTile <= 2 * kWide) continue;
        int third = mask_bits(mask & (i8)(more >= all(2.0f * kStep)));
        if (!third) continue;
        cut = step_right(cut, xx);
        append<WithPositions>(spans, third, cut);
        append<WithPositions>(spans, mask_bits(mask & (i8)(more >= all(3.0f * kStep))), step_right(cut, xx));
    }
}

// Cuts splats of the list [entry, end) until the batch is full; returns their number, at least one.
template <bool WithPositions>
TALKER_INLINE int cut_batch(Spans& spans, const Splat* splats, const Entry* entry, const Entry* end, int tile_x,
                            int tile_y) {
    int splat = 0;
    spans.count = 0;
    do {
        if (entry + 4 < end) __builtin_prefetch(&splats[entry[4].splat]);
        spans.begin[splat++] = spans.count;
        cut_spans<WithPositions>(spans, splats[entry->splat], tile_x, tile_y);
        ++entry;
    } while (splat < Spans::kBatch && entry < end && spans.has_room());
    spans.begin[splat] = spans.count;
    return splat;
}

}  // namespace talker::TALKER_ISA
