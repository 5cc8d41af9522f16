// Between drawn frames and stored ones, eight pixels at a time. backend/deliver/frames.py says the same in numpy.
#include "passes/passes.h"

#include "common/simd.h"

namespace talker::TALKER_ISA {
namespace {

constexpr float kLeast = 1e-6f;  // divisors below count as zero

// Up to eight values; what is missing is zero.
TALKER_INLINE f8 load_some(const float* p, int count) {
    if (count >= kLanes) return load(p);
    float values[kLanes] = {};
    std::memcpy(values, p, count * sizeof(float));
    return load(values);
}

TALKER_INLINE void store_some(float* p, f8 v, int count) {
    if (count >= kLanes) return store(p, v);
    std::memcpy(p, &v, count * sizeof(float));
}

using h8 = uint16_t __attribute__((vector_size(16)));

// The half floats nearest to eight values of [0, 65504), ties to even, as bits.
TALKER_INLINE h8 to_half(f8 a) {
#if defined(__F16C__)
    return (h8)_mm256_cvtps_ph((__m256)a, _MM_FROUND_TO_NEAREST_INT);
#else
    // Below 2^-14 a half counts steps of 2^-24, which is the last place of 0.5: adding that rounds to whole steps.
    const f8 half = all(0.5f);
    i8 small = (i8)(a + half) - (i8)half;
    i8 bits = (i8)a;
    i8 normal = ((bits + 0xfff + ((bits >> 13) & 1)) >> 13) - ((127 - 15) << 10);
    i8 halves = (i8)select((i8)(a < all(6.1035156e-5f)), (f8)small, (f8)normal);
    return __builtin_convertvector(halves, h8);
#endif
}

// The values of eight half floats of [0, 65504].
TALKER_INLINE f8 from_half(h8 bits) {
#if defined(__F16C__)
    return (f8)_mm256_cvtph_ps((__m128i)bits);
#else
    // The bits as those of a float are right but for the exponent's bias: 2^112 mends that, below 2^-14 too.
    return (f8)(__builtin_convertvector(bits, i8) << 13) * all(5.192297e33f);
#endif
}

TALKER_INLINE h8 load_halves(const uint16_t* p, int count) {
    h8 bits = {};
    std::memcpy(&bits, p, (count < kLanes ? count : kLanes) * sizeof(uint16_t));
    return bits;
}

TALKER_INLINE void store_halves(uint16_t* p, h8 bits, int count) {
    if (count >= kLanes)
        std::memcpy(p, &bits, sizeof bits);
    else
        std::memcpy(p, &bits, count * sizeof(uint16_t));
}

// (Written so that a NaN becomes zero.)
TALKER_INLINE f8 unit(f8 a) { return min(max(a, all(0.0f)), all(1.0f)); }

// a / b in [0, 1]; zero where b is.
TALKER_INLINE f8 share(f8 a, f8 b) {
    i8 sound = (i8)(b > all(kLeast));
    return unit(keep(a / select(sound, b, all(1.0f)), sound));
}

TALKER_INLINE f8 linear_light(f8 display, const float* table) {
    f8 place = display * all(static_cast<float>(kLinearSteps));
    i8 step = to_int(min(place, all(static_cast<float>(kLinearSteps - 1))));
    f8 low, high;
    for (int i = 0; i < kLanes; i++) low[i] = table[step[i]], high[i] = table[step[i] + 1];
    return fma(place - __builtin_convertvector(step, f8), high - low, low);
}

}  // namespace

void store_passes(const talker_drawn& drawn, const float* linear, int width, const PassRow& out) {
    for (int x = 0; x < width; x += kLanes) {
        int count = width - x;
        f8 alpha = unit(load_some(drawn.alpha + x, count));
        i8 visible = (i8)(alpha >= all(kVisibleAlpha));
        alpha = keep(alpha, visible);
        if (!mask_bits(visible)) {
            for (uint16_t* plane : out.rgba) store_halves(plane + x, h8{}, count);
            for (uint16_t* plane : out.mattes) store_halves(plane + x, h8{}, count);
            store_some(out.depth + x, all(drawn.empty_depth), count);
            continue;
        }
        for (int c = 0; c < 3; c++) {
            f8 straight = share(load_some(drawn.rgb[c] + x, count), alpha);
            store_halves(out.rgba[c] + x, to_half(linear_light(straight, linear) * alpha), count);
        }
        store_halves(out.rgba[3] + x, to_half(alpha), count);
        f8 mattes[kMattes], total = all(0.0f);
        for (int m = 0; m < kMattes; m++) total = total + (mattes[m] = unit(load_some(drawn.mattes[m] + x, count)));
        i8 known = (i8)(total > all(kLeast));
        f8 factor = keep(alpha / select(known, total, all(1.0f)), known);
        for (int m = 0; m < kMattes; m++) store_halves(out.mattes[m] + x, to_half(mattes[m] * factor), count);
        f8 depth = load_some(drawn.depth + x, count) * all(drawn.depth_scale);
        store_some(out.depth + x, select(visible, depth, all(drawn.empty_depth)), count);
    }
}

void show_passes(const uint16_t* const* rgba, const float* display, const uint8_t* plate, int width, uint8_t* out) {
    for (int x = 0; x < width; x += kLanes) {
        int count = width - x < kLanes ? width - x : kLanes;
        f8 alpha = unit(from_half(load_halves(rgba[3] + x, count)));
        f8 behind = (all(1.0f) - alpha) * all(1.0f / 255.0f);
        for (int c = 0; c < 3; c++) {
            h8 straight = to_half(share(from_half(load_halves(rgba[c] + x, count)), alpha));
            f8 seen = all(0.0f), plate_value = all(0.0f);
            for (int i = 0; i < count; i++) seen[i] = display[straight[i]], plate_value[i] = plate[3 * (x + i) + c];
            f8 value = unit(fma(seen, alpha, plate_value * behind)) * all(255.0f) + all(0.5f);
            for (int i = 0; i < count; i++) out[3 * (x + i) + c] = static_cast<uint8_t>(value[i]);
        }
    }
}

}  // namespace talker::TALKER_ISA
