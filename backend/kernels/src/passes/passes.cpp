// The C interface of frames as they are stored; backend/kernels/passes.py is its other side.
#include "passes/passes.h"

using namespace talker;

namespace {

bool is_sound(int width, int height) {
    constexpr int kMostPixels = 65536;  // a side
    return width >= 1 && height >= 1 && width <= kMostPixels && height <= kMostPixels;
}

}  // namespace

int talker_store_passes(const talker_drawn* drawn, const float* linear, int32_t width, int32_t height, uint16_t* halves,
                        float* depth) {
    if (!is_sound(width, height)) return TALKER_BAD_ARGUMENT;
    const int64_t plane = static_cast<int64_t>(width) * height;
    for (int64_t at = 0; at < plane; at += width) {
        talker_drawn row = *drawn;
        PassRow out{};
        for (const float*& plane : row.rgb) plane += at;
        for (const float*& plane : row.mattes) plane += at;
        row.alpha += at, row.depth += at;
        for (int c = 0; c < 4; c++) out.rgba[c] = halves + c * plane + at;
        for (int m = 0; m < kMattes; m++) out.mattes[m] = halves + (4 + m) * plane + at;
        out.depth = depth + at;
        best::store_passes(row, linear, width, out);
    }
    return TALKER_OK;
}

int talker_show_passes(const uint16_t* const* rgba, const float* display, const uint8_t* plate, int32_t width,
                       int32_t height, uint8_t* out) {
    if (!is_sound(width, height)) return TALKER_BAD_ARGUMENT;
    for (int64_t at = 0; at < static_cast<int64_t>(width) * height; at += width) {
        const uint16_t* row[4] = {rgba[0] + at, rgba[1] + at, rgba[2] + at, rgba[3] + at};
        best::show_passes(row, display, plate + 3 * at, width, out + 3 * at);
    }
    return TALKER_OK;
}
