// One tensor's step of Adam (Kingma and Ba 2015), with torch.optim.Adam's arrangement of the arithmetic.
#pragma once

#include <cstdint>

namespace talker {

struct AdamTensor {
    float* parameter;
    const float* gradient;
    float *mean, *square;
    float step_size;   // learning rate / (1 - beta1^step)
    float root_scale;  // 1 / sqrt(1 - beta2^step)
};

struct AdamSettings {
    float new_mean, old_square, new_square;  // 1 - beta1, beta2, 1 - beta2: each rounded by itself
    float epsilon;
};

}  // namespace talker
