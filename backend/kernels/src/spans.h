// A splat's part of a tile as a flat list of vectors: eight neighbouring pixels of one row each.
//
// Only pixels within the ellipse on which alpha equals the cut-off matter, and each row's run of them is known exactly.
// Cutting the runs into vectors first, without a branch, leaves the blend one simple loop per splat instead of a loop
// over rows with a short, unpredictable loop over pixels within.
#pragma once

#include "simd.h"
#include "splat.h"

namespace talker::TALKER_ISA {

struct Spans {
    // Each of up to kTile rows has at most kTile / 8 vectors; a compressed store may write up to a vector past the end.
    static constexpr int kMost = kTile * kTile / kLanes + kLanes;
    int count;
    alignas(32) int32_t offset[kMost];  // of the first pixel in the tile's buffers
    alignas(32) float dx[kMost];        // of the first pixel from the splat's centre
    alignas(32) float dy[kMost];
    alignas(32) float linear[kMost];    // the exponent is (xx dx + linear) dx + constant
    alignas(32) float constant[kMost];
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

// Appends the masked lanes.
TALKER_INLINE void append(Spans& spans, i8 mask, i8 offset, f8 dx, f8 dy, f8 linear, f8 constant) {
    int bits = mask_bits(mask), n = spans.count;
#if defined(__AVX2__)
    __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kCompress.lanes[bits])));
    store(spans.offset + n, (i8)_mm256_permutevar8x32_epi32((__m256i)offset, order));
    store(spans.dx + n, (f8)_mm256_permutevar8x32_ps((__m256)dx, order));
    store(spans.dy + n, (f8)_mm256_permutevar8x32_ps((__m256)dy, order));
    store(spans.linear + n, (f8)_mm256_permutevar8x32_ps((__m256)linear, order));
    store(spans.constant + n, (f8)_mm256_permutevar8x32_ps((__m256)constant, order));
    spans.count = n + __builtin_popcount(bits);
#else
    for (int i = 0; i < kLanes; i++) {
        if (!(bits >> i & 1)) continue;
        spans.offset[n] = offset[i], spans.dx[n] = dx[i], spans.dy[n] = dy[i];
        spans.linear[n] = linear[i], spans.constant[n] = constant[i];
        n++;
    }
    spans.count = n;
#endif
}

// The spans of `s` in the tile whose first pixel is (tile_x, tile_y).
TALKER_INLINE void cut_spans(Spans& spans, const Splat& s, int tile_x, int tile_y) {
    int top = s.top > tile_y ? s.top : tile_y;
    int bottom = s.bottom < tile_y + kTile ? s.bottom : tile_y + kTile;
    float x = s.x - 0.5f - static_cast<float>(tile_x);
    spans.count = 0;
    for (int row = top; row < bottom; row += kLanes) {
        f8 y = all(static_cast<float>(row)) + iota();
        f8 dy = y + all(0.5f - s.y);
        f8 half2 = (all(s.radius2) - dy * dy * s.inverse_yy) * s.row_scale;
        f8 half = sqrt(max(half2, all(0.0f))) + all(2e-3f);
        f8 middle = all(x) - dy * s.row_shift;
        f8 first = clamp(ceil(middle - half), 0.0f, static_cast<float>(kTile - 1));
        f8 last = min(floor(middle + half), all(static_cast<float>(kTile - 1)));
        i8 mask = (i8)(half2 > all(0.0f)) & (i8)(y < all(static_cast<float>(bottom))) & (i8)(last >= first);

        f8 dx = first - all(x);
        f8 linear = dy * s.xy, constant = fma(dy * dy, all(s.yy), all(s.log2_opacity));
        f8 in_tile = (y - all(static_cast<float>(tile_y))) * static_cast<float>(kTileStride) + first;
        // Rows outside of the mask may lie below the tile; their offsets are not used.
        i8 offset = to_int(in_tile);
        append(spans, mask, offset, dx, dy, linear, constant);
        for (int step = kLanes; step < kTile; step += kLanes) {
            mask &= (i8)(last >= first + all(static_cast<float>(step)));
            if (!mask_bits(mask)) break;
            append(spans, mask, offset + step, dx + all(static_cast<float>(step)), dy, linear, constant);
        }
    }
}

}  // namespace talker::TALKER_ISA
