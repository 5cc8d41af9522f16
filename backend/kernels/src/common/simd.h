// Eight floats at a time, in the compiler's own vector types.
//
// The files that include this header (*.simd.cpp) are compiled once for every instruction set (see build.py): with
// -mavx2 -mfma each operation below is one instruction; without, the compiler splits it into what the machine has
// (SSE2, NEON). The namespace carries the instruction set's name, so that the linker never mixes the two.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#ifndef TALKER_ISA
#error "simd.h is for *.simd.cpp files, which build.py compiles once for every instruction set"
#endif

namespace talker::TALKER_ISA {

using f8 = float __attribute__((vector_size(32)));
using i8 = int32_t __attribute__((vector_size(32)));
using u8 = uint32_t __attribute__((vector_size(32)));

constexpr int kLanes = 8;

#define TALKER_INLINE static inline __attribute__((always_inline))

TALKER_INLINE f8 all(float x) { return f8{x, x, x, x, x, x, x, x}; }
TALKER_INLINE f8 iota() { return f8{0, 1, 2, 3, 4, 5, 6, 7}; }

TALKER_INLINE f8 load(const float* p) {
    f8 v;
    std::memcpy(&v, p, sizeof v);
    return v;
}
TALKER_INLINE void store(float* p, f8 v) { std::memcpy(p, &v, sizeof v); }
TALKER_INLINE void store(int32_t* p, i8 v) { std::memcpy(p, &v, sizeof v); }

// Bits of a where the mask is set, zero elsewhere: also turns a NaN that nobody wants into zero.
TALKER_INLINE f8 keep(f8 a, i8 mask) { return (f8)((i8)a & mask); }
TALKER_INLINE f8 sign_set(f8 a) { return (f8)((i8)a | (int32_t)0x80000000); }

#if defined(__AVX2__)
TALKER_INLINE f8 fma(f8 a, f8 b, f8 c) { return (f8)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
TALKER_INLINE f8 select(i8 mask, f8 a, f8 b) { return (f8)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask); }
// Where either is a NaN the result is b: put the value that must survive there.
TALKER_INLINE f8 max(f8 a, f8 b) { return (f8)_mm256_max_ps((__m256)a, (__m256)b); }
TALKER_INLINE f8 min(f8 a, f8 b) { return (f8)_mm256_min_ps((__m256)a, (__m256)b); }
TALKER_INLINE f8 sqrt(f8 a) { return (f8)_mm256_sqrt_ps((__m256)a); }
TALKER_INLINE f8 ceil(f8 a) { return (f8)_mm256_ceil_ps((__m256)a); }
TALKER_INLINE f8 floor(f8 a) { return (f8)_mm256_floor_ps((__m256)a); }
TALKER_INLINE int mask_bits(i8 mask) { return _mm256_movemask_ps((__m256)mask); }
TALKER_INLINE i8 to_int(f8 a) { return (i8)_mm256_cvttps_epi32((__m256)a); }
#else
TALKER_INLINE f8 fma(f8 a, f8 b, f8 c) { return a * b + c; }
TALKER_INLINE f8 select(i8 mask, f8 a, f8 b) { return (f8)(((i8)a & mask) | ((i8)b & ~mask)); }
TALKER_INLINE f8 max(f8 a, f8 b) { return select((i8)(a > b), a, b); }
TALKER_INLINE f8 min(f8 a, f8 b) { return select((i8)(a < b), a, b); }
TALKER_INLINE f8 sqrt(f8 a) {
    for (int i = 0; i < kLanes; i++) a[i] = std::sqrt(a[i]);
    return a;
}
TALKER_INLINE f8 ceil(f8 a) {
    for (int i = 0; i < kLanes; i++) a[i] = std::ceil(a[i]);
    return a;
}
TALKER_INLINE f8 floor(f8 a) {
    for (int i = 0; i < kLanes; i++) a[i] = std::floor(a[i]);
    return a;
}
TALKER_INLINE int mask_bits(i8 mask) {
    int bits = 0;
    for (int i = 0; i < kLanes; i++) bits |= (mask[i] & 1) << i;
    return bits;
}
TALKER_INLINE i8 to_int(f8 a) { return __builtin_convertvector(a, i8); }
#endif

TALKER_INLINE f8 clamp(f8 a, float low, float high) { return min(max(a, all(low)), all(high)); }

TALKER_INLINE float sum(f8 a) { return ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7])); }

// Sums of four vectors, written to four neighbouring floats.
TALKER_INLINE void store_sums(float* p, f8 a, f8 b, f8 c, f8 d) {
#if defined(__AVX2__)
    __m256 ab = _mm256_hadd_ps((__m256)a, (__m256)b), cd = _mm256_hadd_ps((__m256)c, (__m256)d);
    __m256 abcd = _mm256_hadd_ps(ab, cd);
    _mm_storeu_ps(p, _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1)));
#else
    p[0] = sum(a), p[1] = sum(b), p[2] = sum(c), p[3] = sum(d);
#endif
}

// 2^p for -126 < p < 127, relative error 2e-7. Outside of that range: some number, to be masked out by the caller.
template <class Floats, class Bits>
TALKER_INLINE Floats exp2_of(Floats p) {
    // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits of the mantissa.
    const float magic = 12582912.0f;
    Floats shifted = p + magic;
    Floats f = p - (shifted - magic);
    // (Sums and products of one expression are fused.)
    Floats q = 1.3390985e-3f * f + 9.6184373e-3f;
    q = q * f + 5.5503325e-2f;
    q = q * f + 2.4022652e-1f;
    q = q * f + 6.9314718e-1f;
    q = q * f + 1.0f;
    return (Floats)((Bits)q + ((Bits)shifted << 23));
}
TALKER_INLINE f8 exp2(f8 p) { return exp2_of<f8, u8>(p); }

// log2 of normal, positive a; absolute error about 1e-7 times the result's size.
TALKER_INLINE f8 log2(f8 a) {
    i8 bits = (i8)a;
    // Split at sqrt(1/2), so that the mantissa lies symmetrically about one.
    i8 exponent = (bits - 0x3f3504f3) >> 23;
    f8 m = (f8)(bits - (exponent << 23));
    f8 s = (m - all(1.0f)) / (m + all(1.0f)), ss = s * s;
    // 2 / ln 2 * atanh(s)
    f8 q = fma(ss, all(0.32059889f), all(0.41219858f));
    q = fma(ss, q, all(0.57707802f));
    q = fma(ss, q, all(0.96179669f));
    q = fma(ss, q, all(2.8853901f));
    return fma(s, q, __builtin_convertvector(exponent, f8));
}

}  // namespace talker::TALKER_ISA
