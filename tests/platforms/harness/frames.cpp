// Frames on their way to the disk: depth, stored passes, and what a viewer sees.
#include <cstring>

#include "harness.h"

void call_frames(const Arrays& in, Arrays& out, int threads) {
    const int64_t* sizes = in.numbers("frames.sizes");
    int32_t width = static_cast<int32_t>(sizes[0]), height = static_cast<int32_t>(sizes[1]);
    int64_t pixels = sizes[0] * sizes[1];
    const float* planes = in.floats("frames.drawn");  // red, green, blue, alpha, depth, four mattes
    talker_drawn drawn{};
    for (int c = 0; c < 3; c++) drawn.rgb[c] = planes + c * pixels;
    drawn.alpha = planes + 3 * pixels, drawn.depth = planes + 4 * pixels;
    for (int m = 0; m < 4; m++) drawn.mattes[m] = planes + (5 + m) * pixels;
    drawn.depth_scale = 0.01f, drawn.empty_depth = 1e10f;

    float* expected = out.put_floats("frames.expected_depth", pixels);
    std::memcpy(expected, drawn.depth, pixels * sizeof(float));
    check(FUNCTION(talker_expect_depth)(drawn.alpha, expected, pixels, 1.0f / 255.0f, 1e10f, threads),
          "talker_expect_depth");

    uint16_t* halves = out.put<uint16_t>("frames.halves", 8 * pixels);
    check(FUNCTION(talker_store_passes)(&drawn, in.floats("frames.linear"), width, height, halves,
                                        out.put_floats("frames.stored_depth", pixels)),
          "talker_store_passes");
    const uint16_t* stored = in.get<uint16_t>("frames.stored");  // the test's own, so that only this step is compared
    const uint16_t* rgba[4] = {stored, stored + pixels, stored + 2 * pixels, stored + 3 * pixels};
    check(FUNCTION(talker_show_passes)(rgba, in.floats("frames.display"), in.get<uint8_t>("frames.plate"), width, height,
                                       out.put<uint8_t>("frames.shown", 3 * pixels)),
          "talker_show_passes");
}
