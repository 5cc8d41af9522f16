// Structural similarity of whole pictures, spread over the threads.
#pragma once

#include "api.h"

namespace talker {

// The sum over all pixels and channels of the similarity of two pictures; and, where `gradient` (channels x height x
// width) is not null, `factor` times the gradient of its mean by x.
double similarity(const talker_plane* x, const talker_plane* y, int channels, int width, int height, int threads,
                  double factor, float* gradient);

}  // namespace talker
