// A drawn frame as the passes of a multilayer EXR, and stored passes as a picture; see passes.cpp.
#pragma once

#include "api.h"
#include "common/dispatch.h"

namespace talker {

// Pixels with less coverage count as empty.
constexpr float kVisibleAlpha = 1.0f / 255.0f;
constexpr int kMattes = TALKER_MATTES;
// Steps of the table that leads from display values to linear light: fine enough to be exact to half precision.
constexpr int kLinearSteps = 4096;
// Half floats from 0 to 1, as bits: the table that leads back has one entry for each.
constexpr int kHalfOne = 0x3c00;

// A row of a frame as it is stored: half floats as bits, and the depth.
struct PassRow {
    uint16_t* rgba[4];  // scene-linear, premultiplied
    uint16_t* mattes[kMattes];
    float* depth;
};

// A row of a drawn frame as it is stored, by `linear`: kLinearSteps + 1 values of linear light for display values from
// 0 to 1. And a row of stored colour (half floats) over an 8-bit plate as 8-bit RGB, through a table of kHalfOne + 1
// display values, one for every half float from 0 to 1.
TALKER_STAGE(void, store_passes, const talker_drawn& row, const float* linear, int width, const PassRow&)
TALKER_STAGE(void, show_passes, const uint16_t* const* rgba, const float* display, const uint8_t* plate, int width,
             uint8_t* out)

}  // namespace talker
