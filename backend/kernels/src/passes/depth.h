// Expected depth of a drawn picture.
#pragma once

#include <cstdint>

#include "common/dispatch.h"

namespace talker {

// Divides the depths of the pixels [begin, end) by their alpha, in place; `empty` where that is below least_alpha.
TALKER_STAGE(void, expect_depth, const float* alpha, float* depth, int64_t begin, int64_t end, float least_alpha,
             float empty)

}  // namespace talker
