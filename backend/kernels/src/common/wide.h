// As many floats at a time as the instruction set has lanes for: sixteen with AVX-512, else the eight of simd.h.
//
// For loops over neighbouring pixels, where a vector is as good as full at either width. Where eight things of one kind
// are worked on side by side (Gaussians, rows of a tile), simd.h alone serves.
#pragma once

#include "common/simd.h"

namespace talker::TALKER_ISA {

// (Comparisons with a NaN are false.)
TALKER_INLINE i8 greater(f8 a, f8 b) { return (i8)(a > b); }
TALKER_INLINE i8 at_least(f8 a, f8 b) { return (i8)(a >= b); }

#if defined(__AVX512F__)

using fw = float __attribute__((vector_size(64)));
using uw = uint32_t __attribute__((vector_size(64)));
using WideMask = __mmask16;

TALKER_INLINE fw wide(float x) { return (fw)_mm512_set1_ps(x); }
TALKER_INLINE fw wide_iota() { return fw{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
TALKER_INLINE fw load_wide(const float* p) { return (fw)_mm512_loadu_ps(p); }
TALKER_INLINE void store(float* p, fw v) { _mm512_storeu_ps(p, (__m512)v); }

TALKER_INLINE fw fma(fw a, fw b, fw c) { return (fw)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
TALKER_INLINE fw max(fw a, fw b) { return (fw)_mm512_max_ps((__m512)a, (__m512)b); }
TALKER_INLINE fw min(fw a, fw b) { return (fw)_mm512_min_ps((__m512)a, (__m512)b); }
TALKER_INLINE fw sign_set(fw a) { return (fw)_mm512_or_ps((__m512)a, _mm512_set1_ps(-0.0f)); }

TALKER_INLINE fw exp2(fw p) { return exp2_of<fw, uw>(p); }

TALKER_INLINE WideMask greater(fw a, fw b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ); }
TALKER_INLINE WideMask at_least(fw a, fw b) { return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ); }
TALKER_INLINE fw keep(fw a, WideMask mask) { return (fw)_mm512_maskz_mov_ps(mask, (__m512)a); }
TALKER_INLINE fw select(WideMask mask, fw a, fw b) { return (fw)_mm512_mask_blend_ps(mask, (__m512)b, (__m512)a); }

// Sums of lanes i and i + 8.
TALKER_INLINE f8 fold(fw a) {
    __m256 low = _mm512_castps512_ps256((__m512)a), high = _mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 1);
    return (f8)_mm256_add_ps(low, high);
}

#else

using fw = f8;
using WideMask = i8;

TALKER_INLINE fw wide(float x) { return all(x); }
TALKER_INLINE fw wide_iota() { return iota(); }
TALKER_INLINE fw load_wide(const float* p) { return load(p); }
TALKER_INLINE f8 fold(fw a) { return a; }

#endif

constexpr int kWide = sizeof(fw) / sizeof(float);

// For code that is written once for f8 and fw.
template <class Floats>
TALKER_INLINE Floats all_of(float x) {
    if constexpr (sizeof(Floats) == sizeof(f8))
        return all(x);
    else
        return wide(x);
}
template <class Floats>
TALKER_INLINE Floats load_as(const float* p) {
    Floats v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

// Lanes that lie within a row of `width` floats, of a vector whose first is float i of it.
TALKER_INLINE WideMask within(int i, int width) { return greater(wide(static_cast<float>(width - i)), wide_iota()); }

}  // namespace talker::TALKER_ISA
