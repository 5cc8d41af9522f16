// The C interface of the structural similarity; backend/kernels/ssim.py is its other side.
#include "api.h"
#include "common/guard.h"
#include "common/thread_pool.h"
#include "loss/similarity.h"

using namespace talker;

int talker_ssim(const talker_plane* x, const talker_plane* y, int32_t channels, int32_t width, int32_t height,
                int32_t threads, double* mean, float* gradient) {
    constexpr int kMostPixels = 65536;
    if (channels < 1 || width < 1 || height < 1 || channels > kMostPixels || width > kMostPixels ||
        height > kMostPixels)
        return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        double total = similarity(x, y, channels, width, height, thread_count(threads), 1.0, gradient);
        *mean = total / (static_cast<double>(channels) * width * height);
        return TALKER_OK;
    });
}
