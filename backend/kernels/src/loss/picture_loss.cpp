// The C interface of the training loss; backend/kernels/picture_loss.py is its other side.
#include <cstring>
#include <vector>

#include "api.h"
#include "common/buffer.h"
#include "common/guard.h"
#include "common/thread_pool.h"
#include "common/workspace.h"
#include "loss/picture_loss.h"
#include "loss/similarity.h"

namespace talker {
namespace {

struct Workspace {
    Buffer<float> pictures, scratch;
};

constexpr int kRowsOfScratch = 4;

bool is_sound(const talker_picture_loss_case& l) {
    constexpr int kMostPixels = 16384;  // a side
    return l.width >= 1 && l.height >= 1 && l.width <= kMostPixels && l.height <= kMostPixels && l.box_top >= 0 &&
           l.box_top <= l.box_bottom && l.box_bottom <= l.height && l.box_left >= 0 && l.box_left <= l.box_right &&
           l.box_right <= l.width && l.matte_count >= 0 && l.matte_count <= 64;
}

LossPicture make_picture(const talker_picture_loss_case& l, Buffer<float>& memory) {
    LossPicture p{};
    p.width = l.width, p.height = l.height;
    for (int k = 0; k < kColours; k++) {
        p.colours[k] = l.colours[k], p.background[k] = l.background[k], p.target[k] = l.target[k];
    }
    p.alpha = l.alpha;
    p.box = {l.box_top, l.box_bottom, l.box_left, l.box_right, l.box_weight};
    int64_t size = int64_t{kColours} * l.width * l.height;
    p.composite = memory.resize(2 * size);
    p.recorded = p.composite + size;
    return p;
}

}  // namespace
}  // namespace talker

using namespace talker;

int talker_picture_loss(const talker_picture_loss_case* l, double* loss, float* colours, float* alpha, float* mattes) {
    if (!is_sound(*l)) return TALKER_BAD_ARGUMENT;
    return guarded([&] {
        Borrowed<Workspace> memory;
        int threads = thread_count(l->threads), bands = (l->height + kLossRows - 1) / kLossRows;
        int64_t pixels = int64_t{l->width} * l->height, scratch_size = int64_t{kRowsOfScratch} * l->width;
        LossPicture picture = make_picture(*l, memory->pictures);
        float* scratch = memory->scratch.resize(bands * scratch_size);
        std::vector<double> differences(bands), matte_differences(bands);
        auto for_bands = [&](auto visit) {
            parallel_for(bands, threads, [&](int64_t band) {
                int first = static_cast<int>(band) * kLossRows;
                visit(band, first, first + kLossRows < l->height ? first + kLossRows : l->height,
                      scratch + band * scratch_size);
            });
        };
        double boxed = static_cast<double>(l->box_bottom - l->box_top) * (l->box_right - l->box_left);
        double weights = kColours * (pixels + l->box_weight * boxed);
        double mattes_total = static_cast<double>(l->matte_count) * pixels;
        for_bands([&](int64_t band, int first, int end, float* own) {
            differences[band] = best::composite_rows(picture, first, end, own);
            for (int m = 0; m < l->matte_count; m++)
                matte_differences[band] +=
                    best::difference_rows(l->mattes[m], l->regions[m], l->width, first, end,
                                          static_cast<float>(l->matte_weight / mattes_total), mattes + m * pixels);
        });

        Plane composite[kColours], recorded[kColours];
        for (int k = 0; k < kColours; k++) {
            composite[k] = {picture.composite + k * pixels, l->width, 1};
            recorded[k] = {picture.recorded + k * pixels, l->width, 1};
        }
        double similar = 0.0;
        if (l->ssim_weight != 0.0f)
            similar = similarity(composite, recorded, kColours, l->width, l->height, threads, -l->ssim_weight, colours);
        else
            std::memset(colours, 0, kColours * pixels * sizeof(float));
        for_bands([&](int64_t, int first, int end, float* own) {
            best::composite_rows_backward(picture, first, end, static_cast<float>(l->l1_weight / weights), colours,
                                          alpha, own);
        });

        double difference = 0.0, matte_difference = 0.0;
        for (int band = 0; band < bands; band++)
            difference += differences[band], matte_difference += matte_differences[band];
        *loss = l->l1_weight * difference / weights;
        if (l->ssim_weight != 0.0f)
            *loss += l->ssim_weight * (1.0 - similar / (kColours * static_cast<double>(pixels)));
        if (l->matte_count) *loss += l->matte_weight * matte_difference / mattes_total;
        return TALKER_OK;
    });
}
