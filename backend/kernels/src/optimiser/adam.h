// One tensor's step of Adam (Kingma and Ba 2015), with torch.optim.Adam's arrangement of the arithmetic.
#pragma once

#include "api.h"
#include "common/dispatch.h"

namespace talker {

struct AdamSettings {
    float new_mean, old_square, new_square;  // 1 - beta1, beta2, 1 - beta2: each rounded by itself
    float epsilon;
};

// The elements [begin, end) of a tensor.
TALKER_STAGE(void, adam_piece, const talker_adam_tensor&, const AdamSettings&, int64_t begin, int64_t end)

}  // namespace talker
