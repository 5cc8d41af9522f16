#include "loss/similarity.h"

#include <cmath>
#include <vector>

#include "common/buffer.h"
#include "common/thread_pool.h"
#include "common/workspace.h"
#include "loss/ssim.h"

namespace talker {
namespace {

// Rows of a piece of work: each band blurs ten rows that its neighbours blur too.
constexpr int kBandRows = 64;
constexpr double kSigmaPx = 1.5;

struct Workspace {
    Buffer<float> maps, scratch;
};

}  // namespace

double similarity(const talker_plane* x, const talker_plane* y, int channels, int width, int height, int threads,
                  double factor, float* gradient) {
    Borrowed<Workspace> memory;
    int bands = (height + kBandRows - 1) / kBandRows;
    int64_t pieces = static_cast<int64_t>(bands) * channels, map_size = ssim_row(width) * height;
    float* scratch = memory->scratch.resize(pieces * ssim_scratch(width));
    float* maps = nullptr;
    if (gradient) maps = memory->maps.resize(3 * map_size * channels);
    std::vector<SsimChannel> work(channels);
    double weight_sum = 0.0;
    for (int k = -kSsimReach; k <= kSsimReach; k++) weight_sum += std::exp(-0.5 * k * k / (kSigmaPx * kSigmaPx));
    for (int c = 0; c < channels; c++) {
        SsimChannel& channel = work[c];
        channel = {};
        channel.x = x[c], channel.y = y[c];
        channel.width = width, channel.height = height;
        for (int k = 0; k < kSsimTaps; k++) {
            double at = (k - kSsimReach) / kSigmaPx;
            channel.weights[k] = static_cast<float>(std::exp(-0.5 * at * at) / weight_sum);
        }
        if (!gradient) continue;
        channel.by_mean = maps + 3 * c * map_size, channel.by_square = channel.by_mean + map_size;
        channel.by_product = channel.by_square + map_size;
        channel.gradient = gradient + static_cast<int64_t>(c) * width * height;
        channel.gradient_scale = static_cast<float>(factor / (static_cast<double>(channels) * width * height));
    }
    std::vector<double> totals(pieces);
    auto for_bands = [&](auto visit) {
        parallel_for(pieces, threads, [&](int64_t piece) {
            int first = static_cast<int>(piece % bands) * kBandRows;
            int end = first + kBandRows < height ? first + kBandRows : height;
            visit(piece, work[piece / bands], first, end, scratch + piece * ssim_scratch(width));
        });
    };
    for_bands([&](int64_t piece, const SsimChannel& channel, int first, int end, float* own) {
        totals[piece] = best::ssim_band(channel, first, end, own);
    });
    if (gradient)
        for_bands([&](int64_t, const SsimChannel& channel, int first, int end, float* own) {
            best::ssim_gradient_band(channel, first, end, own);
        });
    double total = 0.0;
    for (double part : totals) total += part;
    return total;
}

}  // namespace talker
