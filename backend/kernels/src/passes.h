// A drawn frame as the passes of a multilayer EXR, and stored passes as a picture; see passes.cpp.
#pragma once

#include <cstdint>

namespace talker {

// Pixels with less coverage count as empty.
constexpr float kVisibleAlpha = 1.0f / 255.0f;
constexpr int kMattes = 4;
// Steps of the table that leads from display values to linear light: fine enough to be exact to half precision.
constexpr int kLinearSteps = 4096;
// Half floats from 0 to 1, as bits: the table that leads back has one entry for each.
constexpr int kHalfOne = 0x3c00;

// A row of a drawn frame.
struct DrawnRow {
    const float* rgb[3];          // display-referred, premultiplied
    const float *alpha, *depth;   // depth in any unit
    const float* mattes[kMattes];
};

// The same row as it is stored: half floats as bits, and the depth.
struct PassRow {
    uint16_t* rgba[4];  // scene-linear, premultiplied
    uint16_t* mattes[kMattes];
    float* depth;
};

// What frames have in common.
struct PassScale {
    const float* linear;  // kLinearSteps + 1 values of linear light for display values from 0 to 1
    float depth_scale;    // from the unit of a drawn frame's depth to that of a stored one
    float empty_depth;    // what empty pixels get
};

}  // namespace talker
